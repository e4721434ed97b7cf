"""Constructors neither wait nor reach for anything outside."""

from __future__ import annotations

import abc
import asyncio
import copy
import json
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import dspy
import pydantic
import pytest
import requests
from dspy.adapters.types import image

from tests.generated.support import fields, scripted

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.api("1.7")
def test_no_constructor_reaches_outside(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.generated.constructors"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout)
    assert said["heard"].pop("a file"), "the hook hears nothing"
    assert {name: heard for name, heard in said["heard"].items() if heard} == {}
    assert said["missing"] == []


async def body(self, settings, question):
    await asyncio.sleep(0)
    return dspy.Prediction(answer=f"{question} {settings.mark}")


@pytest.mark.api("4.3")
class TestDefinedLate:
    """Classes with only the second of the two names that come into being while the program runs."""

    SETTINGS = dspy.Settings(mark="!")

    async def check(self, program):
        for call in (program, program.acall, program.aforward, program.forward):
            assert (await call(self.SETTINGS, question="q")).answer == "q !"
        (both,) = await dspy.Parallel(disable_progress_bar=True)(self.SETTINGS, [(program, {"question": "q"})])
        assert both.answer == "q !"

    async def test_in_a_function(self):
        class Local(dspy.Module):
            async def aforward(self, settings, question):
                return await body(self, settings, question)

        await self.check(Local())

    async def test_by_calling_type(self):
        await self.check(type("Made", (dspy.Module,), {"aforward": body})())

    async def test_by_a_mixin_before_or_behind(self):
        class Mixin:
            aforward = body

        for bases in ((Mixin, dspy.Module), (dspy.Module, Mixin)):
            await self.check(type("Made", bases, {})())

    async def test_below_one_that_has_both(self):
        class Both(dspy.Module):
            async def forward(self, settings, question):
                raise AssertionError("overridden")

        await self.check(type("Made", (Both,), {"aforward": body})())

    async def test_set_on_a_class_that_is_there_already(self):
        class Empty(dspy.Module): ...

        program = Empty()
        Empty.aforward = body
        await self.check(program)
        del Empty.aforward
        assert not hasattr(program, "forward")

    async def test_a_patched_method_is_put_back(self, monkeypatch: pytest.MonkeyPatch):
        class Program(dspy.Module):
            async def forward(self, settings, question):
                return dspy.Prediction(answer="own")

        class Below(Program): ...

        for cls in (Program, Below):
            for name in ("forward", "aforward"):
                with monkeypatch.context() as patch:
                    patch.setattr(cls, name, body)
                    await self.check(cls())
                for call in (cls(), cls().aforward, cls().forward):
                    assert (await call(self.SETTINGS, question="q")).answer == "own"

    async def test_a_predictor_of_that_kind_in_a_program(self):
        _, lm = scripted(fields(answer="a"))

        class Loud(dspy.Predict):
            async def aforward(self, settings, /, **kwargs):
                return dspy.Prediction(answer=(await super().aforward(settings, **kwargs)).answer.upper())

        assert (await Loud("question -> answer")(dspy.Settings(lm=lm), question="?")).answer == "A"

    @pytest.mark.api("4.2")
    @pytest.mark.parametrize("cls", [dspy.BaseLM, dspy.Adapter, dspy.Tool, dspy.Embedder], ids=lambda cls: cls.__name__)
    @pytest.mark.parametrize("name", ["acall", "__call__"])
    async def test_a_call_that_is_patched_on_a_class(self, cls: type, name: str, monkeypatch: pytest.MonkeyPatch):
        class Below(cls): ...

        def own(*_, **__):
            return "own"

        below = object.__new__(Below)
        for patched in (Below, cls):
            before = [vars(patched).get(each) for each in ("acall", "__call__")]
            with monkeypatch.context() as patch:
                patch.setattr(patched, name, own)
                assert below() == below.acall() == "own"
            assert [vars(patched).get(each) for each in ("acall", "__call__")] == before

    @pytest.mark.api("4.2")
    async def test_a_model_whose_call_is_a_mock(self):
        _, lm = scripted(fields(answer="real"), fields(answer="real"))
        predict, settings = dspy.Predict("question -> answer"), dspy.Settings(lm=lm)
        failing = mock.AsyncMock(side_effect=LookupError)
        with mock.patch.object(type(lm), "aforward", failing) as mocked, pytest.raises(LookupError):
            await predict(settings, question="?")
        mocked.assert_awaited()
        assert (await predict(settings, question="?")).answer == "real"
        with mock.patch.object(dspy.ChatAdapter, "acall", mock.AsyncMock(return_value=[{"answer": "mocked"}])):
            assert (await predict(settings, question="?")).answer == "mocked"
        assert (await predict(settings, question="?")).answer == "real"

    def test_an_abstract_base_may_be_mixed_in(self):
        class Named(abc.ABC):
            @abc.abstractmethod
            def name(self) -> str: ...

        class Both(dspy.BaseLM, Named):
            def name(self):
                return "both"

        assert isinstance(Both("m"), Named) and isinstance(Both("m"), dspy.BaseLM)
        assert not isinstance(object(), dspy.BaseLM)


PLACE = "https://example.org/image.png"
CONTENT = "data:image/png;base64,aW1hZ2U="


class Web:
    """What is asked of it, and in which threads; it may be down."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.threads: set[threading.Thread] = set()
        self.down = False

    def get(self, url: str, **options: Any) -> Any:
        self.asked.append((url, options))
        self.threads.add(threading.current_thread())
        time.sleep(0.02)
        if self.down:
            raise requests.ConnectionError("down")
        headers = {"Content-Type": "image/png"}
        return SimpleNamespace(content=b"image", headers=headers, raise_for_status=lambda: None)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Web:
    made = Web()
    monkeypatch.setattr(image.requests, "get", made.get)
    return made


class Album(pydantic.BaseModel):
    title: str
    images: list[dspy.Image]


READ: dict[str, Callable[[dspy.Image], Any]] = {
    "url": lambda made: made.url,
    "repr": repr,
    "str": str,
    "hash": hash,
    "format": lambda made: made.format(),
    "model_dump": lambda made: made.model_dump(),
    "model_dump_json": lambda made: made.model_dump_json(),
    "dict": lambda made: dict(made),
    "equality": lambda made: [made == dspy.Image(CONTENT), dspy.Image(CONTENT) == made, made == dspy.Image(PLACE)],
    "in a model": lambda made: Album(title="a", images=[made]).model_dump_json(),
    "in an example": lambda made: dspy.Example(image=made).toDict(),
    "copy": lambda made: copy.copy(made).url,
    "deepcopy": lambda made: copy.deepcopy(made).url,
    "model_copy": lambda made: made.model_copy().url,
    "pickle": lambda made: pickle.loads(pickle.dumps(made)).url,
    "another image": lambda made: dspy.Image(made).url,
}


@pytest.mark.filterwarnings("ignore:The `download` and `verify` arguments:DeprecationWarning")
class TestDownloads:
    """Images that are made from an address, to be downloaded."""

    @pytest.mark.api("1.7")
    def test_making_an_image_downloads_nothing(self, web: Web):
        made = dspy.Image(PLACE, download=True)
        assert isinstance(made, dspy.Image) and not web.asked
        assert dspy.Example(image=made, number=1).with_inputs("image").inputs().keys() == ["image"]
        assert not web.asked

    @pytest.mark.parametrize("name", READ)
    def test_who_reads_it_sees_what_is_downloaded(self, web: Web, name: str):
        made = dspy.Image(PLACE, download=True, verify=False)
        assert READ[name](made) == READ[name](dspy.Image(CONTENT))
        assert [options["verify"] for _, options in web.asked] == [False]
        assert READ[name](made) == READ[name](dspy.Image(CONTENT))
        assert len(web.asked) == 1

    def test_it_is_none_of_an_image_that_is_only_named(self, web: Web):
        """Though both have the same address, and what is formatted is remembered."""
        named, made = dspy.Image(PLACE), dspy.Image(PLACE, download=True)
        assert named.format()[0]["image_url"]["url"] == PLACE
        assert made.format()[0]["image_url"]["url"] == CONTENT and named != made

    @pytest.mark.api("1.8", "5.14")
    async def test_the_first_calls_download_it_once(self, web: Web):
        """In a worker thread, wherever among inputs and demos it is."""

        class Look(dspy.Signature):
            album: Album = dspy.InputField()
            images: list[dspy.Image] = dspy.InputField()
            answer: str = dspy.OutputField()

        one, two, three = (dspy.Image(f"{PLACE}?{number}", download=True) for number in range(3))
        side, lm = scripted(*[fields(answer="a")] * 2)
        program = dspy.Predict(Look)
        album = Album(title="t", images=[one])
        program.demos = [dspy.Example(album=album, images=[three], answer="b")]
        calls = (program(dspy.Settings(lm=lm), album=album, images=[one, two]) for _ in range(2))
        assert [each.answer for each in await asyncio.gather(*calls)] == ["a", "a"]
        assert sorted(url for url, _ in web.asked) == [f"{PLACE}?{number}" for number in range(3)]
        assert threading.main_thread() not in web.threads
        for request in side.log:
            sent = json.dumps(request["messages"])
            assert sent.count(CONTENT) == 5 and PLACE not in sent

    async def test_an_error_is_that_of_the_download_and_the_next_call_tries_again(self, web: Web):
        _, lm = scripted(fields(answer="a"))
        program = dspy.Predict("image: dspy.Image -> answer")
        made, web.down = dspy.Image(PLACE, download=True), True
        with pytest.raises(requests.ConnectionError, match="down"):
            await program(dspy.Settings(lm=lm), image=made)
        web.down = False
        assert (await program(dspy.Settings(lm=lm), image=made)).answer == "a"
        assert made.url == CONTENT
