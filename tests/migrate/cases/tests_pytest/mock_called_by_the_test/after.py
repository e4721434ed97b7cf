from unittest.mock import ANY, AsyncMock

import dspy
import pytest


class Twice(dspy.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    async def forward(self, settings: dspy.Settings, question):
        await self.inner(settings, question=question)
        return await self.inner(settings, question=f"{question} again")


@pytest.mark.asyncio
async def test_twice():
    inner = AsyncMock(side_effect=[dspy.Prediction(answer="1"), dspy.Prediction(answer="2")])
    assert (await Twice(inner)(dspy.settings, question="q")).answer == "2"
    inner.assert_called_with(ANY, question="q again")
    assert inner.call_args_list[0].kwargs == {"question": "q"}
    assert inner.call_count == 2


def test_for_real():
    assert Twice(dspy.Predict("question -> answer")).inner is not None
