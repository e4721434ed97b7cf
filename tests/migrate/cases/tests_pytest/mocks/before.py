from unittest.mock import MagicMock, Mock

import dspy


def test_program_stands_in():
    program = MagicMock(return_value=dspy.Prediction(answer="yes"))
    parallel = dspy.Parallel(num_threads=2, disable_progress_bar=True)
    results = parallel([(program, {"question": "?"}), (program, {"question": "!"})])
    assert [each.answer for each in results] == ["yes", "yes"]
    assert program.call_count == 2


def test_metric_is_called():
    metric = Mock(return_value=True)
    program = dspy.Predict("question -> answer")
    program.lm = MagicMock(spec=dspy.LM)
    evaluate = dspy.Evaluate(devset=[dspy.Example(question="?").with_inputs("question")], metric=metric)
    evaluate(program)
    metric.assert_called_once()


def test_tool_arguments():
    search = Mock(return_value="found")
    search.__name__ = "search"
    tool = dspy.Tool(search, name="search", args={"query": {"type": "string"}})
    assert tool(query="x") == "found"
    search.assert_called_once_with(query="x")
