import dspy
import pytest
from dspy.utils import DummyLM


class Counting(DummyLM):
    def __init__(self, answers):
        super().__init__(answers)
        self.calls = 0

    async def __call__(self, settings: dspy.Settings, /, prompt=None, messages=None, **kwargs):
        self.calls += 1
        return await super().__call__(settings, prompt=prompt, messages=messages, **kwargs)


class Failing(dspy.LM):
    def __init__(self):
        super().__init__("openai/none")

    async def forward(self, settings: dspy.Settings, /, prompt=None, messages=None, **kwargs):
        raise RuntimeError("down")


@pytest.mark.asyncio
async def test_counts():
    lm = Counting([{"answer": "a"}] * 2)
    program = dspy.Predict("question -> answer")
    program.set_lm(lm)
    for _ in range(2):
        await program(dspy.settings, question="?", config={"temperature": 1.0})
    assert lm.calls == 2
