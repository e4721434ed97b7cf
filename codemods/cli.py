"""The command `dspy-async`. What a command runs is imported when it is called: help does not wait for it."""

from __future__ import annotations

import functools
import os
import signal
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, ParamSpec, Protocol

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from codemods.errors import ToolError, UsageError
from codemods.project import cache_directory, find_project, own_project
from codemods.version import __version__

if TYPE_CHECKING:
    from codemods.coloring import Coloring
    from codemods.sync import SyncOptions

P = ParamSpec("P")

app = typer.Typer(
    help="Turns a release of DSPy into dspy-async: the same package, async all the way down.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
patches = typer.Typer(help="The hand-written parts, and what upstream changed beneath them.", no_args_is_help=True)
app.add_typer(patches, name="patches")

_INTERRUPTED = 130
_REDRAW_SECONDS = 0.2
_LINE_SECONDS = 15.0

ReportFolder = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where the report is written; a folder of the cache by default."),
]
BothSidesPython = Annotated[str, typer.Option(metavar="VERSION|PATH", help="What both sides run on.")]
Upstream = Annotated[
    str | None,
    typer.Option(metavar="VERSION", help="Another release than the pinned one. The pin is not edited."),
]
Source = Annotated[
    str,
    typer.Option(metavar="auto|submodule|sdist|PATH", help="Where the release is read: PATH is an unpacked one."),
]

Jobs = Annotated[int, typer.Option(min=1, metavar="N", help="Processes for the work per file.")]


def _console() -> Console:
    return Console(stderr=True, highlight=False)


def _reports_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Show a ToolError as a message and the exit code it asks for; say what an interrupt leaves behind."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            with _termination_as_interrupt():
                command(*args, **kwargs)
        except ToolError as error:
            console = _console()
            console.print(f"[red]error:[/] {escape(error.problem)}", soft_wrap=True)
            console.print(f"[bold]what to do:[/] {escape(error.remedy)}", soft_wrap=True)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as error:
            _console().print("interrupted: what was there before is untouched")
            raise typer.Exit(_INTERRUPTED) from error

    return wrapped


