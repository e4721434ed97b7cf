"""A backtest as tables: in the terminal, as Markdown and as a page, from one model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from codemods.backtest.model import Backtest, State, Tried
from codemods.emit import templates
from codemods.report import markdown_cell
from codemods.survey import Step

REPORT_FILES = ("backtest.json", "backtest.md", "backtest.html")
RELEASE_COLUMNS = (
    "release",
    "state",
    "stale patches",
    "unresolved",
    "other",
    "coroutines",
    "imported",
    "smoke",
    "seconds",
)
STEP_COLUMNS = (
    "from",
    "to",
    "stale patches",
    "to rework",
    "to confirm",
    "gone",
    "to write",
    "names new",
    "names gone",
    "called otherwise",
    "recoloured",
    "twins new",
    "unresolved new",
)
_STYLES = {State.CLEAN: "green", State.PERSON: "yellow", State.STOPPED: "red", State.ABSENT: "dim"}


def release_cells(one: Tried) -> tuple[str, ...]:
    """A release's row."""
    came_through = one.state in {State.CLEAN, State.PERSON}
    counts = (
        (one.stale, one.unresolved, one.others, one.coroutines, one.imported) if came_through else (one.stale or "",)
    )
    cells = tuple(str(count) for count in counts)
    return (
        one.version,
        f"{one.state}{'' if one.claimed else ', not claimed'}",
        *cells,
        *("" for _ in range(5 - len(cells))),
        one.smoke,
        f"{one.total_seconds:.0f}" if one.seconds else "",
    )


def step_cells(one: Step) -> tuple[str, ...]:
    """The row of what lies between two releases."""
    lists: tuple[Sequence[object], ...] = (
        one.stale,
        one.to_rework,
        one.to_confirm,
        one.gone,
        one.to_write,
        one.new_names,
        one.gone_names,
        one.changed_names,
        one.recoloured,
        one.new_twins,
        one.new_unresolved,
    )
    return one.before, one.after, *(str(len(found)) for found in lists)


def write_backtest(result: Backtest, folder: Path) -> None:
    """Write the report as JSON, Markdown and HTML into a directory, which is made if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    bare = result.model_copy(update={"tried": tuple(one.model_copy(update={"survey": None}) for one in result.tried)})
    texts = (bare.model_dump_json(indent=2) + "\n", to_markdown(result), _render("backtest.html.j2", result))
    for name, text in zip(REPORT_FILES, texts, strict=True):
        (folder / name).write_text(text, encoding="utf-8")


def to_markdown(result: Backtest) -> str:
    """The report for a note or a pull request."""
    return _render("backtest.md.j2", result)


def to_terminal(result: Backtest) -> RenderableType:
    """The two tables, and why what stopped did."""
    parts: list[RenderableType] = [
        _table(RELEASE_COLUMNS, [(release_cells(one), _STYLES[one.state]) for one in result.tried], text=2)
    ]
    parts += [Text.from_markup(f"{one.version}: {escape(one.why)}") for one in result.tried if one.why]
    if result.steps:
        parts.append(_table(STEP_COLUMNS, [(step_cells(one), "") for one in result.steps], text=2))
    parts += [Text.from_markup(f"[yellow]note:[/] {escape(note)}") for note in result.notes]
    return Group(*parts)


def _table(columns: tuple[str, ...], rows: list[tuple[tuple[str, ...], str]], *, text: int) -> Table:
    """Args: text: how many of the first columns are no numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number < text else "right", overflow="fold")
    for cells, style in rows:
        table.add_row(*map(escape, cells), style=style)
    return table


def _render(template: str, result: Backtest) -> str:
    return (
        templates()
        .get_template(template)
        .render(
            result=result,
            cell=markdown_cell,
            release_columns=RELEASE_COLUMNS,
            rows=[release_cells(one) for one in result.tried],
            step_columns=STEP_COLUMNS,
            step_rows=[step_cells(one) for one in result.steps],
        )
    )
