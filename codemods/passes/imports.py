"""Imports: what the output needs is added in its sorted place, what it no longer uses goes."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Sequence
from functools import lru_cache

import libcst as cst

from codemods.program.build import bound_names, iter_own
from codemods.syntax import parsed, walk

Needed = set[tuple[str, str | None]]
_KEPT = 512
"""Texts whose imports are kept: patches and passes ask for the same."""


def fix_imports(module: cst.Module, needed: Needed, original: str, module_name: str, kept: set[str]) -> str:
    """The text of ``module`` with the imports it needs and without those that ``original`` used and it does not.

    ``kept`` are names that other modules import from this one.
    """
    known: dict[cst.BaseStatement | cst.SimpleStatementLine, str] = {}
    code = _code(module, known)
    tree = parsed(code)
    wanted = {(base, name) for base, name in needed if base != module_name and not _bound(tree, base, name)}
    if wanted:
        module = module.with_changes(body=_added(list(module.body), wanted))
    # What is added is used, and what it is merged into stays: the text before tells what is no longer used.
    gone = unused_imports(code) - unused_imports(original)
    gone = {(scope, name) for scope, name in gone if scope or name not in kept}
    if gone:
        module = _Remover(gone).apply(module)
    return _code(module, known) if wanted or gone else code


def _code(module: cst.Module, known: dict[cst.BaseStatement | cst.SimpleStatementLine, str]) -> str:
    """The text of a module, of which only the statements that are not known are written: it is writing that takes long.

    Nodes are told apart by identity, and ``known`` keeps them from being another's afterwards.
    """
    if not module.has_trailing_newline or not module.body:
        return module.code
    for statement in module.body:
        if statement not in known:
            known[statement] = module.code_for_node(statement)
    around = [[module.code_for_node(line) for line in lines] for lines in (module.header, module.footer)]
    return "".join([*around[0], *(known[statement] for statement in module.body), *around[1]])


@lru_cache(_KEPT)
def unused_imports(code: str) -> frozenset[tuple[str, str]]:
    """``(scope, name)`` of imports that nothing uses; the scope is a dotted name, "" for the module."""
    usage = _Usage()
    usage.visit(parsed(code), "", ())
    mentioned = _annotation_names(code)
    return frozenset((scope, name) for scope, name in usage.imported - usage.used if name not in mentioned)


class _Usage:
    """Which imports the names of a module's code lead to, scope by scope.

    The standard library's symbol tables would tell, but not the same on every Python: since 3.12 they leave out what
    is used in comprehensions only.
    """

    def __init__(self) -> None:
        self.imported: set[tuple[str, str]] = set()
        self.used: set[tuple[str, str]] = set()

    def visit(self, node: ast.AST, scope: str, outer: tuple[tuple[str, frozenset[str]], ...]) -> None:
        """Go through a scope; ``outer`` are the scopes that its names are looked up in after its own, nearest first."""
        bound, declared = _bound_here(node)
        chain = ((scope, frozenset(bound)), *outer)
        for child in iter_own(node):
            if isinstance(child, ast.Import | ast.ImportFrom):
                self.imported.update((scope, name) for name in _names_of(child))
            elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Load):
                self._use(child.id, chain)
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self.visit(
                    child, f"{scope}.{child.name}".lstrip("."), outer if isinstance(node, ast.ClassDef) else chain
                )
            elif isinstance(child, ast.Lambda):
                self.visit(child, scope, outer if isinstance(node, ast.ClassDef) else chain)
        for name in declared:
            self._use(name, outer)

    def _use(self, name: str, chain: tuple[tuple[str, frozenset[str]], ...]) -> None:
        for scope, bound in chain:
            if name in bound:
                self.used.add((scope, name))
                return


def _bound_here(node: ast.AST) -> tuple[set[str], set[str]]:
    """Names bound in a scope, and those it declares global or nonlocal."""
    declared = {name for n in iter_own(node) if isinstance(n, ast.Global | ast.Nonlocal) for name in n.names}
    names = bound_names(node)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        names |= {argument.arg for argument in every if argument is not None}
    return names - declared, declared


def _names_of(node: ast.Import | ast.ImportFrom) -> list[str]:
    return [alias.asname or alias.name.split(".")[0] for alias in node.names if alias.name != "*"]


def _annotation_names(code: str) -> set[str]:
    """Names that stand in annotations, quoted or not, and in ``__all__``: the symbol table may not see them."""
    names: set[str] = set()
    for node in walk(parsed(code)):
        for expression in _annotations(node):
            for part in walk(expression):
                if isinstance(part, ast.Name):
                    names.add(part.id)
                elif isinstance(part, ast.Constant) and isinstance(part.value, str):
                    names.update(re.findall(r"[A-Za-z_]\w*", part.value))
    return names


def _annotations(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return [node.returns] if node.returns is not None else []
    if isinstance(node, ast.arg):
        return [node.annotation] if node.annotation is not None else []
    if isinstance(node, ast.AnnAssign):
        return [node.annotation]
    if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
        return [node.value]
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("cast", "TypeVar", "ForwardRef")
    ):
        return list(node.args)
    return []


def _bound(tree: ast.Module, base: str, name: str | None) -> bool:
    wanted = name or base.split(".")[0]
    if wanted not in bound_names(tree):
        return False
    for node in tree.body:
        if isinstance(node, ast.Import) and name is None and any(a.name == base and not a.asname for a in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and node.module == base and any(a.name == name for a in node.names):
            return True
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == wanted:
            return True
    return False


def _added(body: list[cst.BaseStatement], wanted: Needed) -> list[cst.BaseStatement]:
    by_module: dict[str, list[str | None]] = {}
    for base, name in sorted(wanted, key=lambda item: (item[0], item[1] or "")):
        by_module.setdefault(base, []).append(name)
    for base, names in by_module.items():
        if None in names:
            body = _insert(body, f"import {base}", base, plain=True)
        listed = [name for name in names if name is not None]
        if listed:
            body = _add_from(body, base, listed)
    return body


def _add_from(body: list[cst.BaseStatement], base: str, names: list[str]) -> list[cst.BaseStatement]:
    for index, statement in enumerate(body):
        node = _import_of(statement)
        if isinstance(node, cst.ImportFrom) and _module_of(node) == base and not isinstance(node.names, cst.ImportStar):
            aliases = _merged(node.names, names, node.lpar)
            assert isinstance(statement, cst.SimpleStatementLine)
            body[index] = statement.with_changes(body=[node.with_changes(names=aliases)])
            return body
    return _insert(body, f"from {base} import {', '.join(names)}", base, plain=False)


def _merged(
    existing: Sequence[cst.ImportAlias], names: list[str], parenthesis: cst.LeftParen | None
) -> list[cst.ImportAlias]:
    """Existing names with the new ones among them, sorted if they were."""
    texts = [alias.evaluated_name for alias in existing]
    items = list(existing)
    for name in names:
        place = next((i for i, text in enumerate(texts) if text > name), len(texts))
        if place < len(items):
            comma = items[place].comma
            comma = comma if isinstance(comma, cst.Comma) else cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
            items.insert(place, cst.ImportAlias(cst.Name(name), comma=comma))
        else:
            last = items[-1]
            separator = last.comma if isinstance(last.comma, cst.Comma) else cst.MaybeSentinel.DEFAULT
            blank = parenthesis.whitespace_after if parenthesis is not None else cst.SimpleWhitespace("")
            joined = cst.Comma(whitespace_after=cst.SimpleWhitespace(" ") if blank.empty else blank)
            items[-1] = last.with_changes(comma=_separating(items, joined))
            items.append(cst.ImportAlias(cst.Name(name), comma=separator))
        texts.insert(place, name)
    return items


def _separating(items: Sequence[cst.ImportAlias], fallback: cst.Comma) -> cst.Comma:
    first = items[0].comma
    return first if len(items) > 1 and isinstance(first, cst.Comma) else fallback


def _insert(body: list[cst.BaseStatement], line: str, base: str, *, plain: bool) -> list[cst.BaseStatement]:
    places = [i for i, statement in enumerate(body) if _import_of(statement) is not None and _is_leading(body, i)]
    new = cst.parse_statement(line)
    places = [i for i in places if _is_standard(_sort_key(body[i])[1]) == _is_standard(base)] or places
    same_root = [i for i in places if _sort_key(body[i])[1].split(".")[0] == base.split(".")[0]]
    later = [i for i in (same_root or places) if _sort_key(body[i]) > (0 if plain else 1, base)]
    if later and (same_root or plain):
        index = later[0]
        assert isinstance(new, cst.SimpleStatementLine)
        following = body[index]
        assert isinstance(following, cst.SimpleStatementLine)
        # A group of its own is set apart by an empty line.
        apart = _is_standard(_sort_key(following)[1]) != _is_standard(base)
        body[index] = following.with_changes(leading_lines=[cst.EmptyLine(indent=False)] if apart else [])
        return [*body[:index], new.with_changes(leading_lines=following.leading_lines), *body[index:]]
    last = (same_root or places)[-1:]
    index = last[0] + 1 if last else _after_docstring(body)
    if places and not same_root and not plain and not _sort_key(body[index - 1])[1].startswith("."):
        new = new.with_changes(leading_lines=[cst.EmptyLine(indent=False)])
    return [*body[:index], new, *body[index:]]


def _is_standard(module: str) -> bool:
    """Whether a module is of the standard library, whose imports form a group of their own."""
    return module.split(".")[0] in sys.stdlib_module_names


def _is_leading(body: Sequence[cst.BaseStatement], index: int) -> bool:
    """Imports above the module's first definition; later ones stand behind code on purpose."""
    return not any(isinstance(s, cst.FunctionDef | cst.ClassDef) for s in body[:index]) and not _is_future(body[index])


