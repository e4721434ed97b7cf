"""What the package index shows: every block of Python in the package's README is run, in order, as a reader would."""

from __future__ import annotations

import ast
import asyncio
import importlib.metadata
import inspect
import warnings
from pathlib import Path
from typing import Any

import dspy
import httpx
import pytest

from tests.generated.support import fields, question_of
from tests.support.model_server import Answer, ModelServer, Request
from tests.support.pages import blocks

# Where a dependency brings `importlib_metadata`, that answers, and keeps the text under this name only.
README = importlib.metadata.metadata("dspy-async")["Description"]


def model(request: Request) -> Answer:
    """Nairobi, after one look into the encyclopedia where the request is an agent's."""
    asked = request.last.rpartition("Respond with")[2]
    if "next_tool_name" in asked:
        done = "observation_0" in request.last
        step = {"next_tool_name": "finish", "next_tool_args": "{}"}
        if not done:
            step = {"next_tool_name": "search", "next_tool_args": '{"query": "Kenya"}'}
        return Answer(fields(next_thought="I look.", **step))
    return Answer(fields(**({"reasoning": "It is."} if "reasoning" in asked else {}), answer="Nairobi"))


@pytest.fixture
def after(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> dict[str, Any]:
    """The names that there are when all blocks have run, and as `printed` what they printed."""
    server.on(model)
    monkeypatch.setenv("OPENAI_API_BASE", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dspy.settings, "_values", dict(dspy.settings._values), raising=False)
    names: dict[str, Any] = {"__name__": "readme"}
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        # LiteLLM's own, of an earlier test's loop: see pytest.ini.
        warnings.filterwarnings(
            "ignore", r"coroutine 'Logging\.async_success_handler' was never awaited", RuntimeWarning
        )
        for block in blocks(README, "python"):
            tree = ast.increment_lineno(ast.parse(block.text), block.line - 1)
            result = eval(compile(tree, "README.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
            if inspect.iscoroutine(result):
                asyncio.run(result)
    return {**names, "printed": capsys.readouterr().out.splitlines()}


def test_every_block_runs(after: dict[str, Any], tmp_path: Path) -> None:
    printed: list[str] = after["printed"]
    assert [line for line in printed if line in ("Nairobi", "100.0")] == ["Nairobi", "100.0", "Nairobi"]
    assert "asks openai/gpt-4o-mini" in printed
    assert any(line.startswith("was told [") for line in printed)
    assert any("openai/gpt-4o" in line and "total_tokens" in line for line in printed)
    assert (tmp_path / "qa.json").is_file()


def test_the_web_service_answers_each_tenant_with_his_model(after: dict[str, Any], server: ModelServer) -> None:
    async def ask(tenant: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(after["app"]), base_url="http://service") as client:
            question = {"question": f"Who asks? {tenant}"}
            return await client.get("/answer", params=question, headers={"x-tenant": tenant})

    async def both() -> list[httpx.Response]:
        return await asyncio.gather(*map(ask, ("acme", "globex", "nobody")))

    answers = asyncio.run(both())
    assert [each.status_code for each in answers] == [200, 200, 401]
    assert answers[0].json() == {"answer": "Nairobi"}
    asked = {question_of(each): each.model for each in server.requests if "Who asks?" in each.last}
    assert asked == {"Who asks? acme": "gpt-4o-mini", "Who asks? globex": "gpt-4o"}


def test_it_names_the_installed_version() -> None:
    assert f"dspy-async {importlib.metadata.version('dspy-async')} is DSPy" in README


def test_what_it_says_is_awaited_is() -> None:
    waits = [dspy.Module.__call__, dspy.BaseLM.__call__, dspy.Adapter.format, dspy.Tool.__call__, dspy.Module.batch]
    waits += [dspy.Evaluate.__call__, dspy.Parallel.__call__, dspy.Embedder.__call__, dspy.MIPROv2.compile]
    assert all(inspect.iscoroutinefunction(inspect.unwrap(each)) for each in waits)
    plain = [dspy.Module.save, dspy.Module.load, dspy.Module.named_predictors, dspy.inspect_history, dspy.configure]
    assert not any(inspect.iscoroutinefunction(inspect.unwrap(each)) for each in plain)


GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "index.md"


def test_the_guide_runs(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The programs of the documentation's first page, and the functions it shows."""
    server.on(model)
    monkeypatch.setenv("OPENAI_API_BASE", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    names: dict[str, Any] = {"__name__": "guide"}
    for block in blocks(GUIDE, "python"):
        exec(compile(block.text, str(GUIDE), "exec"), names)
    settings = dspy.Settings(lm=dspy.LM("openai/gpt-4o-mini", cache=False))

    async def shown() -> list[Any]:
        asked = ["Who?", "Where?"]
        return [
            *await names["several"](settings, asked),
            *await names["limited"](settings, asked),
            await names["in_time"](settings, "When?"),
        ]

    assert [each.answer for each in asyncio.run(shown())] == ["Nairobi"] * 5
    assert {"several", "limited", "in_time", "both"} <= set(names)
