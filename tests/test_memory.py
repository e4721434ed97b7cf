"""Garbage collection is left out of a piece of work, and comes back however that ends."""

from __future__ import annotations

import gc

import pytest

from codemods.memory import no_collection


def test_it_is_off_inside_and_on_again_after_an_error() -> None:
    assert gc.isenabled()
    with pytest.raises(KeyError), no_collection():
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled()


def test_who_had_it_off_keeps_it_off() -> None:
    gc.disable()
    try:
        with no_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_function_is_called_without_it_each_time() -> None:
    asked = no_collection()(gc.isenabled)
    assert [asked(), asked(), gc.isenabled()] == [False, False, True]
