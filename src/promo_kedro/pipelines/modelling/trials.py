"""One search: trials one after another, stopped early where hopeless, taken up where it stopped.

A study's journal outlives the process. What makes a resumed search end as an uninterrupted one
does: a trial's values are drawn from the seed, the trial's turn and the trials before it, and a
trial that was cut off takes its turn again.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol

import numpy as np
import pandas as pd

from promo_kedro.errors import InputError
from promo_kedro.parameters import Parameters
from promo_kedro.pipelines.modelling.parameters import SearchParameters

logger = logging.getLogger(__name__)

OnEpoch = Callable[[int, float], None]
_SECONDS = "seconds spent"


class Space(Protocol):
    """What may be tried, around what is in force."""

    start: Any

    def ask(self, trial: Any) -> Any:
        """Return what a trial tries."""

    def first(self) -> dict[str, Any]:
        """Return what is in force, as a trial's values."""

    def columns(self, tried: Any) -> dict[str, Any]:
        """Return what was tried, for a table."""


@dataclass(frozen=True)
class Search:
    """A question put to Optuna.

    Attributes:
        name: The study's name. Another name is another search.
        space: What may be tried.
        judge: Trains what is tried and returns its log loss; tells each epoch's on the way.
        budget: Trials, minutes and pruning.
        seed: Where the draws start.
    """

    name: str
    space: Space
    judge: Callable[[Any, OnEpoch], float]
    budget: SearchParameters
    seed: int


class _OutOfTimeError(Exception):
    """The minutes are up in the middle of a trial."""


def run_trials(search: Search, storage: Any) -> Any:
    """Run what is left of a search; return its ``optuna.Study``.

    Trial 0 is what is in force. It is never cut short, so the best is never worse than it. A trial
    whose training fails counts as tried. Trials are stopped early when their best epoch so far is
    worse than the median of the earlier trials at that epoch (``MedianPruner``).

    Raises:
        InputError: No trial at all could be trained.
    """
    import optuna

    budget = search.budget
    with _quiet():
        study = optuna.create_study(
            study_name=search.name,
            storage=storage,
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(budget.startup_trials, budget.warmup_epochs),
        )
        _take_up(study, search)
        clock = _Clock(study, budget)
        while (turn := len(ended(study))) < budget.trials and (turn == 0 or clock.seconds_left > 0):
            # Drawn from the turn, not from one long stream, which a new process would start anew.
            study.sampler = optuna.samplers.TPESampler(
                seed=_seed(search.seed, turn), n_startup_trials=budget.startup_trials
            )
            _run_one(study, search, clock, turn)
            clock.save()
            if len(ended(study)) > turn:
                _report(study, search, clock)
    _refuse_fruitless(study)
    return study


def ended(study: Any) -> list[Any]:
    """Return the trials that took their turn, in order; not those that were cut off."""
    from optuna.trial import TrialState

    over = study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL))
    return [t for t in over if t.state != TrialState.FAIL or "reason" in t.user_attrs]


def trials_table(study: Any, space: Space, kind: type[Parameters]) -> pd.DataFrame:
    """Return the trials that took their turn.

    Returns:
        number, state (complete, stopped early, failed), value (log loss; of a trial stopped early
        its last), seconds, epochs, and one column for each thing searched.
    """
    states = {"COMPLETE": "complete", "PRUNED": "stopped early", "FAIL": "failed"}
    rows = [
        {
            "number": number,
            "state": states[trial.state.name],
            "value": float("nan") if trial.value is None else trial.value,
            "seconds": trial.duration.total_seconds(),
            "epochs": len(trial.intermediate_values),
            **space.columns(tried(trial, kind)),
        }
        for number, trial in enumerate(ended(study))
    ]
    return pd.DataFrame(rows)


def tried(trial: Any, kind: type[Parameters]) -> Any:
    """Return the parameters that a trial trained with."""
    return kind.model_validate(trial.user_attrs["tried"])


def _take_up(study: Any, search: Search) -> None:
    """Queue what was cut off, or the first trial."""
    from optuna.trial import TrialState

    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        _put_off(study, trial.number, trial.params)
    done = len(ended(study))
    if done:
        logger.info("search: %d trials of study %s are kept", done, search.name)
    elif not study.get_trials(states=(TrialState.WAITING,)):
        study.enqueue_trial(search.space.first())


def _put_off(study: Any, number: int, values: dict[str, Any]) -> None:
    """Queue a trial once more, then close the one that was cut off."""
    from optuna.trial import TrialState

    study.enqueue_trial(values)
    study.tell(number, state=TrialState.FAIL)


def _run_one(study: Any, search: Search, clock: "_Clock", turn: int) -> None:
    from optuna import TrialPruned
    from optuna.trial import TrialState

    trial = study.ask()
    asked = search.space.ask(trial)
    # What is in force may lie outside the space; it is judged as it is.
    settings = asked if turn else search.space.start
    trial.set_user_attr("tried", settings.model_dump(mode="json"))

    def on_epoch(epoch: int, loss: float) -> None:
        trial.report(loss, epoch)
        if turn == 0:
            return
        if clock.seconds_left <= 0:
            raise _OutOfTimeError
        if trial.should_prune():
            raise TrialPruned

    try:
        study.tell(trial, search.judge(settings, on_epoch))
    except TrialPruned:
        study.tell(trial, state=TrialState.PRUNED)
    except _OutOfTimeError:
        _put_off(study, trial.number, trial.params)
    except InputError as error:
        trial.set_user_attr("reason", str(error))
        study.tell(trial, state=TrialState.FAIL)


class _Clock:
    """The minutes of a study, those of earlier processes included."""

    def __init__(self, study: Any, budget: SearchParameters) -> None:
        self._study, self._started = study, monotonic()
        self._before: float = study.user_attrs.get(_SECONDS, 0.0)
        self._budget = float("inf") if budget.minutes is None else 60 * budget.minutes

    @property
    def seconds_spent(self) -> float:
        return self._before + monotonic() - self._started

    @property
    def seconds_left(self) -> float:
        return self._budget - self.seconds_spent

    def save(self) -> None:
        self._study.set_user_attr(_SECONDS, self.seconds_spent)


def _seed(seed: int, turn: int) -> int:
    """Return a seed for one turn. Seed plus turn would give neighbouring searches equal trials."""
    return int(np.random.SeedSequence([seed, turn]).generate_state(1)[0])


def _report(study: Any, search: Search, clock: _Clock) -> None:
    """Say how the last trial went and how long the rest may take."""
    over = ended(study)
    last, count = over[-1], len(over)
    best = min((t.value for t in over if t.state.name == "COMPLETE"), default=float("nan"))
    words = {
        "COMPLETE": lambda: f"log loss {last.value:.5f}",
        "PRUNED": lambda: f"stopped after {len(last.intermediate_values)} epochs",
        "FAIL": lambda: f"failed ({last.user_attrs['reason']})",
    }
    rest = clock.seconds_spent / count * (search.budget.trials - count)
    logger.info(
        "search: trial %d of at most %d, %s; best so far %.5f, about %.0f minutes left",
        count,
        search.budget.trials,
        words[last.state.name](),
        best,
        max(0.0, min(rest, clock.seconds_left)) / 60,
    )


def _refuse_fruitless(study: Any) -> None:
    over = ended(study)
    if not any(trial.state.name == "COMPLETE" for trial in over):
        raise InputError(
            f"search: none of {len(over)} trials could be trained; the last says: "
            f"{over[-1].user_attrs['reason']}"
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Optuna's own lines inside the block; ours say the same in a retailer's words."""
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)
