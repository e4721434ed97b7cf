import unittest

import dspy
from dspy.utils import DummyLM


class EchoTest(unittest.TestCase):
    def setUp(self):
        dspy.configure(lm=DummyLM([{"b": "1"}, {"b": "2"}]))
        self.program = dspy.Predict("a -> b")

    def tearDown(self):
        dspy.configure(lm=None)

    def test_one(self):
        self.assertEqual(self.program(a="x").b, "1")

    def test_raises(self):
        with self.assertRaises(RuntimeError):
            self.program(a="x", config={"bad": 1})
        self.assertRaises(RuntimeError, self.program, a="x")

    def test_fields(self):
        self.assertIn("a", dspy.Signature("a -> b").fields)


if __name__ == "__main__":
    unittest.main()
