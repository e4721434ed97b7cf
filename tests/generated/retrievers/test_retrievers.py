"""Retrievers: what is embedded once, what runs in a thread, and that the loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import sys
import threading
import time
import types
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import dspy
import numpy as np
import pytest
from dspy.dsp.colbertv2 import ColBERTv2
from dspy.utils.unbatchify import Unbatchify

from tests.generated.beside_upstream import run_upstream, same
from tests.generated.retrievers import programs
from tests.generated.retrievers.programs import CORPUS, letters

SETTINGS = dspy.Settings()


@pytest.fixture(scope="module")
def upstream(upstream_folder: Path) -> dict[str, Any]:
    return run_upstream(upstream_folder, programs.__name__)


@pytest.mark.api("6.2", "6.3")
@pytest.mark.parametrize("name", programs.PROGRAMS)
async def test_same_as_upstream(name: str, upstream: dict[str, Any]):
    await same(programs.PROGRAMS[name], upstream[name])


# -- embeddings -------------------------------------------------------------------------------------------------------


class Counted:
    """An embedder that waits, and notes what it is asked and for whom."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[str]]] = []
        self.fails = 0

    async def __call__(self, settings: dspy.Settings, texts: list[str]) -> Any:
        self.asked.append((settings.tenant, texts))
        await asyncio.sleep(0.02)
        if self.fails:
            self.fails -= 1
            raise OSError("no embeddings today")
        return letters(texts)

    @property
    def corpora(self) -> int:
        return sum(texts == CORPUS for _, texts in self.asked)


@pytest.mark.api("1.8")
async def test_the_corpus_is_embedded_by_the_first_call_and_once():
    embedder = Counted()
    found = dspy.Embeddings(corpus=CORPUS, embedder=embedder, k=1)
    assert embedder.asked == []
    mine, yours = SETTINGS.context(tenant="me"), SETTINGS.context(tenant="you")
    results = await asyncio.gather(*(found(settings, "cat") for settings in (mine, yours, mine)))
    assert {result.passages[0] for result in results} == {"a cat sat"}
    assert embedder.corpora == 1
    await found(yours, "dogs")
    assert embedder.corpora == 1
    # No batch goes across settings.
    assert ("me", ["cat", "cat"]) in embedder.asked
    assert ("you", ["cat"]) in embedder.asked


class Asks(dspy.Module):
    """A program that asks a retriever."""

    def __init__(self, retriever: Any) -> None:
        super().__init__()
        self.retriever = retriever

    async def forward(self, settings: dspy.Settings, query: str) -> Any:
        return await self.retriever(settings, query)


@pytest.mark.api("5.12")
async def test_calls_of_one_tenant_share_a_batch_whatever_modules_they_come_through():
    embedder = Counted()
    found = dspy.Embeddings(corpus=CORPUS, embedder=embedder, k=1)
    one, other = Asks(found), Asks(found)
    # A name that each request brings is equal, and no more.
    mine = [SETTINGS.context(tenant="".join(["m", "e"])) for _ in range(2)]
    calls = [
        one(mine[0], "cat"),
        one(mine[1], "rain"),
        other(mine[0], "dogs"),
        one(SETTINGS.context(tenant="you"), "a"),
    ]
    await asyncio.gather(*calls)
    assert sorted((tenant, texts) for tenant, texts in embedder.asked if texts != CORPUS) == [
        ("me", ["cat", "rain", "dogs"]),
        ("you", ["a"]),
    ]


async def test_what_failed_or_was_cancelled_is_done_by_the_next_call():
    embedder = Counted()
    embedder.fails = 1
    found = dspy.Embeddings(corpus=CORPUS, embedder=embedder, k=1)
    mine = SETTINGS.context(tenant="me")
    with pytest.raises(OSError, match="no embeddings today"):
        await found(mine, "cat")
    running = asyncio.create_task(found(mine, "cat"))
    while embedder.corpora < 2:
        await asyncio.sleep(0.005)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await found(mine, "cat")).passages == ["a cat sat"]
    assert embedder.corpora == 3


async def test_a_copy_finds_the_same():
    found = dspy.Embeddings(corpus=CORPUS, embedder=letters, k=1)
    for twin in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert (await twin(SETTINGS, "cat")).passages == ["a cat sat"]
    await found(SETTINGS, "cat")
    for twin in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert np.array_equal(twin.corpus_embeddings, found.corpus_embeddings)
        assert (await twin(SETTINGS, "cat")).passages == ["a cat sat"]


