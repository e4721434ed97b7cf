"""What stands in for a process of ALFWorld: it answers like one, from another process, after a while."""

from __future__ import annotations

import os
import time
from typing import Any


def env_worker(inq: Any, outq: Any) -> None:
    """Answers `init` and `step` by what it was asked, until it is told to close."""
    task = None
    while True:
        command, data = inq.get()
        if command == "close":
            outq.put("CLOSED")
            return
        if command == "init":
            task = data
            outq.put((f"task {task}", {"pid": os.getpid()}))
        else:
            time.sleep(0.2)
            outq.put((f"{data} in task {task}", 1.0, False, {"pid": os.getpid()}))
