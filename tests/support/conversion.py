"""Before, after and diagnostics of the engine in one assertion, on a toy package that has DSPy's protocols.

The toy is in converted form, so it must come out as it went in; what a test converts is the module `dspy.sample`
(and others it names), which sees the toy through `HEADER`:

    assert_converted("def ask(lm): ...", "async def ask(settings: Settings, lm): ...", findings=["2: lambda"])

A diagnostic is written `"line: rule"`, with a piece of its message behind if that matters, and its path before if it
is in another file than the sample: `"dspy/other.py:2: wall-coroutine: cannot be awaited"`.
"""

from __future__ import annotations

import ast
import difflib
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import pytest

from codemods.coloring import Coloring, color
from codemods.convert import convert
from codemods.program import Program, build_program
from codemods.program.flow import Flow
from codemods.rules import Rules, load_rules
from codemods.stages import Conversion, Finding

SAMPLE = "dspy/sample.py"
OLDEST = (3, 10)

RULES = """
[settings]
class_symbol = "dspy.dsp.utils.settings:Settings"
object_symbol = "dspy.dsp.utils.settings:settings"
reason = "the toy's configuration"
[settings.values]
lm = "dspy.clients.base_lm:BaseLM"
rm = "supplied"

[[callable]]
names = ["metric", "reward"]
kind = "supplied"
reason = "functions that a user hands in"

[[callable]]
names = ["tools"]
where = ["element"]
kind = "supplied"
reason = "functions that a user hands in by name"

[[callable]]
names = ["factory"]
kind = "plain"
reason = "called for its value at once"

[[name]]
names = ["lm", "helper_lm"]
type = "dspy.clients.base_lm:BaseLM"
reason = "variables of these names hold models"

[[name]]
names = ["program"]
type = "dspy.primitives.module:Module"
reason = "variables of this name hold programs"

[[method]]
names = ["wash"]
reason = "a method that is never a coroutine"

[[leaf]]
symbol = "dspy.primitives.module:Module.forward"
reason = "a program waits for models"

[[leaf]]
symbol = "dspy.primitives.module:Module.__call__"
reason = "a program waits for models"

[[leaf]]
symbol = "dspy.clients.base_lm:BaseLM.forward"
reason = "a model waits for its provider"

[[leaf]]
symbol = "dspy.utils.callback:BaseCallback.on_*"
settings_before = ["inputs", "outputs"]
reason = "handlers are awaited, and are handed settings"

[[decorator]]
symbol = "dspy.utils.callback:with_callbacks"
reason = "callbacks are awaited around the call"

[[returns_receiver]]
names = ["deepcopy"]
reason = "a copy is what it was made of"

[[blocking]]
call = "time.sleep"
replacement = "asyncio.sleep"
reason = "a coroutine must not sleep on the loop"

[[blocking]]
call = "requests.get"
replacement = "requests.get"
to_thread = true
reason = "requests blocks"
"""

