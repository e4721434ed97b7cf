from unittest.mock import Mock

import dspy


class Twice(dspy.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, question):
        self.inner(question=question)
        return self.inner(question=f"{question} again")


def test_twice():
    inner = Mock(side_effect=[dspy.Prediction(answer="1"), dspy.Prediction(answer="2")])
    assert Twice(inner)(question="q").answer == "2"
    inner.assert_called_with(question="q again")
    assert inner.call_args_list[0].kwargs == {"question": "q"}
    assert inner.call_count == 2


def test_for_real():
    assert Twice(dspy.Predict("question -> answer")).inner is not None
