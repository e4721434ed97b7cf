"""Between blocking and async code: asyncify, syncify, and the cache's decorator."""

from __future__ import annotations

import asyncio
import copy
import inspect
import threading
import time
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.patches.conftest import ADDITIONS, code_of, load, run
from tests.patches.test_pacing import all_of, turns_during


@pytest.fixture
def asyncify(runtime: SimpleNamespace) -> Any:
    limits: list[int] = []

    def get_async_max_workers(settings: Any) -> int:
        limits.append(settings.async_max_workers)
        return settings.async_max_workers

    module = run(
        "dspy.utils.asyncify",
        "import functools, anyio\nfrom typing import Any, Awaitable, Callable",
        code_of("dspy.utils.asyncify:asyncify"),
        get_async_max_workers=get_async_max_workers,
    )
    module.asyncify.limits = limits
    return module.asyncify


async def test_a_blocking_function_leaves_the_loop_free(runtime: Any, asyncify: Any) -> None:
    def block(x: int) -> tuple[int, bool]:
        time.sleep(0.05)
        return x, threading.current_thread() is threading.main_thread()

    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.005)
            ticks += 1

    ticking = asyncio.create_task(tick())
    assert await asyncify(block)(1) == (1, False)
    ticking.cancel()
    assert ticks > 2


async def test_settings_are_told_from_arguments(runtime: Any, asyncify: Any) -> None:
    settings = runtime.Settings(async_max_workers=3)

    def takes(settings: Any, x: int) -> Any:
        return settings, x

    assert await asyncify(takes)(settings, 1) == (settings, 1)
    assert await asyncify(takes)(x=1, settings=settings) == (settings, 1)
    assert await asyncify(lambda x: x)(settings, 1) == 1
    assert await asyncify(lambda x: x)(1) == 1
    assert asyncify.limits == [3, 3, 3, 8]


async def test_it_is_called_as_a_users_function(runtime: Any, asyncify: Any) -> None:
    def tool(query: str) -> str:
        return query

    wrapped, settings = asyncify(tool), runtime.Settings()
    assert runtime.supplied.wants_settings(wrapped)
    assert await runtime.supplied.ready(runtime.supplied.bind(wrapped, settings)(query="q")) == "q"
    assert list(runtime.supplied.visible_signature(wrapped).parameters) == ["query"]
    assert inspect.iscoroutinefunction(wrapped)


async def test_what_is_async_needs_no_thread(runtime: Any, asyncify: Any) -> None:
    class Program:
        async def __call__(self, settings: Any, x: int) -> Any:
            return x, threading.current_thread() is threading.main_thread()

    assert await asyncify(Program())(runtime.Settings(), 1) == (1, True)
    assert asyncify.limits == []


