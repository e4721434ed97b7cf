"""The results as a table in the terminal, a table in README.md, and a plot."""

from __future__ import annotations

import statistics
from pathlib import Path

from rich.table import Table

from benchmarks.measures import Figures, Results

README = Path(__file__).parent / "README.md"
PLOT = Path(__file__).parent / "ratios.svg"
BEGIN, END = "<!-- results: written by nox -s bench -->", "<!-- end of results -->"
_HEADINGS = ("measure", "unit", "upstream", "dspy-async", "ratio", "bar", "met")


def _cells(figures: Figures) -> tuple[str, ...]:
    measure = figures.measure
    upstream, converted = statistics.median(figures.upstream), statistics.median(figures.converted)
    bar = f"ratio {measure.bar:g}" if measure.judge == "ratio" else f"{measure.bar:g} {measure.unit}"
    met = "yes" if figures.is_met else "no"
    return measure.title, measure.unit, _number(upstream), _number(converted), f"{figures.ratio:.2f}", bar, met


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def to_terminal(results: Results) -> Table:
    """The table, for rich."""
    table = Table(*_HEADINGS, title=f"DSPy {results.version}: medians of {results.runs}")
    for figures in results.figures:
        table.add_row(*_cells(figures), style=None if figures.is_met else "yellow")
    return table


def render_readme(text: str, results: Results) -> str:
    """README.md with the results between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    rows = [_HEADINGS, tuple("---" for _ in _HEADINGS), *(_cells(figures) for figures in results.figures)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    where = f"DSPy {results.version}, medians of {results.runs} runs. {results.machine}; {results.python}; "
    where += f"{results.libraries}."
    return f"{before}{BEGIN}\n{where}\n\n{table}\n\n![Ratios]({PLOT.name})\n{END}{after}"


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
