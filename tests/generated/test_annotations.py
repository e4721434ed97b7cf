"""What the package says of its own types where the type checker would otherwise find it inconsistent."""

from __future__ import annotations

import inspect
import typing

import dspy
import pytest
from dspy.signatures.signature import ensure_signature
from dspy.teleprompt.gepa.gepa_utils import PredictorFeedbackFn


def test_a_feedback_function_waits_and_takes_settings() -> None:
    call = PredictorFeedbackFn.__call__
    assert inspect.iscoroutinefunction(call)
    assert list(inspect.signature(call).parameters)[:3] == ["self", "settings", "predictor_output"]


def test_a_signature_that_is_given_comes_back_as_one() -> None:
    assert typing.get_type_hints(ensure_signature)["return"] == type[dspy.Signature]
    assert ensure_signature(None) is None
    assert ensure_signature("a -> b").signature == "a -> b"


def test_a_signature_that_is_loaded_is_a_class() -> None:
    saved = dspy.Signature("a -> b", "Do it.").dump_state()
    loaded = dspy.Signature("a -> b").load_state(saved)
    assert issubclass(loaded, dspy.Signature) and loaded.instructions == "Do it."
    assert typing.get_type_hints(dspy.Signature.load_state)["return"] == type[dspy.Signature]


def test_an_attribute_of_a_module_is_anything() -> None:
    assert typing.get_type_hints(dspy.Module.__getattribute__)["return"] is typing.Any


@pytest.mark.parametrize("agent", [dspy.ReAct, dspy.ReActV2])
def test_agents_take_a_signature_as_a_string(agent: type) -> None:
    # What else the signature names is imported for checkers only, in one of the two.
    assert agent.__init__.__annotations__["signature"] == "str | type[Signature]"
    assert "answer" in agent("question -> answer", tools=[]).signature.output_fields


def test_what_is_streamed_is_not_said_to_be_awaited() -> None:
    said = typing.get_type_hints(dspy.streamify, {"Module": dspy.Module})["return"]
    assert typing.get_args(said) == (..., typing.Any)


def test_syncify_takes_functions_as_well_as_modules() -> None:
    hints = inspect.signature(dspy.syncify)
    assert "Callable" in hints.parameters["program"].annotation and "Callable" in hints.return_annotation


def test_a_synchronous_module_goes_by_the_name_of_what_it_was() -> None:
    class Echo(dspy.Module):
        """Says it again."""

        async def forward(self, settings: dspy.Settings, x: int) -> dspy.Prediction:
            return dspy.Prediction(x=x)

    program = dspy.syncify(Echo())
    kind = type(program)
    assert (kind.__name__, kind.__qualname__, kind.__doc__, kind.__module__) == (
        "Echo",
        Echo.__qualname__,
        Echo.__doc__,
        __name__,
    )
    assert kind is not Echo and isinstance(program, Echo)
    assert program(dspy.Settings(), x=1).x == 1
