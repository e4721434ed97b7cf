"""Stage 8: what is cheap and certain about a generated package, before anything is called a success.

It looks at the emitted files alone, with a small model of its own. It shares no code with the stages that made them:
a mistake in the program model or in the coloring would otherwise hide itself. In return it says nothing where it
does not know, so a finding here is a defect and not a hint.

The checks, by the name a `Defect` carries:

* `grammar`: the file parses and compiles with the grammar of the oldest Python the package supports.
* `await`: a coroutine is made and neither awaited nor handed to something that awaits it.
* `arguments`: a call whose target is certain gives it arguments it does not take, or too few.
* `settings`: global settings, or configuration of a thread, task or context, are read on a call path.
* `blocking`: a call that blocks stands directly in a coroutine, or a thread's lock is held across an `await`.
* `shape`: an `async def` where Python or a decorator cannot wait for it.
* `ruff`: ruff finds a blocking call in a coroutine, or an unused or unknown name, that upstream does not have.
* `types`: a type checker finds a kind of error, or a misused coroutine, where upstream has none; only where asked for.
* `import`: a module does not import in an environment with the package's dependencies and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from codemods.errors import ToolError
from codemods.kept import Store
from codemods.rules import load_rules
from codemods.syntax import parsed
from codemods.verify.alone import check_alone
from codemods.verify.arguments import wrong_arguments
from codemods.verify.awaits import lost_coroutines
from codemods.verify.checker import Checker
from codemods.verify.defects import Defect
from codemods.verify.globals import DECLARED
from codemods.verify.grammar import OLDEST
from codemods.verify.importer import Importer, importable, needed
from codemods.verify.imports import OptionalImport, dependency_environment, judge_imports
from codemods.verify.lint import beyond_upstream
from codemods.verify.model import PACKAGE, module_name
from codemods.verify.types import beyond_upstream as new_type_errors

__all__ = [
    "DECLARED",
    "OLDEST",
    "Checker",
    "Defect",
    "Importer",
    "OptionalImport",
    "VerifyResult",
    "dependency_environment",
    "needed",
    "verify",
]


@dataclass(frozen=True)
class VerifyResult:
    """What was checked and found. `skipped` names each check that was not made, with the reason."""

    files: int
    coroutines: int
    imported: int
    defects: tuple[Defect, ...]
    optional: tuple[OptionalImport, ...]
    skipped: tuple[str, ...]
    seconds: Mapping[str, float]

    def require(self) -> VerifyResult:
        """Itself, if nothing was found; else a ToolError that lists the defects."""
        if self.defects:
            listed = "\n".join(f"  {defect}" for defect in self.defects)
            raise ToolError(
                f"the generated package has {len(self.defects)} defect(s):\n{listed}",
                remedy="Each is the fault of a rule, a pass or a patch: `dspy-async explain SYMBOL` shows why.",
            )
        return self


def verify(
    package_root: Path,
    *,
    python: Path | None = None,
    importer: Importer | None = None,
    no_python: str = "no environment with the package's dependencies was given",
    upstream: Mapping[str, str] | None = None,
    checker: Checker | None = None,
    declared: Mapping[str, str] = DECLARED,
    store: Store | None = None,
) -> VerifyResult:
    """Checks the generated package that lies under `package_root`.

    Args:
        package_root: the folder that holds `dspy/` and, for the extras, `pyproject.toml`.
        python: an interpreter whose environment has the package's dependencies and not the package, as
            `dependency_environment` makes it. None leaves out the import check.
        importer: a process of that interpreter which was started before. It is asked, and not closed.
        no_python: why `python` is None; it becomes the reason in `skipped`.
        upstream: upstream's files by path. What ruff finds in them is upstream's. An import that fails for want of
            a distribution which upstream's file of the same path imports too, or which an extra names, is optional
            and no defect. None leaves out the checks that compare the two: ruff's and that of types.
        checker: the type checker. None leaves it out: it takes longer than everything else together.
        declared: modules and names that may touch global settings, with the reason.
        store: keeps what each file says by itself, which changes nothing of it.

    Raises:
        ToolError: the folder holds no package, or ruff, the type checker or the import check could not be run.
    """
    seconds: dict[str, float] = {}
    files = _read(package_root)
    rules = load_rules()
    skipped: list[str] = []
    with ThreadPoolExecutor(2) as beside:
        # Ruff and the imports are processes of their own, which take no time from the others where there is a core.
        meant = importable(files)
        importing = None
        if python is not None:
            asked = importer or Importer(python, needed(parsed(files[path]) for path in meant))
            importing = beside.submit(asked.import_all, package_root, sorted(map(module_name, meant)))
        linting = beside.submit(_linted, files, upstream, store or Store()) if upstream is not None else None

        started = time.perf_counter()
        package, alone = check_alone(files, declared, rules, store or Store())
        defects = [defect for found in alone.values() for defect in found.defects]
        seconds["alone"] = time.perf_counter() - started

        started = time.perf_counter()
        for module in package.modules.values():
            if not rules.is_vendored(module.path):
                defects += [*lost_coroutines(package, module), *wrong_arguments(package, module)]
        seconds["calls"] = time.perf_counter() - started

        started = time.perf_counter()
        if linting is None:
            skipped.append("ruff: upstream's files were not given, to compare with")
        else:
            defects += linting.result()
        seconds["ruff"] = time.perf_counter() - started

        started = time.perf_counter()
        if checker is None or upstream is None:
            skipped.append("types: left out, as it takes a minute; --types makes it, and so does `nox -s types`")
        elif any(each.check == "grammar" for each in defects):
            skipped.append("types: a file that does not parse has none")
        else:
            defects += new_type_errors(checker, files, upstream)
        seconds["types"] = time.perf_counter() - started

        started = time.perf_counter()
        imported, optional = 0, ()
        if importing is None:
            skipped.append(f"import: {no_python}")
        else:
            failed, optional = judge_imports(importing.result(), package_root, upstream or {}, package)
            defects += failed
            imported = len(meant) - len(failed) - len(optional)
        seconds["import"] = time.perf_counter() - started
    return VerifyResult(
        files=len(files),
        coroutines=package.coroutines,
        imported=imported,
        defects=tuple(sorted(set(defects))),
        optional=tuple(optional),
        skipped=tuple(skipped),
        seconds=seconds,
    )


def _linted(files: Mapping[str, str], upstream: Mapping[str, str], store: Store) -> list[Defect]:
    return list(beyond_upstream(files, upstream, store))


def _read(package_root: Path) -> dict[str, str]:
    found = sorted((package_root / PACKAGE).rglob("*.py"))
    if not found:
        raise ToolError(
            f"there is no package to verify: {package_root / PACKAGE} has no Python file",
            remedy="Run `dspy-async sync` first, or point at the folder it wrote.",
        )
    return {file.relative_to(package_root).as_posix(): file.read_text("utf-8") for file in found}
