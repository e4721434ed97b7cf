import unittest

import dspy
from dspy.utils import DummyLM


class EchoTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        dspy.configure(lm=DummyLM([{"b": "1"}, {"b": "2"}]))
        self.program = dspy.Predict("a -> b")

    def tearDown(self):
        dspy.configure(lm=None)

    async def test_one(self):
        self.assertEqual((await self.program(dspy.settings, a="x")).b, "1")

    async def test_raises(self):
        with self.assertRaises(RuntimeError):
            await self.program(dspy.settings, a="x", config={"bad": 1})
        with self.assertRaises(RuntimeError):
            await self.program(dspy.settings, a="x")

    def test_fields(self):
        self.assertIn("a", dspy.Signature("a -> b").fields)


if __name__ == "__main__":
    unittest.main()
