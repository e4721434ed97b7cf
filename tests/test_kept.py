"""What is kept between runs is what would be worked out again, or it is not there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from codemods import kept
from codemods.convert import convert
from codemods.kept import Store, digest
from codemods.plan import CallPlan, FilePlan
from tests.support.conversion import TOY, toy_rules

USER = """\
from dspy.clients.base_lm import BaseLM

def ask(lm: BaseLM):
    return lm("a")
"""


@dataclass(frozen=True)
class Sum:
    terms: tuple[int, ...]
    total: int


def test_what_was_put_is_found_by_the_next(tmp_path: Path) -> None:
    Store(tmp_path).put_text("key", "text é\r\n")
    assert Store(tmp_path).text("key") == "text é\r\n"
    assert Store(tmp_path).text("other") is None


def test_a_value_is_made_once(tmp_path: Path) -> None:
    made: list[Sum] = []

    def make() -> Sum:
        made.append(Sum((1, 2), 3))
        return made[-1]

    assert [Store(tmp_path).value(Sum, "key", make) for _ in range(3)] == [Sum((1, 2), 3)] * 3
    assert len(made) == 1


def test_what_may_not_be_kept_is_made_anew(tmp_path: Path) -> None:
    store, totals = Store(tmp_path), iter([1, 2, 3])
    values = [store.value(Sum, "key", lambda: Sum((), next(totals)), keep=lambda made: None) for _ in range(2)]
    assert values == [Sum((), 1), Sum((), 2)]
    # What is kept may be less than what was made.
    assert store.value(Sum, "key", lambda: Sum((7,), 3), keep=lambda made: replace(made, terms=())) == Sum((7,), 3)
    assert store.value(Sum, "key", lambda: Sum((), next(totals))) == Sum((), 3)


def test_a_value_of_another_form_is_made_anew(tmp_path: Path) -> None:
    Store(tmp_path).put_text("key", '{"terms": "none"}')
    assert Store(tmp_path).value(Sum, "key", lambda: Sum((), 0)) == Sum((), 0)


def test_a_damaged_text_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    monkeypatch.setattr(kept, "_mark", lambda body: b"0" * 64)
    store.put_text("key", "text")
    monkeypatch.undo()
    assert store.text("key") is None


@pytest.mark.parametrize("fault", ["deleted", "no database", "a file"])
def test_a_store_that_is_of_no_use_is_empty(tmp_path: Path, fault: str) -> None:
    folder = tmp_path / "kept"
    if fault == "a file":
        folder.write_text("")
        store = Store(folder)
    else:
        store = Store(folder)
        store.put_text("key", "text")
        if fault == "deleted":
            shutil.rmtree(folder)
        else:
            (folder / "cache.db").write_bytes(b"no database" * 1000)
        store = Store(folder)
    assert store.text("key") is None
    assert store.value(Sum, "key", lambda: Sum((), 5)) == Sum((), 5)


def test_without_a_folder_nothing_is_kept() -> None:
    store = Store()
    store.put_text("key", "text")
    assert store.text("key") is None


def test_keys_tell_apart() -> None:
    keys = [
        digest("a"),
        digest("b"),
        digest("a", "b"),
        digest("a", "b", ""),
        digest("a", "bc", "d"),
        digest("a", "b", "cd"),
        digest("a", {"b": "c"}),
        digest("a", {"c": "b"}),
        digest("a", ("b", "c")),
        digest("a", ("bc",)),
    ]
    assert len(set(keys)) == len(keys)
    assert digest("a", {"x": "1", "y": "2"}) == digest("a", {"y": "2", "x": "1"})
    assert digest("a", {"x", "y"}) == digest("a", ["y", "x"])


def test_another_tool_has_other_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest("a")
    monkeypatch.setattr(kept, "tool_digest", lambda: "another")
    assert digest("a") != before


def test_the_tool_is_its_code_and_its_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests: list[str] = []
    for name, text in (("a.py", "x = 1"), ("a.py", "x = 2"), ("rules.toml", "[settings]")):
        (tmp_path / name).write_text(text)
        monkeypatch.setattr(kept, "__file__", str(tmp_path / "kept.py"))
        kept.tool_digest.cache_clear()
        digests.append(kept.tool_digest())
    kept.tool_digest.cache_clear()
    assert len(set(digests)) == 3


def test_a_conversion_is_the_same_with_and_without(tmp_path: Path) -> None:
    files = {**TOY, "dspy/user.py": USER}
    plain = convert(files, version="1", rules=toy_rules())
    first = convert(files, version="1", rules=toy_rules(), store=Store(tmp_path))
    second = convert(files, version="1", rules=toy_rules(), store=Store(tmp_path))
    assert first.files == second.files == plain.files
    assert "await lm(" in plain.files["dspy/user.py"]
    changed = {**files, "dspy/user.py": USER.replace('"a"', '"b"')}
    assert convert(changed, version="1", rules=toy_rules(), store=Store(tmp_path)).files == (
        convert(changed, version="1", rules=toy_rules()).files
    )


def test_a_plan_tells_its_content() -> None:
    plan = FilePlan("a.py")
    plan.calls[1, 0, 1, 5] = CallPlan(awaited=True)
    other = FilePlan("a.py")
    other.calls[1, 0, 1, 5] = CallPlan(awaited=True)
    assert plan.content() == other.content()
    other.calls[1, 0, 1, 5].settings = "settings"
    assert plan.content() != other.content()


def test_the_content_of_a_plan_does_not_depend_on_the_order_of_sets() -> None:
    code = (
        "from codemods.plan import FilePlan; plan = FilePlan('a.py'); "
        "plan.imports.update({('a', 'b'), ('c', None), ('d', 'e'), ('f', 'g')}); print(plan.content())"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": str(seed)}
        ).stdout
        for seed in range(4)
    }
    assert len(texts) == 1
