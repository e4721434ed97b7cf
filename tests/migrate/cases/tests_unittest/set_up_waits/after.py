from unittest import IsolatedAsyncioTestCase, mock

import dspy
from dspy.utils import DummyLM


class Warm(IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.lm = DummyLM([{"b": "1"}, {"b": "2"}])
        with dspy.context(lm=self.lm) as inner_settings:
            self.first = await dspy.Predict("a -> b")(inner_settings, a="warm up")

    async def ask(self, settings: dspy.Settings, text):
        with settings.context(lm=self.lm) as inner_settings:
            return await dspy.Predict("a -> b")(inner_settings, a=text)

    async def test_second(self):
        self.assertNotEqual((await self.ask(dspy.settings, "x")).b, self.first.b)

    @mock.patch("litellm.acompletion")
    async def test_patched(self, completion):
        completion.side_effect = RuntimeError
        with self.assertRaises(RuntimeError):
            await dspy.LM("openai/none", cache=False)(dspy.settings, "x")
