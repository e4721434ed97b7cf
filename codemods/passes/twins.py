"""Twins, a function that upstream wrote twice, sync and async, become one under the sync name.

Where both are equal but for ``async``, ``await`` and the names of other twins, the sync text stands: it has the
docstring and the annotations. Where the async body differs it wins, unless it only calls the sync one. The async
name stays as a second name of the same function. Runs before the program model is built, on its own tree.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from codemods.errors import ToolError
from codemods.kept import Store, digest
from codemods.program.build import dotted
from codemods.stages import Twin
from codemods.syntax import parsed, walk

_PAIRS = {"__call__": "acall"}
_PROTOCOL = frozenset({"acall", "aforward"})
_BASES_MODULE = "dspy.utils.twins"
_BASE_CLASS = "TwinNames"


def find_twins(path: str, tree: ast.Module) -> list[Twin]:
    """All pairs in one module, by place."""
    return sorted(_find(path, tree, ""), key=lambda twin: twin.line)


def _find(path: str, node: ast.AST, scope: str) -> Iterator[Twin]:
    body: list[ast.stmt] = getattr(node, "body", [])
    functions = {n.name: n for n in body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
    pairs = [
        (sync, functions[name])
        for sync in functions.values()
        if isinstance(sync, ast.FunctionDef)
        for name in async_names(sync.name)
        if isinstance(functions.get(name), ast.AsyncFunctionDef)
    ]
    for sync, asynchronous in pairs:
        if _decorators(sync) == _decorators(asynchronous) and _compatible(sync.args, asynchronous.args):
            yield Twin(path, scope, sync.name, asynchronous.name, sync.lineno, asynchronous.lineno, "")
    for child in body:
        if isinstance(child, ast.ClassDef):
            yield from _find(path, child, f"{scope}{child.name}.")


def async_names(name: str) -> list[str]:
    """How an async twin of ``name`` may be called: ``acall``, ``aforward``, ``_call_lm`` as ``_acall_lm``, ..."""
    if name in _PAIRS:
        return [_PAIRS[name]]
    if name.startswith("__"):
        return []
    stem = name.lstrip("_")
    lead = name[: len(name) - len(stem)]
    words = stem.split("_")
    found = [lead + "_".join([*words[:i], "a" + words[i], *words[i + 1 :]]) for i in range(len(words)) if words[i]]
    return [*found, f"{lead}async_{stem}", f"{name}_async"]


def _decorators(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    return [ast.dump(d) for d in node.decorator_list]


def _compatible(sync: ast.arguments, asynchronous: ast.arguments) -> bool:
    return [a.arg for a in [*sync.posonlyargs, *sync.args, *sync.kwonlyargs]] == [
        a.arg for a in [*asynchronous.posonlyargs, *asynchronous.args, *asynchronous.kwonlyargs]
    ]


def merge_twins(files: Mapping[str, str], store: Store | None = None) -> tuple[dict[str, str], list[Twin]]:
    """``files`` with every pair merged, and what was found. Files without twins come back as they are.

    ``store`` keeps what becomes of each file.
    """
    store = store or Store()
    trees = {path: parsed(text) for path, text in sorted(files.items()) if path.endswith(".py")}
    found = {path: find_twins(path, tree) for path, tree in trees.items()}
    renames = {twin.async_name: twin.name for twins in found.values() for twin in twins}
    judged = {path: [_judge(trees[path], twin, renames) for twin in twins] for path, twins in found.items() if twins}
    rooted = _root_classes(trees, judged)
    merged = dict(files)
    for path, twins in judged.items():
        roots = rooted.get(path, set())
        key = digest("twins", files[path], repr(twins), repr(sorted(roots)))
        kept = store.text(key)
        merged[path] = kept if kept is not None else _merge(files[path], twins, roots)
        if kept is None:
            store.put_text(key, merged[path])
    return merged, [twin for path in sorted(judged) for twin in judged[path]]


def _judge(tree: ast.Module, twin: Twin, renames: Mapping[str, str]) -> Twin:
    sync, asynchronous = _at(tree, twin.line), _at(tree, twin.async_line)
    if _delegates(asynchronous, twin.name):
        verdict = "sync body"
    elif _normal(sync, renames) == _normal(asynchronous, renames):
        verdict = "equal"
    else:
        verdict = "async body"
    own = tuple(sorted(renames.items()))
    return Twin(twin.path, twin.scope, twin.name, twin.async_name, twin.line, twin.async_line, verdict, own)


def _at(tree: ast.Module, line: int) -> ast.FunctionDef | ast.AsyncFunctionDef:
    for node in walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.lineno == line:
            return node
    raise ToolError(f"no function at line {line}", remedy="This is a defect of the toolchain: please report it.")


def _delegates(node: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> bool:
    """An async body that is nothing but a call of the sync one."""
    body = _without_docstring(node.body)
    if len(body) != 1 or not isinstance(body[0], ast.Return):
        return False
    value = body[0].value
    call = value.value if isinstance(value, ast.Await) else value
    if not isinstance(call, ast.Call):
        return False
    callee = call.func
    in_thread = (dotted(callee) or "").split(".")[-1] in ("to_thread", "run_in_executor", "run_sync")
    if in_thread or (isinstance(callee, ast.Attribute) and callee.attr == "run_in_executor"):
        callee = next((a for a in call.args if isinstance(a, ast.Attribute | ast.Name)), callee)
    return (isinstance(callee, ast.Attribute) and callee.attr == name and isinstance(callee.value, ast.Name)) or (
        isinstance(callee, ast.Name) and callee.id == name
    )


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return body[1:]
    return body


def _may_be_renamed(name: str, receiver: str) -> bool:
    """Whether an attribute of an async twin's name is the twin: DSPy's own protocol anywhere, others on ``self``.

    Of other objects nothing is known here. They may have the async name only, or be another package's.
    """
    return name in _PROTOCOL or receiver in ("self", "cls", "super()")


class _Normalizer(ast.NodeTransformer):
    """Strips what may differ between twins."""

    def __init__(self, renames: Mapping[str, str]):
        self.renames = renames

    def visit_Await(self, node: ast.Await) -> ast.AST:
        return self.visit(node.value)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self.renames.get(node.id, node.id), node.ctx)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        renamed = (
            self.renames.get(node.attr, node.attr) if _may_be_renamed(node.attr, ast.unparse(node.value)) else node.attr
        )
        return ast.Attribute(self.visit(node.value), renamed, node.ctx)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "__call__" and not _is_super(node.func.value):
            node.func = node.func.value
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str):
            return ast.Constant(self._words(node.value))
        return node

    def _words(self, text: str) -> str:
        for old, new in self.renames.items():
            text = text.replace(f".{old}(", f".{new}(")
        return text


def _is_super(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _normal(node: ast.FunctionDef | ast.AsyncFunctionDef, renames: Mapping[str, str]) -> str:
    body = [ast.parse(ast.unparse(statement)).body[0] for statement in _without_docstring(node.body)]
    return "\n".join(ast.dump(_Normalizer(renames).visit(statement)) for statement in body)


# -- second names follow overrides ------------------------------------------------------------------------------------


def _root_classes(trees: Mapping[str, ast.Module], judged: Mapping[str, list[Twin]]) -> dict[str, set[int]]:
    """Classes that hold a public twin and inherit it from none: their subclasses' twins are linked by a base class.

    Classes with bases that are not classes of these files (pydantic models, say) are left alone.
    """
    classes = {node.name: node for tree in trees.values() for node in walk(tree) if isinstance(node, ast.ClassDef)}
    holders = {
        (path, twin.scope.rstrip(".").split(".")[-1])
        for path, twins in judged.items()
        for twin in twins
        if twin.scope and not twin.name.lstrip("_").startswith("_") and twin.async_name in ("acall", "aforward")
    }
    names = {name for _, name in holders}
    roots: dict[str, set[int]] = {}
    for path, name in holders:
        ancestors, closed = _ancestors(classes, name)
        if closed and not (ancestors & names):
            roots.setdefault(path, set()).add(classes[name].lineno)
    return roots


def _ancestors(classes: Mapping[str, ast.ClassDef], name: str) -> tuple[set[str], bool]:
    found: set[str] = set()
    stack = [name]
    closed = True
    while stack:
        node = classes.get(stack.pop())
        if node is None:
            closed = False
            continue
        for base in node.bases:
            base_name = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
            if base_name and base_name != "object" and base_name not in found:
                found.add(base_name)
                stack.append(base_name)
    return found, closed


# -- the merge itself --------------------------------------------------------------------------------------------------


def _merge(text: str, twins: Iterable[Twin], roots: set[int]) -> str:
    wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
    merger = _Merger(list(twins), roots, wrapper.resolve(PositionProvider))
    merger.learn(wrapper.module)
    module = wrapper.module.visit(merger)
    if roots:
        from codemods.passes.imports import fix_imports

        return fix_imports(module, {(_BASES_MODULE, _BASE_CLASS)}, text, "", set())
    return module.code


class _Merger(cst.CSTTransformer):
    def __init__(self, twins: list[Twin], roots: set[int], positions: Mapping[cst.CSTNode, CodeRange]):
        super().__init__()
        self.by_line = {twin.line: twin for twin in twins}
        self.gone = {twin.async_line for twin in twins}
        self.roots = roots
        self.positions = positions
        self.bodies: dict[int, cst.FunctionDef] = {}

    def learn(self, module: cst.Module) -> None:
        merger = self

        class Reader(cst.CSTVisitor):
            def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> bool:
                return False

            def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
                line = merger.positions[node].start.line
                if line in merger.gone:
                    merger.bodies[line] = node
                return False

        module.visit(Reader())

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> bool:
        return False

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        # Twins stand in modules and classes.
        return False

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement] | cst.RemovalSentinel:
        line = self.positions[original_node].start.line
        if line in self.gone:
            return cst.RemovalSentinel.REMOVE
        twin = self.by_line.get(line)
        if twin is None:
            return updated_node
        merged = updated_node.with_changes(asynchronous=cst.Asynchronous())
        if twin.verdict == "async body":
            merged = merged.with_changes(body=_joined_body(updated_node, self.bodies[twin.async_line], twin.renames))
        alias = cst.SimpleStatementLine(
            [cst.Assign([cst.AssignTarget(cst.Name(twin.async_name))], cst.Name(twin.name))],
            leading_lines=[cst.EmptyLine(indent=False)],
        )
        return cst.FlattenSentinel([merged, alias])

    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> cst.ClassDef:
        if self.positions[original_node].start.line not in self.roots:
            return updated_node
        bases = (
            [cst.Arg(cst.Name(_BASE_CLASS)), *updated_node.bases]
            if not updated_node.bases
            else _with_base(updated_node)
        )
        return updated_node.with_changes(
            bases=bases, lpar=cst.LeftParen() if not updated_node.bases else updated_node.lpar,
            rpar=cst.RightParen() if not updated_node.bases else updated_node.rpar,
        )  # fmt: skip


def _with_base(node: cst.ClassDef) -> list[cst.Arg]:
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    if isinstance(node.bases[-1].value, cst.Name) and node.bases[-1].value.value == "object":
        # Every class is an `object`: behind it no base can stand.
        return [*node.bases[:-1], cst.Arg(cst.Name(_BASE_CLASS), comma=comma), node.bases[-1]]
    last = node.bases[-1].with_changes(comma=comma)
    more = bool(node.keywords)
    return [*node.bases[:-1], last, cst.Arg(cst.Name(_BASE_CLASS), comma=comma if more else cst.MaybeSentinel.DEFAULT)]


def _joined_body(
    sync: cst.FunctionDef, asynchronous: cst.FunctionDef, renames: tuple[tuple[str, str], ...]
) -> cst.BaseSuite:
    """The async body under the sync one's docstring, with the names of other twins made canonical."""
    body = asynchronous.body.visit(_Renamer(dict(renames)))
    assert isinstance(body, cst.BaseSuite)
    docstring = _docstring_line(sync)
    if docstring is None or not isinstance(body, cst.IndentedBlock):
        return body
    rest = body.body[1:] if _docstring_line(asynchronous) is not None else body.body
    return body.with_changes(body=[docstring, *rest])


