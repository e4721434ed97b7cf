"""Types of fields: pictures, sounds, files, code, reasoning, tools, histories, and how they reach the model."""

import base64
import enum
import io
import json
from typing import Literal

import dspy
import pydantic
import pytest
from dspy.experimental import Citations, Document
from PIL import Image as PILImage

from tests.contract.support import ScriptedLM, fields

PIXEL = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def png():
    stream = io.BytesIO()
    PILImage.new("RGB", (2, 1), "red").save(stream, format="PNG")
    return stream.getvalue()


def parts_of(lm):
    return [part for message in lm.requests[-1] if isinstance(message["content"], list) for part in message["content"]]


def ask(signature, lm, **inputs):
    with dspy.context(lm=lm):
        return dspy.Predict(signature)(**inputs)


@pytest.mark.parametrize(
    ("source", "begins"),
    [
        (PIXEL, PIXEL),
        ("https://example.com/a.png", "https://example.com/a.png"),
        ({"url": "https://example.com/b.jpg"}, "https://example.com/b.jpg"),
        (png(), "data:image/png;base64,"),
        (PILImage.new("RGB", (1, 1)), "data:image/png;base64,"),
    ],
    ids=["data", "url", "dict", "bytes", "pil"],
)
def test_an_image_of_any_source(source, begins):
    image = dspy.Image(source)
    assert image.url.startswith(begins)
    assert image.format() == [{"type": "image_url", "image_url": {"url": image.url}}]


def test_an_image_of_a_file(tmp_path):
    (tmp_path / "a.png").write_bytes(png())
    image = dspy.Image.from_path(str(tmp_path / "a.png"))
    assert base64.b64decode(image.url.split(",")[1]) == png()
    with pytest.raises(ValueError, match="File not found"):
        dspy.Image.from_path(str(tmp_path / "b.png"))


def test_a_path_is_no_image():
    with pytest.raises(ValueError, match="from_path"):
        dspy.Image("/tmp/a.png")


def test_an_image_is_a_part_of_the_message():
    lm = ScriptedLM([{"caption": "a dot"}])
    assert ask("image: dspy.Image -> caption", lm, image=dspy.Image(PIXEL)).caption == "a dot"
    assert {"type": "image_url", "image_url": {"url": PIXEL}} in parts_of(lm)


def test_a_list_of_images_keeps_its_order():
    lm = ScriptedLM([{"n": "2"}])
    urls = ["https://example.com/1.png", "https://example.com/2.png"]
    assert ask("images: list[dspy.Image] -> n: int", lm, images=[dspy.Image(url) for url in urls]).n == 2
    assert [part["image_url"]["url"] for part in parts_of(lm) if part["type"] == "image_url"] == urls


def test_an_image_in_a_demo_is_sent_too():
    lm = ScriptedLM([{"caption": "b"}])
    predict = dspy.Predict("image: dspy.Image -> caption")
    predict.demos = [dspy.Example(image=dspy.Image("https://example.com/demo.png"), caption="a")]
    with dspy.context(lm=lm):
        predict(image=dspy.Image("https://example.com/x.png"))
    urls = [part["image_url"]["url"] for part in parts_of(lm) if part["type"] == "image_url"]
    assert urls == ["https://example.com/demo.png", "https://example.com/x.png"]


def test_an_image_is_short_in_its_representation():
    assert "IMAGE_BASE_64_ENCODED" in repr(dspy.Image(PIXEL))


def test_audio_of_bytes_and_of_a_data_uri():
    assert dspy.Audio(b"abc", audio_format="mp3").format() == [
        {"type": "input_audio", "input_audio": {"data": base64.b64encode(b"abc").decode(), "format": "mp3"}}
    ]
    assert dspy.Audio("data:audio/x-wav;base64,QUJD").audio_format == "wav"


def test_audio_of_a_file(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    audio = dspy.Audio.from_path(str(tmp_path / "a.wav"))
    assert base64.b64decode(audio.data) == b"RIFF"


def test_audio_is_a_part_of_the_message():
    lm = ScriptedLM([{"text": "hello"}])
    assert ask("audio: dspy.Audio -> text", lm, audio=dspy.Audio(data="QUJD", audio_format="wav")).text == "hello"
    assert {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}} in parts_of(lm)


def test_a_file_of_each_source(tmp_path):
    (tmp_path / "a.txt").write_text("hi")
    encoded = base64.b64encode(b"hi").decode()
    assert dspy.File.from_path(str(tmp_path / "a.txt")).format() == [
        {"type": "file", "file": {"file_data": f"data:text/plain;base64,{encoded}", "filename": "a.txt"}}
    ]
    assert dspy.File.from_bytes(b"hi", filename="b").filename == "b"
    assert dspy.File.from_file_id("id-1").format() == [{"type": "file", "file": {"file_id": "id-1"}}]


def test_a_file_is_a_part_of_the_message():
    lm = ScriptedLM([{"summary": "s"}])
    assert ask("file: dspy.File -> summary", lm, file=dspy.File.from_file_id("f1")).summary == "s"
    assert {"type": "file", "file": {"file_id": "f1"}} in parts_of(lm)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("```python\nx = 1\n```", "x = 1"),
        ("x = 2", "x = 2"),
        ("Here:\n```\nx = 3\n```\nDone.", "x = 3"),
        ("```x = 4```", "x = 4"),
    ],
)
def test_code_is_taken_out_of_its_fence(said, code):
    lm = ScriptedLM([fields(code=said)])
    assert ask("task -> code: dspy.Code", lm, task="t").code.code == code


