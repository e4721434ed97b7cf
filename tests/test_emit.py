from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from codemods import emit
from codemods.emit import (
    HandEditsError,
    Lock,
    Package,
    build_package,
    check_target,
    compare,
    read_lock,
    staged,
)
from codemods.errors import ToolError
from codemods.pin import Pin
from codemods.source import SourceTree
from tests.releases import release_files

PIN = Pin.model_validate(
    {"version": "2.0.1", "commit": "c" * 40, "sdist_sha256": "a" * 64, "resolved_on": "2026-01-02"}
)


def make(version: str = "2.0.1", origin: str = "sdist", marker: str = "") -> Package:
    tree = SourceTree(version, origin, release_files(version))
    texts = {name: data.decode() + marker for name, data in tree.files.items() if name.endswith(".py")}
    return build_package(PIN, tree, {**texts, "dspy/added.py": "ADDED = True\n"})


def write(out: Path, package: Package, *, force: bool = False) -> None:
    with staged(out, package, force=force):
        pass


def content(out: Path) -> dict[str, bytes]:
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()}


def beside(out: Path) -> list[str]:
    return [path.name for path in out.parent.iterdir()]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "work" / "generated"


# --- what is written --------------------------------------------------------------------------------------------------


def test_everything_of_the_release_and_what_was_added_is_there() -> None:
    files = make().files
    upstream = {name for name in release_files("2.0.1") if name.startswith("dspy/")}
    assert upstream | {"dspy/added.py", "pyproject.toml", "README.md", "LICENSE", "sync.lock"} == set(files)
    assert files["dspy/primitives/runner.js"] == b"// runs\n"
    assert files["dspy/spaced/inner.py"].decode() == "X = '\u00e9'\n"


def test_a_dropped_file_is_an_error() -> None:
    tree = SourceTree("2.0.1", "sdist", release_files("2.0.1"))
    with pytest.raises(ToolError, match=r"missing from the output: dspy/__init__\.py, dspy/__metadata__\.py"):
        build_package(PIN, tree, {"dspy/primitives/module.py": "", "dspy/primitives/__init__.py": ""})


def test_metadata_is_upstreams_but_for_the_name_and_what_develops_it() -> None:
    metadata = tomllib.loads(make().files["pyproject.toml"].decode())
    project = metadata["project"]
    assert (project["name"], project["version"]) == ("dspy-async", "2.0.1")
    assert project["dependencies"] == ["anyio"]
    assert project["optional-dependencies"] == {"numpy": ["numpy>=1.26.0"]}
    assert project["classifiers"] == ["Programming Language :: Python :: 3"]
    assert project["requires-python"] == ">=3.10, <3.15"
    assert project["urls"] == {"homepage": "https://example.org/dspy"}
    assert (project["license"], project["license-files"]) == ("MIT", ["LICENSE"])
    assert set(metadata["tool"]) == {"setuptools"}
    assert metadata["tool"]["setuptools"]["package-data"] == {"dspy": ["primitives/*.js", "py.typed"]}


def test_checkers_are_told_to_read_the_annotations() -> None:
    """Upstream may come to ship the file: then it is upstream's, and declared once."""
    files = {name: content for name, content in release_files("2.0.1").items() if name != "dspy/py.typed"}
    for release in (files, {**files, "dspy/py.typed": b"partial\n"}):
        tree = SourceTree("2.0.1", "sdist", release)
        package = build_package(PIN, tree, {name: "" for name in release if name.endswith(".py")})
        assert package.files["dspy/py.typed"] == release.get("dspy/py.typed", b"")
        data = tomllib.loads(package.files["pyproject.toml"].decode())["tool"]["setuptools"]["package-data"]
        assert data["dspy"].count("py.typed") == 1


def test_what_a_package_imports_from_itself_is_exported() -> None:
    assert make().files["dspy/__init__.py"] == b"from dspy.__metadata__ import __version__ as __version__\n"


