"""The analysis as a whole."""

from __future__ import annotations

import random

from codemods.program import build_program
from codemods.program.flow import Flow
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
