"""What becomes of reads of the process's settings object."""

from __future__ import annotations

import pytest

from tests.support.planning import planned


@pytest.mark.parametrize(
    ("body", "reads"),
    [
        ("return dspy.settings.x", ["settings"]),
        ("return settings.x", ["settings"]),
        ("from dspy import settings as mine\n    return mine.x", ["settings"]),
        ("with dspy.context(a=1):\n        return dspy.settings.x", ["settings.context", "inner_settings"]),
    ],
)
def test_reads(body: str, reads: list[str]) -> None:
    found = planned(f"def f():\n    {body}\n").reads
    assert [found[place] for place in sorted(found)] == reads


def test_an_import_that_hides_the_parameter_goes() -> None:
    assert len(planned("def f():\n    from dspy import settings\n    return settings.x\n").shadowing) == 1
