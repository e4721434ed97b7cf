"""Nothing blocks the event loop: blockbuster raises where blocking code runs on it, and a heartbeat shows the rest."""

import asyncio
import inspect
import time

import dspy
import pytest
from blockbuster import BlockBuster, BlockingError
from dspy.utils.lazy_import import require

from tests.generated.support import Recorder, echo, fields, lm_at, scripted
from tests.generated.test_example import QA, agent_model, devset, exact
from tests.support.model_server import ModelServer


@pytest.fixture
def strict(server: ModelServer):
    """Blocking calls on the loop raise; what is imported lazily is imported before."""
    dspy.LM("openai/m").supported_params  # noqa: B018

    async def warm():
        server.on("x", times=1)
        await lm_at(server)(dspy.Settings(), "warm")

    asyncio.run(warm())
    server.reset()
    watch = BlockBuster()
    for function in watch.functions.values():
        # litellm looks for certificates when it makes a client, once per client and loop: not ours to mend.
        function.can_block_in("litellm/llms/custom_httpx/http_handler.py", "get_ssl_verify")
        function.can_block_in("litellm/llms/custom_httpx/http_handler.py", "get_ssl_configuration")
        # An import looks for files wherever it stands, and so does who asks what is installed.
        function.can_block_in("<frozen importlib.util>", "find_spec")
        function.can_block_in("importlib/metadata/__init__.py", "distribution")
    watch.activate()
    yield
    watch.deactivate()


async def test_the_watch_itself(strict):
    with pytest.raises(BlockingError):
        time.sleep(0.01)


@pytest.mark.api("5.14")
async def test_a_program_with_a_tool(strict, server: ModelServer):
    server.on(agent_model)
    settings = dspy.Settings(lm=lm_at(server), callbacks=[Recorder()], track_usage=True)
    assert (await QA()(settings, question="What is the capital of France?")).answer == "Paris"


@pytest.mark.api("5.14")
async def test_evaluate_and_bootstrap(strict, server: ModelServer):
    server.on(agent_model)
    settings = dspy.Settings(lm=lm_at(server))
    assert (await dspy.Evaluate(devset=devset(), metric=exact)(settings, QA())).score == 75.0
    optimizer = dspy.BootstrapFewShot(metric=exact, max_bootstrapped_demos=1, max_labeled_demos=1)
    await optimizer.compile(settings, QA(), trainset=devset())


@pytest.mark.api("5.14")
async def test_the_disk_cache(strict, server: ModelServer, tmp_path):
    before = dspy.cache
    await asyncio.to_thread(dspy.configure_cache, disk_cache_dir=str(tmp_path / "cache"))
    try:
        server.on(echo())
        settings = dspy.Settings(lm=lm_at(server, cache=True))
        predict = dspy.Predict("question -> answer")
        for number in (1, 2, 1):
            await predict(settings, question=f"q{number}")
            dspy.cache.reset_memory_cache()
        assert len(server.requests) == 2
    finally:
        dspy.cache = before


@pytest.mark.api("5.14")
async def test_retries_and_errors(strict, server: ModelServer):
    from tests.support.model_server import rate_limited

    server.on(rate_limited(retry_after=0), times=1)
    server.on(echo())
    settings = dspy.Settings(lm=lm_at(server, num_retries=2))
    assert (await dspy.Predict("question -> answer")(settings, question="q")).answer == "q"


async def test_other_adapters(strict):
    _, lm = scripted("<answer>a</answer>", '{"answer": "a"}', "nonsense", '{"answer": "a"}')
    for adapter in (dspy.XMLAdapter(), dspy.JSONAdapter(), dspy.ChatAdapter()):
        await dspy.Predict("question -> answer")(dspy.Settings(lm=lm, adapter=adapter), question="?")


async def test_blocking_tools_in_a_worker_thread(strict):
    def slow(x: int) -> int:
        """Slow."""
        time.sleep(0.05)
        return x

    tool = dspy.Tool(dspy.asyncify(slow))
    assert await tool(dspy.Settings(), x=1) == 1


@pytest.mark.api("5.14")
async def test_the_loop_stays_alive(server: ModelServer):
    """While items wait for a slow model, something else on the loop is never late by as much as one of them waits."""
    server.on(echo())
    predict, settings = dspy.Predict("question -> answer"), dspy.Settings(lm=lm_at(server))
    await predict(settings, question="warm")
    server.latency = 1.0
    late = []

    async def heartbeat():
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            late.append(time.monotonic() - began - 0.01)

    beat = asyncio.create_task(heartbeat())
    data = [dspy.Example(question=f"q{n}", answer=f"q{n}").with_inputs("question") for n in range(20)]
    result = await dspy.Evaluate(devset=data, metric=exact, num_threads=20)(settings, predict)
    beat.cancel()
    assert result.score == 100.0
    assert max(late) < 0.8


async def test_typed_and_custom_models(strict):
    class Custom(dspy.BaseLM):
        forward_contract = "typed_lm"

        async def forward(self, settings, request):
            return dspy.LMResponse.from_text(fields(answer="a"), model="m")

    settings = dspy.Settings(lm=Custom(model="m"))
    assert (await dspy.Predict("question -> answer")(settings, question="?")).answer == "a"


async def test_a_module_that_is_not_installed(strict):
    """Upstream reads the source of every frame of the stack to name one line: where the module was asked for."""
    line = inspect.currentframe().f_lineno + 1
    absent = require("no_such_module_at_all", extra="none")
    with pytest.raises(ImportError) as caught:
        absent.anything  # noqa: B018 - asking is what raises
    assert f"File {__file__}, line {line}, in test_a_module_that_is_not_installed" in str(caught.value)
    assert '----> absent = require("no_such_module_at_all", extra="none")' in str(caught.value)
