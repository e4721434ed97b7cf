"""The two names of an async method: `__call__` and `acall`, `forward` and `aforward`, `execute` and `aexecute`."""

from __future__ import annotations

from typing import Any

PAIRS = (("__call__", "acall"), ("forward", "aforward"), ("execute", "aexecute"))


class TwinNames:
    """Base of the classes whose methods go by two names.

    Both names are the same function. A subclass that defines one of them, whichever it is, gets the other, so that an
    override is seen however it is called. A subclass that defines both keeps both.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for pair in PAIRS:
            _complete(cls, pair)


def _complete(cls: type, pair: tuple[str, str]) -> None:
    # The nearest class that defines either name decides, be it this one or a mixin that knows nothing of the pair.
    for owner in cls.__mro__:
        defined = [name for name in pair if name in vars(owner)]
        if defined:
            break
    else:
        return
    if len(defined) == 1:
        other = pair[1] if defined[0] == pair[0] else pair[0]
        setattr(cls, other, vars(owner)[defined[0]])
