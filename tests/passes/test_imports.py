"""Imports: what the output needs stands in its sorted place, what it no longer uses goes, and nothing else changes."""

from __future__ import annotations

import pytest

from codemods.convert import convert
from codemods.passes.imports import unused_imports
from tests.support.conversion import FINAL, TOY, assert_converted, toy_rules

READS = "\n\ndef _f():\n    return settings.trace\n"
READS_AFTER = "\n\ndef _f(settings: Settings):\n    return settings.trace\n"
SCORES = "\n\ndef _f(metric):\n    return metric(1)\n"
SCORES_AFTER = "\n\nasync def _f(settings: Settings, metric):\n    return await ready(bind(metric, settings)(1))\n"


def assert_imports(before: str, after: str, body: tuple[str, str] = (READS, READS_AFTER), **options: object) -> None:
    assert_converted(before + body[0], after + body[1], header=False, **options)  # type: ignore[arg-type]


def test_one_takes_the_other_s_place() -> None:
    assert_imports(
        "import os\n\nfrom dspy.dsp.utils.settings import settings\n\nHOME = os.sep\n",
        "import os\n\nfrom dspy.dsp.utils.settings import Settings\n\nHOME = os.sep\n",
    )


def test_beside_others_of_its_module() -> None:
    assert_imports(
        "from dspy.dsp.utils.settings import DEFAULT, settings, zero\n\nALL = DEFAULT, zero\n",
        "from dspy.dsp.utils.settings import DEFAULT, Settings, zero\n\nALL = DEFAULT, zero\n",
    )


def test_beside_others_one_a_line() -> None:
    assert_imports(
        """\
from dspy.dsp.utils.settings import (
    DEFAULT,  # a comment
    settings,
    zero,
)

ALL = DEFAULT, zero
""",
        """\
from dspy.dsp.utils.settings import (
    DEFAULT,  # a comment
    Settings,
    zero,
)

ALL = DEFAULT, zero
""",
    )


def test_at_the_end_of_others_one_a_line() -> None:
    assert_imports(
        "from dspy.dsp.utils.settings import (\n    Alpha,\n)\nfrom dspy import settings\n\nX = Alpha\n",
        "from dspy.dsp.utils.settings import (\n    Alpha,\n    Settings,\n)\n\nX = Alpha\n",
    )


def test_between_others_of_its_package() -> None:
    assert_imports(
        "import dspy\nfrom dspy.clients.base_lm import BaseLM\nfrom dspy.primitives.module import Module\n\n"
        "X = BaseLM, Module\ndef _g():\n    return dspy.settings\n",
        "from dspy.clients.base_lm import BaseLM\nfrom dspy.dsp.utils.settings import Settings\n"
        "from dspy.primitives.module import Module\nfrom dspy.utils.supplied import bind, ready\n\nX = BaseLM, Module\n"
        "def _g(settings: Settings):\n    return settings\n",
        (SCORES, SCORES_AFTER),
    )


def test_below_a_docstring_a_licence_and_future_imports() -> None:
    assert_imports(
        '# a licence\n"""What it is."""\n\nfrom __future__ import generator_stop\n\nX = 1\n',
        '# a licence\n"""What it is."""\n\nfrom __future__ import generator_stop\n'
        "from dspy.dsp.utils.settings import Settings\nfrom dspy.utils.supplied import bind, ready\n\nX = 1\n",
        (SCORES, SCORES_AFTER),
    )


def test_in_a_module_that_imports_nothing() -> None:
    assert_imports(
        "X = 1\n",
        "from dspy.dsp.utils.settings import Settings\nfrom dspy.utils.supplied import bind, ready\nX = 1\n",
        (SCORES, SCORES_AFTER),
    )


def test_in_a_group_of_its_own() -> None:
    assert_imports(
        "import logging\n\nlogger = logging.getLogger()\n",
        "import logging\n\nfrom dspy.dsp.utils.settings import Settings\nfrom dspy.utils.supplied import bind, ready\n"
        "\nlogger = logging.getLogger()\n",
        (SCORES, SCORES_AFTER),
    )


