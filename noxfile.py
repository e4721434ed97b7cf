"""What maintainers and CI run: `nox -s NAME`. Arguments behind `--` go to the tool that the session runs."""

from __future__ import annotations

import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
CONSTRAINTS = ROOT / "constraints.txt"
OLDEST = (3, 11)

# uv where it is installed, since it is quicker; nox's own environments and pip where it is not.
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "typecheck", "tests"]
nox.options.error_on_external_run = True
# A build of what an earlier sync left would look like a success of this one.
nox.options.stop_on_first_error = True


def _install(session: nox.Session, *what: str) -> None:
    """Install into the session, with every version as it is in the constraints."""
    found = tuple(int(part) for part in session.run("python", "-c", _VERSION, silent=True).split())  # type: ignore[union-attr]
    if found < OLDEST:
        session.error(f"Python {'.'.join(map(str, OLDEST))} or newer is needed, this is {found[0]}.{found[1]}: {_HOW}")
    session.install("--constraint", str(CONSTRAINTS), *what)


_VERSION = "import sys; print(*sys.version_info[:2])"
_HOW = "install nox into a newer one, or name one with --force-python"


@nox.session
def sync(session: nox.Session) -> None:
    """Convert the pinned release into generated/ (or do what `dspy-async sync` is told behind --)."""
    _install(session, "--editable", ".")
    session.run("dspy-async", "sync", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build wheel and sdist of generated/ into generated/dist, check them, and try the wheel on each Python."""
    _install(session, "--editable", ".[build]")
    session.run("dspy-async", "build", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the toolchain's tests, then those of the generated package, on a wheel of what the toolchain makes now."""
    _install(session, "--editable", ".[test]")
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    session.run("pytest")
    # Elsewhere than in generated/: what was built there is left alone.
    fresh = Path(session.create_tmp()).resolve() / "generated"
    session.run("dspy-async", "sync", "--no-imports", "--force", "--out", str(fresh))
    session.run("python", "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(fresh / "dist"), str(fresh))
    wheel = str(_wheel(session, fresh / "dist"))
    _install(session, wheel, "--requirement", "tests/generated/requirements.txt")
    # A wheel of the same version may be there from an earlier run.
    _install(session, "--force-reinstall", "--no-deps", wheel)
    session.run("pytest", "tests/generated")


@nox.session(default=False)
def parity(session: nox.Session) -> None:
    """Run upstream's tests on both packages and compare them (what stands behind -- goes to `dspy-async parity`)."""
    _install(session, "--editable", ".")
    session.run("dspy-async", "parity", *session.posargs)


@nox.session(default=False)
def contract(session: nox.Session) -> None:
    """Run the project's own suite on both packages (what stands behind -- goes to `dspy-async contract`)."""
    _install(session, "--editable", ".")
    session.run("dspy-async", "contract", *session.posargs)


@nox.session(default=False)
def backtest(session: nox.Session) -> None:
    """Try the toolchain on the releases of the past (what stands behind -- goes to `dspy-async backtest`)."""
    _install(session, "--editable", ".")
    session.run("dspy-async", "backtest", *session.posargs)


@nox.session(default=False)
def bump(session: nox.Session) -> None:
    """Take the tree to another release of DSPy (what stands behind -- goes to `dspy-async bump`)."""
    _install(session, "--editable", ".")
    session.run("dspy-async", "bump", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure the generated package against upstream's, and write benchmarks/README.md (arguments: --help)."""
    _install(session, "--editable", ".[bench]")
    session.run("python", "-m", "benchmarks.run", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    _install(session, "--editable", ".[lint]")
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")
    # What needs the network, it leaves out.
    session.run("zizmor", "--offline", "--persona", "pedantic", ".github/workflows")


@nox.session
def typecheck(session: nox.Session) -> None:
    """Check the toolchain's types, strictly."""
    _install(session, "--editable", ".[typecheck]")
    session.run("pyright", *session.posargs)


@nox.session(default=False)
def types(session: nox.Session) -> None:
    """Compare what a type checker says of the output and of upstream, and see that it finds defects put there."""
    _install(session, "--editable", ".[test,typecheck]")
    fresh = Path(session.create_tmp()).resolve() / "generated"
    session.run("dspy-async", "sync", "--types", "--no-imports", "--force", "--out", str(fresh))
    session.run("pytest", "tests/output_types", *session.posargs, env={"DSPY_ASYNC_GENERATED": str(fresh)})


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Build the documentation into site/; a link that leads nowhere fails it."""
    _install(session, ".[docs]")
    session.run("python", "docs/imports.py", "--check")
    session.run("mkdocs", "build", "--strict", *session.posargs, env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session(default=False)
def constraints(session: nox.Session) -> None:
    """Resolve constraints.txt anew, as of the day that pin.toml names."""
    _install(session, "--editable", ".")
    session.run("python", "-m", "codemods.constraints")


def _wheel(session: nox.Session, folder: Path) -> Path:
    wheels = sorted(folder.glob("dspy_async-*.whl"))
    if len(wheels) != 1:
        session.error(f"{folder} holds {len(wheels)} wheels, not one: run `nox -s sync build`")
    return wheels[0]


if __name__ == "__main__":
    sys.exit("Run it with nox: python -m pip install nox, then nox -s sync build")
