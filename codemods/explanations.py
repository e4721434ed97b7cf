"""Why functions have their colours, as `dspy-async explain` tells it."""

from __future__ import annotations

from dataclasses import dataclass

from codemods.errors import ToolError


@dataclass(frozen=True)
class Explanations:
    """The chain of each function down to its leaf.

    Args:
        lines: by symbol (`module:qualname`), one line a call; none for a function that is plain.
    """

    lines: dict[str, list[str]]

    def of(self, symbol: str) -> list[str]:
        """What is to be said of one function, line by line.

        Raises:
            ToolError: there is none of that name.
        """
        if symbol not in self.lines:
            raise ToolError(
                f"{symbol} is no function of this release",
                remedy=f"Write it as module:qualname. {self._similar(symbol)}",
            )
        return self.lines[symbol] or [f"{symbol} stays a plain function: it reaches no coroutine and reads no settings"]

    def _similar(self, symbol: str) -> str:
        close = [known for known in sorted(self.lines) if _last(known) == _last(symbol)][:5]
        return f"Did you mean {', '.join(close)}?" if close else ""


def _last(symbol: str) -> str:
    return symbol.split(".")[-1].split(":")[-1]
