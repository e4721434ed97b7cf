import dspy
from dspy.utils import DummyLM


class Counting(DummyLM):
    def __init__(self, answers):
        super().__init__(answers)
        self.calls = 0

    def __call__(self, prompt=None, messages=None, **kwargs):
        self.calls += 1
        return super().__call__(prompt=prompt, messages=messages, **kwargs)


class Failing(dspy.LM):
    def __init__(self):
        super().__init__("openai/none")

    def forward(self, prompt=None, messages=None, **kwargs):
        raise RuntimeError("down")


def test_counts():
    lm = Counting([{"answer": "a"}] * 2)
    program = dspy.Predict("question -> answer")
    program.set_lm(lm)
    for _ in range(2):
        program(question="?", config={"temperature": 1.0})
    assert lm.calls == 2
