"""Names, signatures, base classes, documentation and words are upstream's, whoever looks at them."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dspy
import pytest
from dspy.utils.supplied import behind_check, is_coroutine_function

from tests.generated import surface

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = Path(dspy.__file__).parent

# Which thread or task may configure is no question here, and what kept the answer is gone with it.
GONE = {
    "dspy.dsp.utils.settings.Settings.lock",
    "dspy.dsp.utils.Settings.lock",
    *(
        f"dspy.dsp.utils.{name}"
        for name in (
            "config_owner_async_task",
            "config_owner_thread_id",
            "contextmanager",
            "global_lock",
            "main_thread_config",
            "thread_local_overrides",
        )
    ),
}

# What is said of situations that do not occur: an async tool that is called without waiting, a second owner of the
# settings, a second name of the same method (one text of two), a thread that worked through a queue. Where something is
# missing in the settings, it says how they are made with it.
UNSAID = {
    ("adapters/types/tool.py", "You are calling `__call__` on an async tool"),
    ("dsp/utils/settings.py", "dspy.settings can only be changed by the thread that initially configured it."),
    ("dsp/utils/settings.py", "dspy.configure(...) can only be called from the same async task"),
    ("clients/base_lm.py", ".aforward() returned dspy.LMResponse on the legacy direct path"),
    ("utils/unbatchify.py", "Worker thread has been terminated."),
    ("predict/predict.py", "No LM is loaded."),
    ("predict/predict.py", "not a string. Instead of using a string like"),
    ("clients/base_lm.py", ".forward() returned dspy.LMResponse on the legacy direct path"),
    ("clients/base_lm.py", "accept at most one positional prompt"),
    ("teleprompt/mipro_optimizer_v2.py", "Either provide both prompt_model and task_model"),
}

# Plain upstream, and a coroutine here that awaits nothing itself: others of its family do, or the user's own will.
OF_A_FAMILY = {
    "acall", "call_tool", "compile", "format", "format_finetune_data", "forward", "aforward", "parse", "execute",
    "start", "shutdown", "propose_instructions_for_program", "propose_instruction_for_predictor", "__call__",
    "__aenter__", "__aexit__",
}  # fmt: skip

# Coroutines of the package whose names are also those of plain methods of other things.
OF_OTHERS = {"wait", "start", "close", "update", "put"}

Names = dict[str, surface.Shown]


@pytest.fixture(scope="module")
def upstream(upstream_folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.generated.surface"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(upstream_folder), str(REPOSITORY)])},
        cwd=upstream_folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def names(upstream: dict[str, Any]) -> Names:
    """Upstream's names."""
    return upstream["names"]


@pytest.fixture(scope="module")
def ours() -> Names:
    return surface.public_names()


@pytest.mark.api("4.6")
def test_names(names: Names, ours: Names):
    assert len(names) > 2000
    assert {name for name in names if name not in ours} == GONE & set(names)
    kinds = {name for name in names if name in ours and names[name]["kind"] != ours[name]["kind"]}
    # Named settings are kept in a slot, as every setting is.
    assert {name for name in kinds if ".Settings." not in name} == set()


@pytest.mark.api("4.7", "2.1")
def test_signatures(names: Names, ours: Names):
    different = {}
    # Two twins are one function here, with what the plain one takes.
    twins = {
        f"{name.rpartition('.')[0]}.{each['async_twin']}" for name, each in names.items() if each.get("async_twin")
    }
    for name, theirs in names.items():
        if name in GONE | twins or not theirs.get("parameters") or ".Settings." in name:
            continue
        parameters = ours[name].get("parameters") or []
        rest = [[each[0], each[2]] for each in parameters if each[0] != "settings"]
        if rest != [[each[0], each[2]] for each in theirs["parameters"] or [] if each[0] != "settings"]:
            different[name] = (theirs["parameters"], parameters)
        handler = ".on_" in name and parameters[1][0] == "call_id"
        places = [number for number, each in enumerate(parameters) if each[0] == "settings"]
        if places and not handler and places != [1 if parameters[0][0] == "self" else 0]:
            different[name] = f"settings are parameter {places}"
    assert different == {}


@pytest.mark.api("4.8")
def test_documentation(names: Names, ours: Names):
    silent = {
        name for name, theirs in names.items() if theirs.get("documented") and not ours.get(name, {}).get("documented")
    }
    # How settings are made says the class itself.
    assert {name for name in silent - GONE if not name.endswith(".Settings.__init__")} == set()