TOY = {
    "dspy/__init__.py": """\
from dspy.clients.base_lm import BaseLM
from dspy.dsp.utils.settings import Settings, settings
from dspy.predict.ask import Ask
from dspy.primitives.module import Module

configure = settings.configure
context = settings.context
""",
    "dspy/clients/__init__.py": "",
    "dspy/clients/base_lm.py": """\
from dspy.dsp.utils.settings import Settings


class BaseLM:
    async def __call__(self, settings: Settings, /, prompt=None, **kwargs):
        raise NotImplementedError

    async def forward(self, settings: Settings, /, prompt=None, **kwargs):
        raise NotImplementedError

    def cost(self):
        return 0
""",
    "dspy/dsp/__init__.py": "",
    "dspy/dsp/utils/__init__.py": "",
    "dspy/dsp/utils/settings.py": """\
class Settings:
    def __init__(self, **values):
        self.values = values

    def configure(self, **values):
        self.values.update(values)

    def context(self, **values) -> "Settings":
        return Settings(**{**self.values, **values})

    def __enter__(self) -> "Settings":
        return self

    def __exit__(self, *exc_info):
        return None


settings = Settings()
""",
    "dspy/predict/__init__.py": "",
    "dspy/predict/ask.py": """\
from dspy.dsp.utils.settings import Settings
from dspy.primitives.module import Module


class Ask(Module):
    async def forward(self, settings: Settings, /, **kwargs):
        raise NotImplementedError
""",
    "dspy/primitives/__init__.py": "",
    "dspy/primitives/module.py": """\
from dspy.dsp.utils.settings import Settings


class Module:
    async def __call__(self, settings: Settings, /, *args, **kwargs):
        raise NotImplementedError

    def parts(self):
        return []
""",
    "dspy/utils/__init__.py": "",
    "dspy/utils/callback.py": """\
import functools

from dspy.dsp.utils.settings import Settings


class BaseCallback:
    async def on_start(self, call_id, settings: Settings, inputs):
        pass

    async def on_end(self, call_id, settings: Settings, outputs):
        pass


def with_callbacks(fn):
    @functools.wraps(fn)
    async def wrapper(self, settings: Settings, *args, **kwargs):
        return await fn(self, settings, *args, **kwargs)

    return wrapper
""",
    "dspy/utils/supplied.py": """\
import functools


def bind(fn, settings):
    return functools.partial(fn, settings)


def ready(value):
    return value


def takes_settings(fn):
    return fn
""",
    "dspy/utils/twins.py": """\
class TwinNames:
    pass
""",
}
"""Files of the toy, by path."""

FINAL = ("dspy/dsp/utils/settings.py", "dspy/utils/callback.py", "dspy/utils/supplied.py", "dspy/utils/twins.py")
"""What hand-written code of the generated package stands for in the toy."""

HEADER = """\
import dspy
from dspy.clients.base_lm import BaseLM
from dspy.dsp.utils.settings import Settings, settings
from dspy.predict.ask import Ask
from dspy.primitives.module import Module
from dspy.utils.callback import BaseCallback, with_callbacks
from dspy.utils.supplied import bind, ready, takes_settings
from dspy.utils.twins import TwinNames

__all__ = [
    "Ask", "BaseCallback", "BaseLM", "Module", "Settings", "TwinNames", "bind", "dspy", "ready", "settings",
    "takes_settings", "with_callbacks",
]
"""
"""Put before a sample, and expected before what comes out; it re-exports its names, so that none of them ever goes."""


def defect(reason: str, raises: type[BaseException] = AssertionError) -> pytest.MarkDecorator:
    """The test says how it should be, and the engine does not do so yet."""
    return pytest.mark.xfail(strict=True, reason=reason, raises=raises)


@lru_cache
def toy_rules() -> Rules:
    return load_rules(RULES)


def dedent(code: str) -> str:
    """Code as it is written in a test: indented as the test is, with a first line that is empty."""
    return textwrap.dedent(code.removeprefix("\n"))


def toy_files(
    sample: str | None = None, files: Mapping[str, str] | None = None, *, header: bool = True
) -> dict[str, str]:
    """The toy with a sample in it, and with other files."""
    found = dict(TOY)
    if sample is not None:
        found[SAMPLE] = (HEADER if header else "") + dedent(sample)
    return {**found, **{path: dedent(text) for path, text in (files or {}).items()}}


def convert_toy(
    files: Mapping[str, str], *, rules: Rules | None = None, final: Iterable[str] = (), jobs: int = 1
) -> Conversion:
    return convert(files, version="0", rules=rules or toy_rules(), jobs=jobs, final=[*FINAL, *final])


def assert_converted(
    before: str,
    after: str,
    *,
    findings: Sequence[str] = (),
    unresolved: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
    files_after: Mapping[str, str] | None = None,
    rules: Rules | None = None,
    final: Iterable[str] = (),
    header: bool = True,
    again: bool = True,
) -> None:
    """`before` becomes `after`, with these diagnostics and no others.

    In the same assertion: files that `files_after` does not name stay as they are, every file is valid Python 3.10,
    and (unless `again` is false) a second conversion changes nothing.
    """
    sources = toy_files(before, files, header=header)
    expected = {
        **sources,
        SAMPLE: toy_files(after, header=header)[SAMPLE],
        **{path: dedent(text) for path, text in (files_after or {}).items()},
    }
    first = convert_toy(sources, rules=rules, final=final)
    second = convert_toy(first.files, rules=rules, final=final) if again else first
    offset = HEADER.count("\n") if header else 0
    found = _report(
        _shown(first.files, expected),
        _diagnostics(first.findings, findings, offset),
        _diagnostics(first.unresolved, unresolved, offset),
        [path for path, text in sorted(first.files.items()) if not is_valid(text)],
        _shown(second.files, first.files),
    )
    wanted = _report(_shown(expected, first.files), list(findings), list(unresolved), [], {})
    assert found == wanted, "".join(difflib.unified_diff(wanted, found, "expected\n", "found\n", n=4))


