"""Constructors neither wait nor reach for anything outside."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import dspy
import pytest

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