@pytest.mark.api("6.2")
def test_what_schemas_say(names: Names, ours: Names):
    """Adapters put the docstrings of pydantic models into prompts, so their examples stay as they are."""
    texts = {name: theirs["schema_text"] for name, theirs in names.items() if theirs.get("schema_text")}
    assert len(texts) > 50
    assert {name for name, text in texts.items() if ours[name]["schema_text"] != text} == set()


@pytest.mark.api("4.9")
def test_bases(names: Names, ours: Names):
    different = {}
    for name, theirs in names.items():
        if "bases" in theirs:
            rest = [base for base in ours[name]["bases"] if base != "TwinNames"]
            if rest != theirs["bases"]:
                different[name] = (theirs["bases"], rest)
    assert different == {}


@pytest.mark.api("4.9", "4.10")
def test_words(upstream: dict[str, Any]):
    mine = surface.words()
    unsaid = {
        (file, said)
        for file, all_said in upstream["words"].items()
        for who, said in all_said
        if said and [who, said] not in mine.get(file, [])
    }
    unexpected = {(file, said) for file, said in unsaid if not any(f == file and w in said for f, w in UNSAID)}
    assert unexpected == set()
    assert len(unsaid) == len(UNSAID), "what is listed as unsaid is said"


@pytest.mark.api("4.2")
def test_twins(names: Names):
    twins = 0
    for name, theirs in names.items():
        if theirs.get("async_twin"):
            owner = _look_up(name.rpartition(".")[0])
            plain, twin = getattr(owner, name.rpartition(".")[2]), getattr(owner, str(theirs["async_twin"]))
            assert behind_check(plain) is behind_check(twin) and is_coroutine_function(plain), name
            twins += 1
    assert twins > 50


def _look_up(place: str) -> Any:
    parts = place.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise LookupError(place)


# -- coroutines -------------------------------------------------------------------------------------------------------

CALLS = {
    dspy.Module: ("__call__", "batch"),
    dspy.BaseLM: ("__call__", "forward"),
    dspy.Adapter: ("__call__", "format", "parse"),
    dspy.Tool: ("__call__",),
    dspy.ToolCalls.ToolCall: ("execute",),
    dspy.Embedder: ("__call__",),
    dspy.Retrieve: ("__call__", "forward"),
    dspy.Embeddings: ("__call__", "forward"),
    dspy.ColBERTv2: ("__call__",),
    dspy.Evaluate: ("__call__",),
    dspy.Parallel: ("__call__",),
    dspy.KNN: ("__call__",),
    dspy.teleprompt.Teleprompter: ("compile",),
    dspy.propose.GroundedProposer: ("propose_instructions_for_program", "propose_instruction_for_predictor"),
    dspy.PythonInterpreter: ("__call__", "execute", "start", "shutdown"),
    dspy.CodeInterpreter: ("execute",),
    dspy.utils.BaseCallback: ("on_module_start", "on_lm_end"),
}


@pytest.mark.api("1.1", "1.3", "4.1")
def test_calls_are_coroutines():
    for base, methods in CALLS.items():
        for cls in {base, *_subclasses(base)}:
            for name in methods:
                assert is_coroutine_function(getattr(cls, name)), f"{cls.__name__}.{name}"


def _subclasses(cls: type[Any]) -> Iterator[type[Any]]:
    list(surface.modules())
    for each in cls.__subclasses__():
        # A class that another test made is not the package's, whatever module it says it is of.
        if getattr(sys.modules.get(each.__module__), each.__name__, None) is each and each.__module__.startswith(
            "dspy."
        ):
            yield each
            yield from _subclasses(each)


