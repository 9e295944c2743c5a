"""Datetime: where in the year, in the history and in the window a step lies."""

import numpy as np
import pandas as pd

CATEGORICAL = {
    "week": "ISO week of the step's first day, 1 to 53",
    "month": "Month of the step's first day, 1 to 12",
    "quarter": "Quarter of the step's first day, 1 to 4",
}
CONTINUOUS = {
    "season_sin": "Sine of the time of the year of the step's first day",
    "season_cos": "Cosine of the time of the year of the step's first day",
    "trend": "Years since the start of the data",
    "window_position": "Position in the window: 0 at its first step, 1 at its last",
}

DAYS_PER_YEAR = 365.25
STEPS_PER_YEAR = DAYS_PER_YEAR / 14


def datetime_features(calendar: pd.DataFrame) -> pd.DataFrame:
    """Describe the steps of each window.

    Args:
        calendar: window, step, start_date, end_date, split.

    Returns:
        window, step, split and the features of ``CATEGORICAL`` (int64) and ``CONTINUOUS``.
    """
    start = pd.to_datetime(calendar["start_date"])
    angle = 2 * np.pi * start.dt.dayofyear / DAYS_PER_YEAR
    data_steps = calendar[calendar["split"] != "next"].groupby("window")["step"]
    first, last = (calendar["window"].map(bound) for bound in (data_steps.min(), data_steps.max()))
    described = calendar[["window", "step", "split"]].assign(
        week=start.dt.isocalendar().week.astype("int64"),
        month=start.dt.month.astype("int64"),
        quarter=start.dt.quarter.astype("int64"),
        season_sin=np.sin(angle),
        season_cos=np.cos(angle),
        trend=calendar["step"] / STEPS_PER_YEAR,
        window_position=(calendar["step"] - first) / (last - first).clip(lower=1),
    )
    return described.reset_index(drop=True)
