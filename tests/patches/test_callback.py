"""Callbacks: who is told what, in which order, and what their errors do."""

from __future__ import annotations

import asyncio
import functools
import logging
import uuid
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import pytest

from tests.patches.conftest import ADDITIONS, code_of, load, run


@pytest.fixture
def with_callbacks(runtime: SimpleNamespace) -> Any:
    # Upstream's choice of a handler stays; here each function has handlers of its own name.
    module = run(
        "dspy.utils.callback",
        "import functools, inspect, uuid\nfrom typing import Any, Callable\n"
        "from dspy.utils.callback_context import ACTIVE_CALL_ID",
        code_of("dspy.utils.callback:with_callbacks"),
        logger=logging.getLogger("dspy.utils.callback"),
        _get_on_start_handler=lambda callback, instance, fn: getattr(callback, f"on_{fn.__name__}_start"),
        _get_on_end_handler=lambda callback, instance, fn: getattr(callback, f"on_{fn.__name__}_end"),
    )
    return module.with_callbacks


class Recorder:
    def __init__(self, log: list[Any] | None = None) -> None:
        self.log: list[Any] = [] if log is None else log

    async def on_forward_start(self, call_id: str, instance: Any, settings: Any, inputs: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        self.log.append(("start", settings, inputs))

    async def on_forward_end(
        self, call_id: str, settings: Any, outputs: Any, exception: BaseException | None = None
    ) -> None:
        self.log.append(("end", settings, outputs, exception))


class Plain:
    def __init__(self, log: list[Any]) -> None:
        self.log = log

    def on_forward_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        self.log.append(("plain start", inputs))

    def on_forward_end(self, call_id: str, outputs: Any, exception: BaseException | None) -> None:
        self.log.append(("plain end", outputs))


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((1, "2", 3.0), {}), ((1, "2"), {"z": 3.0}), ((1,), {"y": "2", "z": 3.0}), ((), {"x": 1, "y": "2", "z": 3.0})],
)
@pytest.mark.parametrize("keyword", [False, True])
async def test_inputs_are_by_name_and_without_settings(
    runtime: Any, with_callbacks: Any, args: Any, kwargs: Any, keyword: bool
) -> None:
    class Target:
        @with_callbacks
        async def forward(self, settings, x, y, z=0.0, w=4):
            return x + int(y) + int(z)

    recorder = Recorder()
    settings = runtime.Settings(callbacks=[recorder])
    call = (
        Target().forward(*args, settings=settings, **kwargs) if keyword else Target().forward(settings, *args, **kwargs)
    )
    assert await call == 6
    assert recorder.log == [
        ("start", settings, {"x": 1, "y": "2", "z": 3.0, "w": 4}),
        ("end", settings, 6, None),
    ]


async def test_inputs_in_all_their_shapes(runtime: Any, with_callbacks: Any) -> None:
    class Target:
        @with_callbacks
        async def forward(self, settings, /, *args, **kwargs):
            return args, kwargs

    recorder = Recorder()
    settings = runtime.Settings(callbacks=[recorder])
    assert await Target().forward(settings, 1, settings="dark mode") == ((1,), {"settings": "dark mode"})
    assert recorder.log[0][2] == {"args": (1,), "kwargs": {"settings": "dark mode"}}


async def test_a_plain_method_without_settings(runtime: Any, with_callbacks: Any) -> None:
    class Adapter:
        callbacks: list[Any]

        @with_callbacks
        def forward(self, signature, demos=()):
            return [signature]

    adapter = Adapter()
    adapter.callbacks = [Recorder()]
    assert await adapter.forward(runtime.Settings(), "s") == ["s"]
    assert adapter.callbacks[0].log[0][2] == {"signature": "s", "demos": ()}


async def test_wrapped_twice_is_told_twice(runtime: Any, with_callbacks: Any) -> None:
    class Adapter:
        @with_callbacks
        @with_callbacks
        async def forward(self, settings, signature):
            return [signature]

    recorder = Recorder()
    assert await Adapter().forward(runtime.Settings(callbacks=[recorder]), "s") == ["s"]
    assert [entry[0] for entry in recorder.log] == ["start", "start", "end", "end"]
    assert [entry[2] for entry in recorder.log[:2]] == [{"args": ("s",), "kwargs": {}}, {"signature": "s"}]


