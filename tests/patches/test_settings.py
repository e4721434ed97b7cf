"""Settings: what they read as, children, copies, files."""

from __future__ import annotations

import copy
import pickle
import threading
import timeit
from types import SimpleNamespace

import pytest


def test_values_read_as_attribute_item_and_get(runtime: SimpleNamespace) -> None:
    settings = runtime.Settings(lm="a model", mine=1)
    assert settings.lm == settings["lm"] == settings.get("lm") == "a model"
    assert settings.mine == 1
    assert "mine" in settings
    assert "other" not in settings
    assert settings.get("other") is None
    assert settings.get("other", 2) == 2
    assert settings.config == settings.copy() == {**runtime.settings.DEFAULT_CONFIG, "lm": "a model", "mine": 1}
    assert repr(settings) == repr(dict(settings.copy()))
    for read in (lambda: settings.other, lambda: settings["other"]):
        with pytest.raises(AttributeError, match="'Settings' object has no attribute 'other'"):
            read()


def test_values_are_set_in_four_ways(runtime: SimpleNamespace) -> None:
    settings = runtime.Settings()
    settings.a = 1
    settings["b"] = 2
    settings.configure(c=3, lm="m")
    assert (settings.a, settings.b, settings.c, settings.lm) == (1, 2, 3, "m")


def test_new_settings_come_from_the_defaults_with_lists_of_their_own(runtime: SimpleNamespace) -> None:
    runtime.settings.settings.configure(lm="configured")
    first, second = runtime.Settings(), runtime.Settings()
    assert first.lm is None
    first.trace.append(1)
    assert second.trace == [] == runtime.settings.DEFAULT_CONFIG["trace"]


def test_a_child_is_a_snapshot(runtime: SimpleNamespace) -> None:
    parent = runtime.Settings(lm="one")
    with parent.context(adapter="x") as child:
        parent.configure(lm="two")
        assert (child.lm, child.adapter) == ("one", "x")
        child.configure(lm="three")
    assert (parent.lm, child.lm) == ("two", "three")
    assert "adapter" not in parent
    assert child.trace is parent.trace


def test_an_error_in_the_block_goes_on(runtime: SimpleNamespace) -> None:
    with pytest.raises(ZeroDivisionError), runtime.Settings().context():
        raise ZeroDivisionError


def test_any_thread_may_configure(runtime: SimpleNamespace) -> None:
    default = runtime.settings.settings
    default.configure(lm="one")
    thread = threading.Thread(target=lambda: default.configure(lm="two"))
    thread.start()
    thread.join()
    assert default.lm == "two"


def test_a_name_of_a_method_is_a_value_like_any_other(runtime: SimpleNamespace) -> None:
    settings = runtime.Settings(copy="c")
    assert settings["copy"] == settings.get("copy") == "c"
    assert settings.copy()["copy"] == "c"


def test_copies_share_their_values(runtime: SimpleNamespace) -> None:
    model = object()
    settings = runtime.Settings(lm=model, lock=threading.Lock())
    for other in (copy.copy(settings), copy.deepcopy(settings), copy.deepcopy({"s": settings})["s"]):
        assert other is not settings
        assert other.lm is model
        other.configure(lm=None)
        assert settings.lm is model


def test_the_process_object_stays_itself(runtime: SimpleNamespace) -> None:
    default = runtime.settings.settings
    assert copy.deepcopy(default) is default
    assert pickle.loads(pickle.dumps(default)) is default
    other = pickle.loads(pickle.dumps(runtime.Settings(lm="m")))
    assert isinstance(other, runtime.Settings)
    assert other.lm == "m"


def test_a_child_is_made_quickly(runtime: SimpleNamespace) -> None:
    settings = runtime.Settings()
    best = min(timeit.repeat(lambda: settings.context(lm=1), number=2000, repeat=5)) / 2000
    assert best < 10e-6  # 1 to 2 us on a machine that is not busy
