from __future__ import annotations

import pickle

import pytest

from codemods.errors import ToolError, UsageError


class ElaborateError(ToolError):
    """A subclass with a constructor of its own, as the stages define them."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(f"unknown: {', '.join(names)}", remedy="use known names")
        self.names = names


def test_text_holds_problem_and_remedy() -> None:
    error = ToolError("the file is gone", remedy="restore it")
    assert str(error) == "the file is gone\nrestore it"
    assert (error.problem, error.remedy, error.exit_code) == ("the file is gone", "restore it", 1)


def test_wrong_usage_has_its_own_exit_code() -> None:
    assert UsageError("no such flag", remedy="see --help").exit_code == 2


@pytest.mark.parametrize("error", [ToolError("a", remedy="b"), UsageError("a", remedy="b"), ElaborateError(["x", "y"])])
def test_survives_the_way_back_from_a_worker_process(error: ToolError) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert back.__dict__ == error.__dict__
