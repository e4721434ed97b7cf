"""Reads source files into a :class:`~codemods.program.model.Program`."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath
from typing import cast

from codemods.errors import ToolError
from codemods.program.model import ClassInfo, FunctionInfo, ModuleInfo, Program
from codemods.syntax import LEAVES, children, parsed, walk

_LINE_END = re.compile(r"\r\n|\r|\n")
"""As Python counts lines."""
_OWN = "own_nodes"
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_WITH_BODY = (*_SCOPES, ast.Module)
_BINDING = frozenset(
    {ast.Name, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.ExceptHandler,
     ast.MatchAs, ast.MatchStar, ast.MatchMapping}
)  # fmt: skip
"""Nodes that may bind a name: the others, most of all, are passed over."""
_REGISTERED = frozenset({*_SCOPES, ast.Import, ast.ImportFrom})
_OUTER = (ast.Global, ast.Nonlocal)
_TELLING = frozenset({ast.Expr, ast.Yield, ast.YieldFrom, ast.Return})
"""Nodes that say what kind of function they stand in."""


class InvalidSourceError(ToolError):
    """A file is not valid Python; names file and line."""


def build_program(files: Mapping[str, str], library: Program | None = None) -> Program:
    """Build the model of ``files`` (posix path to text; other files than ``*.py`` are ignored).

    With a ``library``, ``files`` are a program that uses it: its modules can be named, and only ``files`` are the
    program's own. The result does not depend on the order of ``files``. Raises :class:`InvalidSourceError`.
    """
    program = Program({}, {}, {}, {}, {}, {}, {}, {}) if library is None else _extended(library)
    own: list[ModuleInfo] = []
    trees = {module.tree for module in program.modules.values()}
    for path in sorted(files):
        if path.endswith(".py"):
            module = read_module(path, files[path], trees)
            trees.add(module.tree)
            program.modules[module.name] = module
            own.append(module)
    if library is not None:
        program.own = frozenset(module.name for module in own)
    for module in own:
        _Collector(program, module).collect()
    _link_bases(program)
    return program


def _extended(library: Program) -> Program:
    return Program(
        dict(library.modules),
        dict(library.classes),
        dict(library.functions),
        dict(library.function_of),
        dict(library.class_of),
        dict(library.module_names),
        dict(library.imports),
        dict(library.stars),
        dict(library.exports),
        dict(library.further),
    )


def read_module(path: str, text: str, trees: Collection[ast.Module] = ()) -> ModuleInfo:
    """Parse one file; raises :class:`InvalidSourceError` with its path and line.

    ``trees`` are those of other files of the model, which keys what it knows by nodes: this one has others.
    """
    try:
        tree = parsed(text)
        if tree in trees:
            tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise InvalidSourceError(
            f"{path}:{_error_line(text, error)}: not valid Python: {getattr(error, 'msg', error)}",
            remedy="Mend this file in the source tree (or take another release), then run the command again.",
        ) from error
    pure = PurePosixPath(path)
    is_package = pure.name == "__init__.py"
    parts = pure.parent.parts if is_package else pure.with_suffix("").parts
    return ModuleInfo(".".join(parts), path, text, tree, is_package, text.isascii(), _LINE_END.split(text))


def _error_line(text: str, error: SyntaxError | ValueError) -> int:
    """The line that an error is about; of a null byte Python does not say where it is."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    return line if line is not None else len(_LINE_END.split(text[: max(text.find("\0"), 0)]))


def dotted(node: ast.AST) -> str | None:
    """``a.b.c`` for a chain of names, else None."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else None
    return None


def decorator_name(node: ast.expr) -> str:
    """The dotted name of a decorator, called or not."""
    return dotted(node.func if isinstance(node, ast.Call) else node) or "<expression>"


def iter_own(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes that run in the scope of ``node``: nested functions and classes are yielded, not entered.

    Decorators, defaults and annotations of nested definitions are evaluated outside of them, so they are entered.
    """
    if not isinstance(node, _WITH_BODY):
        return _walk_own(node)
    # Asked some thirty times of each scope: kept with the node, whose tree nothing changes.
    known = cast("tuple[ast.AST, ...] | None", node.__dict__.get(_OWN))
    if known is None:
        known = node.__dict__[_OWN] = tuple(_walk_own(node))
    return iter(known)


