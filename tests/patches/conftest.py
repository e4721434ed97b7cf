"""A package called dspy that holds nothing but our own code, so that it can be tested without a release."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from codemods.patches import AddPatch, load_patches
from codemods.pin import load_pin
from tests.patches.support import Make

PATCHES = Path(__file__).parents[2] / "patches"
SETTINGS_HEAD = "from __future__ import annotations\nimport copy\nfrom typing import Any\nimport cloudpickle"
PACKAGES = ("dspy", "dspy.dsp", "dspy.dsp.utils", "dspy.utils", "dspy.primitives", "dspy.clients", "dspy.teleprompt")
ADDITIONS = PATCHES / "additions" / "dspy"


class _Dict(dict[str, Any]):
    """Stands for upstream's dictionary with attributes."""


def code_of(symbol: str) -> str:
    """The code that the patches put in the place of a symbol of the pinned release, with the imports it needs."""
    pinned = load_pin(PATCHES.parent / "pin.toml").version
    patches = [each for each in load_patches(PATCHES).patches if each.symbol == symbol and each.applies(pinned)]
    return "\n".join(
        f"{loaded.patch.imports}\n{loaded.code}" for loaded in patches if not isinstance(loaded.patch, AddPatch)
    )


def _module(name: str, **contents: Any) -> ModuleType:
    module = ModuleType(name)
    module.__dict__.update(contents)
    sys.modules[name] = module
    owner, _, last = name.rpartition(".")
    if owner:
        setattr(sys.modules[owner], last, module)
    return module


def load(name: str, path: Path) -> ModuleType:
    """Import a file under a module's name."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    owner, _, last = name.rpartition(".")
    setattr(sys.modules[owner], last, module)
    spec.loader.exec_module(module)
    return module


def run(name: str, *codes: str, **contents: Any) -> ModuleType:
    """A module made of pieces of code."""
    module = _module(name, **contents)
    for code in codes:
        exec(compile(code, f"<{name}>", "exec"), module.__dict__)
    return module


@pytest.fixture
def runtime() -> Iterator[SimpleNamespace]:
    """Our modules by their last name: settings, supplied, twins, callback_context, parallelizer, callback, ..."""
    saved = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "dspy"}
    try:
        yield _build()
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "dspy"]:
            del sys.modules[name]
        sys.modules.update(saved)


def _build() -> SimpleNamespace:
    for package in PACKAGES:
        _module(package, __path__=[])
    _module("dspy.dsp.utils.utils", dotdict=_Dict)
    defaults = _Dict(
        lm=None,
        trace=[],
        callbacks=[],
        async_max_workers=8,
        usage_tracker=None,
        num_threads=8,
        max_errors=10,
        provide_traceback=False,
    )
    settings = run(
        "dspy.dsp.utils.settings",
        "\n".join([SETTINGS_HEAD, code_of("dspy.dsp.utils.settings:Settings"), "settings = Settings()"]),
        DEFAULT_CONFIG=defaults,
        logger=logging.getLogger("dspy.dsp.utils.settings"),
        dotdict=_Dict,
    )
    supplied = load("dspy.utils.supplied", ADDITIONS / "utils" / "supplied.py")
    pacing = load("dspy.utils.pacing", ADDITIONS / "utils" / "pacing.py")
    twins = load("dspy.utils.twins", ADDITIONS / "utils" / "twins.py")
    head = "import functools\nfrom typing import Callable\n"
    context = run(
        "dspy.utils.callback_context",
        head,
        code_of("dspy.utils.callback_context:_bind_active_call_id"),
        ACTIVE_CALL_ID=ContextVar("active_call_id", default=None),
    )
    # Upstream's class has more to it than that its instances have attributes.
    _module("dspy.primitives.module", Module=type("Module", (), {}))
    parallelizer = load("dspy.utils.parallelizer", PATCHES / "parallelizer_executor.py")
    return SimpleNamespace(
        Settings=settings.Settings,
        settings=settings,
        supplied=supplied,
        pacing=pacing,
        twins=twins,
        callback_context=context,
        parallelizer=parallelizer,
    )


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes patches into a folder of the test's."""
    return Make(tmp_path)
