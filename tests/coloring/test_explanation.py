"""The chain of calls that is shown for a function."""

from __future__ import annotations

from codemods.coloring import Chains, color
from codemods.program import build_program
from tests.support.conversion import FINAL, SAMPLE, toy_files, toy_rules


def test_explanations() -> None:
    code = """
        class Base:
            def run(self): ...
        class Sub(Base):
            def run(self):
                return settings.lm("a")
        def f(base: Base):
            return base.run()
        """
    coloring = color(build_program(toy_files(code, header=True)), toy_rules(), FINAL)
    offset = toy_files("", header=True)[SAMPLE].count("\n")
    chains = Chains(coloring)
    assert chains.of("dspy.sample:f") == [
        "dspy.sample:f: coroutine",
        f"  dspy/sample.py:{offset + 7}: dspy.sample:f calls dspy.sample:Base.run",
        f"  dspy/sample.py:{offset + 2}: stands for dspy.sample:Sub.run (override or interchangeable)",
        f"  dspy/sample.py:{offset + 5}: dspy.sample:Sub.run calls dspy.clients.base_lm:BaseLM.__call__",
        "  dspy/clients/base_lm.py:5: is a coroutine in the source",
        "dspy.sample:f: settings",
        f"  dspy/sample.py:{offset + 7}: dspy.sample:f calls dspy.sample:Base.run",
        f"  dspy/sample.py:{offset + 2}: stands for dspy.sample:Sub.run (override or interchangeable)",
        f"  dspy/sample.py:{offset + 5}: reads settings",
    ]
    assert chains.of("dspy.sample:Base") == []
    assert chains.of("dspy.clients.base_lm:BaseLM.cost") == []
