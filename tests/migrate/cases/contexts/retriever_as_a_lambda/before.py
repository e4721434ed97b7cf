from types import SimpleNamespace

import dspy

retrieve = dspy.Retrieve(k=3)


class FakeLM:
    def __call__(self, prompt=None, messages=None, **kwargs):
        return ["yes"]


def passages(question):
    with dspy.context(rm=lambda query, k: [SimpleNamespace(long_text=query)] * k):
        return retrieve(question).passages


def passages_of_a_model(question, lm):
    with dspy.context(rm=lambda query, k: lm(query)[:k], lm=FakeLM()):
        return retrieve(question).passages


dspy.configure(rm=lambda query, k: [SimpleNamespace(long_text=query)] * k)