@contextmanager
def _termination_as_interrupt() -> Generator[None]:
    """A polite kill cleans up as Ctrl-C does."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"dspy-async toolchain {__version__}")
        raise typer.Exit


@app.callback()
def dspy_async(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """What every command has in common."""


@app.command()
@_reports_errors
def sync(
    upstream: Upstream = None,
    source: Source = "auto",
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the package is written; generated/ by default."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if DIR is not, file for file, what would be written.")
    ] = False,
    jobs: Jobs = os.cpu_count() or 1,
    force: Annotated[bool, typer.Option("--force", help="Overwrite hand edits in DIR.")] = False,
    imports: Annotated[
        bool,
        typer.Option(help="Import every module of the output, in an environment with its dependencies, made once."),
    ] = True,
    types: Annotated[
        bool,
        typer.Option("--types/--no-types", help="Compare what a type checker says of the output and of upstream."),
    ] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Write the output even where a person must look at it; still fails.")
    ] = False,
) -> None:
    """Convert the pinned release of DSPy, or another, into a complete async package."""
    from codemods.report import to_terminal
    from codemods.sync import run_sync

    options = replace(
        _options(upstream, source),
        out=out,
        check=check,
        jobs=jobs,
        force=force,
        imports=imports,
        types=types,
        keep_going=keep_going,
    )
    with _progress() as announce:
        result = run_sync(options, announce=announce)
    console = Console(highlight=False)
    console.print(to_terminal(result.report))
    if result.written:
        console.print(f"wrote {result.out} (report: {result.out / 'report' / 'report.html'})", soft_wrap=True)
    else:
        console.print(f"{result.out} is what sync writes", soft_wrap=True)


@app.command()
@_reports_errors
def explain(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="As in dspy.predict.react:ReAct.forward")],
    upstream: Upstream = None,
    source: Source = "auto",
) -> None:
    """Show why a function is async or takes settings, call by call, down to the leaf."""
    from codemods.sync import explain_symbol

    for line in explain_symbol(_options(upstream, source), symbol):
        typer.echo(line)


@app.command()
@_reports_errors
def parity(
    only: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEST]...", help="Some of upstream's tests, by id or path; all by default."),
    ] = None,
    upstream: Upstream = None,
    source: Source = "auto",
    tests: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="A checkout with upstream's tests; those of the submodule by default."),
    ] = None,
    report: ReportFolder = None,
    python: BothSidesPython = "3.12",
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Test processes at once.")] = os.cpu_count() or 1,
    timeout: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="For each test.")] = 120.0,
    extra: Annotated[bool, typer.Option(help="Run what upstream runs with --extra.")] = True,
    deno: Annotated[bool, typer.Option("--deno", help="Run what needs Deno, which downloads what it needs.")] = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Once more for coroutines that nobody awaits, and calls that block the loop."),
    ] = False,
    record: Annotated[bool, typer.Option("--record", help="Keep the results in tests/parity/, for git.")] = False,
    reuse: Annotated[
        bool, typer.Option("--reuse", help="Take upstream's side from the last full run with the same tests.")
    ] = False,
    if_there: Annotated[
        bool, typer.Option("--if-there", help="Where upstream's tests are not at hand, say so and succeed.")
    ] = False,
) -> None:
    """Run upstream's own tests on upstream's package and on the converted one, and compare them test by test."""
    from codemods.parity import NoTestsError, ParityError, ParityOptions, run_parity, to_terminal

    options = ParityOptions(
        sync=replace(_options(upstream, source), jobs=os.cpu_count() or 1),
        tests=tests,
        report=report,
        python=python,
        workers=workers,
        timeout=timeout,
        extra=extra,
        deno=deno,
        strict=strict,
        record=record,
        reuse=reuse,
        only=tuple(only or ()),
    )
    console = Console(highlight=False)
    try:
        with _turn() as announce:
            result = run_parity(options, _Announcer(announce))
    except NoTestsError as error:
        if not if_there:
            raise
        console.print(f"parity is left out: {escape(error.problem)}", soft_wrap=True)
    except ParityError as error:
        console.print(to_terminal(error.report))
        raise
    else:
        console.print(to_terminal(result))


@app.command()
@_reports_errors
def contract(
    only: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEST]...", help="Some of tests/contract, by id or path; all by default."),
    ] = None,
    upstream: Upstream = None,
    source: Source = "auto",
    report: ReportFolder = None,
    python: BothSidesPython = "3.12",
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Test processes at once.")] = os.cpu_count() or 1,
    timeout: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="For each test.")] = 60.0,
) -> None:
    """Run the project's own suite on both packages: as it is on upstream's, and migrated on the converted one."""
    from codemods.contract import ContractError, ContractOptions, run_contract
    from codemods.contract import to_terminal as contract_to_terminal

    options = ContractOptions(
        sync=replace(_options(upstream, source), jobs=os.cpu_count() or 1),
        report=report,
        python=python,
        workers=workers,
        timeout=timeout,
        only=tuple(only or ()),
    )
    console = Console(highlight=False)
    try:
        with _turn() as announce:
            result = run_contract(options, _Announcer(announce))
    except ContractError as error:
        console.print(contract_to_terminal(error.report))
        raise
    console.print(contract_to_terminal(result))


@app.command()
@_reports_errors
def backtest(
    versions: Annotated[
        list[str] | None,
        typer.Argument(metavar="[VERSION]...", help="Releases; those of the declared list by default."),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Try again what the same toolchain has tried before.")] = False,
    imports: Annotated[bool, typer.Option(help="Import every module of each output.")] = True,
    smoke: Annotated[bool, typer.Option(help="Run the contract's smoke on each release.")] = True,
    report: ReportFolder = None,
    jobs: Jobs = os.cpu_count() or 1,
) -> None:
    """Convert the releases of the past with today's rules and patches, and tell what each of them asks of a person."""
    from codemods.backtest import BacktestError, BacktestOptions, run_backtest
    from codemods.backtest import to_terminal as backtest_to_terminal

    options = BacktestOptions(
        sync=replace(_options(None, "sdist"), jobs=jobs),
        versions=tuple(versions or ()),
        fresh=fresh,
        imports=imports,
        smoke=smoke,
        report=report,
    )
    console = Console(highlight=False)
    try:
        with _turn() as announce:
            result = run_backtest(options, _Announcer(announce))
    except BacktestError as error:
        console.print(backtest_to_terminal(error.result))
        raise
    console.print(backtest_to_terminal(result))