async def test_a_check_of_settings_does_not_hide_the_parameters(runtime: Any, with_callbacks: Any) -> None:
    class Adapter:
        @with_callbacks
        @runtime.supplied.takes_settings
        async def forward(self, settings, signature, demos=()):
            return [signature]

    recorder = Recorder()
    assert await Adapter().forward(runtime.Settings(callbacks=[recorder]), "s") == ["s"]
    assert recorder.log[0][2] == {"signature": "s", "demos": ()}


async def test_handlers_of_any_kind_in_their_order(runtime: Any, with_callbacks: Any) -> None:
    class Target:
        callbacks: list[Any]

        @with_callbacks
        async def forward(self, settings, x):
            log.append("call")
            return x

    log: list[Any] = []
    target = Target()
    target.callbacks = [Recorder(log)]
    await target.forward(runtime.Settings(callbacks=[Plain(log)]), 1)
    assert [entry if isinstance(entry, str) else entry[0] for entry in log] == [
        "plain start",
        "start",
        "call",
        "plain end",
        "end",
    ]


async def test_errors_of_the_call(runtime: Any, with_callbacks: Any) -> None:
    class Target:
        @with_callbacks
        async def forward(self, settings):
            raise problem

    for problem in (ValueError("no"), KeyboardInterrupt(), SystemExit()):
        recorder = Recorder()
        with pytest.raises(type(problem)) as error:
            await Target().forward(runtime.Settings(callbacks=[recorder]))
        assert error.value is problem
        assert recorder.log[1][2:] == (None, problem)
        assert runtime.callback_context.ACTIVE_CALL_ID.get() is None


async def test_cancellation_is_told(runtime: Any, with_callbacks: Any) -> None:
    class Target:
        @with_callbacks
        async def forward(self, settings):
            await asyncio.Event().wait()

    recorder = Recorder()
    task = asyncio.create_task(Target().forward(runtime.Settings(callbacks=[recorder])))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert isinstance(recorder.log[1][3], asyncio.CancelledError)


