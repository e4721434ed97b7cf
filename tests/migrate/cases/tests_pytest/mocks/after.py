from unittest.mock import AsyncMock, Mock

import dspy
import pytest


@pytest.mark.asyncio
async def test_program_stands_in():
    program = AsyncMock(return_value=dspy.Prediction(answer="yes"))
    parallel = dspy.Parallel(num_threads=2, disable_progress_bar=True)
    results = await parallel(dspy.settings, [(program, {"question": "?"}), (program, {"question": "!"})])
    assert [each.answer for each in results] == ["yes", "yes"]
    assert program.call_count == 2


@pytest.mark.asyncio
async def test_metric_is_called():
    metric = Mock(return_value=True)
    program = dspy.Predict("question -> answer")
    program.lm = AsyncMock(spec=dspy.LM)
    evaluate = dspy.Evaluate(devset=[dspy.Example(question="?").with_inputs("question")], metric=metric)
    await evaluate(dspy.settings, program)
    metric.assert_called_once()


@pytest.mark.asyncio
async def test_tool_arguments():
    search = Mock(return_value="found")
    search.__name__ = "search"
    tool = dspy.Tool(search, name="search", args={"query": {"type": "string"}})
    assert await tool(dspy.settings, query="x") == "found"
    search.assert_called_once_with(query="x")
