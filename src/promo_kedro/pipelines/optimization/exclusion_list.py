"""Which consumer-items the retailer's list of exclusions is about, and why."""

import logging
from difflib import get_close_matches

import pandas as pd
from pandas import DataFrame, Series

from promo_kedro.errors import InputError
from promo_kedro.types import Array

logger = logging.getLogger(__name__)

IDS = ["customer_id", "item_id"]
NO_REASON = "no reason given"


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
    _tell_of_strangers(units, listed)
    reasons = Series("", index=range(len(units)), dtype=object)
    for named in (["item_id"], ["customer_id"], IDS):
        absent = [column for column in IDS if column not in named]
        rows = listed[listed[named].notna().all(axis=1) & listed[absent].isna().all(axis=1)]
        found = rows.astype(dict.fromkeys(named, "int64")).groupby(named)["reason"].min()
        matched = units[named].merge(found.reset_index(), on=named, how="left")["reason"]
        reasons = matched.astype(object).where(matched.notna(), reasons)
    return reasons.to_numpy(dtype=object)


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
            meant = f"; did you mean it by {close[0]!r}?" if close else "; add it."
            raise InputError(f"offer_exclusions has no column {column}{meant}")


def _whole_numbers(ids: Series) -> Array:
    text = ids.astype("string").str.strip().replace("", pd.NA)
    numbers = pd.to_numeric(text, errors="coerce").astype("Float64")
    wrong = text.notna() & ~(numbers % 1 == 0).fillna(False).astype(bool)
    if wrong.any():
        raise InputError(
            f"offer_exclusions, column {ids.name}: {wrong.sum()} of {len(ids)} rows are not whole "
            f"numbers, for example {text[wrong].iloc[0]!r}. Correct them, or leave the id empty "
            "to mean all."
        )
    return numbers.astype("Int64").array


def _tell_of_strangers(units: DataFrame, listed: DataFrame) -> None:
    strange = Series(False, index=listed.index)
    for column in IDS:
        strange |= listed[column].notna() & ~listed[column].isin(units[column])
    if strange.any():
        logger.info(
            "%d of %d exclusions name a consumer or an item that gets no offer anyway",
            strange.sum(),
            len(listed),
        )