def test_code_in_a_language_says_so_in_the_prompt():
    class Write(dspy.Signature):
        task: str = dspy.InputField()
        code: dspy.Code["java"] = dspy.OutputField()

    lm = ScriptedLM([fields(code="```java\nint x;\n```")])
    assert ask(Write, lm, task="t").code.code == "int x;"
    assert "Programming language: java" in lm.requests[0][0]["content"]


def test_code_as_an_input_is_shown_as_it_is():
    lm = ScriptedLM([{"result": "O(n)"}])
    ask("code: dspy.Code -> result", lm, code="for x in xs: pass")
    assert "for x in xs: pass" in lm.prompts[0]


def test_reasoning_is_like_text():
    lm = ScriptedLM([{"reasoning": "because", "answer": "4"}])
    reasoning = ask("q -> reasoning: dspy.Reasoning, answer", lm, q="2+2").reasoning
    assert isinstance(reasoning, dspy.Reasoning)
    assert str(reasoning) == "because"
    assert reasoning.upper() == "BECAUSE"
    assert "cause" in reasoning
    assert len(reasoning) == 7
    assert reasoning == "because"


def test_history_becomes_earlier_turns():
    lm = ScriptedLM([{"answer": "c"}])
    history = dspy.History(messages=[{"question": "q1", "answer": "a"}, {"question": "q2", "answer": "b"}])
    ask("history: dspy.History, question -> answer", lm, history=history, question="q3")
    assert [message["role"] for message in lm.requests[0]] == ["system"] + ["user", "assistant"] * 2 + ["user"]
    assert "q1" in lm.requests[0][1]["content"]
    assert "[[ ## answer ## ]]\nb" in lm.requests[0][4]["content"]
    assert "history" not in lm.prompts[0]


def test_a_document_with_citations_is_sent_as_a_document():
    document = Document(data="The sky is blue.", title="Sky", media_type="text/plain")
    (part,) = document.format()
    assert part["type"] == "document"
    assert part["title"] == "Sky"
    assert part["source"]["data"] == "The sky is blue."


def test_citations_of_a_list():
    citation = {"cited_text": "blue", "document_index": 0, "start_char_index": 11, "end_char_index": 15}
    citations = Citations.from_dict_list([citation])
    assert len(citations) == 1
    assert citations[0].cited_text == "blue"
    assert citations[0].start_char_index == 11


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Person(pydantic.BaseModel):
    name: str
    age: int | None = None


@pytest.mark.parametrize(
    ("kind", "said", "value"),
    [
        ("int", "3", 3),
        ("float", "2.5", 2.5),
        ("bool", "True", True),
        ("bool", "false", False),
        ("list[int]", "[1, 2]", [1, 2]),
        ("list[str]", '["a", "b"]', ["a", "b"]),
        ("dict[str, int]", '{"a": 1}', {"a": 1}),
        ("tuple[int, str]", '[1, "x"]', (1, "x")),
        ("Literal['yes', 'no']", "yes", "yes"),
        ("Literal['yes', 'no']", "'no'", "no"),
        ("Optional[int]", "null", None),
        ("Optional[int]", "4", 4),
        ("int | str", "x", "x"),
        ("Mood", "bad", Mood.BAD),
        ("Person", '{"name": "Ada", "age": 36}', Person(name="Ada", age=36)),
        ("list[Person]", '[{"name": "Bob"}]', [Person(name="Bob")]),
        ("dict[str, Any]", "{'a': [1, null]}", {"a": [1, None]}),
        ("str", "  spaces  ", "spaces"),
        ("str", '{"not": "parsed"}', '{"not": "parsed"}'),
    ],
)
def test_an_answer_is_parsed_to_its_type(kind, said, value):
    signature = dspy.Signature(f"q -> a: {kind}", custom_types={"Mood": Mood, "Person": Person})
    lm = ScriptedLM([fields(a=said)])
    assert ask(signature, lm, q="x").a == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3, "3"),
        ([1, "a"], '[1, "a"]'),
        ({"k": 1}, '{"k": 1}'),
        (Person(name="Ada"), '{"name": "Ada", "age": null}'),
        ([Person(name="Ada", age=1)], '[{"name": "Ada", "age": 1}]'),
    ],
    ids=["int", "mixed", "dict", "model", "models"],
)
def test_an_input_is_shown_as_its_type_wants(value, shown):
    class Show(dspy.Signature):
        value: object = dspy.InputField()
        a: str = dspy.OutputField()

    lm = ScriptedLM([{"a": "x"}])
    ask(Show, lm, value=value)
    assert shown in lm.prompts[0]


def test_a_type_of_ones_own_formats_itself():
    class Row(dspy.Type):
        cells: list[str]

        def format(self):
            return " | ".join(self.cells)

        @classmethod
        def description(cls):
            return "cells with bars between"

    lm = ScriptedLM([{"a": "x"}])
    signature = dspy.Signature("row: Row -> a", custom_types={"Row": Row})
    ask(signature, lm, row=Row(cells=["1", "2"]))
    assert "1 | 2" in json.dumps(lm.requests[0][-1]["content"], ensure_ascii=False)
    assert "cells with bars between" in lm.requests[0][0]["content"]


def test_a_literal_lists_its_values_in_the_prompt():
    class Choose(dspy.Signature):
        q: str = dspy.InputField()
        a: Literal["left", "right"] = dspy.OutputField()

    lm = ScriptedLM([{"a": "left"}])
    assert ask(Choose, lm, q="x").a == "left"
    assert "must exactly match (no extra characters) one of: left; right" in lm.requests[0][0]["content"]