def test_embeddings_live_longer_than_a_loop():
    found = dspy.Embeddings(corpus=CORPUS, embedder=letters, k=1)
    for _ in range(2):
        assert asyncio.run(found(SETTINGS, "cat")).passages == ["a cat sat"]


async def test_many_texts_get_an_index_once_they_are_embedded(monkeypatch: pytest.MonkeyPatch):
    class Index:
        """What is used of FAISS: it finds everything."""

        def __init__(self, *_: Any) -> None:
            self.seen: list[Any] = []
            self.train = self.add = self.seen.append

        def search(self, queries: Any, number: int) -> Any:
            assert threading.current_thread() is not threading.main_thread()
            return None, np.tile(np.arange(len(CORPUS)), (len(queries), 1))

    faiss = types.ModuleType("faiss")
    faiss.IndexFlatL2 = faiss.IndexIVFPQ = Index  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "faiss", faiss)
    counted = Counted()
    retriever = dspy.Embeddings(CORPUS, dspy.Embedder(counted, caching=False), k=1, brute_force_threshold=2)
    assert retriever.index is None
    found = await asyncio.gather(*(retriever(SETTINGS.context(tenant="t"), text) for text in CORPUS[:2]))
    assert [each.passages for each in found] == [[text] for text in CORPUS[:2]]
    assert [len(each) for each in retriever.index.seen] == [len(CORPUS)] * 2


@pytest.mark.api("2.2")
async def test_calls_without_settings_are_told_so():
    with pytest.raises(TypeError, match=r"needs a dspy\.Settings"):
        await dspy.Embeddings(corpus=CORPUS, embedder=letters)("cat")
    with pytest.raises(TypeError, match=r"needs a dspy\.Settings"):
        await ColBERTv2()("cat")


# -- batches ----------------------------------------------------------------------------------------------------------


class Batches:
    def __init__(self) -> None:
        self.seen: list[list[int]] = []

    def __call__(self, items: list[int]) -> list[int]:
        self.seen.append(items)
        return [item + 1 for item in items]


async def test_a_batch_is_done_when_it_is_full():
    batches = Batches()
    one = Unbatchify(batches, max_batch_size=2, max_wait_time=30)
    assert await asyncio.gather(*(one(SETTINGS, item) for item in range(4))) == [1, 2, 3, 4]
    assert batches.seen == [[0, 1], [2, 3]]


async def test_a_batch_is_done_when_its_time_is_up():
    batches = Batches()
    one = Unbatchify(batches, max_batch_size=9, max_wait_time=0.1)
    before = time.monotonic()
    assert await asyncio.gather(one(SETTINGS, 1), one(dspy.Settings(), 2)) == [2, 3]
    assert 0.09 < time.monotonic() - before < 1
    assert batches.seen == [[1, 2]]


class Handed:
    """A function of many items that notes the settings it is handed."""

    def __init__(self) -> None:
        self.batches: list[tuple[dspy.Settings, list[int]]] = []

    def __call__(self, settings: dspy.Settings, items: list[int]) -> list[int]:
        self.batches.append((settings, items))
        return items


@pytest.mark.api("5.12")
@pytest.mark.parametrize("name", ["lm", "callbacks", "trace", "usage_tracker"])
async def test_no_batch_goes_across_values_that_are_merely_equal(name: str):
    handed = Handed()
    one = Unbatchify(handed, max_wait_time=0.01)
    await asyncio.gather(*(one(SETTINGS.context(**{name: []}), item) for item in (1, 2)))
    assert [items for _, items in handed.batches] == [[1], [2]]


@pytest.mark.api("5.12")
async def test_a_batch_has_the_values_that_its_calls_came_with():
    handed = Handed()
    one = Unbatchify(handed, max_wait_time=0.01)
    settings = dspy.Settings(lm=object())
    first = asyncio.create_task(one(settings, 1))
    await asyncio.sleep(0)
    before, now = id(settings.lm), object()
    # What made room is not taken for what came in its place.
    for each in (object() for _ in range(1000)):
        settings.configure(lm=each)
        assert id(each) != before
    settings.configure(lm=now)
    await asyncio.gather(first, one(settings, 2))
    assert [(id(each.lm), items) for each, items in handed.batches] == [(before, [1]), (id(now), [2])]