def _functions(node: ast.AST, owner: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for child in ast.iter_child_nodes(node):
        inner = owner
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = (*owner, child.name)
            if not isinstance(child, ast.ClassDef):
                yield inner, child
        yield from _functions(child, inner)


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """What is in a function, but for functions in it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield child
            yield from _own(child)


def _waits(function: ast.AST) -> bool:
    waiting = ast.Await | ast.AsyncFor | ast.AsyncWith | ast.Yield
    return any(
        isinstance(each, waiting) or (isinstance(each, ast.comprehension) and each.is_async) for each in _own(function)
    )


def _all_functions() -> Iterator[tuple[str, tuple[str, ...], Any]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE).as_posix()
        for name, function in _functions(ast.parse(path.read_text(encoding="utf-8"))):
            yield file, name, function


@pytest.mark.api("1.5", "1.6")
def test_nothing_is_a_coroutine_without_need():
    needless, count = [], 0
    for file, name, function in _all_functions():
        if isinstance(function, ast.AsyncFunctionDef):
            count += 1
            assert name[-1] not in ("__init__", "__post_init__", "__new__"), (file, name)
            family = name[-1] in OF_A_FAMILY or name[0] == "BaseCallback"
            if not family and not _waits(function):
                needless.append((file, name))
    assert needless == [] and count > 200


@pytest.mark.api("1.2")
def test_who_reaches_a_coroutine_is_one():
    """No plain function makes a coroutine and lets it be: what a name of the package gives is awaited, or handed on."""
    lost = []
    coroutines = {name[-1] for _, name, function in _all_functions() if isinstance(function, ast.AsyncFunctionDef)}
    plain = {name[-1] for _, name, function in _all_functions() if isinstance(function, ast.FunctionDef)}
    for file, name, function in _all_functions():
        for node in _own(function):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                called = ast.unparse(node.value.func).rpartition(".")[2]
                if called in coroutines - plain - OF_OTHERS:
                    lost.append((file, name, ast.unparse(node)))
    assert lost == []


# -- settings ---------------------------------------------------------------------------------------------------------


def _entry_points() -> Iterator[tuple[str, Any]]:
    """Public coroutines that take settings, as calls without a single argument."""
    for name in surface.public_names():
        owner_name, _, last = name.rpartition(".")
        owner = _look_up(owner_name)
        member = inspect.getattr_static(owner, last)
        function = getattr(member, "__func__", member)
        if not is_coroutine_function(function) or "settings" not in list(inspect.signature(function).parameters)[:2]:
            continue
        if not inspect.isclass(owner) or isinstance(member, staticmethod):
            yield name, function
        elif isinstance(member, classmethod):
            yield name, lambda function=function, owner=owner: function(owner)
        elif not inspect.isabstract(owner) and not getattr(owner, "_is_protocol", False):
            yield name, lambda function=function, owner=owner: function(object.__new__(owner))


@pytest.mark.api("2.2")
async def test_every_entry_point_says_what_is_missing(names: Names):
    checked, silent = 0, {}
    for name, call in _entry_points():
        if name not in names:
            continue
        checked += 1
        try:
            await call()
        except TypeError as error:
            said = str(error)
            owner = _look_up(name.rpartition(".")[0])
            called = owner.__name__ if inspect.isclass(owner) else name.rpartition(".")[2].removeprefix("a")
            if called not in said or "(settings, ...)" not in said:
                silent[name] = said
        else:
            silent[name] = "no error"
    assert silent == {} and checked > 100


@pytest.mark.api("2.18")
def test_no_code_reads_settings_of_the_process_or_of_a_thread():
    """Read from the source: the default object is there to be exported, and is not used where it is imported."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        file, module = path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(module):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("dspy.settings", "threading.local"):
                found.append((file, node.lineno, ast.unparse(node)))
    for file, name, function in _all_functions():
        imported = {
            alias.asname or alias.name
            for each in _own(function)
            if isinstance(each, ast.ImportFrom) and str(each.module).startswith("dspy")
            for alias in each.names
            if alias.name == "settings"
        }
        used = [each.lineno for each in _own(function) if isinstance(each, ast.Name) and each.id in imported]
        found += [(file, line, ".".join(name)) for line in used]
    assert found == []


@pytest.mark.api("2.18")
def test_context_variables_hold_no_configuration():
    """They say which call is inside which: for callbacks, turns of a lock, and a compile in a compile."""
    from contextvars import ContextVar

    found = {
        name for module in surface.modules() for name, value in vars(module).items() if isinstance(value, ContextVar)
    }
    assert found == {"ACTIVE_CALL_ID", "_ACTIVE_COMPILES", "_COMPILED", "_FORWARDS", "_OURS", "_held"}


def test_a_coroutine_function_is_known_as_one():
    assert asyncio.iscoroutinefunction(dspy.Predict.__call__)
