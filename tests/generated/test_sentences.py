"""Every sentence of the contract has a test that names it, and every name that a test gives is a sentence's."""

from __future__ import annotations

from pathlib import Path

from tests.generated.sentences import named, sentences

TESTS = """
import pytest

@pytest.mark.api("2.3", "9.9")
@pytest.mark.parametrize("x", [1])
async def test_one(x): ...

@pytest.mark.api("2.4")
class TestSome:
    @pytest.mark.api("2.5")
    def test_two(self): ...
    @pytest.mark.api("2.6")
    def helper(self): ...

@pytest.mark.api("2.7")
def helper(): ...
"""


def test_every_sentence_has_a_test():
    tested = named()
    without = {number: text for number, text in sentences().items() if number not in tested}
    assert without == {}, 'no test says @pytest.mark.api("NUMBER") for these'


def test_every_name_is_a_sentence():
    known = sentences()
    unknown = {number: tests for number, tests in named().items() if number not in known}
    assert unknown == {}, "sentences.toml has no sentence of these numbers"


def test_the_search_itself(tmp_path: Path):
    """Markers of what pytest would not run do not count."""
    (tmp_path / "test_it.py").write_text(TESTS)
    one, two = "test_it.py::test_one", "test_it.py::TestSome::test_two"
    assert named(tmp_path) == {"2.3": [one], "9.9": [one], "2.4": [two], "2.5": [two]}