def _is_future(statement: cst.BaseStatement) -> bool:
    node = _import_of(statement)
    return isinstance(node, cst.ImportFrom) and _module_of(node) == "__future__"


def _after_docstring(body: Sequence[cst.BaseStatement]) -> int:
    index = 0
    while index < len(body) and (_is_docstring(body[index]) or _is_future(body[index])):
        index += 1
    return index


def _is_docstring(statement: cst.BaseStatement) -> bool:
    return (
        isinstance(statement, cst.SimpleStatementLine)
        and len(statement.body) == 1
        and isinstance(statement.body[0], cst.Expr)
        and isinstance(statement.body[0].value, cst.SimpleString | cst.ConcatenatedString)
    )


def _sort_key(statement: cst.BaseStatement) -> tuple[int, str]:
    node = _import_of(statement)
    if isinstance(node, cst.ImportFrom):
        return 1, _module_of(node)
    assert isinstance(node, cst.Import)
    return 0, node.names[0].evaluated_name


def _import_of(statement: cst.BaseStatement | cst.BaseSmallStatement) -> cst.Import | cst.ImportFrom | None:
    if isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1:
        small = statement.body[0]
        if isinstance(small, cst.Import | cst.ImportFrom):
            return small
    return None


def _module_of(node: cst.ImportFrom) -> str:
    dots = "." * len(node.relative)
    name = cst.Module([]).code_for_node(node.module) if node.module is not None else ""
    return dots + name


