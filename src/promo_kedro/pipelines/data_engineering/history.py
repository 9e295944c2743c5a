"""What lies before a step: dense histories, and windows that end one step earlier.

Every window here closes before the step it describes, so no feature built with them can read
its own step or a later one.
"""

import ibis
from ibis.expr.types import FloatingValue, IntegerValue, NumericValue, Table
from pandas import DataFrame

NEXT = "next"


def panel_steps(calendar: DataFrame, history_steps: int) -> range:
    """Return the steps of all windows, ``next``, and the history before the oldest window."""
    first, last = int(calendar["step"].min()), int(calendar["step"].max())
    return range(max(0, first - history_steps), last + 1)


def next_step(calendar: DataFrame) -> int:
    """Return the first step after the data."""
    return int(calendar.loc[calendar["split"] == NEXT, "step"].iloc[0])


def within(transactions: Table, steps: range) -> Table:
    """Keep the lines of some steps; the last of them is ``next``, which has none yet."""
    return transactions.filter(transactions.step.between(steps[0], steps[-1] - 1))


def every_step(keys: Table, steps: range) -> Table:
    """Return one row per key and step, so that steps without purchases are there as well."""
    return keys.cross_join(ibis.range(steps.start, steps.stop).unnest().name("step").as_table())


def attach(left: Table, right: Table, *keys: str) -> Table:
    """Add the columns of a table with one row per key; null where it has no such row."""
    joined = left.left_join(right, list(keys), rname="{name}__right")
    return joined.drop(*(name for name in joined.columns if name.endswith("__right")))


def before(*keys: str, steps: int | None = None) -> ibis.expr.builders.WindowBuilder:
    """Return the window of all earlier steps of a key, or of the latest few of them."""
    return ibis.window(group_by=list(keys), order_by="step", preceding=(steps, 1))


def sum_before(amount: NumericValue, *keys: str, steps: int | None = None) -> FloatingValue:
    """Sum whole numbers over earlier steps; 0 when there are none.

    Floats add whole numbers below 2**53 exactly, and much faster than DuckDB's int128.
    """
    summed = amount.cast("float64").sum().over(before(*keys, steps=steps))
    return summed.fill_null(0.0)


def first_step_before(happened: IntegerValue, step: IntegerValue, *keys: str) -> IntegerValue:
    """Return the first earlier step in which something happened, else null."""
    return ibis.cases((happened > 0, step)).min().over(before(*keys))


def last_step_before(happened: IntegerValue, step: IntegerValue, *keys: str) -> IntegerValue:
    """Return the latest earlier step in which something happened, else null."""
    return ibis.cases((happened > 0, step)).max().over(before(*keys))


def mean_gap(first: IntegerValue, last: IntegerValue, orders: NumericValue) -> FloatingValue:
    """Return the mean number of steps between orders; null with fewer than two."""
    return (last - first).cast("float64") / (orders - 1).nullif(0)
