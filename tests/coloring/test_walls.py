"""Functions that a colour cannot reach."""

from __future__ import annotations

from codemods.coloring import Coloring
from tests.support.conversion import both, coroutines, takers, toy_coloring


def findings(coloring: Coloring) -> set[tuple[str, str]]:
    return {(finding.rule, finding.message.partition(":")[2].split(" ")[0]) for finding in coloring.findings}


def test_walls() -> None:
    code = """
        class Shop:
            def __init__(self, lm): lm()
            @property
            def name(self): return settings.lm()
            def __len__(self): return settings.size
            def __call__(self): return settings.lm()
        def f(shop: Shop): return shop.name, len(shop), shop()
        """
    coloring = toy_coloring(code)
    assert (coroutines(coloring), takers(coloring)) == both("Shop.__call__", "f")
    assert findings(coloring) == {
        ("wall-coroutine", "Shop.__init__"),
        ("wall-settings", "Shop.__init__"),
        ("wall-coroutine", "Shop.name"),
        ("wall-settings", "Shop.name"),
        ("wall-settings", "Shop.__len__"),
    }