def _walk_own(node: ast.AST) -> Iterator[ast.AST]:
    stack = _own_children(node)[::-1]
    while stack:
        current = stack.pop()
        yield current
        if current.__class__ in LEAVES:
            continue
        below = _outer_parts(current) if isinstance(current, _SCOPES) else children(current)
        below.reverse()
        stack += below


def _own_children(node: ast.AST) -> list[ast.AST]:
    if isinstance(node, ast.Lambda):
        return [node.body]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
        return list(node.body)
    return list(ast.iter_child_nodes(node))


def _outer_parts(node: ast.AST) -> list[ast.AST]:
    if isinstance(node, ast.ClassDef):
        return [*node.decorator_list, *node.bases, *node.keywords]
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return [*decorators, *node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]


class _Collector:
    """Registers a module's classes, functions and imports."""

    def __init__(self, program: Program, module: ModuleInfo):
        self.program = program
        self.module = module

    def collect(self) -> None:
        self.program.module_names[self.module.name] = bound_names(self.module.tree)
        self.program.stars[self.module.name] = []
        listed = _exported(self.module.tree)
        if listed is not None:
            self.program.exports[self.module.name] = listed
        self._scope(self.module.tree, "", None, None)

    def _scope(self, node: ast.AST, prefix: str, owner: ClassInfo | None, parent: FunctionInfo | None) -> None:
        lambdas = 0
        for child in iter_own(node):
            if child.__class__ not in _REGISTERED:
                continue
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                self._function(child, self._unique(prefix + child.name), owner, parent)
            elif isinstance(child, ast.Lambda):
                lambdas += 1
                self._function(child, self._unique(f"{prefix}<lambda{lambdas}>"), None, parent)
            elif isinstance(child, ast.ClassDef):
                self._class(child, self._unique(prefix + child.name), parent)
            elif isinstance(child, ast.Import | ast.ImportFrom) and parent is None:
                self._import(child)

    def _unique(self, qualname: str) -> str:
        """A second definition under the same name (overloads, branches, setters) gets a number."""
        candidate, number = qualname, 1
        while self._taken(candidate):
            number += 1
            candidate = f"{qualname}#{number}"
        return candidate

    def _taken(self, qualname: str) -> bool:
        symbol = f"{self.module.name}:{qualname}"
        return symbol in self.program.functions or symbol in self.program.classes

    def _function(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
        qualname: str,
        owner: ClassInfo | None,
        parent: FunctionInfo | None,
    ) -> None:
        decorators = () if isinstance(node, ast.Lambda) else tuple(decorator_name(d) for d in node.decorator_list)
        info = FunctionInfo(qualname, self.module, node, owner, parent, decorators)
        info.locals, info.nonlocals = _local_names(node)
        telling = [n for n in iter_own(node) if n.__class__ in _TELLING]
        statements = {n.value for n in telling if isinstance(n, ast.Expr)}
        info.delegates = any(isinstance(n, ast.YieldFrom) and n not in statements for n in telling)
        info.is_sent_values = any(isinstance(n, ast.Yield) and n not in statements for n in telling)
        info.is_generator = any(isinstance(n, ast.Yield | ast.YieldFrom) for n in telling)
        info.returns_from_generator = info.is_generator and any(
            isinstance(n, ast.Return) and n.value is not None for n in telling
        )
        self.program.functions[info.symbol] = info
        self.program.function_of[node] = info
        first = info.symbol.rpartition("#")[0] if "#" in qualname.rpartition(".")[2] else ""
        if first in self.program.functions and not info.is_property:
            self.program.further.setdefault(first, []).append(info)
        if owner is not None and not isinstance(node, ast.Lambda):
            owner.methods.setdefault(node.name, info)
        elif parent is not None and not isinstance(node, ast.Lambda):
            parent.nested[node.name] = info
        self._scope(node, f"{qualname}.<locals>.", None, info)

    def _class(self, node: ast.ClassDef, qualname: str, parent: FunctionInfo | None) -> None:
        info = ClassInfo(qualname, self.module, node, parent)
        self.program.classes[info.symbol] = info
        self.program.class_of[node] = info
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                info.annotations[statement.target.id] = statement.annotation
            elif isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name):
                names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
                info.aliases.update(dict.fromkeys(names, statement.value.id))
        self._scope(node, f"{qualname}.", info, parent)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name, target in import_bindings(node, self.module):
            if name == "*":
                self.program.stars[self.module.name].append(target[0])
            else:
                self.program.imports.setdefault((self.module.name, name), target)


