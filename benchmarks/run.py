"""Runs the measures on upstream's package and on the converted one, in turns, and writes what they said.

`nox -s bench` is this, with the toolchain installed. Each measure runs in a process of its own, first on one side, then
on the other, as many times as asked: what else the machine does falls on both. Figures are medians.
"""

from __future__ import annotations

import os
import platform
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from benchmarks.conversion import COMMANDS, Toolchain
from benchmarks.growth import RELEASES, growth
from benchmarks.measures import Command, Cost, Figures, Measure, Results, load_commands, load_measures
from benchmarks.render import README, render_plot, render_readme, to_terminal
from codemods.errors import ToolError
from codemods.parity.environment import Environment, test_environment
from codemods.pin import load_pin
from codemods.project import cache_directory, find_project
from codemods.source import PACKAGE
from codemods.sync import SyncOptions, read_release, run_sync

HERE = Path(__file__).parent
SIDES = {"upstream": "upstream_side.py", "converted": "converted_side.py"}
SECONDS = 900
GROWTH_RUNS = 2
"""Each tree is converted that often: it is CPU time, and the large one takes most of a minute."""
LIBRARIES = ("pydantic", "litellm", "anyio", "openai")


def main(
    only: Annotated[list[str] | None, typer.Argument(metavar="[MEASURE]...", help="Some measures; all else.")] = None,
    runs: Annotated[int, typer.Option(min=1, help="Times that each is run on each side.")] = 5,
    guard: Annotated[bool, typer.Option("--guard", help="Fail where a figure is beyond CI's margin.")] = False,
    write: Annotated[bool, typer.Option(help="Write the table and the plot into benchmarks/.")] = True,
) -> None:
    """Measure the generated package against upstream's."""
    console = Console()
    try:
        measures, commands = _chosen(only or [])
        results = measure_all(measures, runs, console) if measures else _nothing(runs)
        results = results.model_copy(update={"costs": cost_all(commands, runs, console)})
        if not only:
            results = results.model_copy(update={"growth": tuple(growth(RELEASES, GROWTH_RUNS))})
    except ToolError as error:
        console.print(f"[red]error:[/] {error}", soft_wrap=True)
        raise typer.Exit(error.exit_code) from error
    console.print(to_terminal(results))
    if write and not only:
        README.write_text(render_readme(README.read_text(encoding="utf-8"), results), encoding="utf-8")
        render_plot(results)
        console.print(f"wrote {README}")
    beyond = [figures.measure.name for figures in results.figures if not figures.is_guarded]
    if guard and beyond:
        console.print(f"[red]slower than CI lets pass:[/] {', '.join(beyond)}")
        raise typer.Exit(1)


def _chosen(names: list[str]) -> tuple[tuple[Measure, ...], tuple[Command, ...]]:
    measures, commands = load_measures(), load_commands()
    known = [each.name for each in (*measures, *commands)]
    unknown = set(names).difference(known)
    if unknown:
        raise typer.BadParameter(f"no measure is called {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return (
        tuple(measure for measure in measures if not names or measure.name in names),
        tuple(command for command in commands if not names or command.name in names),
    )


def _nothing(runs: int) -> Results:
    """What there is to say where no package is measured."""
    pin = load_pin(find_project(HERE).pin)
    return Results(version=pin.version, machine=_machine(), python="", libraries="", runs=runs, figures=())


def cost_all(commands: tuple[Command, ...], runs: int, console: Console) -> tuple[Cost, ...]:
    """What each command of the toolchain takes.

    Raises:
        ToolError: one of them failed.
    """
    if not commands:
        return ()
    toolchain = Toolchain(cache_directory() / "benchmarks" / "toolchain")
    toolchain.sync()  # The environment of the import check is made, and bytecode written.
    found: dict[str, list[float]] = {command.name: [] for command in commands}
    with Progress(console=console) as progress:
        task = progress.add_task("measuring", total=len(commands) * runs)
        for _ in range(runs):
            for command in commands:
                progress.update(task, description=f"{command.name}: the toolchain")
                found[command.name].append(COMMANDS[command.name](toolchain))
                progress.advance(task)
    return tuple(Cost(command=command, values=tuple(found[command.name])) for command in commands)


def measure_all(measures: tuple[Measure, ...], runs: int, console: Console) -> Results:
    """Every measure, both sides in turns.

    Raises:
        ToolError: the packages or their environment could not be made, or a measure failed.
    """
    project, cache = find_project(HERE), cache_directory()
    options = SyncOptions(project=project, cache=cache, jobs=os.cpu_count() or 1, imports=False, force=True)
    pin = load_pin(project.pin)
    release = read_release(pin, options)
    trees = {side: cache / "benchmarks" / side for side in SIDES}
    _write_tree(trees["upstream"], release.files)
    run_sync(replace(options, out=trees["converted"]))
    dependencies = tomllib.loads(release.files["pyproject.toml"].decode())["project"]["dependencies"]
    environment = test_environment([*dependencies, "aiohttp"], pin.resolved_on, "3.12", cache / "environments")
    found: dict[str, dict[str, list[float]]] = {each.name: {side: [] for side in SIDES} for each in measures}
    with _server(environment) as url, Progress(console=console) as progress:
        task = progress.add_task("measuring", total=len(measures) * runs * len(SIDES))
        for number in range(runs):
            for measure in measures:
                # Who comes first changes from run to run.
                for side in sorted(SIDES, reverse=bool(number % 2)):
                    progress.update(task, description=f"{measure.name}: {side}")
                    found[measure.name][side].append(_measure(environment, trees[side], side, measure.name, url))
                    progress.advance(task)
    return Results(
        version=release.version,
        machine=_machine(),
        python=subprocess.run([environment.python, "-V"], capture_output=True, text=True, check=True).stdout.strip(),
        libraries=", ".join(f"{name} {environment.version(name)}" for name in LIBRARIES),
        runs=runs,
        figures=tuple(
            Figures(
                measure=each,
                upstream=tuple(found[each.name]["upstream"]),
                converted=tuple(found[each.name]["converted"]),
            )
            for each in measures
        ),
    )


def _write_tree(root: Path, files) -> None:
    for name, content in files.items():
        if name.startswith(f"{PACKAGE}/"):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def _environment(tree: Path, url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DSPY"))}
    return {**kept, "PYTHONPATH": str(tree), "LITELLM_LOCAL_MODEL_COST_MAP": "True", "BENCHMARK_URL": url}


def _measure(environment: Environment, tree: Path, side: str, name: str, url: str) -> float:
    command = [str(environment.python), str(HERE / SIDES[side]), name]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=SECONDS, env=_environment(tree, url)
    )
    lines = done.stdout.split()
    if done.returncode or not lines:
        raise ToolError(
            f"the measure {name} failed on the {side} side:\n{done.stderr[-3000:]}",
            remedy=f"Run it by itself: python benchmarks/{SIDES[side]} {name}, where that package is installed.",
        )
    return float(lines[-1])


@contextmanager
def _server(environment: Environment) -> Iterator[str]:
    command = [str(environment.python), str(HERE / "server.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


if __name__ == "__main__":
    typer.run(main)
