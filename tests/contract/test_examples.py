"""Examples, predictions and completions: containers that programs read and write."""

import dspy
import pytest
from dspy.primitives import Completions


def test_fields_by_attribute_and_item():
    example = dspy.Example(question="q", answer="a")
    assert example.question == example["question"] == "q"
    example.answer = "b"
    example["more"] = 1
    assert example.toDict() == {"question": "q", "answer": "b", "more": 1}


def test_a_missing_field_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing"):
        _ = dspy.Example(a=1).nothing


def test_with_inputs_tells_inputs_from_labels():
    example = dspy.Example(question="q", context="c", answer="a").with_inputs("question", "context")
    assert dict(example.inputs()) == {"question": "q", "context": "c"}
    assert dict(example.labels()) == {"answer": "a"}


def test_inputs_without_with_inputs_is_an_error():
    with pytest.raises(ValueError, match="with_inputs"):
        dspy.Example(a=1).inputs()


def test_copy_and_without():
    example = dspy.Example(a=1, b=2).with_inputs("a")
    assert example.copy(b=3).toDict() == {"a": 1, "b": 3}
    assert example.without("b").toDict() == {"a": 1}
    assert example.b == 2


def test_a_copy_does_not_know_its_inputs():
    with pytest.raises(ValueError, match="with_inputs"):
        dspy.Example(a=1, b=2).with_inputs("a").copy().inputs()


def test_an_example_of_an_example_and_of_a_dictionary():
    assert dspy.Example(dspy.Example(a=1), b=2).toDict() == {"a": 1, "b": 2}
    assert dspy.Example({"a": 1}).a == 1


def test_equality_and_hash():
    assert dspy.Example(a=1) == dspy.Example(a=1)
    assert dspy.Example(a=1) != dspy.Example(a=2)
    assert hash(dspy.Example(a=1)) == hash(dspy.Example(a=1))


def test_keys_values_items_hide_private_names():
    example = dspy.Example(a=1, dspy_uuid="x", b=2)
    assert example.keys() == ["a", "b"]
    assert example.values() == [1, 2]
    assert example.items(include_dspy=True) == [("a", 1), ("dspy_uuid", "x"), ("b", 2)]


def test_length_containment_and_get():
    example = dspy.Example(a=1, b=2)
    assert len(example) == 2
    assert "a" in example
    assert "c" not in example
    assert example.get("c", 7) == 7
    del example["a"]
    assert "a" not in example


def test_nested_examples_become_dictionaries():
    assert dspy.Example(inner=dspy.Example(a=1), many=[dspy.Example(b=2)]).toDict() == {
        "inner": {"a": 1},
        "many": [{"b": 2}],
    }


def test_the_representation_names_the_inputs():
    assert repr(dspy.Example(a=1).with_inputs("a")) == "Example({'a': 1}) (input_keys={'a'})"


def test_completions_are_listed_by_field():
    prediction = dspy.Prediction.from_completions([{"a": "1", "b": "x"}, {"a": "2", "b": "y"}])
    assert (prediction.a, prediction.b) == ("1", "x")
    assert prediction.completions.a == ["1", "2"]
    assert len(prediction.completions) == 2
    assert prediction.completions[1].b == "y"


def test_completions_of_a_dictionary_of_lists():
    completions = Completions({"a": ["1", "2"]})
    assert [one.a for one in completions] == ["1", "2"]
    assert dict(completions.items()) == {"a": ["1", "2"]}


def test_completions_of_unequal_length_are_refused():
    with pytest.raises(AssertionError):
        Completions({"a": ["1", "2"], "b": ["x"]})


HALF = dspy.Prediction(score=0.5)


@pytest.mark.parametrize(
    ("computed", "expected"),
    [
        (float(HALF), 0.5),
        (HALF + 1, 1.5),
        (1 + HALF, 1.5),
        (HALF / 2, 0.25),
        (1 / HALF, 2.0),
        (HALF < 0.6, True),
        (HALF >= 0.6, False),
        (HALF > dspy.Prediction(score=0.1), True),
        (HALF <= dspy.Prediction(score=0.1), False),
        (HALF + dspy.Prediction(score=2), 2.5),
    ],
    ids=["float", "add", "radd", "div", "rdiv", "lt", "ge", "gt", "le", "add-prediction"],
)
def test_a_prediction_with_a_score_is_a_number(computed, expected):
    assert computed == expected


def test_a_prediction_without_a_score_is_none():
    with pytest.raises(ValueError, match="score"):
        float(dspy.Prediction(answer="a"))


def test_usage_of_a_prediction_is_what_was_set():
    prediction = dspy.Prediction(a=1)
    assert prediction.get_lm_usage() is None
    prediction.set_lm_usage({"m": {"total_tokens": 3}})
    assert prediction.get_lm_usage() == {"m": {"total_tokens": 3}}


@pytest.mark.parametrize(
    ("values", "winner"),
    [(["up", "b", "Up."], "up"), (["x", "y", "y"], "y"), (["", "z"], "z"), (["p", "q"], "p")],
)
def test_majority_counts_normalized_answers(values, winner):
    assert dspy.majority([{"answer": value} for value in values], field="answer").answer == winner


def test_majority_takes_the_last_field_and_its_own_normalization():
    prediction = dspy.Prediction.from_completions([{"r": "1", "a": "x"}, {"r": "2", "a": "X"}, {"r": "3", "a": "X"}])
    assert dspy.majority(prediction, normalize=lambda s: s).a == "X"
