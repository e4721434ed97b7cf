"""Optuna's loop over trials, for objectives that are awaited."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dspy.dsp.utils.settings import Settings
from dspy.utils.supplied import bind, ready

if TYPE_CHECKING:
    import optuna


async def run_trials(settings: Settings, study: optuna.Study, objective: Callable[..., Any], n_trials: int) -> None:
    """Ask the study for trials and tell it how they went, as `Study.optimize` does.

    Args:
        settings: What the objective is handed, if it takes settings.
        study: The study. It learns of every trial it gave, pruned, failed and cancelled ones included.
        objective: Gives the value of a trial, or an awaitable of it.
        n_trials: How many trials, one after the other.

    Raises:
        Exception: What the objective raised. `optuna.TrialPruned` does not end the run.
    """
    from optuna import TrialPruned
    from optuna.trial import TrialState

    for _ in range(n_trials):
        trial = study.ask()
        try:
            value = await ready(bind(objective, settings)(trial))
        except TrialPruned:
            study.tell(trial, state=TrialState.PRUNED)
        except BaseException:
            study.tell(trial, state=TrialState.FAIL)
            raise
        else:
            study.tell(trial, value)
