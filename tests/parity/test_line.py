"""Parity from end to end on a toy release with the real engine: what is right is clean, and a seeded defect is caught.

The release is written in sync form, with its tests; a hand-written module takes the place of its settings, as a patch
does in the real thing.
"""

from __future__ import annotations

import datetime
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import libcst as cst
import pytest
from typer.testing import CliRunner

from codemods import rules as rules_module
from codemods import sync as sync_module
from codemods.cli import app
from codemods.errors import UsageError
from codemods.parity import NoTestsError, ParityError, ParityOptions, line, prepare, run_parity
from codemods.parity.line import environment_day
from codemods.parity.model import Side, Status, Verdict
from codemods.parity.results import read_results
from codemods.passes.awaits import Awaits
from codemods.passes.settings_arguments import SettingsArguments
from codemods.pin import load_pin
from codemods.project import CACHE_VARIABLE, Project
from codemods.source import SourceTree
from codemods.sync import Stages, SyncOptions
from codemods.verify import VerifyResult
from tests.parity.support import HERE
from tests.releases import release_files, write_tree
from tests.support.conversion import FINAL, RULES, TOY, convert_toy

SETTINGS = "dspy/dsp/utils/settings.py"
SYNC = {
    **TOY,
    "dspy/clients/base_lm.py": """\
        class BaseLM:
            def __call__(self, prompt=None, **kwargs):
                return self.forward(prompt=prompt, **kwargs)

            def forward(self, prompt=None, **kwargs):
                raise NotImplementedError
        """,
    SETTINGS: """\
        from contextlib import contextmanager


        class Settings:
            def __init__(self, **values):
                self.values = values

            def __getattr__(self, name):
                return self.__dict__["values"][name]

            def configure(self, **values):
                self.values.update(values)

            @contextmanager
            def context(self, **values):
                before = dict(self.values)
                self.values.update(values)
                yield
                self.values = before


        settings = Settings()
        """,
    "dspy/predict/ask.py": """\
        from dspy.dsp.utils.settings import settings
        from dspy.primitives.module import Module


        class Ask(Module):
            def forward(self, **kwargs):
                lm = settings.lm
                return lm(kwargs["q"])
        """,
    "dspy/primitives/module.py": """\
        class Module:
            def __call__(self, **kwargs):
                return self.forward(**kwargs)

            def forward(self, **kwargs):
                raise NotImplementedError
        """,
}
CONVERTED_SETTINGS = TOY["dspy/dsp/utils/settings.py"].replace(
    "    def configure",
    """\
    def __getattr__(self, name):
        return self.__dict__["values"][name]

    def configure""",
)
ENTRY = """
[[entry]]
names = ["test_*"]
reason = "called by a test runner, which hands over no settings"
"""
TESTS = """\
    import dspy
    import pytest


    class Echo(dspy.BaseLM):
        def __init__(self, mark):
            self.mark = mark

        def forward(self, prompt=None, **kwargs):
            return self.mark + prompt


    def test_answers():
        dspy.configure(lm=Echo("a"))
        assert dspy.Ask()(q="x") == "ax"


    def test_a_context_reaches_the_model():
        dspy.configure(lm=Echo("a"))
        with dspy.context(lm=Echo("b")):
            assert dspy.Ask()(q="x") == "bx"


    def test_waits_for_nothing():
        assert issubclass(dspy.Ask, dspy.Module)


    @pytest.mark.skip(reason="needs a model")
    def test_is_skipped():
        pass


    def test_fails_anyway():
        raise OSError("no network")
    """
TEST = "tests/test_ask.py::"


class Quiet:
    """A watcher that keeps what it saw."""

    def __init__(self) -> None:
        self.stages: list[str] = []

    def stage(self, name: str) -> None:
        self.stages.append(name)

    def tests(self, name: str, done: int, total: int, failed: int) -> None:
        pass


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ParityOptions:
    """A checkout of the toolchain, and one of the toy release, whose stages are the real ones on the toy's rules."""
    files = {name: content for name, content in release_files("2.0.1").items() if not name.startswith("dspy/")}
    texts = {**SYNC, "tests/__init__.py": "", "tests/test_ask.py": TESTS}
    files |= {name: textwrap.dedent(text).encode() for name, text in texts.items()}
    write_tree(tmp_path / "release", files)
    root = tmp_path / "checkout"
    (root / "patches").mkdir(parents=True)
    pin = {"version": "1.0.0", "commit": "a" * 40, "sdist_sha256": "b" * 64}
    lines = [f'{name} = "{value}"' for name, value in pin.items()]
    (root / "pin.toml").write_text("\n".join([*lines, "resolved_on = 2026-01-02", ""]))
    monkeypatch.chdir(root)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(sync_module, "engine_stages", lambda: Stages(patch, convert, verify))
    monkeypatch.setattr(prepare, "engine_stages", lambda: Stages(patch, convert, verify))
    own = rules_module.load_rules(RULES + ENTRY)
    monkeypatch.setattr(rules_module, "load_rules", lambda: own)
    monkeypatch.setattr(line, "test_environment", lambda *arguments, **options: HERE)
    release = str(tmp_path / "release")
    sync = SyncOptions(project=Project(root), cache=tmp_path / "cache", upstream="2.0.1", source=release)
    return ParityOptions(sync=sync, tests=Path(release), extra=False, workers=1)


