"""Runs the passes over many files: what became of one before is kept, the others are shared out among processes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from codemods.kept import Store, digest
from codemods.passes.driver import run_passes
from codemods.plan.model import FilePlan

_ENOUGH_FOR_PROCESSES = 8
"""Files; for fewer, starting processes takes longer than they save."""


@dataclass(frozen=True)
class PassesTask:
    """What the passes need for one file.

    Args:
        text: its source.
        plan: what to do with it.
        name: the module's dotted name.
        kept: names that other modules import from it.
        original: the text whose unused imports may stay; None for its own.
    """

    text: str
    plan: FilePlan
    name: str
    kept: frozenset[str] = frozenset()
    original: str | None = None

    @property
    def key(self) -> str:
        """What its outcome is kept under."""
        original = () if self.original is None else (self.original,)
        return digest("passes", self.text, self.plan.content(), self.name, self.kept, original)


def kept_passes(tasks: Sequence[PassesTask], store: Store, jobs: int = 1) -> list[str]:
    """The texts of files after their plans were carried out, in the order of the tasks.

    Args:
        tasks: the files.
        store: where outcomes are looked up and kept.
        jobs: processes.

    Raises:
        PlanNotCarriedOutError: see `run_passes`.
    """
    keys = [task.key for task in tasks]
    texts = {key: text for key in keys if (text := store.text(key)) is not None}
    missing = {key: task for key, task in zip(keys, tasks, strict=True) if key not in texts}
    for key, text in zip(missing, _run_each(list(missing.values()), jobs), strict=True):
        texts[key] = text
        store.put_text(key, text)
    return [texts[key] for key in keys]


def _run_each(tasks: list[PassesTask], jobs: int) -> list[str]:
    if jobs <= 1 or len(tasks) < _ENOUGH_FOR_PROCESSES:
        return [_run_one(task) for task in tasks]
    # The largest first, each for itself: no process is left with a long one at the end.
    order = sorted(range(len(tasks)), key=lambda index: -len(tasks[index].text))
    with ProcessPoolExecutor(jobs) as pool:
        done = list(pool.map(_run_one, [tasks[index] for index in order]))
    texts = dict(zip(order, done, strict=True))
    return [texts[index] for index in range(len(tasks))]


def _run_one(task: PassesTask) -> str:
    return run_passes(task.text, task.plan, module_name=task.name, kept=set(task.kept), original=task.original)