def test_another_licence_is_not_called_mit() -> None:
    files = {**release_files("2.0.1"), "LICENSE": b"Apache License\n"}
    tree = SourceTree("2.0.1", "sdist", files)
    package = build_package(PIN, tree, {n: "" for n in files if n.endswith(".py")})
    assert tomllib.loads(package.files["pyproject.toml"].decode())["project"]["license"] == {"file": "LICENSE"}


def test_upstreams_notice_is_kept_whole() -> None:
    licence = make().files["LICENSE"]
    assert licence.startswith(release_files("2.0.1")["LICENSE"])
    assert b"the dspy-async authors" in licence


def test_readme_states_the_release() -> None:
    text = make().files["README.md"].decode()
    for stated in ("2.0.1", ">=3.10, <3.15", "numpy", "https://example.org/dspy"):
        assert stated in text
    assert "test_extras" not in text
    assert text.index("## Installing") < text.index("Extras") < text.index("\n\n## Where it comes from")


def test_lock_names_the_release_and_every_file() -> None:
    package = make()
    lock = Lock.model_validate_json(package.files["sync.lock"])
    assert lock == package.lock
    assert (lock.upstream.version, lock.upstream.commit, lock.upstream.sdist_sha256) == ("2.0.1", "c" * 40, "a" * 64)
    assert set(lock.files) == set(package.files) - {"sync.lock"}
    other = make("1.9.0").lock.upstream
    assert (other.version, other.commit, other.sdist_sha256) == ("1.9.0", None, None)


def test_same_input_same_bytes_from_any_origin_in_any_order() -> None:
    first = make()
    tree = SourceTree("2.0.1", "submodule", release_files("2.0.1"), ("a note",))
    texts = {name: data.decode() for name, data in reversed(tree.files.items()) if name.endswith(".py")}
    second = build_package(PIN, tree, {"dspy/added.py": "ADDED = True\n", **texts})
    assert list(second.files.items()) == list(first.files.items())


def test_the_generated_distribution_builds(out: Path, tmp_path: Path) -> None:
    write(out, make())
    script = "import setuptools.build_meta as b, sys; print(b.build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=out, capture_output=True, text=True, check=True
    )
    assert "Deprecated" not in done.stderr
    wheel = tmp_path / done.stdout.splitlines()[-1]
    assert wheel.name == "dspy_async-2.0.1-py3-none-any.whl"
    listed = subprocess.run([sys.executable, "-m", "zipfile", "-l", wheel], capture_output=True, text=True, check=True)
    for name in ("dspy/primitives/runner.js", "dspy/py.typed", "dspy/added.py", "licenses/LICENSE"):
        assert name in listed.stdout
    # What building leaves behind is no hand edit and no difference.
    assert (out / "dspy_async.egg-info").is_dir()
    check_target(out, force=False)
    assert not compare(out, make())


# --- the swap ---------------------------------------------------------------------------------------------------------


