"""The pipeline and its command line, with a small engine in place of the real one."""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from codemods import sync as sync_module
from codemods.__main__ import require_python
from codemods.cli import app
from codemods.errors import ToolError
from codemods.project import CACHE_VARIABLE, Project
from codemods.source import SourceTree
from codemods.stages import Patched, StalePatch
from codemods.sync import DifferencesError, ProblemsError, Stages, SyncOptions, early_imports, python_texts, run_sync
from codemods.verify import Importer, VerifyResult, dependency_environment
from codemods.verify.defects import Defect
from tests.releases import pin_for, release_files, write_sdist, write_tree


def place(message: str) -> SimpleNamespace:
    return SimpleNamespace(rule="rule", path="dspy/primitives/module.py", line=2, message=message)


class Engine:
    """Stands for the stages between source and emit: it writes `async` where the tiny release says `def`."""

    def __init__(self) -> None:
        self.unresolved: tuple[Any, ...] = ()
        self.findings: tuple[Any, ...] = ()
        self.defects: tuple[Defect, ...] = ()
        self.suffix = ""
        self.stale: tuple[StalePatch, ...] = ()
        self.rule = SimpleNamespace(rule="name module", expected="some", matches=3)
        self.interrupt: Callable[[], None] = lambda: None

    @property
    def stages(self) -> Stages:
        return Stages(patch=self.patch, convert=self.convert, verify=self.verify)

    def patch(self, files: Mapping[str, str], version: str, options: SyncOptions) -> Any:
        applied = SimpleNamespace(symbol="dspy.added:", kind="add", reason="a module of ours", matches=1, lines=1)
        return SimpleNamespace(files={**files, "dspy/added.py": "ADDED = True\n"}, applied=(applied,), stale=self.stale)

    def convert(self, patched: Any, version: str, options: SyncOptions) -> Any:
        counts = SimpleNamespace(functions=1, coroutines=1, settings=0, awaits=0)
        return SimpleNamespace(
            files={name: text.replace("def ", "async def ") + self.suffix for name, text in patched.files.items()},
            counts={"dspy/primitives/module.py": counts},
            unresolved=self.unresolved,
            findings=self.findings,
            rules=(self.rule,),
            seconds={"coloring": 0.5},
        )

    def verify(self, stage: Path, tree: SourceTree, options: SyncOptions, importer: None) -> VerifyResult:
        assert (stage / "dspy/added.py").is_file()
        self.interrupt()
        skipped = () if options.imports else ("import: left out",)
        return VerifyResult(7, 1, 7, self.defects, (), skipped, {})


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(sync_module, "engine_stages", lambda: made.stages)
    return made


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A checkout whose pinned release is in the cache, with no index to ask."""
    root = tmp_path / "checkout"
    (root / "patches").mkdir(parents=True)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    write_sdist(tmp_path / "index", "1.9.0")
    write_sdist(tmp_path / "index", "2.0.1")
    pin = pin_for(write_sdist(tmp_path / "cache/sdist", "2.0.1"), "2.0.1")
    lines = [f'{name} = "{value}"' for name, value in pin.model_dump(exclude={"resolved_on"}).items()]
    (root / "pin.toml").write_text("\n".join([*lines, "resolved_on = 2026-01-02", ""]))
    monkeypatch.chdir(root)
    return Project(root)


@pytest.fixture
def options(project: Project, tmp_path: Path) -> SyncOptions:
    return SyncOptions(project=project, cache=tmp_path / "cache")


def content(out: Path) -> dict[str, bytes]:
    files = {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    return {name: data for name, data in files.items() if not name.startswith("report/")}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


# --- the line ---------------------------------------------------------------------------------------------------------


def test_a_release_goes_down_the_line(options: SyncOptions, engine: Engine) -> None:
    announced: list[str] = []
    result = run_sync(options, announce=announced.append)
    assert announced == ["source", "patches", "convert", "emit", "verify"]
    assert list(result.report.seconds) == ["source", "patches", "convert", "convert: coloring", "emit", "verify"]
    out = options.project.generated
    assert (result.out, result.written) == (out, True)
    assert "async def forward" in (out / "dspy/primitives/module.py").read_text()
    assert {name for name in release_files("2.0.1") if name.startswith("dspy/")} < set(content(out))
    assert json.loads((out / "sync.lock").read_text())["upstream"]["version"] == "2.0.1"
    assert sorted(p.name for p in (out / "report").iterdir()) == [
        "last-sync.lock", "report.html", "report.json", "report.md",
    ]  # fmt: skip
    assert result.report.total.coroutines == 1
    assert result.report.patches[0].symbol == "dspy.added:"
    assert result.report.changes is None


def test_a_second_sync_tells_what_changed(options: SyncOptions, engine: Engine) -> None:
    run_sync(options)
    first = content(options.target)
    again = run_sync(options).report.changes
    assert again is not None
    assert again.is_empty
    assert content(options.target) == first
    engine.suffix = "# newer\n"
    changes = run_sync(replace(options, upstream="1.9.0")).report.changes
    assert changes is not None
    assert changes.version == "2.0.1"
    assert "dspy/primitives/module.py" in changes.changed
    assert changes.before is not None


def test_the_pin_is_not_edited_for_another_release(options: SyncOptions, engine: Engine, tmp_path: Path) -> None:
    pin = options.project.pin.read_bytes()
    result = run_sync(replace(options, upstream="1.9.0", out=tmp_path / "other"))
    assert result.report.version == "1.9.0"
    assert 'version = "1.9.0"' in (tmp_path / "other/pyproject.toml").read_text()
    assert options.project.pin.read_bytes() == pin
    assert not options.project.generated.exists()


@pytest.mark.parametrize("problem", ["unresolved", "findings", "defects"])
def test_what_a_person_must_look_at_stops_the_run(options: SyncOptions, engine: Engine, problem: str) -> None:
    run_sync(options)
    before = content(options.target)
    told = Defect("dspy/primitives/module.py", 2, "rule", "look here") if problem == "defects" else place("look here")
    setattr(engine, problem, (told,))
    engine.suffix = "# newer\n"
    with pytest.raises(ProblemsError, match=r"1 places to look at. Nothing was written.\n.*module\.py:2.*look here"):
        run_sync(options)
    assert content(options.target) == before
    # The report can be read all the same.
    assert "look here" in (options.cache / sync_module.FAILED_DIRECTORY / "report.md").read_text()
    with pytest.raises(ProblemsError, match="written all the same"):
        run_sync(replace(options, keep_going=True))
    assert content(options.target) != before
    assert "look here" in (options.target / "report/report.md").read_text()


def test_what_the_ledger_lists_is_no_failure(options: SyncOptions, engine: Engine) -> None:
    engine.findings = (place("look here"),)
    engine.defects = (Defect("dspy/primitives/module.py", 2, "await", "lost"),)
    entry = '[[open]]\npath = "dspy/primitives/module.py"\nmatches = {}\nreason = "waits for the next issue"\n'
    options.project.ledger.write_text(entry.format(2))
    report = run_sync(options).report
    assert report.problems == ()
    assert [known.place.message for known in report.known] == ["look here", "lost"]
    for name in ("report.md", "report.html"):
        text = (options.target / "report" / name).read_text()
        assert "waits for the next issue" in text
        assert "look here" in text
    assert not run_sync(replace(options, check=True)).written
    # What was settled must leave the list.
    engine.findings = ()
    with pytest.raises(ProblemsError, match=r"open\.toml:0: ledger: .*stands for 2, found 1"):
        run_sync(options)


def test_a_run_that_keeps_going_tells_every_stale_patch_and_rule(options: SyncOptions, engine: Engine) -> None:
    engine.stale = (
        StalePatch("dspy.a:B.c", "edit", "area.toml", 7, "so that it waits", "changed", True, "-old\n+new ```"),
        StalePatch("dspy.a:gone", "remove", "area.toml", 19, "nobody needs it", "gone", False, "there is no gone"),
    )
    engine.rule = SimpleNamespace(rule="name module", expected="4", matches=3)
    with pytest.raises(ProblemsError, match="3 places") as caught:
        run_sync(replace(options, keep_going=True))
    told = caught.value.problem
    assert "patches/area.toml:7: patch: dspy.a:B.c was changed by upstream\n" in told
    assert "patches/area.toml:19: patch: dspy.a:gone is gone from upstream, and the patch does not fit\n" in told
    assert "codemods/rules.toml:0: rule: name module: expected 4, matched 3" in told
    assert (options.target / "dspy/added.py").is_file()
    markdown = (options.target / "report/report.md").read_text()
    assert "````diff\n-old\n+new ```\n````" in markdown
    assert "+new ```" in (options.target / "report/report.html").read_text()


def test_a_message_shows_the_first_of_many(options: SyncOptions, engine: Engine) -> None:
    engine.findings = tuple(place(f"number {n}") for n in range(80))
    with pytest.raises(ProblemsError, match="80 places") as caught:
        run_sync(options)
    assert "number 49\n  ... and 30 more" in caught.value.problem
    assert "number 79" in (options.cache / sync_module.FAILED_DIRECTORY / "report.md").read_text()


# --- check ------------------------------------------------------------------------------------------------------------


def test_check_compares_and_writes_nothing(options: SyncOptions, engine: Engine) -> None:
    with pytest.raises(DifferencesError, match=r"dspy/added\.py is missing"):
        run_sync(replace(options, check=True))
    assert not options.target.exists()
    run_sync(options)
    before = content(options.target)
    assert not run_sync(replace(options, check=True)).written
    (options.target / "dspy/added.py").write_text("mine\n")
    (options.target / "dspy/extra.py").write_text("")
    (options.target / "dspy/py.typed").unlink()
    with pytest.raises(DifferencesError) as caught:
        run_sync(replace(options, check=True))
    for line in ("dspy/added.py differs", "dspy/extra.py is extra", "dspy/py.typed is missing"):
        assert line in caught.value.problem
    assert content(options.target) != before


# --- bad input --------------------------------------------------------------------------------------------------------


def test_files_that_do_not_parse_are_all_named(options: SyncOptions, engine: Engine, tmp_path: Path) -> None:
    files = {
        **release_files("2.0.1"),
        "dspy/primitives/module.py": b"x = 1\ndef (:\n",
        "dspy/spaced/inner.py": b"# \xff\n",
    }
    broken = write_tree(tmp_path / "broken", files)
    with pytest.raises(ToolError, match="do not parse") as caught:
        run_sync(replace(options, source=str(broken)))
    assert "dspy/primitives/module.py:2: invalid syntax" in caught.value.problem
    assert "dspy/spaced/inner.py: is not UTF-8" in caught.value.problem
    assert not options.target.exists()


def test_hand_edits_stop_before_any_work(options: SyncOptions, engine: Engine) -> None:
    run_sync(options)
    (options.target / "dspy/added.py").write_text("mine\n")
    announced: list[str] = []
    with pytest.raises(ToolError, match=r"dspy/added\.py"):
        run_sync(options, announce=announced.append)
    assert announced == []
    run_sync(replace(options, force=True))
    assert (options.target / "dspy/added.py").read_text() == "ADDED = True\n"


def test_an_engine_that_fails_leaves_the_target_alone(options: SyncOptions, engine: Engine) -> None:
    run_sync(options)
    before = content(options.target)

    def fail(*_: object) -> Any:
        raise ToolError("rule x matched nothing", remedy="mend it")

    for stages in (replace(engine.stages, patch=fail), replace(engine.stages, convert=fail)):
        with pytest.raises(ToolError, match="matched nothing"):
            run_sync(options, stages=stages)
        assert content(options.target) == before


def test_a_text_that_parsed_once_is_not_parsed_to_see_whether_it_does(
    options: SyncOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(sync_module, "parsed", lambda text: asked.append(text) or ast.parse(text))
    for files in (
        {"dspy/a.py": b"x = 1\n", "dspy/b.py": b"y = (\n"},
        {"dspy/a.py": b"x = 1\n", "dspy/b.py": b"y = (\n"},
    ):
        with pytest.raises(ToolError, match=r"dspy/b\.py:1"):
            python_texts(SourceTree("2.0.1", "path", files), options.store)
    assert asked == ["x = 1\n", "y = (\n", "y = (\n"]


# --- what goes on beside the conversion -------------------------------------------------------------------------------


@pytest.fixture
def environment(options: SyncOptions) -> Path:
    """An environment of what the package needs, as an earlier sync has left it: it needs nothing."""
    done = dependency_environment([], options.cache / "environments", run=lambda c: CompletedProcess(c, 0, "", ""))
    assert done is not None
    return done


def beside(options: SyncOptions, files: dict[str, str]) -> AbstractContextManager[Importer | None]:
    tree = SourceTree("2.0.1", "path", {"pyproject.toml": b"[project]\ndependencies = []\n"})
    return early_imports(tree, Patched(files, ()), options)


def test_what_a_package_needs_is_imported_while_it_is_converted(
    options: SyncOptions, environment: Path, tmp_path: Path
) -> None:
    site = next((environment.parent.parent / "lib").glob("python*/site-packages"))
    (site / "needed.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w').close()\n")
    with beside(options, {"dspy/a.py": "import os, needed\nfrom . import b\n"}) as importer:
        assert importer is not None and importer.python == environment
        for _ in range(500):
            if (tmp_path / "imported").exists():
                break
            time.sleep(0.02)
        else:
            pytest.fail("nothing was imported before it was asked for")
        (tmp_path / "dspy").mkdir()
        (tmp_path / "dspy/__init__.py").write_text("import not_there")
        failures = importer.import_all(tmp_path, ["dspy"])
    assert {name: failure.missing for name, failure in failures.items()} == {"dspy": "not_there"}


def test_the_process_ends_where_it_is_not_asked(options: SyncOptions, environment: Path) -> None:
    with pytest.raises(ToolError, match="stops here"), beside(options, {"dspy/a.py": ""}) as importer:
        assert importer is not None
        raise ToolError("stops here", remedy="Nothing.")
    with pytest.raises(ValueError, match="closed file"):
        importer.import_all(Path("nowhere"), [])


@pytest.mark.parametrize("why", ["no imports", "a check", "nothing new", "no environment"])
def test_no_process_is_started_in_vain(options: SyncOptions, environment: Path, why: str) -> None:
    files = {"dspy/a.py": "x = 1\n"}
    if why == "no imports":
        options = replace(options, imports=False)
    elif why == "a check":
        options = replace(options, check=True)
    elif why == "nothing new":
        options.store.put_text(sync_module._conversion_key(Patched(files, ()), "2.0.1"), "{}")
    else:
        shutil.rmtree(environment.parent.parent)
    with beside(options, files) as importer:
        assert importer is None


def test_the_check_is_handed_what_goes_on_beside_the_conversion(options: SyncOptions, engine: Engine) -> None:
    """It is there from before the conversion until after the check, and no longer."""
    told: list[object] = []

    @contextmanager
    def process(tree: SourceTree, patched: Any, options: SyncOptions) -> Generator[Any]:
        told.append(("begins", tree.version))
        yield "the process"
        told.append("ends")

    def convert(patched: Any, version: str, options: SyncOptions) -> Any:
        told.append("convert")
        return engine.convert(patched, version, options)

    def verify(stage: Path, tree: SourceTree, options: SyncOptions, importer: Any) -> VerifyResult:
        told.append(("verify", importer))
        return engine.verify(stage, tree, options, importer)

    run_sync(options, stages=Stages(engine.patch, convert, verify, process))
    assert told == [("begins", "2.0.1"), "convert", ("verify", "the process"), "ends"]


# --- the command line -------------------------------------------------------------------------------------------------


def test_sync_on_the_command_line(project: Project, engine: Engine) -> None:
    done = run("sync", "--no-imports", "--jobs", "1")
    assert done.exit_code == 0, done.output
    for told in ("2.0.1", "dspy.primitives", "nothing to look at", "left out", f"wrote {project.generated}"):
        assert told in done.output
    assert run("sync", "--check").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("sync", "--upstream", "1.9.5"), 1, "1.9.0, 2.0.1"),
        (("sync", "--upstream", "newest"), 2, "not a version number"),
        (("sync", "--source", "nowhere"), 1, "no such file"),
        (("sync", "--source", "submodule"), 1, "git submodule update"),
        (("sync", "--check"), 1, "is not what sync writes"),
        (("sync", "--jobs", "0"), 2, "--jobs"),
        (("sync", "--nonsense"), 2, "--nonsense"),
        (("nonsense",), 2, "nonsense"),
        (("explain",), 2, "SYMBOL"),
    ],
)
def test_exit_codes(project: Project, engine: Engine, arguments: tuple[str, ...], code: int, told: str) -> None:
    done = run(*arguments)
    assert (done.exit_code, told in done.output) == (code, True), done.output
    assert "Traceback" not in done.output
    assert not project.generated.exists()


def test_no_network_and_no_submodule(
    project: Project, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "empty"))
    monkeypatch.setenv("PIP_FIND_LINKS", os.devnull)
    done = run("sync")
    assert done.exit_code == 1
    assert "no package index" in done.output
    assert "what to do:" in done.output


def test_a_hash_that_differs(project: Project, engine: Engine) -> None:
    pin = project.pin.read_text()
    project.pin.write_text(pin.replace(pin.split('sdist_sha256 = "')[1][:64], "e" * 64))
    done = run("sync")
    assert done.exit_code == 1
    assert "wrong hash" in done.output


def test_messages_are_no_markup(project: Project, engine: Engine) -> None:
    engine.findings = (place("[bold]a[/] list[str]"),)
    assert "[bold]a[/] list[str]" in run("sync").output


def test_ctrl_c_says_what_it_leaves_behind(project: Project, engine: Engine) -> None:
    assert run("sync").exit_code == 0
    before = content(project.generated)

    def interrupt() -> None:
        raise KeyboardInterrupt

    engine.interrupt = interrupt
    engine.suffix = "# newer\n"
    done = run("sync")
    assert (done.exit_code, "untouched" in done.output) == (130, True)
    assert content(project.generated) == before
    assert [p.name for p in project.root.iterdir() if p.name.startswith(".")] == []


_KILLED = """
import sys, time
from pathlib import Path
from codemods import sync
from codemods.cli import app
from tests.test_sync import Engine
engine = Engine()
engine.suffix = "# newer\\n"
def wait():
    Path(sys.argv[1]).touch()
    time.sleep(60)
engine.interrupt = wait
sync.engine_stages = lambda: engine.stages
app(["sync"])
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_real_signal_half_way(project: Project, engine: Engine, tmp_path: Path, sent: signal.Signals) -> None:
    assert run("sync").exit_code == 0
    before = content(project.generated)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    command = [sys.executable, "-c", _KILLED, str(tmp_path / "reached")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / "reached").exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(sent)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, "untouched" in errors) == (130, True), errors
    assert content(project.generated) == before
    assert [p.name for p in project.root.iterdir() if p.name.startswith(".")] == []


def test_an_old_python_is_turned_away(capsys: pytest.CaptureFixture[str]) -> None:
    require_python((3, 11, 0))
    with pytest.raises(SystemExit) as caught:
        require_python((3, 10, 13))
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert "needs Python 3.11 or newer; this is Python 3.10.13" in told
    assert "virtual environment" in told
