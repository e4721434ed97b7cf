"""What ruff finds in the output and not in upstream's own files: blocking calls in coroutines, names left or lost.

Findings are told apart by rule, file and name, and counted: lines move, and upstream's faults are not ours to mend.
For a rule about coroutines the name is the enclosing function's, which is upstream's only if upstream's was one, too.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, TypeAdapter, ValidationError

from codemods.errors import ToolError
from codemods.kept import Store, digest
from codemods.verify.defects import Defect
from codemods.verify.grammar import OLDEST
from codemods.verify.scopes import scope_at

RULES = ("ASYNC1", "ASYNC2", "F401", "F811", "F821", "F841")
"""Blocking calls and misuse of tasks; imports and names that are unused, defined twice, or not there."""

_IN_MESSAGE = re.compile(r"`([^`]*)`")

Key = tuple[str, str, str]
"""Rule, path and name: what stays the same of a finding where its line does not."""


class _Location(BaseModel):
    row: int


class _Finding(BaseModel):
    """One of ruff's findings, as far as it is used. `code` is None for a file that does not parse."""

    filename: Path
    code: str | None
    message: str
    location: _Location


_FINDINGS = TypeAdapter(list[_Finding])


@dataclass(frozen=True)
class _Said:
    """What ruff says of one file: rule, name, line and message of each finding, in the order of lines."""

    findings: tuple[tuple[str, str, int, str], ...]


def beyond_upstream(files: Mapping[str, str], upstream: Mapping[str, str], store: Store) -> Iterator[Defect]:
    """Finds what ruff says of the package and does not say of upstream.

    Args:
        files: the package's texts, by path.
        upstream: upstream's texts, by path. A file that upstream does not have is judged by itself.
        store: where what it says of a file is looked up and kept.

    Raises:
        ToolError: ruff could not be run.
    """
    said = _said(files, store)
    # Of the others, upstream's need not be known.
    found = [path for path in files if said[path].findings]
    old = _by_key(_said({path: upstream[path] for path in found if path in upstream}, store))
    for key, findings in _by_key(said).items():
        # Which of several is the new one cannot be told; the last ones are as good as any.
        for line, message in findings[len(old.get(key, ())) :]:
            yield Defect(key[1], line, "ruff", f"{key[0]} {message}")


def _by_key(said: Mapping[str, _Said]) -> dict[Key, list[tuple[int, str]]]:
    """The findings as (line, message), in the order of lines."""
    keyed: defaultdict[Key, list[tuple[int, str]]] = defaultdict(list)
    for path, each in said.items():
        for rule, name, line, message in each.findings:
            keyed[rule, path, name].append((line, message))
    return keyed


def _said(files: Mapping[str, str], store: Store) -> dict[str, _Said]:
    """What ruff says of each file. Its rules look at one at a time, so that it is kept by the file's text."""
    keys = {path: digest("ruff", path, text, RULES) for path, text in files.items()}
    said = {path: found for path, key in keys.items() if (found := store.found(_Said, key)) is not None}
    asked = {path: text for path, text in files.items() if path not in said}
    if asked:
        for path, findings in _asked(asked).items():
            said[path] = findings
            store.put(_Said, keys[path], findings)
    return said


def _asked(files: Mapping[str, str]) -> dict[str, _Said]:
    with TemporaryDirectory(prefix="dspy-async-") as folder:
        root = Path(folder).resolve()
        _write(root, files)
        found = _run(root, files)
    named: dict[str, list[tuple[str, str, int, str]]] = {path: [] for path in files}
    for finding in sorted(found, key=lambda each: each.location.row):
        # What does not parse is a defect of the check for grammar.
        if finding.code is not None and finding.code != "invalid-syntax":
            path = finding.filename.resolve().relative_to(root).as_posix()
            name = _name(finding, files[path])
            named[path].append((finding.code, name, finding.location.row, finding.message))
    return {path: _Said(tuple(findings)) for path, findings in named.items()}


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")


def _name(finding: _Finding, text: str) -> str:
    if finding.code is not None and finding.code.startswith("ASYNC"):
        return f"{scope_at(text, finding.location.row)}: {finding.message}"
    named = _IN_MESSAGE.search(finding.message)
    return named[1] if named else finding.message


def _run(folder: Path, paths: Iterable[str]) -> list[_Finding]:
    """Ruff's findings in these files. No configuration but this one counts, and no cache is left."""
    version = f"py{OLDEST[0]}{OLDEST[1]}"
    command = [
        *(sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--exit-zero", "--quiet"),
        *("--select", ",".join(RULES), "--target-version", version, "--output-format", "json", "--", *sorted(paths)),
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
    try:
        if done.returncode:
            raise ValueError(f"status {done.returncode}")
        return _FINDINGS.validate_json(done.stdout)
    except (ValidationError, ValueError) as error:
        raise ToolError(
            f"ruff could not check the generated package: {error}\n{done.stderr[-2000:]}",
            remedy="Install the toolchain with its dependencies; constraints.txt has versions that are known to work.",
        ) from error
