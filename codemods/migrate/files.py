"""Programs as people keep them: which files a path names, how they are encoded, and what their modules are called."""

from __future__ import annotations

import ast
import codecs
import io
import os
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from codemods.errors import ToolError, UsageError
from codemods.suites import CONFIGURATION, awaits_all

SUFFIXES = (".py", ".ipynb")
_IGNORED = frozenset({"__pycache__", "node_modules", "site-packages"})
_ENVIRONMENT = "pyvenv.cfg"
_PROJECT = ("pyproject.toml", "setup.py", "setup.cfg", ".git")
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import|import[ \t]+([\w.]+(?:[ \t]*,[ \t]*[\w.]+)*))", re.MULTILINE
)


@dataclass(frozen=True)
class Encoding:
    """How a file's bytes are read as text, and back."""

    name: str
    mark: bytes = b""

    def encode(self, text: str) -> bytes:
        """The bytes of ``text``; what the encoding lacks (in a comment of ours) is escaped."""
        return self.mark + text.encode(self.name, errors="backslashreplace")


@dataclass(frozen=True)
class SourceFile:
    """One file of a program.

    Args:
        path: where it is.
        shown: how it is called in messages.
        content: its bytes.
        text: its text, with its own line ends.
        encoding: how the one is the other.
    """

    path: Path
    shown: str
    content: bytes
    text: str
    encoding: Encoding

    @property
    def is_notebook(self) -> bool:
        """Whether it is a notebook, by its name."""
        return self.path.suffix == ".ipynb"


def find_files(paths: Iterable[Path], *, without: Path | None = None) -> list[Path]:
    """The Python files and notebooks that ``paths`` name, each once, in order.

    Directories are searched, but for hidden ones, caches and virtual environments, and for ``without``.

    Raises:
        UsageError: a path is not there, or is no Python file or notebook.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            for each in sorted(_below(path, without.resolve() if without is not None else None)):
                found.setdefault(each)
        elif not path.exists():
            raise UsageError(f"{path} does not exist", remedy="Name files or directories with the program's code.")
        elif path.suffix not in SUFFIXES:
            raise UsageError(
                f"{path} is neither a Python file nor a notebook", remedy="Name .py and .ipynb files, or directories."
            )
        else:
            found.setdefault(path)
    unique: dict[Path, Path] = {}
    for path in found:
        unique.setdefault(path.resolve(), path)
    return list(unique.values())


def _below(directory: Path, without: Path | None) -> Iterator[Path]:
    for folder, names, files in os.walk(directory):
        here = Path(folder)
        names[:] = sorted(name for name in names if not _is_ignored(here / name, without))
        yield from (here / name for name in sorted(files) if name.endswith(SUFFIXES) and not name.startswith("."))


def _is_ignored(folder: Path, without: Path | None) -> bool:
    if folder.name.startswith(".") or folder.name in _IGNORED or (folder / _ENVIRONMENT).is_file():
        return True
    return without is not None and folder.resolve() == without


class UnreadableFileError(ToolError):
    """A file that is not text, or not Python; names file and line."""


def read_file(path: Path, shown: str) -> SourceFile:
    """Read a file, Python as its coding line says (PEP 263), notebooks as UTF-8.

    Raises:
        UnreadableFileError: it cannot be read, or not in its encoding.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableFileError(f"{shown}: {error.strerror}", remedy="See that it can be read.") from error
    try:
        encoding = _encoding(content) if path.suffix == ".py" else Encoding("utf-8")
        text = content[len(encoding.mark) :].decode(encoding.name)
    except (UnicodeDecodeError, SyntaxError, LookupError) as error:
        line = content[: error.start].count(b"\n") + 1 if isinstance(error, UnicodeDecodeError) else 1
        raise UnreadableFileError(
            f"{shown}:{line}: not in its encoding: {error}", remedy="Mend the file or its coding line."
        ) from error
    return SourceFile(path, shown, content, text, encoding)


def _encoding(content: bytes) -> Encoding:
    name, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    if name == "utf-8-sig":
        return Encoding("utf-8", codecs.BOM_UTF8)
    return Encoding(name)


def check_syntax(text: str, shown: str) -> None:
    """Raise :class:`UnreadableFileError`, with file and line, if ``text`` is not Python."""
    try:
        ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise UnreadableFileError(
            f"{shown}:{line}: not valid Python: {getattr(error, 'msg', None) or error}",
            remedy="Mend the file, then run the command again. It was left as it was.",
        ) from error


