"""Each command of the maintainers' guide, run in its order: on small releases, with stand-ins for the long suites."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from codemods import backtest, build, contract, parity, trial
from codemods import sync as sync_module
from codemods.backtest import run as backtest_run
from codemods.bump import run as bump_run
from codemods.cli import app
from codemods.pin import load_pin
from codemods.project import find_project
from codemods.trial import Trial
from tests.bump.support import MODULE, NEW, NEWER, OLD, World
from tests.releases import git, write_repository
from tests.test_build import Tools

ROOT = find_project(Path(__file__).parent).root
GUIDE = (ROOT / "docs/maintainers.md").read_text(encoding="utf-8")
STANDS_FOR = {
    "3.3.1": OLD,
    "3.3.2": NEW,
    "dspy.predict.react:ReAct.forward": "dspy.primitives.module:Module.forward",
    "/tmp/dspy-": "../dspy-",
}
"""What the guide names, and what the small releases have in its place."""


def commands() -> list[tuple[str, bool]]:
    """Every line of the guide's shell blocks, and whether it ends with status 1 where something is left to do."""
    lines = [line for block in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL) for line in block.splitlines()]
    found: list[tuple[str, bool]] = []
    for line in lines:
        command, _, comment = line.partition(" # ")
        for name, stand_in in STANDS_FOR.items():
            command = command.replace(name, stand_in)
        found.append((command.strip(), "exits 1" in comment))
    return found


def session(name: str) -> ast.FunctionDef:
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    return next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)


def told_to_run(name: str) -> list[str]:
    """What a session runs, call by call, as far as it is written down."""
    calls = [node for node in ast.walk(session(name)) if isinstance(node, ast.Call)]
    runs = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "run"]
    return [" ".join(ast.literal_eval(arg) for arg in call.args if isinstance(arg, ast.Constant)) for call in runs]


@pytest.fixture
def invoke(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], int]:
    """Run the command line on the small world."""
    trials = bump_run.Trials(contract=world._contract, parity=world._parity, constraints=world._constraints)
    monkeypatch.setattr(bump_run, "Trials", lambda: trials)
    monkeypatch.setattr(sync_module, "engine_stages", lambda: world.engine)
    monkeypatch.setattr(bump_run, "engine_stages", lambda: world.engine)
    # The same object each time, by which it is known as the real one.
    engine = world.engine
    monkeypatch.setattr(backtest_run, "engine_stages", lambda: engine)
    monkeypatch.setattr(backtest_run, "released_verify", None)
    releases = backtest.model.Releases.model_validate({"release": [{"version": OLD}, {"version": NEW}]})
    monkeypatch.setattr(backtest_run, "load_releases", lambda: releases)
    monkeypatch.setattr(trial, "try_contract", lambda *_: Trial(summary="1 of 1", problems=(), seconds=0.0))
    tools = Tools(world.root)
    tools.version = NEW
    monkeypatch.setattr(build.run, "_run", tools)

    def suite(name: str, options: Any, watcher: Any) -> str:
        world.runs.append(f"{name} {options.sync.upstream} {options.only}")
        return name

    for module, name in ((parity, "run_parity"), (contract, "run_contract")):
        monkeypatch.setattr(module, name, partial(suite, name))
        monkeypatch.setattr(module, "to_terminal", str)

    def invoke(arguments: list[str]) -> int:
        done = CliRunner().invoke(app, arguments)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code

    return invoke


def test_each_command_of_the_guide_does_what_it_says(
    world: World, invoke: Callable[[list[str]], int], tmp_path: Path
) -> None:
    write_repository(tmp_path / "upstream", NEW, OLD, {MODULE: NEWER})
    git(world.root, "init", "-q", "-b", "main")
    git(world.root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "upstream"))
    git(world.root, "add", "-A")
    git(world.root, "commit", "-q", "-m", "before")
    for command, may_leave in commands():
        words = shlex.split(command)
        if words[0] == "git":
            git(world.root, *words[1:])
            continue
        if words[0] == "nox":
            assert words[1] == "-s"
            arguments = words[4:] if "--" in words else []
            runs = told_to_run(words[2])
            if words[2] == "lint":
                assert any(run.startswith("zizmor ") and run.endswith(".github/workflows") for run in runs)
                continue
            assert f"dspy-async {words[2]}" in runs, command
            words = ["dspy-async", words[2], *arguments]
        # The first bump names none, and finds the same release.
        expected = 1 if may_leave or words == ["dspy-async", "bump"] else 0
        assert invoke(words[1:]) == expected, command
    # At the end the release is pinned, published and committed.
    assert load_pin(world.project.pin).version == NEW
    assert git(world.root, "tag") == "v3.3.2".replace("3.3.2", NEW)
    assert {"run_parity", "run_contract"} <= {run.partition(" ")[0] for run in world.runs}


def test_the_guide_names_every_stage_and_what_is_moved() -> None:
    for name in ("find", "survey", "sync", "contract", "parity", "constraints", "report", "move"):
        assert f"| {name} |" in GUIDE
    for path in ("pin.toml", "constraints.txt", "bump-report.md", "codemods/backtest/releases.toml", "open.toml"):
        assert f"`{path}`" in GUIDE
    for name in ("ci.yml", "sync.yml", "release.yml"):
        assert f"`{name}`" in GUIDE
        assert (ROOT / ".github/workflows" / name).is_file()


def test_the_rule_of_the_guide_is_one() -> None:
    import tomllib

    from codemods.rules import Rules

    (block,) = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    read = tomllib.loads(block)
    (kind,) = read
    assert SimpleNamespace(**Rules.model_fields).__dict__.get(kind) is not None
    real = tomllib.loads((ROOT / "codemods/rules.toml").read_text(encoding="utf-8"))
    assert Rules.model_validate({**real, **read})
