"""What tests check may grow, and never shrinks."""

from __future__ import annotations

import pytest

from codemods.migrate.assertions import LostAssertionError, check_assertions, lost_in


def lost(before: str, after: str) -> list[str]:
    return [
        str(each)
        for each in lost_in("test_x.py", f"def test_x():\n    {before}\n", f"async def test_x():\n    {after}\n")
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("assert f() == 1", "assert await f() == 1"),
        ("assert f()", "assert (await f())"),
        ("m.assert_called_with(1)", "m.assert_called_with(ANY, 1)"),
        ("m.assert_called_once_with(x=1)", "m.assert_awaited_once_with(settings=ANY, x=1)"),
        ("pytest.raises(ValueError, f)", "pytest.raises(ValueError, f)"),
        ("assert all(f(x) for x in y)", "assert all([await f(x) for x in y])"),
        ("self.assertEqual(f(), 1)", "self.assertEqual(await f(), 1)"),
    ],
)
def test_what_is_still_checked(before: str, after: str) -> None:
    assert lost(before, after) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("assert f() == 1", "assert await f()"),
        ("assert f() == 1", "await f() == 1"),
        ("assert f() and g()", "assert await f()"),
        ("assert f(), 'why'", "assert await f()"),
        ("assert f() == 1", "assert await f() is not None"),
        ("assert not f()", "assert await f()"),
        ("m.assert_called_with(1, x=2)", "m.assert_called_with(1)"),
        ("m.assert_called_once_with(1)", "m.assert_called_once()"),
        ("m.assert_called_once()", "m.assert_called()"),
        ("m.assert_not_called()", "pass"),
        ("with pytest.raises(ValueError, match='x'): f()", "with pytest.raises(ValueError): await f()"),
        ("with pytest.raises(ValueError): f()", "with pytest.raises(Exception): await f()"),
        ("with pytest.warns(UserWarning): f()", "await f()"),
        ("self.assertEqual(f(), 1)", "self.assertTrue(await f())"),
        ("f()", "pytest.skip('no')"),
        ("pytest.fail('no')", "pass"),
    ],
)
def test_what_is_lost_or_weaker(before: str, after: str) -> None:
    assert lost(before, after)


def test_a_test_that_is_gone_has_lost_all() -> None:
    assert lost_in("t.py", "class TestA:\n    def test_b(self):\n        assert 1 == 1\n", "class TestA:\n    pass\n")


def test_a_marker_that_skips_is_seen() -> None:
    before = "def test_a():\n    assert x\n"
    assert lost_in("t.py", before, "@pytest.mark.skip(reason='no')\n" + before)


def test_what_a_script_checks_may_move_into_its_main() -> None:
    before = "assert ask() == 1\n"
    assert lost_in("s.py", before, "async def main():\n    assert await ask() == 1\n") == []


def test_the_error_names_file_and_test() -> None:
    with pytest.raises(LostAssertionError, match=r"tests/t\.py: TestA\.test_b: assert Eq: 1 before, 0 after"):
        check_assertions(
            {"tests/t.py": "class TestA:\n    def test_b(self):\n        assert a == b\n"},
            {"tests/t.py": "class TestA:\n    def test_b(self):\n        assert a\n"},
        )