def assert_untouched(code: str, **options: object) -> None:
    """`code` comes out byte for byte, with no diagnostics."""
    assert_converted(code, code, **options)  # type: ignore[arg-type]


def _shown(files: Mapping[str, str], others: Mapping[str, str]) -> dict[str, str]:
    """The files that are not as in `others`."""
    return {path: text for path, text in sorted(files.items()) if others.get(path) != text}


def _report(
    files: Mapping[str, str],
    findings: list[str],
    unresolved: list[str],
    invalid: list[str],
    again: Mapping[str, str],
) -> list[str]:
    """All of it as lines."""
    lines: list[str] = []
    for title, texts in (("", files), ("changed by a second conversion: ", again)):
        for path, text in texts.items():
            lines += [f"=== {title}{path}\n", *text.removeprefix(HEADER).splitlines(keepends=True), "\n"]
    for title, places in (("findings", findings), ("unresolved", unresolved), ("not valid Python", invalid)):
        lines += [f"=== {title}\n", *(f"{place}\n" for place in places)]
    return lines


def _diagnostics(found: Iterable[Finding], expected: Sequence[str], offset: int) -> list[str]:
    """What was found, in the words of `expected` where they fit, in full where not."""
    left, said = list(expected), []
    for finding in found:
        line = finding.line - (offset if finding.path == SAMPLE else 0)
        place = f"{line}: " if finding.path == SAMPLE else f"{finding.path}:{line}: "
        full = f"{place}{finding.rule}: {finding.message}"
        fitting = next((text for text in left if _fits(text, full, place + finding.rule)), None)
        if fitting is not None:
            left.remove(fitting)
        said.append(full if fitting is None else fitting)
    return sorted(said, key=lambda text: list(expected).index(text) if text in expected else len(expected))


def _fits(expected: str, full: str, head: str) -> bool:
    return expected == head or (expected.startswith(f"{head}: ") and expected.removeprefix(f"{head}: ") in full)


def is_valid(text: str) -> bool:
    """Whether this is Python that the oldest supported version takes."""
    try:
        ast.parse(text, feature_version=OLDEST)
        compile(text, "<converted>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError:
        return False
    return True


def toy_program(sample: str = "", files: Mapping[str, str] | None = None) -> Program:
    return build_program(toy_files(sample, files))


def toy_flow(sample: str = "", files: Mapping[str, str] | None = None) -> Flow:
    flow = Flow(toy_program(sample, files), toy_rules())
    flow.solve()
    return flow


def toy_coloring(
    sample: str = "", files: Mapping[str, str] | None = None, *, rules: Rules | None = None, final: Iterable[str] = ()
) -> Coloring:
    return color(toy_program(sample, files), rules or toy_rules(), [*FINAL, *final])


def coroutines(coloring: Coloring, module: str = "dspy.sample") -> set[str]:
    """Qualified names of the coroutines of a module."""
    return _names(coloring.coroutine, module)


def takers(coloring: Coloring, module: str = "dspy.sample") -> set[str]:
    """Qualified names of the functions of a module that take settings."""
    return _names(coloring.settings, module)


def _names(symbols: Iterable[str], module: str) -> set[str]:
    return {symbol.partition(":")[2] for symbol in symbols if symbol.startswith(f"{module}:")}


def colours(code: str, files: Mapping[str, str] | None = None) -> tuple[set[str], set[str]]:
    """Coroutines and takers of settings of the sample."""
    coloring = toy_coloring(code, files)
    return coroutines(coloring), takers(coloring)


def both(*names: str) -> tuple[set[str], set[str]]:
    """The same names as coroutines and as takers of settings."""
    return set(names), set(names)