def awaits_every_test(path: Path) -> bool:
    """Whether the suite that a file belongs to is configured so that its tests are awaited without a marker."""
    folder = path.resolve().parent
    return _folder_awaits(folder)


@cache
def _folder_awaits(folder: Path) -> bool:
    """What the nearest configuration of pytest says, in the folder or above it."""
    for name in CONFIGURATION:
        try:
            said = awaits_all(name, (folder / name).read_text("utf-8"))
        except (OSError, UnicodeDecodeError):
            continue
        if said is not None:
            return said
    return folder.parent != folder and _folder_awaits(folder.parent)


# --- what modules are called ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Named:
    """A file with the directory that its imports start from, and its dotted name there."""

    path: Path
    root: Path
    name: str

    @property
    def module_path(self) -> str:
        """The name as the path of a module, as the engine takes it."""
        stem = self.name.replace(".", "/")
        return f"{stem}/__init__.py" if self.path.name == "__init__.py" else f"{stem}.py"


def name_modules(texts: Mapping[Path, str]) -> list[Named]:
    """What the modules of a program are called.

    A package's root is the directory above its topmost ``__init__.py``. A file that is in no package is named from its
    own directory, as a script's neighbours import it, or from a directory further up (its project's, or ``src``) where
    some file imports it by that name.
    """
    imported = {name for text in texts.values() for name in _imports(text)}
    return [_named(path, imported) for path in texts]


def _imports(text: str) -> Iterator[str]:
    for match in _IMPORT.finditer(text):
        names = [match[1]] if match[1] else [name.strip() for name in match[2].split(",")]
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[: count + 1]) for count in range(len(parts)))


def _named(path: Path, imported: set[str]) -> Named:
    path = path.resolve()
    root = path.parent
    while (root / "__init__.py").is_file():
        root = root.parent
    choices = [root, *_further_up(root)] if root == path.parent else [root]
    names = [(choice, _dotted(path, choice)) for choice in choices]
    chosen = next((each for each in names if each[1] in imported), names[0])
    return Named(path, *chosen)


def _further_up(folder: Path) -> Iterator[Path]:
    """Directories above that imports may start from, up to the project's."""
    current = folder
    while not any((current / name).exists() for name in _PROJECT):
        if current.parent == current:
            return
        current = current.parent
        yield current


def _dotted(path: Path, root: Path) -> str:
    relative = path.relative_to(root)
    parts = relative.parent.parts if path.name == "__init__.py" else relative.with_suffix("").parts
    return ".".join(parts) or path.parent.name


@dataclass(frozen=True)
class Group:
    """Modules that are one program: those to convert, and those of other groups that they import."""

    own: tuple[Named, ...]
    context: tuple[Named, ...] = ()


def programs(modules: Iterable[Named], texts: Mapping[Path, str]) -> list[Group]:
    """Modules in groups within which each name is one file's: most often one group.

    Directories with modules of the same names (two scripts' folders, say) are programs of their own. What they import
    from directories of another group is in theirs too, to be known.
    """
    by_root: dict[Path, dict[str, Named]] = {}
    for module in modules:
        by_root.setdefault(module.root, {})[module.name] = module
    groups: list[dict[str, Named]] = []
    for names in by_root.values():
        chosen = next((group for group in groups if not names.keys() & group.keys()), None)
        if chosen is None:
            groups.append(dict(names))
        else:
            chosen.update(names)
    everything = [module for group in groups for module in group.values()]
    return [Group(tuple(group.values()), _imported(group, everything, texts)) for group in groups]


def _imported(group: Mapping[str, Named], everything: Iterable[Named], texts: Mapping[Path, str]) -> tuple[Named, ...]:
    """Modules of other groups that a group imports, and those that they import, if their names are free."""
    others: dict[str, Named] = {}
    for module in everything:
        if module.name not in group:
            others.setdefault(module.name, module)
    found: dict[str, Named] = {}
    queue = list(group.values()) if others else []
    for module in queue:
        for name in _imports(texts[module.path]):
            if name in others and name not in found:
                found[name] = others[name]
                queue.append(others[name])
    return tuple(found[name] for name in sorted(found))
