from unittest import TestCase, mock

import dspy
from dspy.utils import DummyLM


class Warm(TestCase):
    def setUp(self):
        self.lm = DummyLM([{"b": "1"}, {"b": "2"}])
        with dspy.context(lm=self.lm):
            self.first = dspy.Predict("a -> b")(a="warm up")

    def ask(self, text):
        with dspy.context(lm=self.lm):
            return dspy.Predict("a -> b")(a=text)

    def test_second(self):
        self.assertNotEqual(self.ask("x").b, self.first.b)

    @mock.patch("litellm.completion")
    def test_patched(self, completion):
        completion.side_effect = RuntimeError
        with self.assertRaises(RuntimeError):
            dspy.LM("openai/none", cache=False)("x")
