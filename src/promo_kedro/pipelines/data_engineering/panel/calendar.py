"""The calendar: which 14-day steps each sliding window trains, validates and tests on."""

import logging
from datetime import date

import pandas as pd

from promo_kedro.errors import InputError
from promo_kedro.pipelines.data_engineering.parameters import PanelParameters
from promo_kedro.pipelines.data_engineering.steps import DAYS_PER_STEP, dates_of_step
from promo_kedro.pipelines.data_engineering.wording import counted

logger = logging.getLogger(__name__)


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
            f"transactions, column date: the data hold {counted(n_steps, 'whole 14-day step')} and "
            f"a window needs {length} ({parameters.training_steps} training, "
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
