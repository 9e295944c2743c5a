"""The calendar of steps: which one offers are made for."""

from typing import Any, NamedTuple

from promo_kedro.errors import InputError
from promo_kedro.types import DataFrame


class NextStep(NamedTuple):
    """The number of a step and its first and last day."""

    step: int
    start_date: Any
    end_date: Any


def next_step_of(calendar: DataFrame) -> NextStep:
    """Return the step that offers are made for: the one marked ``next``, first after the data.

    Raises:
        InputError: the calendar has none, or more than one.
    """
    rows = calendar[calendar["split"] == "next"]
    if len(rows) != 1:
        raise InputError(
            f"calendar has {len(rows)} rows with split 'next'; offers need exactly one. Run "
            "`kedro run --pipeline=data_engineering` to make it anew."
        )
    row = rows.iloc[0]
    return NextStep(int(row["step"]), row["start_date"], row["end_date"])
