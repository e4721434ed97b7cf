"""Observability that is written for upstream: the same traces of the same program."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dspy
import pytest
from dspy.utils import DummyLM

from tests.generated.sides import fields
from tests.generated.support import lm_at, question_of
from tests.support.model_server import Answer, ModelServer
from tests.support.pages import blocks

REPOSITORY = Path(__file__).resolve().parents[2]
needs_openinference = pytest.mark.skipif(
    importlib.util.find_spec("openinference") is None, reason="requirements-observability.txt is not installed"
)


async def observed(first: Path | None, folder: Path) -> Any:
    """What MLflow saw of a program on the package at hand, or on the one in a folder that comes first on the path."""
    path = [str(each) for each in (first, REPOSITORY) if each is not None]
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tests.generated.observed", str(folder / "runs")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path), "MLFLOW_ALLOW_FILE_STORE": "true"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.api("3.9")
@pytest.mark.skipif(
    importlib.util.find_spec("mlflow") is None, reason="requirements-observability.txt is not installed"
)
@pytest.mark.timeout(600)
async def test_mlflow_sees_what_it_sees_of_upstream(upstream_folder: Path, tmp_path: Path):
    (tmp_path / "here").mkdir()
    (tmp_path / "upstream").mkdir()
    ours = await observed(None, tmp_path / "here")
    theirs = await observed(upstream_folder, tmp_path / "upstream")
    assert ours.pop("file") != theirs.pop("file")
    assert ours["results"] == theirs["results"] == ["a", 100.0]
    assert len(ours["traces"]) == 3
    for mine, other in zip(ours["traces"], theirs["traces"], strict=True):
        assert mine == other


def _page() -> dict[str, Any]:
    """What the page's block leaves."""
    (block,) = blocks(REPOSITORY / "docs" / "guide" / "observability.md", "python")
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(block.text, "observability.md", "exec"), names)
    return names


def _spans(memory: Any) -> list[Any]:
    return sorted(memory.get_finished_spans(), key=lambda span: span.start_time)


def _shape(spans: list[Any]) -> list[tuple[str, str | None]]:
    """Each span's name and that of the span it is in."""
    names = {span.context.span_id: span.name for span in spans}
    return [(span.name, names[span.parent.span_id] if span.parent else None) for span in spans]


def _exports(provider: Any) -> Any:
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    memory = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    return memory


@pytest.fixture
def as_before() -> Iterator[None]:
    """Puts the classes' methods back: the instrumentation takes the package's own decorators off with its wrappers."""
    parts = (dspy.LM, DummyLM, dspy.Module, dspy.Retrieve, dspy.ColBERTv2, dspy.Adapter, dspy.Tool)
    classes = (*parts, dspy.Predict, *dspy.Predict.__subclasses__())
    before = {cls: dict(vars(cls)) for cls in classes}
    yield
    for cls, attributes in before.items():
        for name in ("__call__", "acall", "forward", "aforward"):
            if name in attributes:
                type.__setattr__(cls, name, attributes[name])
            elif name in vars(cls):
                type.__delattr__(cls, name)


ASKED = [
    ("ChainOfThought.aforward", None),
    ("Predict.aforward", "ChainOfThought.aforward"),
    ("Predict(StringSignature).forward", "Predict.aforward"),
    ("ChatAdapter.acall", "Predict(StringSignature).forward"),
    ("LM.acall", "ChatAdapter.acall"),
]


@needs_openinference
@pytest.mark.usefixtures("as_before")
async def test_openinference_traces_each_call_with_what_the_guide_says(server: ModelServer):
    page = _page()
    try:
        memory = _exports(page["provider"])
        server.on(lambda request: Answer(fields(reasoning="r", answer=question_of(request)), delay=0.2))
        lm = lm_at(server, api_key="a secret")
        program = dspy.ChainOfThought("question -> answer")
        questions = ("first", "second")
        settings = [dspy.Settings(lm=lm) for _ in questions]
        found = await asyncio.gather(*(program(s, question=q) for s, q in zip(settings, questions, strict=True)))
        assert [prediction.answer for prediction in found] == list(questions)

        spans = _spans(memory)
        traces = {span.context.trace_id for span in spans}
        assert len(traces) == len(questions)
        for trace in traces:
            own = [span for span in spans if span.context.trace_id == trace]
            assert _shape(own) == ASKED
            assert all(span.status.is_ok for span in own)
            assert all(span.end_time - span.start_time >= 0.2e9 for span in own), "a span ends after the model said it"
            (question,) = {json.loads(span.attributes["input.value"]).get("question") for span in own[:3]}
            assert json.loads(own[2].attributes["output.value"])["answer"] == question
        texts = [str(dict(span.attributes)) for span in spans]
        assert not any("a secret" in text or '"settings"' in text for text in texts)

        memory.clear()
        tool = dspy.Tool(asyncio.sleep, name="pause", args={"delay": {"type": "number"}})
        await tool(dspy.Settings(), delay=0)
        assert _shape(_spans(memory)) == [("pause.acall", None)]
    finally:
        page["AsyncInstrumentor"]().uninstrument()


@needs_openinference
@pytest.mark.usefixtures("as_before")
async def test_openinference_as_it_is_takes_coroutines_for_results(server: ModelServer):
    """Why the guide has a class of its own for it. Where this fails, the guide can be shorter."""
    from openinference.instrumentation.dspy import DSPyInstrumentor
    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider()
    memory = _exports(provider)
    instrumentor = DSPyInstrumentor()
    instrumentor.instrument(tracer_provider=provider, skip_dep_check=True)
    try:
        server.on(Answer(fields(answer="a")))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            with pytest.raises(AttributeError, match="'coroutine' object has no attribute 'get'"):
                await dspy.Predict("question -> answer")(dspy.Settings(lm=lm_at(server)), question="?")
            gc.collect()
    finally:
        instrumentor.uninstrument()
    assert memory.get_finished_spans()
