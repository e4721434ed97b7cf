"""`dspy.Embedder`: hosted models over HTTP, and functions."""

import asyncio

import dspy
import numpy as np
import pytest

from tests.support.model_server import ModelServer, embed, server_error

SETTINGS = dspy.Settings()


@pytest.fixture(autouse=True)
def cache(tmp_path):
    before = dspy.cache
    dspy.configure_cache(disk_cache_dir=str(tmp_path / "cache"))
    yield
    dspy.cache = before


def hosted(server: ModelServer, **kwargs):
    return dspy.Embedder("openai/e", api_base=server.url, api_key="k", **kwargs)


async def test_hosted(server: ModelServer):
    embedder = hosted(server, caching=False)
    found = await embedder(SETTINGS, ["ab", "cd"])
    assert found.dtype == np.float32 and np.allclose(found, [embed("ab"), embed("cd")])
    single = await embedder.acall(SETTINGS, "ab")
    assert single.shape == (4,)
    assert server.requests[0].body["input"] == ["ab", "cd"]


async def test_batches_are_in_order(server: ModelServer):
    texts = [f"text {number}" for number in range(7)]
    found = await hosted(server, batch_size=3, caching=False)(SETTINGS, texts)
    assert [request.body["input"] for request in server.requests] == [texts[:3], texts[3:6], texts[6:]]
    assert np.allclose(found, [embed(text) for text in texts])


async def test_cached(server: ModelServer):
    embedder = hosted(server)
    first = await embedder(SETTINGS, ["ab"])
    again = await embedder(dspy.Settings(num_threads=1), ["ab"])
    assert (first == again).all() and len(server.requests) == 1
    await embedder(SETTINGS, ["ab"], caching=False)
    assert len(server.requests) == 2


async def test_a_functions_results_are_cached_too():
    calls = []

    def function(texts, **kwargs):
        calls.append(texts)
        return [[float(len(text))] for text in texts]

    embedder = dspy.Embedder(function)
    assert (await embedder(SETTINGS, ["a", "bb"])).tolist() == [[1.0], [2.0]]
    assert (await embedder(SETTINGS, ["a", "bb"])).tolist() == [[1.0], [2.0]]
    assert calls == [["a", "bb"]] or len(calls) == 2, "a function has no stable name, so upstream may not find it again"


@pytest.mark.api("5.12")
async def test_what_a_function_makes_of_settings_is_kept_where_the_call_says_so():
    asked = []

    async def function(settings, texts, **kwargs):
        asked.append(settings.size)
        return [[settings.size] for _ in texts]

    embedder = dspy.Embedder(function)
    mine, yours = dspy.Settings(size=1.0), dspy.Settings(size=2.0)
    assert [(await embedder(each, "text")).tolist() for each in (mine, yours, mine)] == [[1.0], [2.0], [1.0]]
    assert asked == [1.0, 2.0, 1.0]
    # The cache's owner says that it is the same for all.
    assert [(await embedder(each, "text", caching=True)).tolist() for each in (mine, yours)] == [[1.0], [1.0]]
    assert asked == [1.0, 2.0, 1.0, 1.0]


async def test_arguments(server: ModelServer):
    embedder = dspy.Embedder(
        "openai/text-embedding-3-small", api_base=server.url, api_key="k", caching=False, dimensions=4
    )
    await embedder(SETTINGS, ["a"], user="me")
    assert server.requests[0].body["dimensions"] == 4 and server.requests[0].body["user"] == "me"


async def test_wrong_inputs():
    with pytest.raises(ValueError, match="All inputs must be strings"):
        await dspy.Embedder(lambda texts: texts)(SETTINGS, [1])
    with pytest.raises(ValueError, match="must be a string or a callable"):
        await dspy.Embedder(5, caching=False)(SETTINGS, ["a"])


async def test_errors(server: ModelServer):
    server.on(server_error())
    with pytest.raises(Exception, match="fell over"):
        await hosted(server, caching=False, num_retries=0)(SETTINGS, ["a"])


async def test_at_once(server: ModelServer):
    server.latency = 0.1
    embedder = hosted(server, caching=False)
    await asyncio.gather(*(embedder(SETTINGS, [f"t{number}"]) for number in range(20)))
    assert server.most_at_once > 10
