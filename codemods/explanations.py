"""Why functions have their colours, as `dspy-async explain` tells it."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

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
        """Functions that may be meant: of the same name, of a class of that name, or spelt almost so."""
        known = sorted(self.lines)
        close = [each for each in known if _last(each) == _last(symbol)]
        close += [each for each in known if each.rpartition(":")[2].startswith(f"{_last(symbol)}.")]
        module = symbol.partition(":")[0]
        close += get_close_matches(symbol, [each for each in known if each.startswith(f"{module}:")])
        return f"Did you mean {', '.join(dict.fromkeys(close[:5]))}?" if close else "The report names the modules."


def _last(symbol: str) -> str:
    return symbol.split(".")[-1].split(":")[-1]
