"""Assertions are counted where they stand, so that a converted test that asserts less is found."""

from __future__ import annotations

from codemods.parity.assertions import count_assertions, lost_assertions

BEFORE = """
import pytest

assert True

def check(value):
    assert value

class TestGroup:
    def test_inside(self, mock):
        mock.assert_called_once()
        self.assertEqual(1, 1)

def test_a():
    def nested():
        assert 1
    with pytest.raises(ValueError):
        nested()
    with pytest.warns(UserWarning), pytest.deprecated_call():
        pass
    pytest.fail("no")
"""


def test_everything_that_asserts_is_counted() -> None:
    assert count_assertions(BEFORE) == {"": 1, "check": 1, "TestGroup.test_inside": 2, "test_a": 5}


def test_what_only_looks_like_it_is_not() -> None:
    assert count_assertions("def f(thing):\n    thing.raises(1)\n    thing.warns()\n    fails()\n") == {"f": 0}


def test_a_conversion_that_keeps_them_loses_none() -> None:
    after = BEFORE.replace("def ", "async def ").replace("assert_called_once", "assert_awaited_once")
    assert lost_assertions({"tests/a.py": BEFORE, "data.json": "{"}, {"tests/a.py": after}) == {}


def test_one_less_is_found_and_one_more_elsewhere_does_not_make_up_for_it() -> None:
    after = BEFORE.replace("        assert 1\n", "        pass\n").replace("assert value", "assert value; assert 2")
    assert lost_assertions({"tests/a.py": BEFORE}, {"tests/a.py": after}) == {
        "tests/a.py": {"test_a": "4 of 5 assertions"}
    }


def test_a_file_that_is_gone_loses_all() -> None:
    lost = lost_assertions({"tests/a.py": BEFORE}, {})
    assert lost["tests/a.py"]["TestGroup.test_inside"] == "0 of 2 assertions"
