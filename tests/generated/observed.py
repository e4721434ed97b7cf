"""A program that MLflow watches, with the `dspy` that is first on the path: prints the tree of spans of each trace.

MLflow's callback is written for upstream: its handlers are plain functions that know nothing of settings.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
from typing import Any

import dspy
import mlflow
import mlflow.dspy

from tests.generated.programs import search
from tests.generated.sides import AsyncSide, Side, SyncSide, drive, fields


def answer(last: str, _: int) -> str:
    """An agent that looks once, and is done then."""
    if "next_tool_name" not in last:
        return fields(reasoning="r", answer="a")
    name, arguments = ("finish", "{}") if "observation_0" in last else ("search", '{"query": "x"}')
    return fields(next_thought="t", next_tool_name=name, next_tool_args=arguments)


def metric(example: Any, prediction: Any, trace: Any = None) -> bool:
    return example.answer == prediction.answer


async def play(side: Side) -> list[Any]:
    """An agent, and an evaluation of a program with a part."""
    lm = side.lm(answer)
    lm.model_type, lm.cache = "chat", False
    watching = {"lm": lm, "callbacks": dspy.settings.callbacks}
    agent = dspy.ReAct("question -> answer", tools=[search])
    data = [dspy.Example(question=f"q{n}", answer="a").with_inputs("question") for n in range(2)]
    evaluate = dspy.Evaluate(devset=data, metric=metric, num_threads=1)
    return [
        (await side.call(agent, using=watching, question="?")).answer,
        (await side.call(evaluate, dspy.ChainOfThought("question -> answer"), using=watching)).score,
    ]


def traces() -> list[Any]:
    """Of each trace its spans, each with its parent, kind, inputs and status."""
    mlflow.flush_trace_async_logging()
    found = []
    for trace in mlflow.search_traces(return_type="list", locations=["0"]):
        names = {span.span_id: span.name for span in trace.data.spans}
        found.append(
            [
                [
                    span.name,
                    names.get(span.parent_id),
                    str(span.span_type),
                    str(span.status.status_code),
                    json.dumps(span.inputs, sort_keys=True, default=str),
                ]
                for span in trace.data.spans
            ]
        )
    return sorted(found)


def main() -> None:
    """Prints what came of the program and the traces of it; the command line names a folder for MLflow."""
    out, sys.stdout = sys.stdout, sys.stderr
    mlflow.set_tracking_uri(f"file://{sys.argv[1]}")
    mlflow.dspy.autolog()
    is_async = inspect.iscoroutinefunction(inspect.unwrap(dspy.Module.__call__))
    results = asyncio.run(play(AsyncSide(dspy))) if is_async else drive(play(SyncSide(dspy)))
    json.dump({"file": dspy.__file__, "results": results, "traces": traces()}, out)


if __name__ == "__main__":
    main()
