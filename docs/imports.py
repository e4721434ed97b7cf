"""The diagram of `docs/architecture.md`, made from what the toolchain's modules import.

    python docs/imports.py            writes it
    python docs/imports.py --check    fails if it is not current

A package is one node. Left out are modules that hold no stage: what half of the others use, and the command line's
start. Of the arrows those remain that say something: what is reached through another arrow as well is not drawn.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE = ROOT / "codemods"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- imports: begin -->\n", "<!-- imports: end -->\n"
LEFT_OUT = {"codemods", "__main__", "errors", "version", "project"}

Graph = Mapping[str, frozenset[str]]


def node(module: str) -> str:
    """The node that a module belongs to: `codemods.passes.awaits` is drawn as `passes`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the toolchain, by its dotted name."""
    for path in sorted(CODE.rglob("*.py")):
        parts = ["codemods", *path.relative_to(CODE).with_suffix("").parts]
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), ast.parse(path.read_text("utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    """What a module imports of the toolchain, also inside functions; not what only its annotations need."""
    skipped = {
        id(each)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for each in ast.walk(block)
    }
    for each in ast.walk(tree):
        if id(each) in skipped:
            continue
        if isinstance(each, ast.ImportFrom) and each.module and not each.level:
            if each.module == "codemods":
                yield from (f"codemods.{alias.name}" for alias in each.names)
            elif each.module.startswith("codemods."):
                yield each.module
        elif isinstance(each, ast.Import):
            yield from (alias.name for alias in each.names if alias.name.startswith("codemods."))


def graph() -> dict[str, frozenset[str]]:
    """Which node needs which others."""
    found: dict[str, set[str]] = {}
    for name, tree in modules():
        own = node(name)
        found.setdefault(own, set()).update(node(each) for each in imported(tree))
    kept = {name for name in found if name not in LEFT_OUT}
    return {name: frozenset((found[name] & kept) - {name}) for name in sorted(kept)}


def reachable(graph: Graph, start: str, without: tuple[str, str]) -> set[str]:
    """The nodes that one comes to from a node, not using one of the arrows."""
    seen: set[str] = set()
    waiting = [each for each in graph[start] if (start, each) != without]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += [each for each in graph[name] if (name, each) != without]
    return seen


def reduced(graph: Graph) -> list[tuple[str, str]]:
    """The arrows without those that others say already. Where nodes need each other, all of theirs stay."""
    arrows = [(name, each) for name in graph for each in sorted(graph[name])]
    circles = {(a, b) for a, b in arrows if a in reachable(graph, b, ("", ""))}
    return [arrow for arrow in arrows if arrow in circles or arrow[1] not in reachable(graph, arrow[0], arrow)]


def circles(graph: Graph) -> list[tuple[str, str]]:
    """The arrows of nodes that need each other."""
    return [(a, b) for a in graph for b in sorted(graph[a]) if a in reachable(graph, b, ("", ""))]


def diagram() -> str:
    """The diagram, as Mermaid."""
    found = graph()
    lines = ["```mermaid", "flowchart TD"]
    for name in found:
        is_package = (CODE / name).is_dir()
        lines.append(f"  {name}[[{name}]]" if is_package else f"  {name}({name})")
    lines += [f"  {a} --> {b}" for a, b in reduced(found)]
    return "\n".join([*lines, "```", ""])


def written() -> str:
    """The page with the diagram in its place."""
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{diagram()}\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Writes the page, or says whether it is current."""
    text = written()
    if arguments == ["--check"]:
        if PAGE.read_text("utf-8") != text:
            print("docs/architecture.md is not what the imports say: run `python docs/imports.py`", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
