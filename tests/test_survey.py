"""What a release looks like, and what lies between two."""

from __future__ import annotations

import pytest

from codemods.survey import Foot, Survey, chains, colours, public_names, step

FILES = {
    "pack/__init__.py": "from pack.a import Module as Base, _hidden\nfrom pack.a import *\nfrom __future__ import x\n",
    "pack/a.py": (
        "LIMIT = 3\n_own = 1\nkind: int = 2\n"
        "class Module(Base):\n    def __init__(self, n): ...\n    def __len__(self): ...\n    def _own(self): ...\n"
        "    async def run(self, *, deep=True): ...\n"
        "def helper(a, /, *rest): ...\ndef _other(): ...\n"
    ),
    "pack/_private.py": "def nobody(): ...\n",
    "pack/data.json": "{",
}


def test_public_names() -> None:
    assert public_names(FILES) == {
        "pack.a:LIMIT": "value",
        "pack.a:Module": "class(Base)",
        "pack.a:Module.__init__": "(self, n)",
        "pack.a:Module.run": "(self, *, deep=True)",
        "pack.a:helper": "(a, /, *rest)",
        "pack.a:kind": "value",
        "pack:Base": "imported",
    }


def test_colours() -> None:
    text = (
        "\ufeffclass A:\n"
        "    async def run(self, settings, /): ...\n"
        "    def plain(self, question, answer, settings): ...\n"
        "def reads(settings):\n    async def inner(): ...\n"
    )
    assert colours({"pack/a.py": text, "pack/b.js": ""}) == {
        "pack.a:A.run": "async, settings",
        "pack.a:A.plain": "",
        "pack.a:reads": "settings",
        "pack.a:reads.<locals>.inner": "async",
    }


def survey(version: str, *feet: Foot, **more: object) -> Survey:
    tables: dict[str, object] = {name: {} for name in ("public", "colours", "twins")}
    empty = tables | dict.fromkeys(("unresolved", "findings", "added", "stale"), ())
    return Survey.model_validate({"version": version, "feet": feet, **empty, **more})


def foot(symbol: str, fingerprint: str | None, **more: object) -> Foot:
    values = {"file": "a.toml", "index": 0, "scope": "own", "applies": True, "fits": fingerprint is not None}
    return Foot.model_validate({**values, "symbol": symbol, "fingerprint": fingerprint, **more})


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        (foot("m:f", "a"), foot("m:f", "a"), None),
        (foot("m:f", "a"), foot("m:f", "b"), "to_confirm"),
        (foot("m:f", "a"), foot("m:f", "b", fits=False), "to_rework"),
        (foot("m:f", "a", scope="whole"), foot("m:f", "b", scope="whole"), "to_rework"),
        (foot("m:f", "a"), foot("m:f", "a", applies=False), "to_rework"),
        (foot("m:f", "a"), foot("m:f", None), "gone"),
        (foot("m:f", None, applies=False), foot("m:f", "a"), "to_write"),
        (foot("m:f", "a", applies=False), foot("m:f", "b", applies=False), None),
    ],
)
def test_what_a_patch_asks_of_a_maintainer(before: Foot, after: Foot, field: str | None) -> None:
    found = step(survey("1", before), survey("2", after))
    lists = {name: getattr(found, name) for name in ("to_rework", "to_confirm", "gone", "to_write")}
    assert lists == {name: (("m:f",) if name == field else ()) for name in lists}
    assert found.stale == (("m:f",) if field in {"to_rework", "to_confirm", "gone"} else ())


def test_names_twins_and_calls() -> None:
    place = {"rule": "unresolved", "path": "m.py", "line": 3, "message": "who is it"}
    moved = {**place, "line": 9}
    before = survey("1", public={"m:a": "()", "m:b": "()"}, twins={"m:t": "at"}, unresolved=(place,), added=("x.py",))
    after = survey("2", public={"m:b": "(n)", "m:c": "()"}, unresolved=(moved, {**place, "message": "new"}))
    found = step(before, after)
    assert (found.new_names, found.gone_names, found.changed_names) == (("m:c",), ("m:a",), ("m:b",))
    assert (found.new_twins, found.gone_twins, found.modules) == ((), ("m:t",), ("x.py",))
    # A call that only moved is not new.
    assert [one.message for one in found.new_unresolved] == ["new"]


def test_chains_of_functions_that_have_a_colour() -> None:
    files = {
        "dspy/__init__.py": "",
        "dspy/a.py": "import litellm\nasync def leaf():\n    await litellm.acompletion()\ndef plain():\n    return 1\n",
    }
    found = chains(files, ["dspy.a:leaf", "dspy.a:plain", "dspy.a:nobody"])
    assert list(found) == ["dspy.a:leaf"]
    assert any("dspy/a.py" in line for line in found["dspy.a:leaf"])