def patch(files: Any, version: str, options: SyncOptions) -> Any:
    patched = {**files, SETTINGS: CONVERTED_SETTINGS}
    return SimpleNamespace(files=patched, final=dict.fromkeys(FINAL, ("*",)), applied=(), stale=())


def convert(patched: Any, version: str, options: SyncOptions) -> Any:
    return convert_toy(patched.files)


def verify(stage: Path, tree: Any, options: SyncOptions, importer: None) -> VerifyResult:
    return VerifyResult(1, 1, 1, (), (), (), {})


def verdicts(error: ParityError) -> dict[str, Verdict]:
    return {one.id.removeprefix(TEST): one.verdict for one in error.report.tests}


def test_a_right_conversion_is_clean(options: ParityOptions) -> None:
    watcher = Quiet()
    report = run_parity(options, watcher)
    assert {one.id.removeprefix(TEST): one.verdict for one in report.tests} == {
        "test_a_context_reaches_the_model": Verdict.PASSES_BOTH,
        "test_answers": Verdict.PASSES_BOTH,
        "test_fails_anyway": Verdict.FAILS_BOTH,
        "test_is_skipped": Verdict.SKIPPED,
        "test_waits_for_nothing": Verdict.PASSES_BOTH,
    }
    assert report.judgement.is_clean
    assert report.causes == ()
    assert [name for name in watcher.stages if name.startswith("tests:")] == ["tests: upstream", "tests: async"]
    folder = options.sync.cache / "parity" / "report-2.0.1"
    assert sorted(path.name for path in folder.iterdir()) == ["parity.html", "parity.json", "parity.md"]
    # Both really were what they are said to be.
    pairs = list((options.sync.cache / "parity").glob("2.0.1-*"))
    assert len(pairs) == 1
    assert "await" not in (pairs[0] / "upstream/tests/test_ask.py").read_text()
    assert "await dspy.Ask()(" in (pairs[0] / "async/tests/test_ask.py").read_text()
    assert "async def forward" in (pairs[0] / "async/dspy/predict/ask.py").read_text()


Seed = Callable[[pytest.MonkeyPatch], None]


