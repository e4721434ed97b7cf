"""Functions of users: whether they take settings, and what comes of calling them."""

from __future__ import annotations

import asyncio
import functools
import inspect
import traceback
import typing
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest


def _decorated(fn: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return fn(*args, **kwargs)

    return wrapper


def _with_instance(fn: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(fn)
    def wrapper(instance: Any, *args: Any, **kwargs: Any) -> Any:
        return fn(instance, *args, **kwargs)

    return wrapper


def _explicit(fn: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(fn)
    def wrapper(example: Any) -> Any:
        return fn("its own settings", example)

    return wrapper


class Holder:
    async def method(self, settings: Any, x: int = 0) -> Any:
        return settings

    def plain(self, x: int = 0) -> Any:
        return x

    @classmethod
    def of_class(cls, settings: Any) -> Any:
        return settings

    @staticmethod
    def static(settings: Any) -> Any:
        return settings

    @_with_instance
    def wrapped(self, settings: Any, x: int = 0) -> Any:
        return settings


class CallableWith:
    def __call__(self, settings: Any, x: int = 0) -> Any:
        return settings


class CallableWithout:
    __slots__ = ()

    def __call__(self, x: int = 0) -> Any:
        return x


class MadeWith:
    def __init__(self, settings: Any) -> None:
        self.settings = settings


def with_settings(settings: Any, x: int = 0) -> Any:
    return settings


def keyword_only(x: int, *, settings: Any = None) -> Any:
    return settings


TAKERS = [
    with_settings,
    lambda settings, x: x,
    functools.partial(with_settings, x=1),
    functools.partial(lambda x, settings: x, 1),
    _decorated(with_settings),
    _decorated(_decorated(with_settings)),
    Holder().method,
    Holder().wrapped,
    Holder.of_class,
    Holder.static,
    functools.partial(Holder.method, Holder()),
    CallableWith(),
    MadeWith,
    functools.lru_cache(with_settings),
    mock.create_autospec(with_settings),
    mock.Mock(wraps=with_settings, side_effect=None, __signature__=inspect.signature(with_settings)),
]
OTHERS = [
    lambda x: x,
    lambda *args: args,
    lambda **kwargs: kwargs,
    lambda: None,
    keyword_only,
    functools.partial(with_settings, None),
    functools.partial(with_settings, settings=None),
    _decorated(lambda x: x),
    _explicit(with_settings),
    Holder().plain,
    CallableWithout(),
    print,
    len,
    int,
    "".join,
    mock.Mock(),
    mock.MagicMock(),
    mock.AsyncMock(),
    mock.Mock(spec=["__call__"]),
]


@pytest.mark.parametrize("fn", TAKERS)
def test_takes_settings(runtime: SimpleNamespace, fn: Callable[..., Any]) -> None:
    for _ in range(2):
        assert runtime.supplied.wants_settings(fn)


@pytest.mark.parametrize("fn", OTHERS)
def test_takes_none(runtime: SimpleNamespace, fn: Callable[..., Any]) -> None:
    settings = runtime.Settings()
    for _ in range(2):
        assert not runtime.supplied.wants_settings(fn)
        assert runtime.supplied.bind(fn, settings) is fn


def test_none_is_no_more_callable_than_it_was(runtime: SimpleNamespace) -> None:
    with pytest.raises(TypeError, match="'NoneType' object is not callable"):
        runtime.supplied.bind(None, runtime.Settings())("example")


def test_settings_by_annotation(runtime: SimpleNamespace) -> None:
    def by_class(s, x): ...

    def by_text(s: dspy.Settings, x): ...  # noqa: F821

    def by_other(s: int, x): ...

    by_class.__annotations__["s"] = runtime.Settings
    assert runtime.supplied.wants_settings(by_class)
    assert runtime.supplied.wants_settings(by_text)
    assert not runtime.supplied.wants_settings(by_other)


@pytest.mark.parametrize(
    ("annotation", "means"),
    [
        ("Settings | None", True),
        ("None | dspy.Settings", True),
        ("Optional[Settings]", True),
        ("typing.Optional['dspy.Settings']", True),
        ("Union[Settings, None]", True),
        ("Annotated[Settings, 'mine']", True),
        ("Annotated[Optional[Settings], 'mine', 1]", True),
        ("Settings | dict", False),
        ("list[Settings]", False),
        ("Annotated[dict, Settings]", False),
        ("Optional[int]", False),
        ("Literal['Settings']", False),
        ("None", False),
    ],
)
@pytest.mark.parametrize("as_text", [True, False])
def test_annotations_that_say_more(runtime: SimpleNamespace, annotation: str, means: bool, as_text: bool) -> None:
    names = {**vars(typing), "typing": typing, "Settings": runtime.Settings, "dspy": runtime}
    future = "from __future__ import annotations\n" if as_text else ""
    exec(f"{future}def positional(s: {annotation}, x): ...\ndef keyword(x, *, s: {annotation} = None): ...", names)
    for fn in (names["positional"], names["keyword"]):
        assert runtime.supplied.wants_settings(fn) == means
        assert list(runtime.supplied.visible_signature(fn).parameters) == (
            ["x"] if means else list(inspect.signature(fn).parameters)
        )
    assert runtime.supplied.takes_settings_after_self(names["positional"]) is False


def test_settings_by_keyword_alone(runtime: SimpleNamespace) -> None:
    settings = runtime.Settings()
    supplied = runtime.supplied

    class Holder:
        def method(self, x, *, settings):
            return x, settings

        def __call__(self, x, *, settings=None, **rest):
            return x, settings

    def function(x, *rest, settings: Settings, **more):  # noqa: F821
        return x, settings

    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        return function(*args, **kwargs)

    for fn in (Holder().method, Holder(), function, wrapped, functools.partial(function)):
        assert supplied.settings_parameter(fn) == "settings"
        assert supplied.bind(fn, settings)(1) == (1, settings)
        assert "settings" not in supplied.visible_signature(fn).parameters
        # Nobody else may say whose settings they are.
        with pytest.raises(TypeError, match="multiple values for keyword argument 'settings'"):
            supplied.bind(fn, settings)(1, settings="other")
    assert not supplied.wants_settings(functools.partial(function, settings=settings))
    assert supplied.wants_settings(lambda x, *, settings: x)
    assert not supplied.wants_settings(lambda x, *, other: x)

    def own(x, *, settings: dict[str, int]):
        return settings

    assert supplied.bind(own, settings)(1, settings={"volume": 1}) == {"volume": 1}
    assert list(supplied.visible_signature(own).parameters) == ["x", "settings"]


async def test_the_four_kinds_look_the_same(runtime: SimpleNamespace) -> None:
    async def canonical(settings: Any, x: int) -> Any:
        return settings.lm, x

    async def without(x: int) -> Any:
        return x

    settings = runtime.Settings(lm="m")
    bind, ready = runtime.supplied.bind, runtime.supplied.ready
    assert await ready(bind(canonical, settings)(1)) == ("m", 1)
    assert await ready(bind(without, settings)(1)) == 1
    assert await ready(bind(lambda settings, x: settings.lm, settings)(1)) == "m"
    assert await ready(bind(lambda x: x, settings)(None)) is None
    assert await ready(bind(mock.AsyncMock(return_value=3), settings)(1)) == 3
    assert isinstance(await ready(mock.MagicMock()()), mock.MagicMock)
    future = asyncio.get_running_loop().create_future()
    future.set_result(4)
    assert await ready(future) == 4


async def test_no_frame_of_ours_in_a_traceback(runtime: SimpleNamespace) -> None:
    async def failing(settings: Any) -> None:
        raise ZeroDivisionError

    guarded = runtime.supplied.takes_settings(failing)
    settings = runtime.Settings()
    for call in (lambda: runtime.supplied.bind(failing, settings)(), lambda: guarded(settings)):
        with pytest.raises(ZeroDivisionError) as error:
            await runtime.supplied.ready(call())
        frames = traceback.extract_tb(error.value.__traceback__)
        assert not [frame for frame in frames if frame.filename == runtime.supplied.__file__]


def test_settings_of_handlers(runtime: SimpleNamespace) -> None:
    class Handlers:
        def new(self, call_id, instance, settings, inputs): ...

        def old(self, call_id, instance, inputs): ...

        def anything(self, **kwargs): ...

        def named(self, call_id, instance, s: Settings, inputs): ...  # noqa: F821

    handlers = Handlers()
    for _ in range(2):
        assert runtime.supplied.settings_keyword(handlers.new) == "settings"
        assert runtime.supplied.settings_keyword(handlers.old) is None
        assert runtime.supplied.settings_keyword(handlers.anything) is None
        assert runtime.supplied.settings_keyword(handlers.named) == "s"
        assert runtime.supplied.settings_keyword(mock.Mock()) is None


def test_the_signature_a_model_sees(runtime: SimpleNamespace) -> None:
    def names(fn: Callable[..., Any]) -> list[str]:
        return list(runtime.supplied.visible_signature(fn).parameters)

    assert names(with_settings) == ["x"]
    assert names(Holder().method) == ["x"]
    assert names(CallableWith()) == ["x"]
    assert names(Holder().plain) == ["x"]
    assert names(keyword_only) == ["x", "settings"]
    assert names(lambda *settings: None) == ["settings"]


# --- takes_settings ----------------------------------------------------------------------------------------------


class Program:
    pass


@pytest.fixture
def program(runtime: SimpleNamespace) -> Any:
    class Predict:
        @runtime.supplied.takes_settings
        async def __call__(self, settings, /, *args, **kwargs):
            return settings, args, kwargs

        @runtime.supplied.takes_settings
        async def forward(self, settings, prompt=None):
            return settings, prompt

    return Predict()


async def test_settings_by_position_and_by_keyword(runtime: SimpleNamespace, program: Any) -> None:
    settings = runtime.Settings()
    assert await program(settings, 1, q=2) == (settings, (1,), {"q": 2})
    assert await program(1, q=2, settings=settings) == (settings, (1,), {"q": 2})
    assert await program(settings, settings="dark mode") == (settings, (), {"settings": "dark mode"})
    assert await program.forward(settings, "hi") == (settings, "hi")
    assert await program.forward("hi", settings=settings) == (settings, "hi")
    assert await program.forward(prompt="hi", settings=settings) == (settings, "hi")


def test_settings_forgotten_or_of_another_type(runtime: SimpleNamespace, program: Any) -> None:
    with pytest.raises(TypeError, match=r"Predict\.__call__\(\) needs a dspy\.Settings as its first argument\. "):
        program(q=1)
    with pytest.raises(TypeError, match=r"got 'str' in its place\. .* `await predict\(settings, \.\.\.\)`"):
        program("hi")
    with pytest.raises(TypeError, match=r"`await predict\.forward\(settings, \.\.\.\)`"):
        program.forward({"lm": 1})
    with pytest.raises(TypeError, match=r"needs a dspy\.Settings"):
        program(settings="dark mode")


def test_a_decorated_function_looks_like_what_it_is(runtime: SimpleNamespace, program: Any) -> None:
    assert runtime.supplied.is_coroutine_function(type(program).forward)
    assert asyncio.iscoroutinefunction(type(program).forward)
    assert list(inspect.signature(program.forward).parameters) == ["settings", "prompt"]

    @runtime.supplied.takes_settings
    def plain(settings, x):
        return x

    assert plain(runtime.Settings(), 1) == 1
    assert not runtime.supplied.is_coroutine_function(plain)
    with pytest.raises(TypeError, match=r"plain\(\) needs"):
        plain(1)


# --- hands_caller_frame --------------------------------------------------------------------------------------------


async def test_the_caller_is_where_the_call_stands(runtime: SimpleNamespace) -> None:
    class Call:
        @runtime.supplied.takes_settings
        @runtime.supplied.hands_caller_frame
        async def execute(self, settings, name, *, _caller=None):
            await asyncio.sleep(0)
            return _caller.f_locals.get(name)

    settings = runtime.Settings()
    found = "here"  # noqa: F841
    assert await Call().execute(settings, "found") == "here"
    task = asyncio.create_task(Call().execute(settings, "found"))
    assert await task == "here"
    first, second = Call().execute(settings, "found"), Call().execute(settings, "lost")
    assert await asyncio.gather(first, second) == ["here", None]


def test_an_annotation_that_is_text_means_what_its_module_means_by_it(runtime: Any) -> None:
    foreign = type("Settings", (), {})
    names = {"Mine": runtime.Settings, "Settings": foreign, "lib": SimpleNamespace(Settings=runtime.Settings)}
    source = "def {0}({0}: '{1}', x): ...\n"
    for name, annotation in {"a": "Mine", "b": "Settings", "c": "lib.Settings", "d": "unknown.Settings"}.items():
        exec(source.format(name, annotation), names)
    assert [runtime.supplied.wants_settings(names[name]) for name in "abcd"] == [True, False, True, True]
    assert list(runtime.supplied.visible_signature(names["b"]).parameters) == ["b", "x"]
    assert list(runtime.supplied.visible_signature(names["a"]).parameters) == ["x"]
