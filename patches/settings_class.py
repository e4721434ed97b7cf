from __future__ import annotations

import copy
from typing import Any

from dspy.dsp.utils.settings import DEFAULT_CONFIG
from dspy.dsp.utils.utils import dotdict


# --- patch ---
class Settings:
    """What a call works with: its language model, adapter, callbacks, limits.

    Settings are handed from call to call as the first argument. Nothing in DSPy looks them up in a thread, a task or
    a context variable, so two calls with different settings never see each other's.

        settings = dspy.Settings(lm=dspy.LM("openai/gpt-4o-mini"))
        prediction = await program(settings, question="...")

    They read as attributes (`settings.lm`), as items (`settings["lm"]`) and with `get`. Any name may be set.

    `dspy.settings` is the process's own object, which `dspy.configure` changes and `dspy.context` makes children of.
    Any thread or task may use it, and it is used only where it is passed.

    Args:
        **values: Values that differ from DSPy's defaults. What `dspy.configure` set plays no part.
    """

    __slots__ = ("__weakref__", "_values")

    def __init__(self, **values: Any) -> None:
        _set_values(self, {**copy.deepcopy(DEFAULT_CONFIG), **values})

    def __getattr__(self, name: str) -> Any:
        # Reached only for names that the class does not define. `_values` itself is missing in a half-made object.
        try:
            return object.__getattribute__(self, "_values")[name]
        except KeyError:
            raise AttributeError(f"'Settings' object has no attribute '{name}'") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self._values[name] = value

    def __getitem__(self, key: str) -> Any:
        return self.__getattr__(key)

    def __setitem__(self, key: str, value: Any) -> None:
        self._values[key] = value

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a setting, or `default` if there is none of that name."""
        return self._values.get(key, default)

    def copy(self) -> dotdict:
        """All values, as a dictionary of its own."""
        return dotdict(self._values)

    @property
    def config(self) -> dotdict:
        """All values, as a dictionary of its own."""
        return self.copy()

    def configure(self, **kwargs: Any) -> None:
        """Change values of this object, for good.

        `dspy.configure(...)` does so for the process's own object. Children that were made before keep what they
        have. Any thread and any task may call it.

        Args:
            **kwargs: The values. Common ones are `lm` (a `dspy.LM`), `adapter`, `callbacks`, `track_usage`,
                `async_max_workers` and `num_threads`.

        Examples:
            ```python
            import dspy

            dspy.configure(lm=dspy.LM("openai/gpt-4o-mini"), adapter=dspy.JSONAdapter())
            prediction = await dspy.Predict("question -> answer")(dspy.settings, question="...")
            ```
        """
        self._values.update(kwargs)

    def context(self, **kwargs: Any) -> Settings:
        """Make a child: these settings as they are now, with some values changed.

        The parent stays as it is, and what it is configured to later does not reach the child. Values are shared, not
        copied: a `trace` list is the same list in both unless it is given anew.

        Args:
            **kwargs: The values that differ.

        Returns:
            The child. As a context manager it gives itself, and leaving the block does nothing to it.

        Examples:
            ```python
            with settings.context(lm=dspy.LM("anthropic/claude-sonnet-4-6")) as cheaper:
                prediction = await program(cheaper, question="...")
            ```
        """
        child = _new_object(type(self))
        _set_values(child, {**self._values, **kwargs})
        return child

    def __enter__(self) -> Settings:
        return self

    def __exit__(self, *exc_info: object) -> None:
        return None

    def __repr__(self) -> str:
        return repr(self._values)

    def __copy__(self) -> Settings:
        return self.context()

    def __deepcopy__(self, memo: dict[int, Any]) -> Settings:
        # Language models and callbacks are shared by everything that works with them: what a copy must not share is
        # the object that `configure` changes. The process's own is one, however it is reached.
        return self if self is globals().get("settings") else self.context()

    def __reduce__(self) -> str | tuple[Any, ...]:
        # The process's own object is pickled by its name, so that it arrives as the other process's own.
        if self is globals().get("settings"):
            return "settings"
        return _restore, (type(self), dict(self._values))


_new_object = object.__new__
# Past `__setattr__`, which sets values.
_set_values = Settings._values.__set__


def _restore(cls: type[Settings], values: dict[str, Any]) -> Settings:
    restored = _new_object(cls)
    _set_values(restored, values)
    return restored
