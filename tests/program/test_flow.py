"""The analysis as a whole."""

from __future__ import annotations

import ast
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codemods.program import build_program
from codemods.program.flow import Flow
from codemods.program.scopes import Scope
from codemods.program.statements import bind_statement
from codemods.program.values import Instance
from tests.support.conversion import SAMPLE, TOY, dedent, toy_rules


def test_the_order_of_files_does_not_matter() -> None:
    files = {
        **TOY,
        **{
            f"dspy/m{n}.py": f"from dspy.m{n + 1} import make{n + 1}\ndef make{n}(): return make{n + 1}()\n"
            for n in range(6)
        },
        "dspy/m6.py": "from dspy import BaseLM\ndef make6(): return BaseLM()\n",
        SAMPLE: dedent("from dspy.m0 import make0\ndef f():\n    probe(make0())\n"),
    }
    names = list(files)
    points = []
    for seed in range(3):
        random.Random(seed).shuffle(names)
        flow = Flow(build_program({name: files[name] for name in names}), toy_rules())
        flow.solve()
        points.append(flow.variables.points_to)
    assert points[0] == points[1] == points[2]
    assert points[0]["R", "dspy.m0:make0"] == {Instance("dspy.clients.base_lm:BaseLM")}


@given(st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_the_order_of_steps_does_not_matter(rand: random.Random) -> None:
    def in_any_order(flow: Flow, steps: set[int]) -> list[int]:
        return rand.sample(sorted(steps), len(steps))

    files = {
        **TOY,
        SAMPLE: dedent(
            """
            from dspy import BaseLM, Module, Settings
            def first(): return second()
            def second(): return [Inner(BaseLM()), {"a": first()}]
            class Inner(Module):
                def __init__(self, lm):
                    self.lm, self.rest = lm, [lm]
                def forward(self, x):
                    for one in self.rest:
                        x = one(x)
                    return self.lm(first()[0])
            def outer(values):
                probe(second()[0].lm, [Inner(v) for v in values])
            outer(first())
            """
        ),
    }
    program = build_program(files)
    straight = Flow(program, toy_rules())
    straight.solve()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flow, "_in_turn", in_any_order)
        other = Flow(program, toy_rules())
        other.solve()
    assert other.variables.points_to == straight.variables.points_to


def test_a_statement_is_gone_through_again_without_those_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    gone_through: list[str] = []

    def bind(flow: Flow, node: ast.AST, scope: Scope) -> None:
        gone_through.append(ast.unparse(node))
        bind_statement(flow, node, scope)

    monkeypatch.setattr("codemods.program.flow.bind_statement", bind)
    code = """
        from dspy import BaseLM
        def f():
            if (a := 1):
                b = 2
            c = late()
            return c
        def late():
            return BaseLM()
    """
    Flow(build_program({**TOY, SAMPLE: dedent(code)}), toy_rules()).solve()
    assert [gone_through.count(each) for each in ("(a := 1)", "b = 2", "c = late()", "return c")] == [1, 1, 2, 2]
