"""The benchmark suite's table, its two sides and what it writes; the figures are its own business."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from pydantic import ValidationError

from benchmarks.conversion import COMMANDS
from benchmarks.growth import copied
from benchmarks.measures import Command, Cost, Figures, Growth, Measure, Results, load_commands, load_measures
from benchmarks.render import BEGIN, END, README, render_plot, render_readme
from benchmarks.run import HERE, SIDES

RATIO = Measure(name="a", title="A", unit="s", judge="ratio", bar=0.5, guard=1.0)
VALUE = Measure(name="b", title="B", unit="ms", judge="value", bar=20.0)


def defined(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assigned = {t.id for n in tree.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)}
    imported = {alias.name for n in tree.body if isinstance(n, ast.ImportFrom) for alias in n.names}
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)} | assigned | imported


def test_each_measure_is_there_on_both_sides() -> None:
    names = {measure.name for measure in load_measures()}
    assert names
    for side, file in SIDES.items():
        assert names <= defined(HERE / file), side


def test_each_command_has_its_function() -> None:
    assert [command.name for command in load_commands()] == list(COMMANDS)


def test_costs_and_growth_stand_below_the_measures() -> None:
    command = Command(name="c", title="C", unit="s", bar=4.0)
    costs = (Cost(command=command, values=(9.0, 3.5, 3.0)), Cost(command=command, values=(4.5,)))
    growth = (Growth(tree="3.3.1", files=2, lines=2000, seconds=1.0),)
    written = render_readme(f"{BEGIN}{END}", results(1.0).model_copy(update={"costs": costs, "growth": growth}))
    rows = [row for row in written.split("\n") if row.startswith(("| C", "| 3.3.1"))]
    assert rows == ["| C | s | 3.5 | 4 s | yes |", "| C | s | 4.5 | 4 s | no |", "| 3.3.1 | 2 | 2,000 | 1.0 | 0.500 |"]


def test_a_table_with_an_unknown_word_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "measures.toml"
    table.write_text('[[measure]]\nname = "a"\ntitle = "A"\nunit = "s"\njudge = "guess"\nbar = 1.0\n')
    with pytest.raises(ValidationError, match="judge"):
        load_measures(table)


@pytest.mark.parametrize(
    ("measure", "upstream", "converted", "judged", "met", "guarded"),
    [
        (RATIO, (2.0, 4.0, 9.0), (1.0, 2.0, 30.0), 0.5, True, True),
        (RATIO, (1.0,), (0.9,), 0.9, False, True),
        (RATIO, (1.0,), (1.1,), 1.1, False, False),
        (VALUE, (90.0,), (19.0,), 19.0, True, True),
        (VALUE, (1.0,), (21.0,), 21.0, False, True),
    ],
)
def test_medians_are_judged(
    measure: Measure,
    upstream: tuple[float, ...],
    converted: tuple[float, ...],
    judged: float,
    met: bool,
    guarded: bool,
) -> None:
    figures = Figures(measure=measure, upstream=upstream, converted=converted)
    assert (figures.judged, figures.is_met, figures.is_guarded) == (judged, met, guarded)


def results(value: float) -> Results:
    figures = (Figures(measure=RATIO, upstream=(2.0,), converted=(value,)),)
    return Results(version="3.3.1", machine="M", python="P", libraries="L", runs=1, figures=figures)


def test_the_page_takes_the_results_between_its_marks() -> None:
    page = f"# Head\n\n{BEGIN}\nold\n{END}\n\ntail\n"
    once = render_readme(page, results(1.0))
    assert once.startswith("# Head\n") and once.endswith("tail\n")
    assert "| A | s | 2 | 1 | 0.50 | ratio 0.5 | yes |" in once
    assert "old" not in once
    assert render_readme(once, results(1.0)) == once
    assert "| no |" in render_readme(once, results(1.9))


def test_the_page_that_is_committed_has_the_marks() -> None:
    text = README.read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1


def test_the_plot_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib", reason="drawn where the extra `bench` is installed")
    monkeypatch.setattr("benchmarks.render.PLOT", tmp_path / "ratios.svg")
    render_plot(results(1.0))
    assert "<svg" in (tmp_path / "ratios.svg").read_text(encoding="utf-8")


def test_a_copy_of_a_package_imports_itself() -> None:
    files = {
        "dspy/__init__.py": "import dspy\nimport dspy.a as a\nfrom dspy import b\nfrom dspy.c import d\n",
        "dspy/a.py": "dspython = 'dspy'\n",
    }
    made = copied(files, 2)
    assert made == {
        **files,
        "dspy/copy1/__init__.py": (
            "import dspy\nimport dspy.copy1.a as a\nfrom dspy.copy1 import b\nfrom dspy.copy1.c import d\n"
        ),
        "dspy/copy1/a.py": "dspython = 'dspy'\n",
    }
