"""The one kind of error a user of the toolchain meets: what is wrong, and what to do about it."""

from __future__ import annotations

from typing import ClassVar


class ToolError(Exception):
    """A problem that stops the run. The CLI prints it and exits with `exit_code`.

    Args:
        problem: what is wrong, with the names and places a reader needs.
        remedy: what to do about it.
    """

    exit_code: ClassVar[int] = 1
    """1: something needs a person; 2: wrong usage."""

    def __init__(self, problem: str, *, remedy: str) -> None:
        super().__init__(f"{problem}\n{remedy}")
        self.problem = problem
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        # An exception is pickled by its positional arguments, which a keyword-only `remedy` would break:
        # errors cross from worker processes, and must arrive as they were raised.
        return _rebuild, (type(self), self.problem, self.remedy, self.__dict__)


class UsageError(ToolError):
    """The command line asks for something that makes no sense."""

    exit_code: ClassVar[int] = 2


def _rebuild(kind: type[ToolError], problem: str, remedy: str, state: dict[str, object]) -> ToolError:
    error = kind.__new__(kind)
    ToolError.__init__(error, problem, remedy=remedy)
    error.__dict__.update(state)
    return error