@app.command()
@_reports_errors
def bump(
    version: Annotated[
        str | None,
        typer.Argument(metavar="[VERSION]", help="A release; the newest stable one of the index by default."),
    ] = None,
    contract: Annotated[bool, typer.Option(help="Run the contract suite on both packages.")] = True,
    parity: Annotated[bool, typer.Option(help="Run upstream's tests on both packages, where they are at hand.")] = True,
    strict: Annotated[bool, typer.Option("--strict", help="As for `dspy-async parity`.")] = False,
    imports: Annotated[bool, typer.Option(help="Import every module of the output.")] = True,
    draft: Annotated[
        bool, typer.Option("--draft", help="Move the tree to the release even where something is left to a person.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Do again what the same inputs gave an outcome before.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where the report is written; bump-report.md by default."),
    ] = None,
    jobs: Jobs = os.cpu_count() or 1,
) -> None:
    """Take the tree to another release of DSPy: pin, package, results. Where a person is needed, it stays as it is."""
    from codemods.bump import BumpError, BumpOptions, run_bump
    from codemods.bump import to_terminal as bump_to_terminal

    options = BumpOptions(
        sync=replace(_options(None, "auto"), jobs=jobs, imports=imports),
        version=version,
        contract=contract,
        parity=parity,
        strict=strict,
        draft=draft,
        fresh=fresh,
        workers=jobs,
        report=report,
    )
    console = Console(highlight=False)
    try:
        with _turn() as announce:
            result = run_bump(options, _Announcer(announce))
    except BumpError as error:
        console.print(bump_to_terminal(error.report))
        raise
    console.print(bump_to_terminal(result))
    console.print(f"nothing is left to do (report: {options.report_file})", soft_wrap=True)


@app.command()
@_reports_errors
def build(
    python: Annotated[
        list[str] | None,
        typer.Option(metavar="VERSION", help="Try the wheel on this Python; 3.10 to 3.13 by default. Repeatable."),
    ] = None,
    generated: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The package; generated/ by default."),
    ] = None,
    upstream: Annotated[bool, typer.Option(help="Hold the wheel against upstream's.")] = True,
) -> None:
    """Build wheel and sdist, check them, hold them against upstream's, and try the wheel on each Python."""
    from codemods.build import PYTHONS, BuildError, BuildOptions, run_build
    from codemods.build import to_terminal as build_to_terminal

    options = BuildOptions(
        project=find_project(Path.cwd()),
        cache=cache_directory(),
        generated=generated,
        pythons=tuple(python or PYTHONS),
        upstream=upstream,
    )
    console = Console(highlight=False)
    try:
        with _progress() as announce:
            result = run_build(options, announce)
    except BuildError as error:
        console.print(build_to_terminal(error.report))
        raise
    console.print(build_to_terminal(result))


class _Announcer:
    """Tells of a run of tests through what tells of stages."""

    def __init__(self, announce: Callable[[str], None]) -> None:
        self._announce = announce
        self._told = 0.0

    def stage(self, name: str) -> None:
        self._announce(name)

    def tests(self, name: str, done: int, total: int, failed: int) -> None:
        # Where there is no terminal each of these is a line of a log.
        if time.monotonic() - self._told >= (_REDRAW_SECONDS if _console().is_terminal else _LINE_SECONDS):
            self._told = time.monotonic()
            self._announce(f"tests: {name}, {done} of {total}, {failed} failed")