def test_plain_imports_come_before_those_from_modules() -> None:
    assert_imports(
        "import time\nfrom typing import Any\n\nfrom dspy.clients.base_lm import BaseLM\n",
        "import asyncio\nfrom typing import Any\n\nfrom dspy.clients.base_lm import BaseLM\n"
        "from dspy.dsp.utils.settings import Settings\n",
        (
            "\n\ndef _f(lm: BaseLM) -> Any:\n    time.sleep(1)\n    return lm('a')\n",
            "\n\nasync def _f(settings: Settings, lm: BaseLM) -> Any:\n    await asyncio.sleep(1)\n"
            "    return await lm(settings, 'a')\n",
        ),
    )


def test_what_the_module_defines_itself_is_not_imported() -> None:
    path = "dspy/dsp/utils/settings.py"
    code = "def _reset({}):\n    settings.configure(lm=None)\n"
    files = {**TOY, path: TOY[path] + code.format("")}
    found = convert(files, version="0", rules=toy_rules(), final=[p for p in FINAL if p != path])
    assert found.files[path] == TOY[path] + code.format("settings: Settings")


def test_annotations_that_are_not_evaluated() -> None:
    assert_imports(
        "from __future__ import annotations\n\nfrom dspy.dsp.utils.settings import settings\n",
        "from __future__ import annotations\n\nfrom dspy.dsp.utils.settings import Settings\n",
    )


def test_an_import_that_annotations_use() -> None:
    assert_imports(
        "from __future__ import annotations\n\nimport time\n\nfrom dspy.primitives.module import Module\n\n"
        "X = Module\n",
        "from __future__ import annotations\n\nimport asyncio\nimport time\n\n"
        "from dspy.dsp.utils.settings import Settings\nfrom dspy.primitives.module import Module\n\nX = Module\n",
        (
            "\n\ndef _f(lm, now: time.struct_time):\n    time.sleep(1)\n    lm(now)\n",
            "\n\nasync def _f(settings: Settings, lm, now: time.struct_time):\n    await asyncio.sleep(1)\n"
            "    await lm(settings, now)\n",
        ),
    )


def test_what_only_the_twin_that_goes_used() -> None:
    """Also where nothing else changes in the file."""
    before = (
        "from contextlib import aclosing, closing\n\n\n"
        "def read(source):\n    with closing(source):\n        return list(source)\n\n\n"
        "async def aread(source):\n    async with aclosing(source):\n        return [each async for each in source]\n"
    )
    text = convert({**TOY, "dspy/reading.py": before}, version="1", rules=toy_rules()).files["dspy/reading.py"]
    assert text.startswith("from contextlib import aclosing\n")
    assert "aread = read" in text


def test_what_was_unused_before_stays() -> None:
    assert_imports(
        "import json\nfrom dspy.dsp.utils.settings import settings\nfrom typing import Any, Optional\n",
        "import json\nfrom dspy.dsp.utils.settings import Settings\nfrom typing import Any, Optional\n",
    )


@pytest.mark.parametrize(
    "use",
    ["__all__ = ['settings']\n", "X: 'settings' = None\n", "Y = settings\n"],
)
def test_what_is_still_used_stays(use: str) -> None:
    assert_imports(
        f"from dspy.dsp.utils.settings import settings\n\n{use}",
        f"from dspy.dsp.utils.settings import Settings, settings\n\n{use}",
    )


def test_one_of_several_goes() -> None:
    assert_imports(
        "import time, os\nfrom contextlib import contextmanager, suppress\n\nX = os, suppress\n",
        "import asyncio\nimport os\nfrom contextlib import asynccontextmanager, suppress\n\n"
        "from dspy.dsp.utils.settings import Settings\n\nX = os, suppress\n",
        (
            "\n\n@contextmanager\ndef _f(lm):\n    time.sleep(1)\n    yield lm('a')\n",
            "\n\n@asynccontextmanager\nasync def _f(settings: Settings, lm):\n    await asyncio.sleep(1)\n"
            "    yield await lm(settings, 'a')\n",
        ),
    )


