"""Arithmetic on whole numbers of cents and basis points.

Sums of floats differ with their order, and so with the number of threads; sums of whole numbers
do not. Money and offers are therefore summed in hundredths of their unit.
"""

import ibis
from ibis.expr.types import BooleanValue, FloatingValue, IntegerValue, NumericValue

HUNDREDTHS = 100


def in_hundredths(amount: NumericValue) -> IntegerValue:
    """Return an amount of money in cents, or percents in basis points, as int64."""
    return (amount * HUNDREDTHS).round().cast("int64")


def from_hundredths(amount: IntegerValue) -> FloatingValue:
    """Return cents or basis points in their own unit again, as float64."""
    return amount.cast("float64") / HUNDREDTHS


def total(amount: NumericValue | BooleanValue) -> IntegerValue:
    """Return the sum of whole numbers as int64.

    DuckDB sums int64 into int128, which parquet would keep as floats; by way of a decimal the
    type is narrowed in earnest.
    """
    return amount.cast("int64").sum().cast("decimal(38, 0)").cast("int64")


def at_most(value: IntegerValue, largest: int) -> IntegerValue:
    """Cap a value; an unknown one stays unknown, where LEAST would give the cap."""
    return ibis.ifelse(value > largest, largest, value)


def rounded_mean(amount: IntegerValue, count: IntegerValue) -> IntegerValue:
    """Return amount / count rounded to a whole number, halves up; null without a count."""
    return ((2 * amount + count) // (2 * count.nullif(0))).cast("int64")


def ratio(amount: NumericValue, count: NumericValue) -> FloatingValue:
    """Return amount / count as float64; null when the count is 0."""
    return amount.cast("float64") / count.nullif(0).cast("float64")
