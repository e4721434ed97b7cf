"""What is certainly wrong with a file whatever stands in the others. It is kept from run to run, by the file's text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from codemods.kept import Store, digest
from codemods.rules import Rules
from codemods.syntax import parsed
from codemods.verify.defects import Defect
from codemods.verify.globals import global_settings
from codemods.verify.grammar import Grammar, check_grammar
from codemods.verify.loop import blocking, shape
from codemods.verify.model import Module, Package


@dataclass(frozen=True)
class Alone:
    """What a file says by itself.

    Args:
        parses: whether there is a tree of it.
        defects: what is wrong with it.
    """

    parses: bool
    defects: tuple[Defect, ...]


def check_alone(
    files: Mapping[str, str], declared: Mapping[str, str], rules: Rules, store: Store
) -> tuple[Package, dict[str, Alone]]:
    """The model of a package, and what each of its files says by itself.

    Args:
        files: their texts by posix path.
        declared: modules and names that may touch global settings, with the reason.
        rules: say which files are of another package. Of these the grammar is looked at and nothing else.
        store: where outcomes are looked up and kept.
    """
    others = {path for path in files if rules.is_vendored(path)}
    keys = {path: digest("alone", path, text, declared, str(path in others)) for path, text in files.items()}
    alone = {path: found for path, key in keys.items() if (found := store.found(Alone, key)) is not None}
    grammar = {path: check_grammar(path, text) for path, text in files.items() if path not in alone}
    trees = {path: parsed(text) for path, text in files.items() if (alone.get(path) or grammar[path]).parses}
    package = Package(trees)
    modules = {module.path: module for module in package.modules.values()}
    for path, found in grammar.items():
        module = None if path in others else modules.get(path)
        alone[path] = _outcome(found, module, declared)
        store.put(Alone, keys[path], alone[path])
    return package, alone


def _outcome(grammar: Grammar, module: Module | None, declared: Mapping[str, str]) -> Alone:
    defects = list(grammar.defects)
    if module is not None:
        defects += [*global_settings(module, declared), *blocking(module), *shape(module)]
    return Alone(grammar.parses, tuple(defects))
