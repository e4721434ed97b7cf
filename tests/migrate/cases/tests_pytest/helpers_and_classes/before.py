import dspy
import pytest
from dspy.utils.dummies import DummyLM


def run(program, answer, **inputs):
    with dspy.context(lm=DummyLM([answer])):
        return program(**inputs)


class TestEcho:
    def setup_method(self):
        self.program = dspy.Predict("a -> b")

    def check(self, value):
        assert run(self.program, {"b": value}, a="x").b == value

    @pytest.mark.parametrize("value", ["1", "2"])
    def test_values(self, value):
        self.check(value)

    def test_several(self):
        for value in ("3", "4"):
            self.check(value)

    def test_repr(self):
        assert "Predict" in repr(self.program)
