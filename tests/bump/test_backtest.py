"""The releases of the past: each is a row whatever becomes of it, and the list is held to what it claims."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from codemods import trial as trial_module
from codemods.backtest import Backtest, BacktestError, BacktestOptions, load_releases, run_backtest, to_terminal
from codemods.backtest.model import Releases, State, Tried
from codemods.backtest.report import to_markdown
from codemods.errors import ToolError
from codemods.sync import Stages, SyncOptions
from codemods.trial import Trial
from tests.bump.support import NEW, OLD, Interrupting, Silent, World
from tests.releases import write_sdist

GONE = "2.5.0"
ROOT = Path(__file__).parents[2]


def listed(*entries: dict[str, Any], smoke: tuple[str, ...] = ()) -> Releases:
    return Releases.model_validate({"smoke": smoke, "release": entries})


BOTH = ({"version": OLD}, {"version": NEW})


def backtest(
    world: World, releases: Releases, engine: Stages | None = None, watcher: Silent | None = None, **more: Any
) -> Backtest:
    sync = SyncOptions(project=world.project, cache=world.cache)
    options = BacktestOptions(sync=sync, releases=releases, imports=False, report=world.root.parent / "report", **more)
    return run_backtest(options, watcher or Silent(), stages=engine or world.engine)


def broken(world: World, releases: Releases, **more: Any) -> Backtest:
    with pytest.raises(BacktestError) as caught:
        backtest(world, releases, **more)
    return caught.value.result


def test_releases_that_need_nobody(world: World) -> None:
    world.accept()
    before = world.tree()
    result = backtest(world, listed(*BOTH))
    assert [(one.version, one.state, one.stale, one.unresolved) for one in result.tried] == [
        (OLD, State.CLEAN, 0, 0),
        (NEW, State.CLEAN, 0, 0),
    ]
    assert world.tree() == before
    (step,) = result.steps
    # Accepted today, it had to be looked at then.
    assert step.stale == ("dspy.primitives.module:Module.forward",)
    assert (step.to_confirm, step.to_rework, step.gone, step.to_write) == (step.stale, (), (), ())
    assert step.new_names == ("dspy.primitives.module:Module.batch",)
    assert [(one.symbol, one.after) for one in step.recoloured] == [("dspy.primitives.module:Module.forward", "async")]


def test_a_stale_patch_is_a_count_and_a_broken_claim(world: World) -> None:
    result = broken(world, listed(*BOTH))
    assert [(one.version, one.state, one.stale) for one in result.tried] == [
        (OLD, State.CLEAN, 0),
        (NEW, State.PERSON, 1),
    ]
    assert result.broken_claims == (result.tried[1],)


def test_a_release_that_is_not_claimed_fails_nothing_and_a_modest_one_is_told(world: World) -> None:
    why = "nobody has written its patches"
    modest = {"version": OLD, "claimed": False, "reason": why}
    result = backtest(world, listed(modest, {"version": NEW, "claimed": False, "reason": why}))
    assert [one.state for one in result.tried] == [State.CLEAN, State.PERSON]
    assert result.notes == (f"{OLD} is not claimed, and came out clean",)


def test_a_release_that_is_not_claimed_says_what_a_person_would_have_to_do(world: World) -> None:
    why = "nobody has written its patches"
    result = backtest(world, listed({"version": OLD}, {"version": NEW, "claimed": False, "reason": why}))
    assert [one.to_do for one in result.tried] == [{}, {"patch": ("patches/module.toml:1",)}]
    folder = world.root.parent / "report"
    for name in ("backtest.md", "backtest.html"):
        text = (folder / name).read_text()
        assert f"Not claimed: {why}." in text
        assert "patches/module.toml:1" in text
    assert f"{NEW}: what a person would have to do" in (folder / "backtest.md").read_text()
    assert f"{OLD}: what a person would have to do" not in (folder / "backtest.md").read_text()


def test_a_release_that_the_index_does_not_have(world: World) -> None:
    world.accept()
    gone = {"version": GONE, "absent": "it was never published"}
    result = backtest(world, listed(*BOTH, gone))
    assert (result.tried[2].state, result.tried[2].survey) == (State.ABSENT, None)
    assert "it was never published (the package index has no source release 2.5.0" in result.tried[2].why
    # Not told so, it is a failure; and the other way round.
    assert broken(world, listed(*BOTH, {"version": GONE})).tried[2].state is State.STOPPED
    write_sdist(world.index.folder, GONE)
    assert "and it does" in broken(world, listed(*BOTH, gone), fresh=True).tried[2].why


@pytest.mark.parametrize("error", [ToolError("no such thing\nmore", remedy="mend"), ValueError("a fault")])
def test_whatever_a_release_does_it_is_a_row_and_the_others_are_tried(world: World, error: Exception) -> None:
    world.accept()

    def convert(patched: Any, version: str, options: SyncOptions) -> Any:
        if version == OLD:
            raise error
        return world.engine.convert(patched, version, options)

    result = broken(world, listed(*BOTH), engine=replace(world.engine, convert=convert))
    assert [one.state for one in result.tried] == [State.STOPPED, State.CLEAN]
    why = result.tried[0].why
    assert why == ("no such thing" if isinstance(error, ToolError) else "the toolchain failed: ValueError: a fault")
    assert result.steps == ()


def test_an_interrupt_ends_the_run_and_the_next_goes_on(world: World) -> None:
    world.accept()

    def convert(patched: Any, version: str, options: SyncOptions) -> Any:
        if version == NEW:
            raise KeyboardInterrupt
        return world.engine.convert(patched, version, options)

    with pytest.raises(KeyboardInterrupt):
        backtest(world, listed(*BOTH), engine=replace(world.engine, convert=convert))
    assert world.runs == [f"convert {OLD}"]
    backtest(world, listed(*BOTH))
    assert world.runs == [f"convert {OLD}", f"convert {NEW}"]
    backtest(world, listed(*BOTH), fresh=True)
    assert world.runs[2:] == [f"convert {OLD}", f"convert {NEW}"]


@pytest.mark.parametrize("at", ["find its archive", "source", "patches", "convert", "emit", "verify"])
def test_an_interrupt_in_each_stage_leaves_the_tree_and_the_next_run_goes_on(world: World, at: str) -> None:
    world.accept()
    before = world.tree()
    with pytest.raises(KeyboardInterrupt):
        backtest(world, listed(*BOTH), watcher=Interrupting(f"{NEW}: {at}"))
    assert world.tree() == before
    world.runs.clear()
    assert [one.state for one in backtest(world, listed(*BOTH)).tried] == [State.CLEAN, State.CLEAN]
    assert world.runs == [f"convert {NEW}"]
    assert world.tree() == before


def test_an_interrupt_in_the_smoke_leaves_the_release_to_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.accept()

    def contract(sync: SyncOptions, watcher: object, folder: Path, only: tuple[str, ...]) -> Trial:
        if NEW in str(sync.converted) and interrupted:
            raise KeyboardInterrupt
        return Trial(summary="2 of 2", problems=(), seconds=1.5)

    interrupted = True
    monkeypatch.setattr(trial_module, "try_contract", contract)
    smoke = ("tests/contract/test_a.py",)
    with pytest.raises(KeyboardInterrupt):
        backtest(world, listed(*BOTH, smoke=smoke))
    interrupted = False
    world.runs.clear()
    assert [one.smoke for one in backtest(world, listed(*BOTH, smoke=smoke)).tried] == ["2 of 2", "2 of 2"]
    assert world.runs == [f"convert {NEW}"]


def test_an_index_that_cannot_be_reached_or_has_another_archive_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.accept()
    other = {"version": "2.7.0"}
    record = world.cache / "sdist/dspy-2.7.0.json"
    record.write_text('{"sha256": "' + "0" * 64 + '"}')
    write_sdist(world.index.folder, "2.7.0")
    found = broken(world, listed(*BOTH, other)).tried[2]
    assert (found.state, "0" * 64 in found.why) == (State.STOPPED, True)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    found = broken(world, listed(*BOTH, other), fresh=True).tried
    assert [one.state for one in found] == [State.CLEAN, State.CLEAN, State.STOPPED]
    assert "index" in found[2].why


def test_the_smoke_is_part_of_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.accept()

    def contract(sync: SyncOptions, watcher: object, folder: Path, only: tuple[str, ...]) -> Trial:
        assert only == ("tests/contract/test_a.py",)
        # What sync wrote is taken, and not made again.
        assert sync.converted is not None
        assert (sync.converted / "dspy/primitives/module.py").is_file()
        failing = ("tests/contract/test_a.py::test_b",) if NEW in str(sync.converted) else ()
        return Trial(summary=f"{2 - len(failing)} of 2", problems=failing, seconds=1.5)

    monkeypatch.setattr(trial_module, "try_contract", contract)
    result = broken(world, listed(*BOTH, smoke=("tests/contract/test_a.py",)))
    assert [(one.smoke, one.state) for one in result.tried] == [("2 of 2", State.CLEAN), ("1 of 2", State.PERSON)]
    assert result.tried[0].seconds["contract"] == 1.5
    assert result.tried[1].others == 1


def terminal(result: Backtest) -> str:
    console = Console(width=200, record=True, file=Path("/dev/null").open("w"))  # noqa: SIM115
    console.print(to_terminal(result))
    return console.export_text()


def test_every_form_tells_the_same(world: World) -> None:
    result = broken(world, listed(*BOTH, {"version": GONE, "absent": "it was never published"}))
    folder = world.root.parent / "report"
    forms = [terminal(result), to_markdown(result), (folder / "backtest.html").read_text()]
    for text in forms:
        for told in (OLD, NEW, GONE, "needs a person", "never published", "to confirm"):
            assert told in text
    assert f"| {OLD} | clean | 0 | 0 | 0 |" in forms[1]
    assert f"| {OLD} | {NEW} | 1 | 0 | 1 |" in forms[1]
    assert not re.search(r"\{\{|\{%", forms[1] + forms[2])
    read = Backtest.model_validate_json((folder / "backtest.json").read_bytes())
    assert [one.version for one in read.tried] == [OLD, NEW, GONE]


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_list_is_in_order_and_claims_what_came_since() -> None:
    releases = load_releases()
    assert releases.release[0].version == "3.0.0"
    assert all(one.claimed for one in releases.release if one.version >= "3.2")
    # One that is not claimed says why, and one that is not there too.
    assert all(one.claimed or one.reason for one in releases.release)
    assert [one.version for one in releases.release if one.absent] == ["3.1.1"]


def test_the_smoke_is_there() -> None:
    for test in load_releases().smoke:
        name, _, inner = test.partition("::")
        text = (ROOT / name).read_text(encoding="utf-8")
        assert f"class {inner}:" in text or f"def {inner}(" in text


@pytest.mark.parametrize(
    "text",
    [
        '[[release]]\nversion = "2"\n[[release]]\nversion = "1"\n',
        '[[release]]\nversion = "1"\nclaimed = false\n',
        '[[release]]\nversion = "newest"\n',
        "release = []\n",
        "[[release",
    ],
)
def test_what_is_no_list(tmp_path: Path, text: str) -> None:
    (tmp_path / "releases.toml").write_text(text)
    with pytest.raises(ToolError, match="is not a list of releases"):
        load_releases(tmp_path / "releases.toml")


def test_a_release_that_is_not_listed_can_be_asked_for() -> None:
    chosen = listed(*BOTH).chosen(("v2.1.0", "1.9"))
    assert [(one.version, one.claimed) for one in chosen] == [("1.9", False), (NEW, True)]


def test_a_row_that_stopped_has_no_figures() -> None:
    one = Tried(version="1", claimed=True, state=State.STOPPED, why="it says why")
    assert one.total_seconds == 0
    assert one.is_broken_claim