def drop_one_await(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call of the model in `Ask.forward` is not awaited."""
    real = Awaits.leave_Call

    def leave_call(self: Awaits, original: cst.Call, updated: cst.BaseExpression) -> cst.BaseExpression:
        made = real(self, original, updated)
        is_the_one = isinstance(original.func, cst.Name) and original.func.value == "lm"
        return made.expression if is_the_one and isinstance(made, cst.Await) else made

    monkeypatch.setattr(Awaits, "leave_Call", leave_call)


def hand_on_the_process_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """`Module.__call__` hands `dspy.settings` to `self.forward`, and not what it was handed."""
    real = SettingsArguments.leave_Call

    def leave_call(self: SettingsArguments, original: cst.Call, updated: cst.BaseExpression) -> cst.BaseExpression:
        made = real(self, original, updated)
        is_the_one = cst.Module([]).code_for_node(original) == "self.forward(**kwargs)"
        if not is_the_one or not isinstance(made, cst.Call):
            return made
        self.context.imports.add(("dspy", None))
        first = made.args[0].with_changes(value=cst.parse_expression("dspy.settings"))
        return made.with_changes(args=[first, *made.args[1:]])

    monkeypatch.setattr(SettingsArguments, "leave_Call", leave_call)


@pytest.mark.parametrize(
    ("seed", "caught"),
    [
        (drop_one_await, {"test_a_context_reaches_the_model", "test_answers"}),
        (hand_on_the_process_settings, {"test_a_context_reaches_the_model"}),
    ],
)
def test_a_seeded_defect_in_a_transformer_is_caught(
    options: ParityOptions, monkeypatch: pytest.MonkeyPatch, seed: Seed, caught: set[str]
) -> None:
    seed(monkeypatch)
    with pytest.raises(ParityError) as error:
        run_parity(options, Quiet())
    differ = {name for name, verdict in verdicts(error.value).items() if verdict is Verdict.UPSTREAM_ONLY}
    assert differ == caught
    for name in caught:
        assert f"{TEST}{name}" in error.value.problem
    assert error.value.report.causes[0].ids
    # They were run again, and failed again.
    outcomes = {one.id.removeprefix(TEST): one.converted for one in error.value.report.tests}
    assert all(
        outcome is not None and outcome.again == (Status.FAILED,) for n, outcome in outcomes.items() if n in caught
    )


def test_the_ledger_and_what_is_recorded(options: ParityOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    hand_on_the_process_settings(monkeypatch)
    folder = options.folder
    folder.mkdir(parents=True)
    write_ledger(folder)
    report = run_parity(replace(options, record=True), Quiet())
    assert report.judgement.listed == (f"{TEST}test_a_context_reaches_the_model",)
    kept = read_results(folder / "results-2.0.1.json")
    assert kept == report.results
    assert kept is not None
    assert kept.listed == report.judgement.listed
    assert kept.totals["passes both"] == 2


def test_a_listed_test_that_passes_fails_the_run(options: ParityOptions) -> None:
    options.folder.mkdir(parents=True)
    write_ledger(options.folder)
    with pytest.raises(ParityError, match="is listed, and passes"):
        run_parity(options, Quiet())


def write_ledger(folder: Path) -> None:
    """List the test that sees settings that are not the process's."""
    entry = f"""
        [[test]]
        id = "{TEST}test_a_context_reaches_the_model"
        category = "removed by contract"
        reason = "A reason that is long enough for anybody."
        covered_by = "tests/parity/own.py::test_own"
    """
    (folder / "ledger.toml").write_text(textwrap.dedent(entry))
    (folder / "own.py").write_text("def test_own(): pass\n")


def test_some_tests_only_and_upstreams_side_from_before(options: ParityOptions) -> None:
    run_parity(options, Quiet())
    watcher = Quiet()
    chosen = replace(options, reuse=True, only=(f"{TEST}test_answers",))
    report = run_parity(chosen, watcher)
    assert [one.id for one in report.tests] == [f"{TEST}test_answers"]
    assert [name for name in watcher.stages if name.startswith("tests:")] == ["tests: async"]
    assert any("earlier" in note for note in report.notes)
    with pytest.raises(UsageError):
        run_parity(replace(chosen, record=True), Quiet())


def test_without_tests_the_command_says_so_in_a_line_and_succeeds_only_if_told(options: ParityOptions) -> None:
    with pytest.raises(NoTestsError):
        run_parity(replace(options, tests=options.sync.project.root), Quiet())
    arguments = ["parity", "--upstream", "2.0.1", "--source", options.sync.source, "--tests", "."]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "not at hand" in result.output
    result = CliRunner().invoke(app, [*arguments, "--if-there"])
    assert result.exit_code == 0
    assert "parity is left out: upstream's tests are not at hand" in result.output
    assert len([text for text in result.output.splitlines() if "parity" in text]) == 1


def test_the_command_shows_the_causes_and_fails(options: ParityOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    drop_one_await(monkeypatch)
    release = options.sync.source
    arguments = ["parity", "--upstream", "2.0.1", "--source", release, "--tests", release, "--no-extra"]
    result = CliRunner().invoke(app, [*arguments, "--workers", "1"], env={"COLUMNS": "300"})
    assert result.exit_code == 1
    assert "upstream only" in result.output
    assert "tests/test_ask.py" in result.output
    assert "what to do" in result.output


def test_with_deno_the_converted_tests_share_a_loop_as_they_share_its_processes(tmp_path: Path) -> None:
    plain = ParityOptions(sync=SyncOptions(project=Project(tmp_path), cache=tmp_path))
    deno = replace(plain, deno=True)
    assert plain.flags_of(Side.ASYNC) == plain.flags_of(Side.UPSTREAM) == ("--extra",)
    assert deno.flags_of(Side.UPSTREAM) == ("--extra", "--deno")
    assert deno.flags_of(Side.ASYNC) == (
        "--extra", "--deno",
        "-o", "asyncio_default_test_loop_scope=session", "-o", "asyncio_default_fixture_loop_scope=session",
    )  # fmt: skip


def test_another_release_is_tried_with_what_it_came_out_with(options: ParityOptions) -> None:
    """What is pinned is older, and may not have what a newer release needs."""
    pin = load_pin(options.sync.project.pin)
    tree = SourceTree("2.0.1", "sdist", {}, released=datetime.date(2026, 3, 1))
    assert environment_day(pin, tree) == datetime.date(2026, 3, 3)
    assert environment_day(pin, replace(tree, version="1.0.0")) == pin.resolved_on
    # An unpacked release does not say when it came out.
    assert environment_day(pin, replace(tree, origin="path", released=None)) == pin.resolved_on
