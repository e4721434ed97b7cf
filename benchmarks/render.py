"""The results as a table in the terminal, a table in README.md, and a plot."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table

from benchmarks.measures import Cost, Figures, Growth, Results

README = Path(__file__).parent / "README.md"
PLOT = Path(__file__).parent / "ratios.svg"
BEGIN, END = "<!-- results: written by nox -s bench -->", "<!-- end of results -->"
GROWTH_HEADINGS = ("converted", "files", "lines", "CPU s", "s per 1,000 lines")
_COST_HEADINGS = ("the toolchain", "unit", "median", "bar", "met")
_HEADINGS = ("measure", "unit", "upstream", "dspy-async", "ratio", "bar", "met")


def _cells(figures: Figures) -> tuple[str, ...]:
    measure = figures.measure
    upstream, converted = statistics.median(figures.upstream), statistics.median(figures.converted)
    bar = f"ratio {measure.bar:g}" if measure.judge == "ratio" else f"{measure.bar:g} {measure.unit}"
    met = "yes" if figures.is_met else "no"
    return measure.title, measure.unit, _number(upstream), _number(converted), f"{figures.ratio:.2f}", bar, met


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _cost_cells(cost: Cost) -> tuple[str, ...]:
    command = cost.command
    met = "yes" if cost.is_met else "no"
    return command.title, command.unit, _number(cost.median), f"{command.bar:g} {command.unit}", met


def growth_cells(growth: Growth) -> tuple[str, ...]:
    """A row of the table of growth."""
    per = 1000 * growth.seconds / growth.lines
    return growth.tree, f"{growth.files:,}", f"{growth.lines:,}", f"{growth.seconds:.1f}", f"{per:.3f}"


def to_terminal(results: Results) -> RenderableType:
    """The tables, for rich."""
    costs, growth = Table(*_COST_HEADINGS), Table(*GROWTH_HEADINGS)
    for cost in results.costs:
        costs.add_row(*_cost_cells(cost), style=None if cost.is_met else "yellow")
    for each in results.growth:
        growth.add_row(*growth_cells(each))
    tables = ((_measures(results), results.figures), (costs, results.costs), (growth, results.growth))
    return Group(*(table for table, rows in tables if rows))


def _measures(results: Results) -> Table:
    table = Table(*_HEADINGS, title=f"DSPy {results.version}: medians of {results.runs}")
    for figures in results.figures:
        table.add_row(*_cells(figures), style=None if figures.is_met else "yellow")
    return table


def render_readme(text: str, results: Results) -> str:
    """README.md with the results between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    tables = [_markdown(_HEADINGS, map(_cells, results.figures)), f"![Ratios]({PLOT.name})"]
    if results.costs:
        tables.append(_markdown(_COST_HEADINGS, map(_cost_cells, results.costs)))
    if results.growth:
        tables.append(_markdown(GROWTH_HEADINGS, map(growth_cells, results.growth)))
    where = f"DSPy {results.version}, medians of {results.runs} runs. {results.machine}; {results.python}; "
    where += f"{results.libraries}."
    written = "\n\n".join([where, *tables])
    return f"{before}{BEGIN}\n{written}\n{END}{after}"


def _markdown(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def render_plot(results: Results) -> None:
    """A bar for each ratio, with upstream at 1."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figures = results.figures[::-1]
    figure, axes = pyplot.subplots(figsize=(9, 0.5 * len(figures) + 1.2))
    colours = ["#2a7f62" if one.ratio <= 1 else "#c2571a" for one in figures]
    axes.barh([one.measure.name for one in figures], [one.ratio for one in figures], color=colours)
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_xlabel("dspy-async by upstream: less is better")
    figure.tight_layout()
    figure.savefig(PLOT, metadata={"Date": None})
    pyplot.close(figure)
