"""Signatures and fields: how they are written, changed, compared and saved."""

from typing import Literal, Optional

import dspy
import pydantic
import pytest
from dspy.signatures import InputField, OutputField, ensure_signature, infer_prefix, make_signature


class Point(pydantic.BaseModel):
    x: int
    y: int = 0


class Locate(dspy.Signature):
    """Say where it is."""

    text: str = dspy.InputField(desc="what to read")
    point: Point = dspy.OutputField()
    sure: bool = dspy.OutputField(desc="whether you are sure")


@pytest.mark.parametrize(
    ("text", "inputs", "outputs"),
    [
        ("question -> answer", {"question": str}, {"answer": str}),
        ("a, b -> c, d", {"a": str, "b": str}, {"c": str, "d": str}),
        ("n: int -> root: float", {"n": int}, {"root": float}),
        ("xs: list[int] -> ys: dict[str, int]", {"xs": list[int]}, {"ys": dict[str, int]}),
        ("q -> kind: Literal['a', 'b']", {"q": str}, {"kind": Literal["a", "b"]}),
        ("q: Optional[str] -> ok: bool", {"q": Optional[str]}, {"ok": bool}),
        ("q: str | None -> n: int | float", {"q": str | None}, {"n": int | float}),
        ("pic: dspy.Image -> caption", {"pic": dspy.Image}, {"caption": str}),
        ("history: dspy.History, q -> a", {"history": dspy.History, "q": str}, {"a": str}),
    ],
)
def test_a_string_gives_names_and_types(text, inputs, outputs):
    signature = dspy.Signature(text)
    assert {name: field.annotation for name, field in signature.input_fields.items()} == inputs
    assert {name: field.annotation for name, field in signature.output_fields.items()} == outputs


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("question", ValueError),
        ("a -> b -> c", ValueError),
        ("a: nosuchtype -> b", Exception),
        ("a b -> c", Exception),
    ],
)
def test_a_string_that_is_no_signature(text, error):
    with pytest.raises(error):
        dspy.Signature(text)


def test_a_class_keeps_docstring_types_and_descriptions():
    assert Locate.instructions == "Say where it is."
    assert list(Locate.fields) == ["text", "point", "sure"]
    assert Locate.output_fields["point"].annotation is Point
    assert Locate.input_fields["text"].json_schema_extra["desc"] == "what to read"
    assert Locate.output_fields["sure"].json_schema_extra["prefix"] == "Sure:"


def test_default_instructions_name_the_fields():
    assert dspy.Signature("a, b -> c").instructions == "Given the fields `a`, `b`, produce the fields `c`."


def test_instructions_may_be_given_with_a_string():
    assert dspy.Signature("a -> b", "Do it well.").instructions == "Do it well."


def test_custom_types_by_name():
    signature = dspy.Signature("text -> point: Point", custom_types={"Point": Point})
    assert signature.output_fields["point"].annotation is Point


def test_types_are_found_where_the_signature_is_written():
    assert dspy.Signature("text -> point: Point").output_fields["point"].annotation is Point


def test_a_dictionary_of_fields():
    signature = dspy.Signature({"q": (int, InputField()), "a": (str, OutputField(desc="d"))}, "Answer.")
    assert signature.instructions == "Answer."
    assert signature.input_fields["q"].annotation is int
    assert signature.output_fields["a"].json_schema_extra["desc"] == "d"


def test_append_and_prepend_leave_the_original_alone():
    base = dspy.Signature("a -> b")
    wide = base.append("c", OutputField(), int).prepend("z", InputField())
    assert list(wide.fields) == ["z", "a", "b", "c"]
    assert wide.output_fields["c"].annotation is int
    assert list(base.fields) == ["a", "b"]


@pytest.mark.parametrize(("index", "order"), [(0, ["n", "a", "b"]), (1, ["a", "n", "b"]), (-1, ["a", "b", "n"])])
def test_insert_puts_an_input_at_its_place(index, order):
    assert list(dspy.Signature("a, b -> c").insert(index, "n", InputField(), str).input_fields) == order


def test_insert_beyond_the_end_is_an_error():
    with pytest.raises(ValueError, match="index"):
        dspy.Signature("a -> b").insert(5, "n", InputField(), str)


def test_delete_takes_a_field_away():
    assert list(dspy.Signature("a, b -> c").delete("b").fields) == ["a", "c"]
    assert list(dspy.Signature("a -> c").delete("nothing").fields) == ["a", "c"]


def test_with_updated_fields_changes_type_and_description():
    updated = dspy.Signature("a -> b").with_updated_fields("b", type_=list[str], desc="several")
    assert updated.output_fields["b"].annotation == list[str]
    assert updated.output_fields["b"].json_schema_extra["desc"] == "several"


def test_with_instructions_makes_another_class():
    base = dspy.Signature("a -> b")
    other = base.with_instructions("Else.")
    assert (other.instructions, base.instructions == other.instructions) == ("Else.", False)


def test_equals_compares_instructions_and_fields():
    assert dspy.Signature("a -> b").equals(dspy.Signature("a -> b"))
    assert not dspy.Signature("a -> b").equals(dspy.Signature("a -> c"))
    assert not dspy.Signature("a -> b").equals(dspy.Signature("a -> b", "other"))


def test_state_is_saved_and_loaded():
    saved = dspy.Signature("a -> b", "Do.").with_updated_fields("b", desc="the b").dump_state()
    assert saved["instructions"] == "Do."
    loaded = dspy.Signature("a -> b").load_state(saved)
    assert loaded.instructions == "Do."
    assert loaded.output_fields["b"].json_schema_extra["desc"] == "the b"


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("someAttributeName", "Some Attribute Name"),
        ("another_attribute", "Another Attribute"),
        ("URLAddress", "URL Address"),
        ("field2", "Field 2"),
    ],
)
def test_prefixes_are_made_of_names(name, prefix):
    assert infer_prefix(name) == prefix


def test_ensure_signature_takes_both_forms():
    assert ensure_signature("a -> b").equals(dspy.Signature("a -> b"))
    assert ensure_signature(Locate) is Locate
    with pytest.raises(ValueError, match="instructions"):
        ensure_signature(Locate, "more")


def test_make_signature_with_a_name():
    made = make_signature("a: int -> b", "Make it.", "Maker")
    assert (made.__name__, made.instructions) == ("Maker", "Make it.")


def test_constraints_show_in_the_schema():
    class Bounded(dspy.Signature):
        n: int = dspy.InputField(ge=1, le=5)
        text: str = dspy.OutputField(max_length=9)

    assert "greater than or equal to: 1" in Bounded.input_fields["n"].json_schema_extra["constraints"]
    assert "maximum length: 9" in Bounded.output_fields["text"].json_schema_extra["constraints"]


def test_a_default_is_kept():
    class WithDefault(dspy.Signature):
        a: str = dspy.InputField(default="x")
        b: str = dspy.OutputField()

    assert WithDefault.input_fields["a"].default == "x"


def test_a_signature_inherits_fields():
    class More(Locate):
        """Say more."""

        why: str = dspy.OutputField()

    assert list(More.fields) == ["text", "point", "sure", "why"]
    assert More.instructions == "Say more."


def test_a_field_that_is_neither_input_nor_output_is_refused():
    with pytest.raises(TypeError):

        class Wrong(dspy.Signature):
            a: str = pydantic.Field()