class _Remover(cst.CSTTransformer):
    """Removes imports by scope and bound name."""

    def __init__(self, gone: set[tuple[str, str]]):
        super().__init__()
        self.gone = gone
        self.scope: list[str] = []

    def apply(self, module: cst.Module) -> cst.Module:
        return module.visit(self)

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> bool:
        return any(isinstance(small, cst.Import | cst.ImportFrom) for small in node.body)

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        self.scope.append(node.name.value)
        return self._is_around()

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        self.scope.pop()
        return updated_node

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        self.scope.append(node.name.value)
        return self._is_around()

    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> cst.ClassDef:
        self.scope.pop()
        return updated_node

    def leave_Import(self, original_node: cst.Import, updated_node: cst.Import) -> cst.Import | cst.RemovalSentinel:
        aliases = self._kept(updated_node.names)
        if aliases is None:
            return updated_node
        return updated_node.with_changes(names=aliases) if aliases else cst.RemoveFromParent()

    def leave_ImportFrom(
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom | cst.RemovalSentinel:
        if isinstance(updated_node.names, cst.ImportStar):
            return updated_node
        aliases = self._kept(updated_node.names, trailing_comma=updated_node.rpar is not None)
        if aliases is None:
            return updated_node
        return updated_node.with_changes(names=aliases) if aliases else cst.RemoveFromParent()

    def _kept(self, names: Sequence[cst.ImportAlias], *, trailing_comma: bool = False) -> list[cst.ImportAlias] | None:
        """What remains of an import; None where all of it does."""
        aliases = [alias for alias in names if not self._is_gone(alias)]
        if len(aliases) == len(names):
            return None
        if aliases and not trailing_comma:
            aliases[-1] = aliases[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return aliases

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        if original_node.body and not updated_node.body:
            return updated_node.with_changes(body=[cst.SimpleStatementLine([cst.Pass()])])
        return updated_node

    def _is_around(self) -> bool:
        """Whether something goes in this scope or below: what stays is not visited, and remains the same node."""
        here = ".".join(self.scope)
        return any(scope == here or scope.startswith(f"{here}.") for scope, _ in self.gone)

    def _is_gone(self, alias: cst.ImportAlias) -> bool:
        bound = alias.evaluated_alias or alias.evaluated_name.split(".")[0]
        return (".".join(self.scope), bound) in self.gone
