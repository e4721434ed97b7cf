"""The process that imports the package's modules, where its dependencies are and nothing else.

Most of its time goes into what the package needs, so it can be started before there is a package.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from codemods.errors import ToolError
from codemods.syntax import parsed
from codemods.verify.model import PACKAGE

IMPORT_SECONDS = 300
_SCRIPT = """
import gc, importlib, json, os, sys, traceback
gc.disable()
# A module may take over the process's streams as it is imported: one that is run as a program of its own, say.
answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
for name in json.loads(sys.stdin.readline()):
    try:
        importlib.import_module(name)
    except BaseException:
        pass  # The module that needs it says so below.
asked = sys.stdin.readline()
if not asked:
    sys.exit()  # Nobody wants to know any more.
root, modules = json.loads(asked)
# The environment's bytecode is kept, for the next time; the package's is not: its folder is about to be moved.
sys.dont_write_bytecode = True
sys.path.insert(0, root)
outcome = {}
for name in modules:
    try:
        importlib.import_module(name)
    except BaseException as error:
        missing, cause = None, error
        while cause is not None and missing is None:
            missing = cause.name if isinstance(cause, ModuleNotFoundError) else None
            cause = cause.__cause__ or cause.__context__
        text = "".join(traceback.format_exception_only(type(error), error)).strip()
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(root + "/dspy/")]
        place = [frames[-1].filename[len(root) + 1 :], frames[-1].lineno] if frames else None
        outcome[name] = [text, missing, place]
answer.write("\\n" + json.dumps(outcome) + "\\n")
answer.flush()
# What the modules have registered for the end, and their threads, are no business of this check.
os._exit(0)
"""


@dataclass(frozen=True)
class ImportFailure:
    """Why a module did not import: the error, the missing module if that is it, and where in the package it arose."""

    text: str
    missing: str | None
    place: tuple[str, int] | None


class Importer:
    """The process. It starts at once, with what the package needs.

    Args:
        python: an interpreter whose environment has the package's dependencies, and not the package.
        needed: names of modules to import before the package's own.

    Raises:
        ToolError: it does not start.
    """

    def __init__(self, python: Path, needed: Iterable[str]) -> None:
        self.python = python
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DSPY"))}
        # litellm would otherwise ask the internet for its price list.
        environment["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        command = [str(python), "-I", "-W", "error::SyntaxWarning", "-c", _SCRIPT]
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment)
        except OSError as error:
            raise self._did_not_run(error) from error
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # Why it has ended is told by the answer.
            self._process.stdin.write(json.dumps(sorted(needed)) + "\n")
            self._process.stdin.flush()

    def import_all(self, package_root: Path, modules: list[str]) -> dict[str, ImportFailure]:
        """Import every module of a package, and tell of those that failed. Asked once.

        Raises:
            ToolError: the process came to no answer.
        """
        asked = json.dumps([str(package_root.resolve()), modules]) + "\n"
        try:
            said, errors = self._process.communicate(asked, timeout=IMPORT_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            self.close()
            raise self._did_not_run(error) from error
        if self._process.returncode:
            raise ToolError(
                f"the import check ended with status {self._process.returncode}:\n{errors[-2000:]}",
                remedy="A module of the package ends the interpreter when it is imported; see the text above.",
            )
        outcome = cast("dict[str, tuple[str, str | None, list[Any] | None]]", json.loads(said.splitlines()[-1]))
        return {
            name: ImportFailure(text, missing, (place[0], place[1]) if place else None)
            for name, (text, missing, place) in outcome.items()
        }

    def close(self) -> None:
        """End the process, whatever it does."""
        with self._process:  # Its streams are closed, and it is waited for.
            if self._process.poll() is None:
                self._process.kill()

    def _did_not_run(self, error: Exception) -> ToolError:
        remedy = f"See that {self.python} starts, and try again."
        return ToolError(f"the import check did not run: {error}", remedy=remedy)


def importable(files: Mapping[str, str]) -> list[str]:
    """The paths of modules that are meant to be imported, in order.

    Left out is what does not parse, and what does nothing but refuse, with a word on where its contents went.
    """
    found: list[str] = []
    for path in sorted(files):
        with suppress(SyntaxError, ValueError):
            if not _is_notice(parsed(files[path])):
                found.append(path)
    return found


def _is_notice(tree: ast.Module) -> bool:
    documented = ast.get_docstring(tree, clean=False) is not None
    return [type(statement) for statement in tree.body[documented:]] == [ast.Raise]


def needed(trees: Iterable[ast.Module]) -> set[str]:
    """The packages that modules import as they are imported themselves, but for the standard library and this one."""
    statements = [node for tree in trees for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [
        name
        for node in statements
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [_module(node)])
    ]
    return {name.split(".")[0] for name in names} - {PACKAGE} - sys.stdlib_module_names


def _module(node: ast.ImportFrom) -> str:
    return PACKAGE if node.level or node.module is None else node.module
