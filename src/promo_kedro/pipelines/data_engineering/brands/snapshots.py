"""Snapshots: at which steps consumers are looked at, and which steps are foretold from there.

A snapshot is the step before which features end. Counted back from the first step after the
data, snapshots lie one horizon apart, so that what one foretells is past to the next::

    train … train   train      test       next
      │       │ labels │ labels  │ labels  │ not known yet
      ▼       ▼        ▼         ▼         ▼
    ──┴───────┴────────┴─────────┴─────────┴──────► steps
"""

import logging
from datetime import date

import ibis
import pandas as pd
from ibis.expr.types import Table

from promo_kedro.errors import InputError
from promo_kedro.pipelines.data_engineering.brands.parameters import BrandDataParameters
from promo_kedro.pipelines.data_engineering.steps import BEFORE_FIRST_STEP, dates_of_step
from promo_kedro.pipelines.data_engineering.wording import counted

logger = logging.getLogger(__name__)

YEAR_STEPS = 26


def snapshots_of(calendar_end: date, n_steps: int, parameters: BrandDataParameters) -> pd.DataFrame:
    """Lay out the snapshots, the oldest first.

    Args:
        calendar_end: The last day of step ``n_steps - 1``.
        n_steps: Whole steps in the data.
        parameters: The horizon, and how many training snapshots with how much history.

    Returns:
        snapshot, use (train, test or next), history_from (first step of the history that is
        read) and the first and last day that are foretold.

    Raises:
        InputError: When the data are too short for one training snapshot.
    """
    horizon = parameters.horizon_steps
    train = _training_snapshots(n_steps, parameters)
    uses = [(step, "train") for step in train] + [(n_steps - horizon, "test"), (n_steps, "next")]
    snapshots = pd.DataFrame(uses, columns=["snapshot", "use"])
    snapshots["history_from"] = (snapshots["snapshot"] - parameters.history_steps).clip(lower=0)
    for name, ahead, end in (("first_day", 0, 0), ("last_day", horizon - 1, 1)):
        days = [dates_of_step(s + ahead, calendar_end, n_steps)[end] for s in snapshots["snapshot"]]
        snapshots[name] = [day.isoformat() for day in days]
    logger.info(
        "Brands are foretold for %s at a time: %s, a test of %s to %s, and then %s to %s",
        counted(horizon, "step"),
        counted(len(train), "training snapshot"),
        *snapshots[["first_day", "last_day"]].iloc[-2],
        *snapshots[["first_day", "last_day"]].iloc[-1],
    )
    return snapshots


def _training_snapshots(n_steps: int, parameters: BrandDataParameters) -> list[int]:
    horizon, needed = parameters.horizon_steps, parameters.min_history_steps
    latest = n_steps - 2 * horizon
    if latest < needed:
        raise InputError(
            f"transactions, column step: the data hold {counted(n_steps, 'whole 14-day step')} and "
            f"brand prediction needs {needed + 2 * horizon} ({needed} of history, {horizon} to "
            f"train on, {horizon} to test on); bring a longer history, or lower "
            "brand_data.min_history_steps or brand_data.horizon_steps"
        )
    possible = range(latest, needed - 1, -horizon)
    made = possible[: parameters.training_snapshots]
    if len(made) < parameters.training_snapshots:
        logger.warning(
            "%d of the %d training snapshots asked for are made: the data hold %d steps, of which "
            "the first %d are history only",
            len(made),
            parameters.training_snapshots,
            n_steps,
            needed,
        )
    return sorted(made)


def steps_before(snapshots: pd.DataFrame) -> Table:
    """List the steps before each snapshot; joined to purchases, they let nothing later in.

    Returns:
        snapshot, step, ``steps_ago`` (1: the step just before), ``in_history`` (whether the step
        belongs to the history that is read) and ``in_year`` (to its latest year).
    """
    rows = [
        (
            *(snapshot, step, snapshot - step),
            *(step >= history_from, step >= max(history_from, snapshot - YEAR_STEPS)),
        )
        for snapshot, history_from in snapshots[["snapshot", "history_from"]].itertuples(
            index=False
        )
        for step in range(BEFORE_FIRST_STEP, snapshot)
    ]
    columns = ["snapshot", "step", "steps_ago", "in_history", "in_year"]
    return ibis.memtable(pd.DataFrame(rows, columns=columns))


def steps_foretold(snapshots: pd.DataFrame, horizon_steps: int) -> Table:
    """List the steps that each snapshot foretells and that the data already hold.

    Returns:
        snapshot, step; none at ``next``.
    """
    known = snapshots.loc[snapshots["use"] != "next", "snapshot"]
    rows = [(s, s + ahead) for s in known for ahead in range(horizon_steps)]
    return ibis.memtable(
        pd.DataFrame(rows, columns=["snapshot", "step"]).astype("int64"),
    )
