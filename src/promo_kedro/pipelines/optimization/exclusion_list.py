"""Which consumer-items the retailer's list of exclusions is about, and why."""

import logging
from difflib import get_close_matches

import pandas as pd
from pandas import DataFrame, MultiIndex, Series

from promo_kedro.errors import InputError
from promo_kedro.types import Array, Table

logger = logging.getLogger(__name__)

IDS = ["customer_id", "item_id"]
NO_REASON = "no reason given"
ID = r"-?\d{1,18}(\.0*)?"
"""A whole number; tables with empty ids are often saved with them as 1042.0."""


def reasons_of(units: DataFrame, exclusions: DataFrame) -> Array:
    """Return why each consumer-item is excluded; empty where it is not, (units,).

    A row that names both ids speaks before one that names the consumer, and that before one
    that names the item; of equal rows the first reason by the alphabet.

    Args:
        units: customer_id, item_id.
        exclusions: customer_id, item_id, reason; one of the ids may be empty.

    Raises:
        InputError: a column is missing, an id is not a whole number, or a row has neither id.
    """
    listed = _checked(exclusions)
    strange = Series(False, index=listed.index)
    reasons = Series("", index=range(len(units)), dtype=object)
    for named in (["item_id"], ["customer_id"], IDS):
        absent = [column for column in IDS if column not in named]
        rows = listed[listed[named].notna().all(axis=1) & listed[absent].isna().all(axis=1)]
        rows = rows.astype(dict.fromkeys(named, "int64"))
        known = MultiIndex.from_frame(units[named])
        strange[rows.index] = ~MultiIndex.from_frame(rows[named]).isin(known)
        found = rows.groupby(named)["reason"].min()
        matched = units[named].merge(found.reset_index(), on=named, how="left")["reason"]
        reasons = matched.astype(object).where(matched.notna(), reasons)
    _tell_of(strange)
    return reasons.to_numpy(dtype=object)


def as_text(exclusions: Table) -> DataFrame:
    """Return the list with every column as text, from whatever file it was read.

    Whole numbers beside empty ids would become floats on their way.
    """
    return exclusions.cast(dict.fromkeys(exclusions.columns, "string")).to_pandas()


def _checked(exclusions: DataFrame) -> DataFrame:
    _refuse_missing_columns([str(column) for column in exclusions.columns])
    listed = DataFrame({column: _whole_numbers(exclusions[column]) for column in IDS})
    neither = listed[IDS].isna().all(axis=1)
    if neither.any():
        raise InputError(
            f"offer_exclusions: {neither.sum()} of {len(listed)} rows have neither customer_id nor "
            f"item_id, for example row {neither.to_numpy().argmax() + 1}. Fill in one, or take "
            "them out."
        )
    reasons = exclusions["reason"].astype("string").str.strip().replace("", pd.NA)
    return listed.assign(reason=reasons.fillna(NO_REASON).astype(object).to_numpy())


def _refuse_missing_columns(columns: list[str]) -> None:
    for column in [*IDS, "reason"]:
        if column not in columns:
            close = get_close_matches(column, columns, n=1)
            meant = f"; did you mean {close[0]!r}?" if close else "; add it."
            raise InputError(f"offer_exclusions has no column {column}{meant}")


def _whole_numbers(ids: Series) -> Array:
    """Return ids digit by digit: as floats, long ones would become those of others."""
    text = ids.astype("string").str.strip().replace("", pd.NA)
    wrong = ~text.str.fullmatch(ID).fillna(True).astype(bool)
    if wrong.any():
        raise InputError(
            f"offer_exclusions, column {ids.name}: {wrong.sum()} of {len(ids)} rows are not whole "
            f"numbers of at most 18 digits, for example row {wrong.to_numpy().argmax() + 1}. "
            "Correct them, or leave the id empty to mean all."
        )
    return text.str.replace(r"\..*", "", regex=True).astype("Int64").array


def _tell_of(strange: Series) -> None:
    """Warn of rows that are about nothing: their ids may be wrong."""
    if strange.any():
        logger.warning(
            "%d of %d exclusions, for example row %d, are about no consumer-item that could get "
            "an offer: look for mistakes in their ids",
            strange.sum(),
            len(strange),
            strange.to_numpy().argmax() + 1,
        )