def test_first_write_and_overwrite(out: Path) -> None:
    write(out, make())
    assert not compare(out, make())
    (out / "dist").mkdir()
    (out / "dist/old.whl").write_text("stale")
    newer = make(marker="# newer\n")
    assert compare(out, newer).changed
    write(out, newer)
    assert not compare(out, newer)
    # A wheel of what was there before would be taken for one of what is there now.
    assert not (out / "dist").exists()
    assert beside(out) == ["generated"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_whatever_happens_half_way_leaves_the_target_alone(out: Path, error: type[BaseException]) -> None:
    write(out, make())
    before = content(out)

    def work() -> None:
        with staged(out, make(marker="# newer\n")) as stage:
            assert (stage / "dspy/added.py").is_file()
            assert content(out) == before
            raise error

    with pytest.raises(error):
        work()
    assert content(out) == before
    assert beside(out) == ["generated"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interrupt_between_the_two_renames(
    out: Path, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(out, make())
    before = content(out)
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name.endswith(".new"):
            raise error
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(ToolError if error is OSError else error):
        write(out, make(marker="# newer\n"))
    assert content(out) == before
    assert beside(out) == ["generated"]


def test_a_run_killed_between_the_two_renames_is_made_good(out: Path) -> None:
    write(out, make())
    before = content(out)
    out.rename(emit._previous(out))
    check_target(out, force=False)
    assert content(out) == before
    assert beside(out) == ["generated"]


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolError, match="cannot be written"):
        write(tmp_path / "file" / "generated", make())


# --- hand edits -------------------------------------------------------------------------------------------------------


def edit(out: Path) -> None:
    (out / "dspy/primitives/module.py").write_text("mine\n")


def add(out: Path) -> None:
    (out / "dspy/mine.py").write_text("mine\n")


def link(out: Path) -> None:
    (out / "dspy/mine.py").symlink_to(out / "LICENSE")


@pytest.mark.parametrize(
    ("change", "name"), [(edit, "dspy/primitives/module.py"), (add, "dspy/mine.py"), (link, "dspy/mine.py")]
)
def test_hand_edits_are_named_and_kept_unless_forced(out: Path, change: Callable[[Path], None], name: str) -> None:
    write(out, make())
    change(out)
    before = content(out)
    with pytest.raises(HandEditsError, match="--force") as caught:
        write(out, make())
    assert caught.value.edited == [name]
    assert content(out) == before
    write(out, make(), force=True)
    assert not compare(out, make())


def test_an_edit_made_while_sync_runs_is_kept(out: Path) -> None:
    write(out, make())

    def work() -> None:
        with staged(out, make(marker="# newer\n")):
            edit(out)

    with pytest.raises(HandEditsError):
        work()
    assert (out / "dspy/primitives/module.py").read_text() == "mine\n"


def test_a_fresh_clone_has_only_the_committed_files(out: Path) -> None:
    package = make()
    out.mkdir(parents=True)
    for name in ("README.md", "sync.lock"):
        (out / name).write_bytes(package.files[name])
    differences = compare(out, package)
    assert (differences.changed, differences.extra) == ((), ())
    assert len(differences.missing) == len(package.files) - 2
    write(out, package)
    assert not compare(out, package)


def test_a_lock_that_was_pulled_is_newer_than_the_files(out: Path) -> None:
    write(out, make())
    newer = make(marker="# newer\n")
    for name in ("README.md", "sync.lock"):
        (out / name).write_bytes(newer.files[name])
    write(out, newer)
    assert not compare(out, newer)


def test_a_directory_of_somebody_elses_is_never_taken(out: Path) -> None:
    out.mkdir(parents=True)
    (out / "thesis.tex").write_text("years of work")
    for force in (False, True):
        with pytest.raises(ToolError, match="no sync wrote it"):
            write(out, make(), force=force)
    assert (out / "thesis.tex").exists()
    with pytest.raises(ToolError, match="not a directory"):
        write(out / "thesis.tex", make())


def test_a_lock_in_conflict(out: Path) -> None:
    write(out, make())
    (out / "sync.lock").write_text("<<<<<<< HEAD\n")
    with pytest.raises(ToolError, match="not a lock"):
        write(out, make())
    write(out, make(), force=True)
    assert read_lock(out / "sync.lock") == make().lock


def test_an_empty_directory_will_do(out: Path) -> None:
    out.mkdir(parents=True)
    write(out, make())
    assert not compare(out, make())


# --- comparing --------------------------------------------------------------------------------------------------------


def test_whole_trees_are_compared(out: Path) -> None:
    package = make()
    write(out, package)
    edit(out)
    add(out)
    (out / "dspy/py.typed").unlink()
    (out / "dspy/__pycache__").mkdir()
    (out / "dspy/__pycache__/module.pyc").write_bytes(b"")
    differences = compare(out, package)
    assert differences.changed == ("dspy/primitives/module.py",)
    assert differences.extra == ("dspy/mine.py",)
    assert differences.missing == ("dspy/py.typed",)
    assert compare(out / "nowhere", package).missing == tuple(package.files)
