"""The calendar: which 14-day steps each sliding window trains, validates and tests on."""

import logging
from datetime import date

import pandas as pd
from ibis.expr.types import Table

from promo_kedro.errors import InputError
from promo_kedro.pipelines.data_engineering.parameters import PanelParameters
from promo_kedro.pipelines.data_engineering.steps import DAYS_PER_STEP, dates_of_step

logger = logging.getLogger(__name__)


def data_end(transactions: Table, calendar_end: date | None) -> tuple[date, int]:
    """Return the last day of the data and the number of whole steps up to it."""
    latest = transactions.filter(transactions.step >= 0)
    dated = latest.aggregate(date=latest.date.max(), step=latest.step.max()).to_pyarrow()
    last_date, last_step = (column[0].as_py() for column in (dated["date"], dated["step"]))
    if last_date is None:
        return calendar_end or date.min, 0
    end = calendar_end or last_date
    return end, last_step + 1 + (end - last_date).days // DAYS_PER_STEP


def sliding_windows(calendar_end: date, n_steps: int, parameters: PanelParameters) -> pd.DataFrame:
    """Lay out the windows, the latest first, and ``next`` after the last step of the data.

    Args:
        calendar_end: The last day of step ``n_steps - 1``.
        n_steps: Whole steps in the data.
        parameters: Lengths and number of the windows.

    Returns:
        One row per window and step, with its first and last day and its split; window ``w``
        ends ``w`` steps before the data does.

    Raises:
        InputError: When the data have fewer steps than one window.
    """
    length = parameters.window_steps
    if n_steps < length:
        raise InputError(
            f"transactions, column date: the data hold {n_steps} whole 14-day steps and a window "
            f"needs {length} ({parameters.training_steps} training, "
            f"{parameters.validation_steps} validation, {parameters.test_steps} test); bring "
            f"{length * DAYS_PER_STEP // 7} weeks of data, or lower panel.training_steps by "
            f"{length - n_steps} or more"
        )
    made = min(parameters.windows, n_steps - length + 1)
    if made < parameters.windows:
        logger.warning(
            "%d of the %d windows asked for are made: the data hold %d steps, and each further "
            "window needs one more than the %d of the first",
            made,
            parameters.windows,
            n_steps,
            length,
        )
    splits = (
        ["train"] * parameters.training_steps
        + ["validation"] * parameters.validation_steps
        + ["test"] * parameters.test_steps
    )
    rows = [
        (window, n_steps - length - window + position, split)
        for window in range(made)
        for position, split in enumerate([*splits, "next"] if window == 0 else splits)
    ]
    calendar = pd.DataFrame(rows, columns=["window", "step", "split"])
    dates = [dates_of_step(step, calendar_end, n_steps) for step in calendar["step"]]
    calendar.insert(2, "start_date", pd.to_datetime([start for start, _ in dates]))
    calendar.insert(3, "end_date", pd.to_datetime([end for _, end in dates]))
    logger.info(
        "The data hold %d whole steps of %d days up to %s; offers are made for %s to %s",
        n_steps,
        DAYS_PER_STEP,
        calendar_end,
        *(day.isoformat() for day in dates_of_step(n_steps, calendar_end, n_steps)),
    )
    return calendar