def _docstring_line(node: cst.FunctionDef) -> cst.BaseStatement | None:
    if not isinstance(node.body, cst.IndentedBlock) or not node.body.body or node.get_docstring(clean=False) is None:
        return None
    first = node.body.body[0]
    return first if isinstance(first, cst.SimpleStatementLine) else None


class _Renamer(cst.CSTTransformer):
    def __init__(self, renames: Mapping[str, str]):
        super().__init__()
        self.renames = renames

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        return updated_node.with_changes(value=self.renames.get(updated_node.value, updated_node.value))

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.Attribute:
        name, receiver = original_node.attr.value, cst.Module([]).code_for_node(original_node.value)
        return updated_node if _may_be_renamed(name, receiver) else updated_node.with_changes(attr=original_node.attr)

    def leave_Arg(self, original_node: cst.Arg, updated_node: cst.Arg) -> cst.Arg:
        return updated_node.with_changes(keyword=original_node.keyword)

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        """``x.acall(...)`` is ``x(...)``; ``super().__call__(...)`` has no shorter form."""
        function = updated_node.func
        if isinstance(function, cst.Attribute) and function.attr.value == "__call__":
            called = function.value
            is_super = (
                isinstance(called, cst.Call) and isinstance(called.func, cst.Name) and called.func.value == "super"
            )
            if not is_super:
                return updated_node.with_changes(func=called)
        return updated_node
