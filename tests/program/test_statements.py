"""What statements bind, and what the expressions in them hold."""

from __future__ import annotations

import pytest

from tests.support.held import held


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        ("x = BaseLM()", {"BaseLM()"}),
        ("x = y = BaseLM()", {"BaseLM()"}),
        ("x: BaseLM", {"BaseLM()"}),
        ("x: BaseLM = Ask()", {"BaseLM()", "Ask()"}),
        ("x = BaseLM()\nx = Ask()", {"BaseLM()", "Ask()"}),
        ("x = None", set()),
        ("x = 'a'", {"object()"}),
        ("x = f'{1}'", {"object()"}),
        ("x = 1 == 2", {"object()"}),
        ("x, y = BaseLM(), 1", {"BaseLM()"}),
        ("(y, [x, z]) = 1, [BaseLM(), 1]", {"BaseLM()", "object()"}),
        ("for x in [BaseLM()]: pass", {"BaseLM()"}),
        ("for i, x in enumerate([BaseLM()]): pass", {"BaseLM()"}),
        ("for y, x in zip('ab', [BaseLM()]): pass", {"BaseLM()"}),
        ("for y, x in {'a': BaseLM()}.items(): pass", {"BaseLM()"}),
        ("for x in {'a': BaseLM()}.values(): pass", {"BaseLM()"}),
        ("for x in (y for y in [BaseLM()]): pass", {"BaseLM()"}),
        ("if (x := BaseLM()): pass", {"BaseLM()"}),
        ("x = BaseLM() or Ask()", {"BaseLM()", "Ask()"}),
        ("x = BaseLM() if a else Ask()", {"BaseLM()", "Ask()"}),
        ("x = a if isinstance(a, BaseLM) else None", {"BaseLM()"}),
        ("try: pass\nexcept ValueError as x: pass", {"object()"}),
        ("with Ask() as x: pass", {"Ask()"}),
        ("with settings.context() as x: pass", {"Settings()"}),
        ("x = copy.deepcopy(BaseLM())", {"BaseLM()"}),
        ("x = BaseLM().deepcopy()", {"BaseLM()"}),
        ("x = typing.cast(BaseLM, a)", {"BaseLM()"}),
        ("x = typing.cast('BaseLM', a)", {"BaseLM()"}),
        ("x = type(BaseLM())()", {"BaseLM()"}),
        ("x = BaseLM().__class__", {"BaseLM"}),
        ("x = getattr(BaseLM(), 'forward')", {"def BaseLM.forward"}),
        ("x = getattr(BaseLM(), a)", set()),
        ("x = functools.partial(BaseLM(), 1)", {"def BaseLM.__call__"}),
        ("x = functools.partial(helper, 1)", {"def helper"}),
        ("x = BaseLM().forward", {"def BaseLM.forward"}),
        ("x = BaseLM.forward", {"def BaseLM.forward"}),
        ("x = await_\nasync def await_(): pass", {"def f.<locals>.await_"}),
        ("x = lambda: 1", {"def f.<locals>.<lambda1>"}),
        ("x = settings.lm", {"BaseLM()"}),
        ("x = settings['lm']", {"BaseLM()"}),
        ("x = settings.rm", {"supplied rm"}),
        ("x = settings.other", set()),
        ("x = dspy.settings", {"Settings()"}),
        ("x = dspy", {"module dspy"}),
        ("x = dspy.clients.base_lm", {"module dspy.clients.base_lm"}),
        ("x = functools.wraps", {"functools.wraps"}),
        ("x = len", {"builtins.len"}),
        ("x = functools.thing().other", {"object()"}),
        ("x = unknown", set()),
    ],
)
def test_statements(statements: str, found: set[str]) -> None:
    lines = "".join(f"    {line}\n" for line in statements.split("\n"))
    code = f"import copy\nimport functools\nimport typing\ndef helper(): ...\ndef f(a):\n{lines}    probe(x)\n"
    assert held(code) == found


def test_the_rest_of_a_sequence_is_a_list() -> None:
    assert held("def f(xs: list[BaseLM]):\n    a, *x = xs\n    probe(x[0])\n") == {"BaseLM()"}


def test_a_class_pattern() -> None:
    assert held("def f(x):\n    match x:\n        case BaseLM() as y:\n            probe(y)\n") == {"BaseLM()"}
