"""The clock of the method: dates counted in steps of 14 days, back from the end of the data.

Step 0 is the oldest whole step, step ``n_steps - 1`` the last one of the data and step
``n_steps`` is ``next``, for which offers are made. What lies before step 0 has step -1.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import ibis
from ibis.expr.types import DateValue, IntegerValue, Table

from promo_kedro.errors import InputError

DAYS_PER_STEP = 14
BEFORE_FIRST_STEP = -1


def count_whole_steps(first_date: date, calendar_end: date) -> int:
    """Return how many whole steps fit between two days, both included."""
    return max(0, ((calendar_end - first_date).days + 1) // DAYS_PER_STEP)


def step_of(day: DateValue, calendar_end: date, n_steps: int) -> IntegerValue:
    """Return the step that each date lies in.

    Args:
        day: Dates; days after ``calendar_end`` lie in the steps after the data.
        calendar_end: The last day of the last step, ``n_steps - 1``.
        n_steps: The number of whole steps in the data.

    Returns:
        Steps as int64: 0 is the oldest whole step, earlier days are in step -1.
    """
    days_left = ibis.literal(calendar_end).delta(day, unit="day").cast("int64")
    steps_back = (days_left.cast("float64") / DAYS_PER_STEP).floor().cast("int64")
    step = (n_steps - 1 - steps_back).cast("int64")
    return ibis.greatest(step, ibis.literal(BEFORE_FIRST_STEP, "int64"))


def dates_of_step(step: int, calendar_end: date, n_steps: int) -> tuple[date, date]:
    """Return the first and the last day of a step, ``next`` and later ones included."""
    last = calendar_end + timedelta(days=DAYS_PER_STEP * (step - (n_steps - 1)))
    return last - timedelta(days=DAYS_PER_STEP - 1), last


def known_calendar(raw_manifest: Mapping[str, Any]) -> tuple[date, int]:
    """Return the last day of the last step and the number of whole steps, as once measured."""
    calendar = raw_manifest["calendar"]
    return date.fromisoformat(calendar["calendar_end"]), calendar["n_steps"]


def measured_calendar(transactions: Table, calendar_end: date | None) -> tuple[date, date, int]:
    """Return the first day, the last day of the last step and the number of whole steps.

    Args:
        transactions: Receipt lines with ``date``.
        calendar_end: The parameter; None: the last day with a purchase.

    Raises:
        InputError: When the data are shorter than one step.
    """
    days = transactions.aggregate(first=transactions.date.min(), last=transactions.date.max())
    first, last = days.to_pyarrow().to_pylist()[0].values()
    calendar_end = calendar_end or last
    n_steps = count_whole_steps(first, calendar_end)
    if n_steps == 0:
        raise InputError(
            f"customer_transaction_data, column date: {first} to {calendar_end} is shorter than "
            f"one step of {DAYS_PER_STEP} days; bring a longer history"
        )
    return first, calendar_end, n_steps
