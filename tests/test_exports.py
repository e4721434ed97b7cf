"""What a package's `__init__.py` imports from itself is what it offers, to a type checker as well."""

from __future__ import annotations

import pytest

from codemods.exports import with_exports


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from dspy.evaluate import Evaluate\n", "from dspy.evaluate import Evaluate as Evaluate\n"),
        ("from . import a\n", "from . import a as a\n"),
        ("from dspy.a import B, C as D, E\n", "from dspy.a import B as B, C as D, E as E\n"),
        (
            "from dspy.a import (  # isort: skip\n    B,\n    C,  # of old\n)\n",
            "from dspy.a import (  # isort: skip\n    B as B,\n    C as C,  # of old\n)\n",
        ),
        ("x = '\u00e9'; from dspy.a import B\r\n", "x = '\u00e9'; from dspy.a import B as B\r\n"),
        ("\ufefffrom dspy.a import B\n", "\ufefffrom dspy.a import B as B\n"),
    ],
)
def test_the_packages_own_names_get_an_alias(before: str, after: str) -> None:
    assert with_exports("dspy/__init__.py", before) == after
    assert with_exports("dspy/sub/__init__.py", after) == after


@pytest.mark.parametrize(
    "text",
    [
        "from dspy.predict import *\n",
        "from typing import Any\nimport os\n",
        "from dspyish import a\n",
        "def f():\n    from dspy.a import B\n",
        "if TYPE_CHECKING:\n    from dspy.a import B\n",
        "from dspy.a import B\n__all__ = ['B']\n",
        "from dspy.a import B\n__all__: list[str] = []\n",
        "from dspy.a import B\n__all__ += ['B']\n",
        "from dspy.a import (\n",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert with_exports("dspy/__init__.py", text) == text


def test_a_module_that_is_no_package_offers_nothing() -> None:
    assert with_exports("dspy/a.py", "from dspy.b import C\n") == "from dspy.b import C\n"