@pytest.mark.api("5.12")
async def test_a_batch_came_through_the_modules_that_all_its_calls_did():
    handed = Handed()
    one = Unbatchify(handed, max_wait_time=0.01)
    modules = [["outer", "mine"], ["outer", "yours"]]
    await asyncio.gather(*(one(SETTINGS.context(caller_modules=each), 1) for each in modules))
    await asyncio.gather(*(one(SETTINGS.context(caller_modules=each), 1) for each in (["mine"], None)))
    assert [settings.caller_modules for settings, _ in handed.batches] == [["outer"], None]


async def test_an_error_in_a_batch_is_everybodys():
    async def fails(items: list[int]) -> list[int]:
        raise KeyError("batch")

    one = Unbatchify(fails, max_batch_size=2)
    results = await asyncio.gather(one(SETTINGS, 1), one(SETTINGS, 2), return_exceptions=True)
    assert [type(result) for result in results] == [KeyError, KeyError]


async def test_too_few_results_are_an_error_and_no_endless_wait():
    one = Unbatchify(lambda items: items[:1], max_batch_size=2)
    results = await asyncio.gather(one(SETTINGS, 1), one(SETTINGS, 2), return_exceptions=True)
    assert results[0] == 1
    assert isinstance(results[1], ValueError)


async def test_a_call_that_is_cancelled_leaves_its_batch_to_the_others():
    batches = Batches()
    one = Unbatchify(batches, max_batch_size=2, max_wait_time=0.2)
    first, second = (asyncio.create_task(one(SETTINGS, item)) for item in (1, 2, 3)[:2])
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 3
    assert batches.seen == [[2]]


@pytest.mark.parametrize("wait", [30.0, 0.0])
async def test_cancelling_every_call_ends_the_work(wait: float):
    ended = []

    async def endless(items: list[int]) -> list[int]:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(items)
        return items

    one = Unbatchify(endless, max_wait_time=wait)
    tasks = asyncio.all_tasks()
    calls = [asyncio.create_task(one(SETTINGS, item)) for item in (1, 2)]
    await asyncio.sleep(0.05)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert asyncio.all_tasks() == tasks
    assert ended == ([] if wait else [[1, 2]])
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(one(SETTINGS, 3), 0.05)


async def test_closing_ends_calls_that_wait():
    with Unbatchify(Batches(), max_wait_time=30) as one:
        call = asyncio.create_task(one(SETTINGS, 1))
        await asyncio.sleep(0.01)
    with pytest.raises(RuntimeError, match="is closed"):
        await call
    with pytest.raises(RuntimeError, match="is closed"):
        await one(SETTINGS, 1)


# -- clients that block -----------------------------------------------------------------------------------------------


