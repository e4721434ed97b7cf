import dspy
import pytest
from dspy.utils.dummies import DummyLM


async def run(settings: dspy.Settings, /, program, answer, **inputs):
    with settings.context(lm=DummyLM([answer])) as inner_settings:
        return await program(inner_settings, **inputs)


class TestEcho:
    def setup_method(self):
        self.program = dspy.Predict("a -> b")

    async def check(self, settings: dspy.Settings, value):
        assert (await run(settings, self.program, {"b": value}, a="x")).b == value

    @pytest.mark.asyncio
    @pytest.mark.parametrize("value", ["1", "2"])
    async def test_values(self, value):
        await self.check(dspy.settings, value)

    @pytest.mark.asyncio
    async def test_several(self):
        for value in ("3", "4"):
            await self.check(dspy.settings, value)

    def test_repr(self):
        assert "Predict" in repr(self.program)
