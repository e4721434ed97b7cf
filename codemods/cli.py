"""The command `dspy-async`."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Annotated, Optional, ParamSpec

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from codemods.errors import ToolError
from codemods.project import cache_directory, find_project
from codemods.report import to_terminal
from codemods.sync import SyncOptions, accept_patch, explain_symbol, run_sync
from codemods.version import __version__

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

Upstream = Annotated[
    Optional[str],  # noqa: UP045 - typer evaluates it, and wants it so
    typer.Option(metavar="VERSION", help="Another release than the pinned one. The pin is not edited."),
]
Source = Annotated[
    str,
    typer.Option(metavar="auto|submodule|sdist|PATH", help="Where the release is read: PATH is an unpacked one."),
]


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
        Optional[Path],  # noqa: UP045 - as above
        typer.Option(metavar="DIR", help="Where the package is written; generated/ by default."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if DIR is not, file for file, what would be written.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="Processes for the work per file.")] = os.cpu_count()
    or 1,
    force: Annotated[bool, typer.Option("--force", help="Overwrite hand edits in DIR.")] = False,
    imports: Annotated[
        bool,
        typer.Option(help="Import every module of the output, in an environment with its dependencies, made once."),
    ] = True,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Write the output even where a person must look at it; still fails.")
    ] = False,
) -> None:
    """Convert the pinned release of DSPy, or another, into a complete async package."""
    options = replace(
        _options(upstream, source),
        out=out,
        check=check,
        jobs=jobs,
        force=force,
        imports=imports,
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
    for line in explain_symbol(_options(upstream, source), symbol):
        typer.echo(line)


@patches.command()
@_reports_errors
def accept(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="The upstream symbol that the patch stands for.")],
    upstream: Upstream = None,
    source: Source = "auto",
) -> None:
    """Record that a patch was reviewed against the release's version of a symbol."""
    for place in accept_patch(_options(upstream, source), symbol):
        typer.echo(f"reviewed: {place}")


def _options(upstream: str | None, source: str) -> SyncOptions:
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