def import_bindings(node: ast.Import | ast.ImportFrom, module: ModuleInfo) -> list[tuple[str, tuple[str, str | None]]]:
    """What an import binds: ``(name, (module, attribute))``; the attribute is None for a module, name ``*`` a star."""
    if isinstance(node, ast.Import):
        return [
            (alias.asname, (alias.name, None))
            if alias.asname
            else (alias.name.split(".")[0], (alias.name.split(".")[0], None))
            for alias in node.names
        ]
    base = node.module or ""
    if node.level:
        parts = module.name.split(".")
        parts = parts[: len(parts) - node.level + (1 if module.is_package else 0)]
        base = ".".join([*parts, *([node.module] if node.module else [])])
    return [(alias.asname or alias.name, (base, alias.name)) for alias in node.names]


def _exported(tree: ast.Module) -> frozenset[str] | None:
    """The names in ``__all__``, where it is written down in one place."""
    mentions = [n for n in walk(tree) if isinstance(n, ast.Name) and n.id == "__all__"]
    for statement in tree.body if len(mentions) == 1 else ():
        if isinstance(statement, ast.Assign) and mentions[0] in statement.targets:
            listed = statement.value.elts if isinstance(statement.value, ast.List | ast.Tuple) else []
            names = [e.value for e in listed if isinstance(e, ast.Constant) and isinstance(e.value, str)]
            return frozenset(names) if len(names) == len(listed) and names else None
    return None


def bound_names(node: ast.AST) -> set[str]:
    """Names that statements in this scope bind."""
    names: set[str] = set()
    for child in iter_own(node):
        if child.__class__ not in _BINDING:
            continue
        if isinstance(child, ast.Name):
            if not isinstance(child.ctx, ast.Load):
                names.add(child.id)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(child.name)
        elif isinstance(child, ast.Import | ast.ImportFrom):
            names.update((a.asname or a.name.split(".")[0]) for a in child.names if a.name != "*")
        elif isinstance(child, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and child.name:
            names.add(child.name)
        elif isinstance(child, ast.MatchMapping) and child.rest:
            names.add(child.rest)
    return names


def all_bound_names(tree: ast.AST) -> set[str]:
    """Names bound anywhere in a module: by statements, definitions and parameters."""
    names = {node.arg for node in walk(tree) if isinstance(node, ast.arg)}
    for node in walk(tree):
        if isinstance(node, _WITH_BODY):
            names |= bound_names(node)
    return names


def _local_names(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> tuple[set[str], set[str]]:
    arguments = node.args
    names = {a.arg for a in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]}
    names |= {a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None}
    outer: set[str] = set()
    for child in iter_own(node):
        if isinstance(child, _OUTER):
            outer.update(child.names)
    names |= bound_names(node)
    return names - outer, outer


def _link_bases(program: Program) -> None:
    from codemods.program.names import resolve_class

    for cls in program.own_classes():
        for base in cls.node.bases:
            expression = base.value if isinstance(base, ast.Subscript) else base
            found = resolve_class(program, cls, expression)
            if found is not None and found is not cls:
                cls.add_base(found)
                if not program.owns(found.symbol):
                    program.links.append((found, cls))
            elif found is None:
                cls.external_bases.append(dotted(expression) or "<expression>")
