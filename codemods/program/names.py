"""What a dotted name means: follows imports, re-exports and star imports through the package."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from codemods.program.build import dotted, import_bindings, iter_own
from codemods.program.model import ClassInfo, FunctionInfo, ModuleInfo, Program
from codemods.syntax import walk


@dataclass(frozen=True)
class Target:
    """A name's meaning: a module (``name`` is None), or a module-level name of one.

    ``external`` is true where the module is not part of the program; ``module`` is then a dotted name.
    """

    module: str
    name: str | None
    external: bool = False

    @property
    def dotted(self) -> str:
        """The dotted name of what is meant."""
        return self.module if self.name is None else f"{self.module}.{self.name}"


def resolve_global(program: Program, module: str, name: str) -> Target | None:
    """The defining place of a module-level name; None if the module does not bind it."""
    place = (module, name)
    if place not in program.meant:
        program.meant[place] = _resolve(program, module, name, frozenset())
    return program.meant[place]


def _resolve(program: Program, module: str, name: str, seen: frozenset[tuple[str, str]]) -> Target | None:
    if (module, name) in seen:
        return None
    seen = seen | {(module, name)}
    imported = program.imports.get((module, name))
    defined = _defined_here(program, module, name)
    if imported is not None and not defined:
        return resolve_import(program, imported, seen)
    if name in program.module_names[module]:
        return Target(module, name)
    for star in reversed(program.stars[module]):
        if star in program.modules and _is_exported(program, star, name):
            found = _resolve(program, star, name, seen)
            if found is not None:
                return found
    submodule = f"{module}.{name}"
    return Target(submodule, None) if submodule in program.modules else None


def _is_exported(program: Program, module: str, name: str) -> bool:
    """Whether a star import of ``module`` takes the name."""
    listed = program.exports.get(module)
    return not name.startswith("_") if listed is None else name in listed


def _defined_here(program: Program, module: str, name: str) -> bool:
    symbol = f"{module}:{name}"
    return symbol in program.functions or symbol in program.classes


def resolve_import(
    program: Program, imported: tuple[str, str | None], seen: frozenset[tuple[str, str]] = frozenset()
) -> Target:
    """The meaning of what an import statement binds."""
    base, attribute = imported
    if base not in program.modules:
        return Target(base, attribute, external=True)
    if attribute is None:
        return Target(base, None)
    found = _resolve(program, base, attribute, seen)
    if found is not None:
        return found
    submodule = f"{base}.{attribute}"
    if submodule in program.modules:
        return Target(submodule, None)
    foreign = foreign_star(program, base)
    return Target(base, attribute) if foreign is None else Target(foreign, attribute, external=True)


def module_attribute(program: Program, module: str, name: str) -> Target | None:
    """The defining place of ``module.name``; what the program does not define may come from a foreign star import."""
    found = resolve_global(program, module, name)
    foreign = foreign_star(program, module) if found is None else None
    return Target(foreign, name, external=True) if foreign is not None else found


def foreign_star(program: Program, module: str) -> str | None:
    """The module outside of the program that names of ``module`` may come from, by a star import."""
    return next((star for star in program.stars[module] if star not in program.modules), None)


def local_imports(program: Program, function: FunctionInfo) -> dict[str, Target]:
    """Names bound by import statements inside ``function``."""
    found: dict[str, Target] = {}
    for node in iter_own(function.node):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name, imported in import_bindings(node, function.module):
                found[name] = resolve_import(program, imported)
    return found


def resolve_class(program: Program, cls: ClassInfo, expression: ast.expr) -> ClassInfo | None:
    """The class of the package that a base expression of ``cls`` names."""
    name = dotted(expression)
    if name is None:
        return None
    first, *rest = name.split(".")
    scope = cls.scope
    while scope is not None:
        nested = program.classes.get(f"{cls.module.name}:{scope.qualname}.<locals>.{name}")
        if nested is not None:
            return nested
        imported = local_imports(program, scope).get(first)
        if imported is not None:
            return class_at(program, follow(program, imported, rest))
        scope = scope.parent
    sibling = cls.qualname.rsplit(".", 1)[0] + "." + name if "." in cls.qualname else name
    direct = program.classes.get(f"{cls.module.name}:{sibling}")
    if direct is not None and direct is not cls:
        return direct
    return class_at(program, resolve_dotted(program, cls.module, name))


def resolve_dotted(program: Program, module: ModuleInfo, name: str) -> Target | None:
    """The meaning of ``a.b.c`` at a module's top level."""
    first, *rest = name.split(".")
    return follow(program, resolve_global(program, module.name, first), rest)


def follow(program: Program, target: Target | None, rest: list[str]) -> Target | None:
    """Follow attribute names from a target through modules."""
    for attribute in rest:
        if target is None:
            return None
        if target.external:
            target = Target(target.dotted, attribute, external=True)
        elif target.name is None:
            target = module_attribute(program, target.module, attribute)
        else:
            target = Target(target.module, f"{target.name}.{attribute}")
    return target


def class_at(program: Program, target: Target | None) -> ClassInfo | None:
    """The class of the program that a target names; None if it names something else."""
    if target is None or target.external or target.name is None:
        return None
    return program.classes.get(f"{target.module}:{target.name}")


def may_name_class(program: Program, module: ModuleInfo, annotation: ast.expr, symbol: str) -> bool:
    """Whether an annotation speaks of the class ``symbol``: by what its names mean, else by how they read."""
    package, name = symbol.split(".")[0], symbol.partition(":")[2]
    for node in walk(_unquoted(annotation)):
        text = dotted(node) if isinstance(node, ast.Name | ast.Attribute) else None
        if text is None or text.split(".")[-1] != name:
            continue
        target = resolve_dotted(program, module, text)
        if target is None or f"{target.module}:{target.name}" == symbol:
            return True
        if target.external and target.module.split(".")[0] == package:
            return True
    return False


def _unquoted(annotation: ast.expr) -> ast.expr:
    """An annotation without the quotes around it."""
    if not isinstance(annotation, ast.Constant) or not isinstance(annotation.value, str):
        return annotation
    try:
        return ast.parse(annotation.value, mode="eval").body
    except SyntaxError:
        return annotation