async def test_errors_of_a_handler_are_logged(
    runtime: Any, with_callbacks: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        async def on_forward_start(self, **kwargs):
            raise ValueError("first")

        def on_forward_end(self, **kwargs):
            raise ValueError("second")

        def __repr__(self):
            return "<broken>"

    class Target:
        @with_callbacks
        async def forward(self, settings):
            return 1

    recorder = Recorder()
    assert await Target().forward(runtime.Settings(callbacks=[Broken(), recorder])) == 1
    assert [record.getMessage() for record in caplog.records] == [
        "Error when calling callback <broken>: first",
        "Error when applying callback <broken>'s end handler on function forward: second.",
    ]
    assert len(recorder.log) == 2


async def test_call_ids(runtime: Any, with_callbacks: Any) -> None:
    active = runtime.callback_context.ACTIVE_CALL_ID
    seen: list[Any] = []

    class Ids:
        def on_forward_start(self, call_id, instance, inputs):
            seen.append((instance.name, call_id, active.get()))

        def on_forward_end(self, call_id, outputs, exception):
            assert active.get() == next(parent for name, own, parent in seen if own == call_id)

    class Target:
        def __init__(self, name, *children):
            self.name, self.children = name, children

        @with_callbacks
        async def forward(self, settings):
            await asyncio.gather(*(child.forward(settings) for child in self.children))

    await Target("parent", Target("a"), Target("b")).forward(runtime.Settings(callbacks=[Ids()]))
    (_, parent, none), *children = sorted(seen, key=lambda entry: entry[0] != "parent")
    assert none is None
    assert [(name, above) for name, _, above in children] == [("a", parent), ("b", parent)]
    assert all(uuid.UUID(call_id) for _, call_id, _ in seen)
    assert len({call_id for _, call_id, _ in seen}) == 3


async def test_settings_are_required_with_and_without_callbacks(runtime: Any, with_callbacks: Any) -> None:
    class LM:
        @with_callbacks
        async def __call__(self, settings, /, *items):
            return items

    with pytest.raises(TypeError, match=r"LM\.__call__\(\) needs a dspy\.Settings as its first argument, got 'str'"):
        await LM()("hi")


async def test_arguments_that_do_not_fit(runtime: Any, with_callbacks: Any) -> None:
    class Target:
        @with_callbacks
        async def forward(self, settings, x):
            return x

    with pytest.raises(TypeError, match=r"forward\(\) missing 1 required positional argument: 'x'"):
        await Target().forward(runtime.Settings(callbacks=[Recorder()]))


@pytest.fixture
def with_compile_callbacks(runtime: SimpleNamespace, with_callbacks: Any) -> Any:
    load("dspy.teleprompt.isolation", ADDITIONS / "teleprompt" / "isolation.py")
    runtime.callback_context._ACTIVE_COMPILES = ContextVar("active", default=())
    return run(
        "dspy.teleprompt.teleprompt",
        "import functools, inspect\nimport dspy.utils.callback_context as callback_context",
        code_of("dspy.teleprompt.teleprompt:_with_compile_callbacks"),
        with_callbacks=with_callbacks,
        _compile_invocation_key=id,
    )._with_compile_callbacks


async def test_compile_callbacks_fire_once_for_one_optimizer(runtime: Any, with_compile_callbacks: Any) -> None:
    class Optimizer:
        async def forward(self, settings, student, again=True):
            return await self.forward(settings, student, again=False) if again else student

    class Simple:
        def forward(self, student):
            return student

    for cls in (Optimizer, Simple):
        cls.forward = with_compile_callbacks(cls.forward)
        recorder = Recorder()
        assert await cls().forward(runtime.Settings(callbacks=[recorder]), "s") == "s"
        assert [entry[0] for entry in recorder.log] == ["start", "end"]


async def test_bound_call_id(runtime: Any) -> None:
    active = runtime.callback_context.ACTIVE_CALL_ID
    token = active.set("parent")
    bound = runtime.callback_context._bind_active_call_id(lambda: active.get())
    active.reset(token)
    assert await bound() == "parent"
    assert active.get() is None


async def test_inputs_of_a_compile_are_by_name(runtime: Any, with_compile_callbacks: Any) -> None:
    class Optimizer:
        async def forward(self, settings, student, again=True):
            return student

    class Simple:
        def forward(self, student, again=True):
            return student

    for cls in (Optimizer, Simple):
        cls.forward = with_compile_callbacks(cls.forward)
        recorder = Recorder()
        await cls().forward(runtime.Settings(callbacks=[recorder]), "s")
        assert recorder.log[0][2] == {"student": "s", "again": True}


async def test_the_second_of_two_compiles_works_on_a_copy_and_its_callbacks_see_the_optimizer(
    runtime: Any, with_compile_callbacks: Any
) -> None:
    instances: list[Any] = []

    class Noting(Recorder):
        async def on_forward_start(self, call_id: str, instance: Any, settings: Any, inputs: Any) -> None:
            instances.append(instance)

    class Optimizer:
        async def forward(self, settings, student):
            self.student = student
            await asyncio.sleep(0)
            return self, self.student

    Optimizer.forward = with_compile_callbacks(Optimizer.forward)
    optimizer, settings = Optimizer(), runtime.Settings(callbacks=[Noting()])
    (one, a), (two, b) = await asyncio.gather(optimizer.forward(settings, "a"), optimizer.forward(settings, "b"))
    assert (a, b) == ("a", "b") and one is optimizer is not two
    assert instances == [optimizer, optimizer]
    assert optimizer.student == "a"


async def test_settings_are_bound_to_what_is_decorated_whatever_it_takes(runtime: Any, with_callbacks: Any) -> None:
    """The decorated method needs them for its callbacks, though the function behind it takes none."""

    class Target:
        @with_callbacks
        def forward(self, x):
            return x

    class Below(Target):
        forward = with_callbacks(Target.forward)

    bind, ready = runtime.supplied.bind, runtime.supplied.ready
    for cls, told in ((Target, 1), (Below, 2)):
        recorder = Recorder()
        settings = runtime.Settings(callbacks=[recorder])
        assert await ready(bind(cls().forward, settings)(3)) == 3
        assert [entry[0] for entry in recorder.log] == ["start"] * told + ["end"] * told
        # As it stands in its class, settings are not what comes first.
        assert not runtime.supplied.wants_settings(cls.forward)


async def test_a_wrapper_that_takes_anything_may_stand_between(runtime: Any, with_callbacks: Any) -> None:
    def wrap(fn: Any) -> Any:
        @functools.wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return fn(*args, **kwargs)

        return wrapper

    class Target:
        @with_callbacks
        @wrap
        async def forward(self, settings, x, y=2):
            return x + y

    recorder = Recorder()
    settings = runtime.Settings(callbacks=[recorder])
    assert await Target().forward(settings, 1, y=3) == 4
    assert [entry[0] for entry in recorder.log] == ["start", "end"]