def test_a_name_that_another_module_imports_stays() -> None:
    assert_imports(
        "from dspy.dsp.utils.settings import settings\n",
        "from dspy.dsp.utils.settings import Settings, settings\n",
        files={"dspy/other.py": "from dspy.sample import settings\n\nALIAS = settings\n"},
    )


@pytest.mark.parametrize(
    "other",
    [
        "from dspy.sample import *\n\nALIAS = settings\n",
        "import dspy.sample\n\nALIAS = dspy.sample.settings\n",
        "from dspy import sample\n\nALIAS = sample.settings\n",
    ],
)
def test_a_name_that_another_module_gets_otherwise_stays(other: str) -> None:
    assert_imports(
        "from dspy.dsp.utils.settings import settings\n",
        "from dspy.dsp.utils.settings import Settings, settings\n",
        files={"dspy/other.py": other},
    )


def test_imports_in_functions_and_blocks() -> None:
    assert_imports(
        "if True:\n    from dspy import settings as conf\n",
        "from dspy.dsp.utils.settings import Settings\nif True:\n    pass\n",
        (
            "\n\ndef _f():\n    from dspy import settings as inside\n    return inside.trace, conf.trace\n",
            "\n\ndef _f(settings: Settings):\n    return settings.trace, settings.trace\n",
        ),
    )


def test_comments_and_markers_stay() -> None:
    assert_imports(
        "# about settings\nfrom dspy.dsp.utils.settings import settings  # noqa: X\n\n# about X\nX = 1\n",
        "# about settings\nfrom dspy.dsp.utils.settings import Settings  # noqa: X\n\n# about X\nX = 1\n",
    )


def test_relative_imports_are_left_as_they_are() -> None:
    assert_imports(
        "from dspy.predict.ask import Ask\n\nfrom . import primitives\nfrom .clients.base_lm import BaseLM\n\n"
        "X = Ask\n",
        "from dspy.dsp.utils.settings import Settings\nfrom dspy.predict.ask import Ask\n\nfrom . import primitives\n"
        "from .clients.base_lm import BaseLM\n\nX = Ask\n",
        (
            "\n\ndef _f(lm: BaseLM):\n    return lm(primitives.module.Module()('a'))\n",
            "\n\nasync def _f(settings: Settings, lm: BaseLM):\n"
            "    return await lm(settings, await primitives.module.Module()(settings, 'a'))\n",
        ),
    )


@pytest.mark.parametrize(
    ("code", "unused"),
    [
        ("import a\n", {("", "a")}),
        ("import a.b\na\n", set()),
        ("import a as b\nb.c\n", set()),
        ("import a\ndef f():\n    return a\n", set()),
        ("import a\ndef f(a):\n    return a\n", {("", "a")}),
        ("import a\nclass C:\n    x = a\n", set()),
        ("import a\nx: 'a.B'\n", set()),
        ("import a\n__all__ = ['a']\n", set()),
        ("def f():\n    import a\n", {("f", "a")}),
        ("def f():\n    import a\n    return lambda: a\n", set()),
        ("class C:\n    def f(self):\n        from a import b\n", {("C.f", "b")}),
        ("import a\ndef f():\n    global a\n    a = 1\n", set()),
        ("import a\nx = [a for _ in y]\n", set()),
        ("import a\nx = {a: 1 for _ in y}\n", set()),
        ("def f():\n    import a\n    return [a for _ in y]\n", set()),
        ("import a\nx = list(a for _ in y)\n", set()),
        ("import a\ndef f():\n    return [a for _ in y]\n", set()),
        ("import a\ndef f(x: a): ...\n", set()),
    ],
)
def test_unused_imports(code: str, unused: set[tuple[str, str]]) -> None:
    assert unused_imports(code) == unused
