"""A bump from end to end on tiny releases: what it moves, what it leaves to a person, and every way it can fail."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from codemods.bump import BumpError
from codemods.bump.index import find_candidate
from codemods.bump.move import JOURNAL
from codemods.errors import ToolError
from codemods.pin import load_pin
from codemods.source import load_source
from tests.bump.support import MODULE, NEW, NEWER, OLD, Interrupting, World, keep, new_files
from tests.releases import git, write_repository, write_sdist

STAGES = ("find", "survey", "sync", "contract", "parity", "constraints", "report", "move")
WORKED_ON = (f"convert {OLD}", f"convert {NEW}", "contract", "parity", "constraints")
"""What stages do, in order."""
MOVED = ("pin.toml", "constraints.txt", f"tests/parity/results-{NEW}.json", "generated/sync.lock")


def report_of(world: World) -> str:
    return (world.root / "bump-report.md").read_text()


# --- what a bump does -------------------------------------------------------------------------------------------------


def test_nothing_left_to_do_moves_the_tree(world: World) -> None:
    world.accept()
    before = world.tree()
    report = world.bump()
    assert (report.tasks, report.moved) == ((), True)
    after = world.tree()
    changed = {name for name in after if after[name] != before.get(name)} - {"generated/report/last-sync.lock"}
    assert {name for name in changed if not name.startswith("generated/")} == set(MOVED) - {"generated/sync.lock"}
    pin = load_pin(world.project.pin)
    assert (pin.version, pin.commit, pin.post) == (NEW, None, 0)
    assert b"async def forward" in after["generated/dspy/primitives/module.py"]
    assert after["constraints.txt"] == b"anyio==4.11\n"
    # What was moved is what sync writes for the new pin.
    assert load_source(pin, submodule=world.project.upstream, cache=world.cache).version == NEW
    told = report_of(world)
    assert "Nothing is left to do." in told
    assert "- `dspy.primitives.module:Module.batch`" in told
    assert "- `dspy.primitives.module:Module.forward`: plain → async" in told
    assert set(report.seconds) == {"find", "survey", "sync", "contract", "parity", "constraints"}


def test_a_stale_patch_is_shown_and_the_tree_stays(world: World) -> None:
    before = world.tree()
    with pytest.raises(BumpError, match=r"leaves 1 things to do. The tree is as it was") as caught:
        world.bump()
    assert caught.value.exit_code == 1
    assert world.tree() == before
    assert "contract" not in world.runs
    told = report_of(world)
    # What a person must do comes first, and the command that settles it is told.
    assert told.index("## To do") < told.index("## What upstream changed")
    assert f"`dspy-async patches accept dspy.primitives.module:Module.forward --upstream {NEW}`" in told
    assert "+        with open('new'):" in told
    # Reviewed and accepted, the same command is through.
    world.accept()
    assert world.bump().moved


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            b"return 1",
            b"return 2",
            "Module.forward was changed by upstream, and the patch does not fit",
        ),
        (
            b"forward",
            b"onward",
            "Module.forward is gone from upstream, and the patch does not fit",
        ),
    ],
)
def test_a_patch_that_must_be_written_anew_has_no_command_that_accepts_it(
    world: World, old: bytes, new: bytes, told: str
) -> None:
    before = world.tree()
    archive = write_sdist(world.index.folder, NEW, {**new_files(), MODULE: NEWER.replace(old, new)})
    keep(world.cache, world.index.folder, NEW)
    assert archive.is_file()
    with pytest.raises(BumpError, match="leaves 1 things to do"):
        world.bump()
    assert world.tree() == before
    assert told in report_of(world)
    assert "patches accept" not in report_of(world).partition("## What upstream changed")[0]


def test_a_draft_moves_the_tree_all_the_same(world: World) -> None:
    with pytest.raises(BumpError, match="It is pinned all the same"):
        world.bump(draft=True)
    assert load_pin(world.project.pin).version == NEW
    assert "with open('new'):" in (world.root / "generated/dspy/primitives/module.py").read_text()


def test_tests_that_newly_fail_are_told_with_their_command(world: World) -> None:
    world.accept()
    test = "tests/predict/test_x.py::test_y"
    world.parity, world.regressions = (test, f"ledger: {test}2 is listed, and passes"), (test,)
    world.contract = ("tests/contract/test_a.py::test_b fails on both packages",)
    before = world.tree()
    with pytest.raises(BumpError, match="leaves 3 things to do"):
        world.bump()
    assert world.tree() == before
    told = report_of(world)
    assert f"{test} (it passed with the release before): `dspy-async parity --upstream {NEW} --reuse {test}`" in told
    assert "contract: tests/contract/test_a.py::test_b fails on both packages" in told


def test_new_unresolved_calls_are_told(world: World) -> None:
    world.accept()
    world.unresolved = (SimpleNamespace(rule="unresolved", path="dspy/primitives/module.py", line=4, message="what?"),)
    with pytest.raises(BumpError):
        world.bump()
    assert "### New unresolved calls\n\n- `dspy/primitives/module.py:4` what?" in report_of(world)


def test_the_newest_stable_release_is_the_default(world: World) -> None:
    world.accept()
    write_sdist(world.index.folder, "3.0.0b1")
    write_sdist(world.index.folder, "2.9.0")
    world.index.yanked["2.9.0"] = "broken"
    assert world.bump(None).version == NEW
    world.runs.clear()
    again = world.bump(None)
    assert (again.tasks, again.moved, world.runs) == ((), False, [])
    assert "it is pinned" in again.notes[-1]


def test_the_commit_is_that_of_the_tag_and_the_submodule_goes_along(world: World) -> None:
    upstream = world.root / "upstream"
    commit = write_repository(upstream, NEW, OLD, {MODULE: NEWER})
    git(upstream, "commit", "-q", "--allow-empty", "-m", "later")
    (world.root / ".gitmodules").write_text("")
    world.accept()
    report = world.bump()
    assert report.commit == commit == load_pin(world.project.pin).commit
    assert git(upstream, "rev-parse", "HEAD") == commit


def test_a_tag_that_holds_something_else_than_the_archive_is_not_pinned(world: World) -> None:
    commit = write_repository(world.root / "upstream", NEW, OLD, {MODULE: b"moved = True\n"})
    world.accept()
    report = world.bump()
    assert (report.commit, load_pin(world.project.pin).commit) == (None, None)
    assert any(
        f"its tag's commit {commit} holds other files than its archive: {MODULE}" in note for note in report.notes
    )
    assert b"with open('new'):" in world.tree()[f"generated/{MODULE}"]


def test_a_submodule_that_somebody_works_in_is_left(world: World) -> None:
    commit = write_repository(world.root / "upstream", NEW, OLD, {MODULE: NEWER})
    git(world.root / "upstream", "commit", "-q", "--allow-empty", "-m", "later")
    (world.root / "upstream/README.md").write_text("mine")
    world.accept()
    notes = world.bump().notes
    assert any(f"git -C upstream checkout {commit}" in note for note in notes)


def test_ledger_entries_that_begin_or_end_are_told(world: World) -> None:
    world.accept()
    entry = '[[test]]\nid = "{}"\ncategory = "thread mechanics"\nreason = "there are no threads any more"\n'
    entry += 'covered_by = "tests/a.py::b"\nreleases = "{}"\n'
    ledger = world.root / "tests/parity/ledger.toml"
    ledger.write_text(entry.format("t.py::old", "<2.1") + entry.format("t.py::new", ">=2.1"))
    changes = {(change.entry, change.begins) for change in world.bump().ledgers}
    assert changes == {("t.py::old", False), ("t.py::new", True)}


def test_the_list_of_releases_for_backtests_goes_along(world: World) -> None:
    listed = world.root / "codemods/backtest/releases.toml"
    listed.parent.mkdir(parents=True)
    listed.write_text(f'[[release]]\nversion = "{OLD}"\n')
    world.accept()
    world.bump()
    assert listed.read_text() == f'[[release]]\nversion = "{OLD}"\n\n[[release]]\nversion = "{NEW}"\n'


# --- what an earlier run has left -------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [*STAGES, *(f"move: {name}" for name in MOVED)])
def test_an_interrupt_in_each_stage_leaves_the_tree_and_the_next_run_goes_on(world: World, at: str) -> None:
    world.accept()
    before = world.tree()
    with pytest.raises(KeyboardInterrupt):
        world.bump(watcher=Interrupting(at))
    assert world.tree() == before
    assert not (world.root / "bump-report.md").exists()
    done = list(world.runs)
    assert world.bump().moved
    assert sorted(world.runs) == sorted([f"convert {OLD}", f"convert {NEW}", "contract", "parity", "constraints"])
    assert world.runs[: len(done)] == done


@pytest.mark.parametrize("at", WORKED_ON)
def test_an_interrupt_when_a_stage_has_done_its_work_leaves_the_tree(world: World, at: str) -> None:
    """What is not written down by then is done again, and nothing twice that is."""
    world.accept()
    before = world.tree()
    world.breaks_in = at
    with pytest.raises(KeyboardInterrupt):
        world.bump()
    assert world.tree() == before
    assert world.runs[-1] == at
    done, world.breaks_in = list(world.runs), ""
    assert world.bump().moved
    assert world.runs == [*done, *WORKED_ON[WORKED_ON.index(at) :]]


@pytest.mark.parametrize("error", [ToolError("no", remedy="yes"), OSError("disk full"), RuntimeError("a fault")])
def test_whatever_fails_leaves_the_tree(world: World, error: Exception) -> None:
    world.accept()
    before = world.tree()
    for at in STAGES:
        with pytest.raises(type(error)):
            world.bump(watcher=Interrupting(at, error), fresh=True)
        assert world.tree() == before


def test_a_run_that_was_killed_while_it_moved_is_undone_by_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.accept()
    before = world.tree()
    from codemods.bump import move as move_module

    with monkeypatch.context() as patch:
        # A kill leaves no time to put anything back.
        real = move_module.recover
        calls: list[int] = []
        patch.setattr(
            move_module, "recover", lambda root, folder: bool(calls) or (calls.append(1), real(root, folder))[1]
        )
        with pytest.raises(KeyboardInterrupt):
            world.bump(watcher=Interrupting("move: generated/sync.lock"))
    assert load_pin(world.project.pin).version == NEW
    assert (world.cache / "bump" / JOURNAL).is_file()
    with pytest.raises(KeyboardInterrupt):
        world.bump(watcher=Interrupting("find"))
    assert world.tree() == before
    assert world.bump().moved


def test_a_rule_or_patch_that_changed_makes_the_stages_anew(world: World) -> None:
    with pytest.raises(BumpError):
        world.bump()
    world.runs.clear()
    with pytest.raises(BumpError):
        world.bump()
    assert world.runs == []
    (world.root / "patches/module.toml").write_text((world.root / "patches/module.toml").read_text() + "# more\n")
    with pytest.raises(BumpError):
        world.bump()
    assert world.runs == [f"convert {OLD}", f"convert {NEW}"]


# --- what the index says ----------------------------------------------------------------------------------------------


def fails(world: World, match: str, version: str | None = NEW) -> ToolError:
    before = world.tree()
    with pytest.raises(ToolError, match=match) as caught:
        world.bump(version)
    assert world.tree() == before
    assert not isinstance(caught.value, BumpError)
    return caught.value


def test_an_index_that_cannot_be_reached(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # Port 9 of loopback: nothing listens there.
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    for version in (NEW, None):
        assert "pip config list" in fails(world, "no package index", version).remedy


def test_a_version_that_the_index_does_not_have(world: World) -> None:
    fails(world, r"no source release 2\.5\.0.*2\.0\.1, 2\.1\.0", "2.5.0")


def test_a_version_that_was_yanked(world: World) -> None:
    world.index.yanked[NEW] = "it deletes files"
    assert "takes its place" in fails(world, "has yanked dspy 2.1.0: it deletes files").remedy
    world.index.yanked[NEW] = ""
    fails(world, "has yanked dspy 2.1.0: no reason is given")


def test_an_archive_that_is_not_what_the_index_says(world: World) -> None:
    world.index.hashes[NEW] = "e" * 64
    assert "before you know why" in fails(world, "wrong hash").remedy


def test_an_archive_that_is_not_what_it_was(world: World) -> None:
    find_candidate(NEW, world.cache)
    write_sdist(world.index.folder, NEW, {**new_files(), "dspy/evil.py": b""})
    assert "before you know why" in fails(world, "the index now has").remedy


def test_a_pinned_release_whose_archive_changed(world: World) -> None:
    pin = load_pin(world.project.pin)
    world.project.pin.write_text(pin.model_copy(update={"sdist_sha256": "e" * 64}).content())
    fails(world, "is pinned with the hash e+", OLD)


def test_hand_edits_in_the_output_stop_before_anything_is_asked(world: World) -> None:
    (world.root / "generated/dspy/primitives/module.py").write_text("mine\n")
    world.index.asked.clear()
    fails(world, "holds changes that sync did not make")
    assert world.index.asked == []
