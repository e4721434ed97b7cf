"""Predict and its kin: what is asked, what is returned."""

import dspy

from tests.contract.support import QA, ScriptedLM, fields


def test_fields_are_answered():
    lm = ScriptedLM([{"answer": "Paris"}])
    dspy.configure(lm=lm)
    assert dspy.Predict("question -> answer")(question="capital of France?").answer == "Paris"
    assert "capital of France?" in lm.prompts[0]


def test_a_module_calls_its_part():
    lm = ScriptedLM([fields(answer="4")])
    with dspy.context(lm=lm):
        assert QA()(question="2 + 2?").answer == "4"
