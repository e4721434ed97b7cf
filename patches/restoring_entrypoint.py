from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dspy.predict.flex.bridge import _restore_custom_types
from dspy.primitives.host_tools import host_tool
from dspy.utils.supplied import bind, ready


# --- patch ---
def _restoring_entrypoint(fn: Callable[..., Any], originals: dict[str, Any]) -> Callable[..., Any]:
    """A tool that is given the objects themselves where code in the sandbox names them by their serialized form."""

    async def call(settings, **kwargs: Any) -> Any:
        restored = {name: _restore_custom_types(value, originals) for name, value in kwargs.items()}
        return await ready(bind(fn, settings)(**restored))

    return host_tool(fn, call)
