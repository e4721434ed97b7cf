"""GEPA's own loop, which blocks, in a worker thread; whatever it calls comes back to the event loop."""

from __future__ import annotations

from typing import Any

import gepa
from dspy.dsp.utils.settings import Settings
from dspy.utils.blocking import Worker
from dspy.utils.supplied import bind, is_coroutine_function
from gepa.core.result import GEPAResult


class _InThread:
    """An adapter as GEPA's thread sees it: its coroutine methods block, and run on the event loop."""

    def __init__(self, adapter: Any, settings: Settings, worker: Worker) -> None:
        self._adapter = adapter
        self._settings = settings
        self._worker = worker

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._adapter, name)
        if not is_coroutine_function(value):
            return value
        return self._worker.blocking(bind(value, self._settings))


async def optimize(settings: Settings, /, *, adapter: Any, module_selector: Any, **kwargs: Any) -> GEPAResult:
    """Run `gepa.optimize`.

    Args:
        settings: What the programs, metrics, proposers and selectors that it calls are handed.
        adapter: A `DspyAdapter`.
        module_selector: Name of one of GEPA's, or a function of the user's, with or without settings, sync or async.
        **kwargs: All else that `gepa.optimize` takes. A `reflection_lm` is a function of a prompt, like the selector.
    """
    worker = Worker()
    if kwargs.get("reflection_lm") is not None:
        kwargs["reflection_lm"] = worker.blocking(bind(kwargs["reflection_lm"], settings))
    if callable(module_selector):
        module_selector = worker.blocking(bind(module_selector, settings))
    in_thread = _InThread(adapter, settings, worker)
    # It is there for users, though gepa does not declare what it exports.
    loop = gepa.optimize  # pyright: ignore[reportPrivateImportUsage]
    return await worker.run(loop, adapter=in_thread, module_selector=module_selector, **kwargs)