class Answers(BaseHTTPRequestHandler):
    """A slow server of ColBERT and of a vector index."""

    def do_GET(self) -> None:
        asked = parse_qs(urlparse(self.path).query)
        self._answer({"topk": [{"text": f"{asked['query'][0]} {n}"} for n in range(int(asked["k"][0]) + 1)]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "vector-search" not in self.path:
            self._answer({"topk": [{"long_text": asked["query"]}]})
        elif asked["query_text"] == "broken":
            self._answer({"error_code": "BUSY", "message": "later"})
        else:
            columns = [{"name": name} for name in ("id", "text", "score")]
            rows = [["1", asked["query_text"], 0.5], ["2", "other", 0.9]]
            self._answer({"manifest": {"columns": columns}, "result": {"data_array": rows}})

    def _answer(self, body: Any) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        time.sleep(0.2)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def slow_server() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


async def ticks(awaitable: Any) -> tuple[int, Any]:
    """How often the loop came round while something was awaited, every hundredth of a second, and what came of it."""
    task = asyncio.ensure_future(awaitable)
    count = 0
    while not task.done():
        await asyncio.sleep(0.01)
        count += 1
    return count, task.result()


async def test_colbert_leaves_the_loop_alone_and_fills_the_cache(slow_server: ThreadingHTTPServer):
    colbert = ColBERTv2("http://127.0.0.1", port=slow_server.server_port)
    count, found = await ticks(asyncio.gather(colbert(SETTINGS, "a", k=2), colbert(SETTINGS, "b", k=1, simplify=True)))
    assert count > 5
    assert [each.long_text for each in found[0]] == ["a 0", "a 1"]
    assert found[1] == ["b 0"]
    assert [each.long_text for each in await colbert(SETTINGS, "a", k=2)] == ["a 0", "a 1"]
    assert len(slow_server.asked) == 2  # type: ignore[attr-defined]


@pytest.mark.api("2.20")
async def test_colbert_as_the_retriever_of_the_settings(slow_server: ThreadingHTTPServer):
    colbert = ColBERTv2("http://127.0.0.1", port=slow_server.server_port, post_requests=True)
    count, result = await ticks(dspy.Retrieve(k=1)(SETTINGS.context(rm=colbert), "mine"))
    assert count > 5
    assert result.passages == ["mine"]


def local_colbert(cls: Any, **kwargs: Any) -> Any:
    config = types.SimpleNamespace(checkpoint="c", index_name="i", experiment="e", nranks=1)
    return cls(["no", "yes"], colbert_config=config, **kwargs)


@pytest.mark.parametrize("load_only", [True, False])
async def test_a_local_index_of_colbert_is_made_by_the_first_call_and_once(
    monkeypatch: pytest.MonkeyPatch, load_only: bool
):
    from dspy.dsp.colbertv2 import ColBERTv2RetrieverLocal

    done: list[str] = []

    class Slow(ColBERTv2RetrieverLocal):
        collection = ("no", "yes")

        def build_index(self) -> None:
            time.sleep(0.1)
            done.append("built")

        def get_index(self) -> Any:
            time.sleep(0.1)
            done.append("loaded")
            return self

        def search(self, query: str, k: int) -> Any:
            return [1], [1], [0.5]

    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    retriever = local_colbert(Slow, load_only=load_only)
    assert done == []
    count, _ = await ticks(asyncio.gather(retriever(SETTINGS, "a"), retriever(SETTINGS, "b")))
    assert count > 5
    assert done == (["loaded"] if load_only else ["built", "loaded"])


async def test_a_local_index_of_colbert_is_searched_beside_the_loop(monkeypatch: pytest.MonkeyPatch):
    from dspy.dsp.colbertv2 import ColBERTv2RetrieverLocal

    class Searcher:
        collection = ("no", "yes")

        def search(self, query: str, k: int) -> Any:
            time.sleep(0.2)
            return [1], [1], [0.5]

    # Neither ColBERT nor its index is here; the first is not asked for by a search.
    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    retriever = local_colbert(ColBERTv2RetrieverLocal, load_only=True)
    retriever.searcher = Searcher()
    for call in (retriever, retriever.forward):
        count, found = await ticks(call(SETTINGS, "q", k=1))
        assert count > 5
        assert [(each.long_text, each.pid) for each in found] == [("yes", 1)]
    with pytest.raises(TypeError, match=r"needs a dspy\.Settings"):
        await retriever("q")


async def test_passages_are_scored_beside_the_loop(monkeypatch: pytest.MonkeyPatch):
    from dspy.dsp.colbertv2 import ColBERTv2RerankerLocal

    class Tensor:
        """The few operations that scores go through."""

        def __init__(self, values: Any = None) -> None:
            self.values = values
            self.repeat_interleave = self.contiguous = self.cpu = self.detach = lambda *_, **__: self

        def numpy(self) -> Any:
            return np.array(self.values)

    class Model:
        def __init__(self, *_: Any, **__: Any) -> None:
            time.sleep(0.05)

        def tensorize(self, texts: list[str]) -> Any:
            return texts, texts

        def query(self, ids: Any, masks: Any) -> Any:
            return Tensor()

        def doc(self, ids: Any, masks: Any, keep_dims: Any) -> Any:
            return ids, masks

        def score(self, query: Any, ids: Any, masks: Any) -> Any:
            return [Tensor(float(len(text))) for text in ids]

    for name, cls in (
        ("colbert", None),
        ("colbert.modeling", None),
        ("colbert.modeling.colbert", "ColBERT"),
        ("colbert.modeling.tokenization", None),
        ("colbert.modeling.tokenization.doc_tokenization", "DocTokenizer"),
        ("colbert.modeling.tokenization.query_tokenization", "QueryTokenizer"),
    ):
        module = types.ModuleType(name)
        if cls is not None:
            setattr(module, cls, Model)
        monkeypatch.setitem(sys.modules, name, module)
    reranker = ColBERTv2RerankerLocal(types.SimpleNamespace())
    for call in (reranker, reranker.forward):
        count, scores = await ticks(call(SETTINGS, "q", ["a", "bcd"]))
        assert count > 5
        assert scores.tolist() == [1.0, 3.0]


async def test_databricks_leaves_the_loop_alone(slow_server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch):
    # Upstream's module cannot be imported without a package of this name; the SDK itself is not needed.
    package = types.ModuleType("databricks")
    package.__path__ = []
    monkeypatch.setitem(sys.modules, "databricks", package)
    from dspy.retrievers.databricks_rm import DatabricksRM

    rm = DatabricksRM(
        databricks_index_name="i",
        databricks_endpoint=f"http://127.0.0.1:{slow_server.server_port}",
        databricks_token="t",
        docs_id_column_name="id",
        text_column_name="text",
        k=2,
    )
    count, result = await ticks(rm(SETTINGS, "q"))
    assert count > 5
    assert (result.docs, result.doc_ids) == (["other", "q"], ["2", "1"])
    with pytest.raises(Exception, match="BUSY -- later"):
        await rm(SETTINGS, "broken")
    with pytest.raises(ValueError, match="must be a string or a list"):
        await rm.forward(SETTINGS, 3)


@pytest.fixture
def weaviate(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of that name: the client's library is not installed. Its collection is slow."""
    found = types.ModuleType("weaviate")
    found.WeaviateClient = found.Client = object  # type: ignore[attr-defined]
    found.util = types.ModuleType("weaviate.util")  # type: ignore[attr-defined]
    found.util.get_valid_uuid = str  # type: ignore[attr-defined]
    found.kept = []  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "weaviate", found)
    monkeypatch.setitem(sys.modules, "weaviate.util", found.util)
    monkeypatch.delitem(sys.modules, "dspy.retrievers.weaviate_rm", raising=False)

    class Collection:
        query = property(lambda self: self)

        def with_tenant(self, tenant: str) -> Any:
            return self

        def hybrid(self, query: str, limit: int) -> Any:
            time.sleep(0.2)
            hits = [types.SimpleNamespace(properties={"content": f"{query} {n}"}) for n in range(limit)]
            return types.SimpleNamespace(objects=hits)

        def iterator(self) -> Any:
            time.sleep(0.2)
            return iter([types.SimpleNamespace(properties={"content": f"object {n}", "other": n}) for n in range(5)])

        data = property(lambda self: self)

        def insert(self, properties: dict[str, Any], uuid: str) -> str:
            time.sleep(0.2)
            found.kept.append(properties)
            return uuid

    collections = types.SimpleNamespace(get=lambda name: Collection())
    return types.SimpleNamespace(collections=collections)


async def test_weaviate_leaves_the_loop_alone(weaviate: Any):
    from dspy.retrievers.weaviate_rm import WeaviateRM

    rm = WeaviateRM("collection", weaviate_client=weaviate, k=1)
    count, found = await ticks(rm(SETTINGS, ["a", "b"], k=2, tenant_id="t"))
    assert count > 5
    assert [each.long_text for each in found] == ["a 0", "a 1", "b 0", "b 1"]


async def test_objects_of_weaviate_are_put_and_got_beside_the_loop(weaviate: Any):
    from dspy.retrievers.weaviate_rm import WeaviateRM

    rm = WeaviateRM("collection", weaviate_client=weaviate)
    count, _ = await ticks(rm.insert({"content": "new"}))
    assert count > 5 and sys.modules["weaviate"].kept == [{"content": "new"}]
    count, found = await ticks(rm.get_objects(2, ["content"]))
    assert count > 5 and found == [{"content": "object 0"}, {"content": "object 1"}]


async def test_the_older_client_of_weaviate_is_refused(weaviate: Any):
    from dspy.retrievers.weaviate_rm import WeaviateRM

    rm = WeaviateRM("collection", weaviate_client=weaviate)
    rm._client_type = "Client"
    with pytest.raises(ValueError, match="please upgrade to v4"):
        await rm.get_objects(2, ["content"])
    with pytest.raises(AttributeError, match="please upgrade to v4"):
        await rm.insert({})


async def test_a_data_loader_waits_for_the_retriever_of_the_settings(weaviate: Any):
    from dspy.datasets import DataLoader
    from dspy.retrievers.weaviate_rm import WeaviateRM

    settings = SETTINGS.context(rm=WeaviateRM("collection", weaviate_client=weaviate))
    count, found = await ticks(DataLoader().from_rm(settings, 2, ["content"], ["content"]))
    assert count > 5
    assert [example.content for example in found] == ["object 0", "object 1"]
    with pytest.raises(ValueError, match="does not support `get_objects`"):
        await DataLoader().from_rm(SETTINGS, 2, ["content"], ["content"])