@pytest.fixture
def syncify(runtime: SimpleNamespace) -> ModuleType:
    class Module:
        def __init__(self) -> None:
            self.calls = 0

        async def __call__(self, settings: Any, /, *args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            return await self.forward(settings, *args, **kwargs)

        acall = __call__

    run("dspy.primitives.module", Module=Module)
    load("dspy.utils.loops", ADDITIONS / "utils" / "loops.py")
    return run(
        "dspy.utils.syncify",
        "import asyncio",
        code_of("dspy.utils.syncify:run_async"),
        code_of("dspy.utils.syncify:syncify"),
        Module=Module,
    )


@pytest.mark.parametrize("in_place", [True, False])
def test_a_module_is_called_from_a_script(runtime: Any, syncify: Any, in_place: bool) -> None:
    class Program(syncify.Module):
        async def forward(self, settings: Any, x: int) -> Any:
            await asyncio.sleep(0)
            return settings.lm, x

    program = Program()
    sync = syncify.syncify(program, in_place)
    settings = runtime.Settings(lm="m")
    assert sync(settings, 1) == sync(settings, x=1) == ("m", 1)
    assert (sync is program) == in_place
    assert isinstance(sync, syncify.Module)
    assert runtime.supplied.wants_settings(sync)
    assert copy.deepcopy(sync)(settings, 2) == ("m", 2)
    assert asyncio.run(_awaited(sync, settings)) == ("m", 3)
    if in_place:
        assert type(program).__name__ == "Program"
        assert inspect.getsource(type(program)).lstrip().startswith("class Program")


async def _awaited(sync: Any, settings: Any) -> Any:
    assert await sync.acall(settings, 3) == ("m", 3)
    return await sync(settings, 3)


def test_a_function_is_called_from_a_script(runtime: Any, syncify: Any) -> None:
    async def double(settings: Any, x: int) -> int:
        return 2 * x

    sync = syncify.syncify(double)
    assert sync(runtime.Settings(), 2) == 4
    assert sync.__name__ == "double"
    assert syncify.syncify(sync)(runtime.Settings(), 2) == 4


class Cache:
    """Remembers what it was asked, and in which thread."""

    def __init__(self, enable_disk_cache: bool) -> None:
        self.enable_disk_cache = enable_disk_cache
        self.values: dict[str, Any] = {}
        self.threads: set[bool] = set()

    def get(self, request: dict[str, Any], ignored: list[str]) -> Any:
        self.threads.add(threading.current_thread() is threading.main_thread())
        return self.values.get(repr(request))

    def put(self, request: dict[str, Any], value: Any, ignored: list[str], memory: bool) -> None:
        self.threads.add(threading.current_thread() is threading.main_thread())
        self.values[repr(request)] = value


def _decorator(runtime: Any, **options: Any) -> Any:
    name, _, code = "dspy.clients.cache", "", code_of("dspy.clients.cache:request_cache.decorator")
    head = "import asyncio, copy\nfrom functools import wraps\nfrom typing import Any\nCache = object"
    defaults = {"cache_arg_name": None, "ignored_args_for_cache_key": [], "enable_memory_cache": True}
    return run(name, head, code_of("dspy.clients.cache:request_cache"), code, **{**defaults, **options}).decorator


@pytest.mark.parametrize("on_disk", [True, False])
async def test_settings_are_no_part_of_a_request(runtime: Any, on_disk: bool) -> None:
    import dspy

    cache = dspy.cache = Cache(on_disk)
    calls: list[Any] = []

    async def ask(settings: Any, model: str, n: int = 1) -> str:
        calls.append((settings, model, n))
        return f"answer of {model}"

    cached = _decorator(runtime)(ask)
    first, second = runtime.Settings(), runtime.Settings(lock=threading.Lock())
    assert await cached(first, "m", n=2) == await cached(second, "m", n=2) == "answer of m"
    assert await cached(model="m", settings=first) == "answer of m"
    assert calls == [(first, "m", 2), (first, "m", 1)]
    name = f"{__name__}.{ask.__qualname__}"
    assert list(cache.values) == [
        repr({"n": 2, "positional_arg_0": "m", "_fn_identifier": name}),
        repr({"model": "m", "_fn_identifier": name}),
    ]
    assert cache.threads == {not on_disk}


async def test_one_argument_is_the_request(runtime: Any) -> None:
    import dspy

    cache = dspy.cache = Cache(False)

    async def complete(settings: Any, request: dict[str, Any], retries: int) -> str:
        request.pop("gone")
        return "answer"

    cached = _decorator(runtime, cache_arg_name="request")(complete)
    for retries in (1, 2):
        assert await cached(runtime.Settings(), request={"model": "m", "gone": 1}, retries=retries) == "answer"
    assert list(cache.values) == [
        repr({"model": "m", "gone": 1, "_fn_identifier": f"{__name__}.{complete.__qualname__}"})
    ]


async def test_cached_answers_are_paced(runtime: Any) -> None:
    import dspy

    dspy.cache = Cache(False)

    async def complete(settings: Any, request: dict[str, Any]) -> str:
        return "answer"

    cached, settings = _decorator(runtime, cache_arg_name="request")(complete), runtime.Settings()
    await cached(settings, request={"model": "m"})

    assert await turns_during(all_of(lambda number: cached(settings, request={"model": "m"}), 20)) >= 20


def test_a_plain_function_stays_one(runtime: Any) -> None:
    import dspy

    dspy.cache = Cache(False)
    calls: list[int] = []
    cached = _decorator(runtime)(lambda x: calls.append(x) or x)
    assert cached(1) == cached(1) == 1
    assert calls == [1]