@app.command()
@_reports_errors
def migrate(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Python files, notebooks, and directories that are searched for them."),
    ],
    diff: Annotated[bool, typer.Option("--diff", help="Print the differences; write nothing.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail if something would change.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the program there, and leave it as it is where it is."),
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(metavar="CODES", help="Only these rules: codes or their beginnings, with commas between."),
    ] = None,
    disable: Annotated[
        list[str] | None,
        typer.Option(metavar="CODES", help="All rules but these."),
    ] = None,
    comments: Annotated[bool, typer.Option(help="Put a comment where a person must decide.")] = True,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that have uncommitted changes.")] = False,
    source: Source = "auto",
) -> None:
    """Convert programs and tests that use DSPy's sync API, in place.

    The rules are in docs/migrate.md. Fails where a file is not Python or a person must decide.
    """
    # What the command imports takes longer than `--help` may take.
    from codemods.migrate.command import MigrateOptions, run_migrate
    from codemods.migrate.library import release_library
    from codemods.migrate.render import print_diff
    from codemods.migrate.render import to_terminal as migration_to_terminal

    if out is not None and (diff or check):
        raise UsageError("--out writes, --diff and --check do not", remedy="Give one or the other.")
    options = MigrateOptions(
        paths=tuple(paths),
        out=out,
        write=not (diff or check),
        force=force,
        select=tuple(select or ()),
        disable=tuple(disable or ()),
        comments=comments,
    )
    with _file_progress() as step:

        def library() -> Coloring:
            announce = functools.partial(step, done=0, total=None)
            return release_library(own_project(), cache_directory(), source=source, announce=announce)

        result = run_migrate(options, library, progress=step)
    if diff:
        print_diff(Console(highlight=False), result)
    # Standard output is the differences' alone, so that `patch` can read it.
    console = _console() if diff else Console(highlight=False)
    console.print(migration_to_terminal(result), soft_wrap=True)
    if result.errors or result.places or (check and result.changed):
        raise typer.Exit(1)


@patches.command()
@_reports_errors
def accept(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="The upstream symbol that the patch stands for.")],
    upstream: Upstream = None,
    source: Source = "auto",
) -> None:
    """Record that a patch was reviewed against the release's version of a symbol."""
    from codemods.sync import accept_patch

    for place in accept_patch(_options(upstream, source), symbol):
        typer.echo(f"reviewed: {place}")


def _options(upstream: str | None, source: str) -> SyncOptions:
    from codemods.sync import SyncOptions

    return SyncOptions(project=find_project(Path.cwd()), cache=cache_directory(), upstream=upstream, source=source)


@contextmanager
def _progress() -> Generator[Callable[[str], None]]:
    """A spinner with the stage that runs; plain lines where there is no terminal."""
    console = _console()
    if not console.is_terminal:
        yield lambda stage: console.print(f"{stage} ...")
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda stage: progress.update(task, description=stage)


@contextmanager
def _turn() -> Generator[Callable[[str], None]]:
    """The progress of a command that runs tests, once no other one does so with the same cache."""
    from codemods.turns import turn

    with _progress() as announce, turn(cache_directory(), announce):
        yield announce


class _Step(Protocol):
    def __call__(self, stage: str, done: int, total: int | None) -> None: ...


@contextmanager
def _file_progress() -> Generator[_Step]:
    """A bar with the stage that runs and how many files are through; a line a stage where there is no terminal."""
    console = _console()
    if not console.is_terminal:
        said: set[str] = set()

        def say(stage: str, done: int, total: int | None) -> None:
            if stage not in said:
                console.print(f"{stage} ...")
            said.add(stage)

        yield say
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)

        def show(stage: str, done: int, total: int | None) -> None:
            progress.update(task, description=stage, completed=done, total=total)

        yield show
