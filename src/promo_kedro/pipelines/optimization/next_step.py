"""The step that offers are made for: the first one after the data."""

from typing import Any, NamedTuple

from pandas import DataFrame

from promo_kedro.errors import InputError


class NextStep(NamedTuple):
    """The number of the step and its first and last day."""

    step: int
    start_date: Any
    end_date: Any


def next_step_of(calendar: DataFrame) -> NextStep:
    """Return the step marked ``next``.

    Raises:
        InputError: the calendar has none, or more than one.
    """
    rows = calendar[calendar["split"] == "next"]
    if len(rows) != 1:
        raise InputError(
            f"calendar has {len(rows)} rows with split 'next'; offers need exactly one. Run the "
            "data_engineering pipeline again."
        )
    row = rows.iloc[0]
    return NextStep(int(row["step"]), row["start_date"], row["end_date"])
