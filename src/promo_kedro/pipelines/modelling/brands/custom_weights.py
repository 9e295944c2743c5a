"""Weights of brands from a file that someone wrote by hand, checked before they count."""

import numpy as np
import pandas as pd

from promo_kedro.errors import InputError
from promo_kedro.types import Array, DataFrame

_COLUMNS = ("brand", "weight")


def read_custom_weights(custom: DataFrame | None, brands: Array) -> Array:
    """Return the weight of each brand, once every one has exactly one that is usable.

    Args:
        custom: brand and weight, strings as in the file; other columns are ignored.
        brands: (B,) names of all known brands.

    Returns:
        (B,) positive float64 in the order of ``brands``.

    Raises:
        InputError: When the table or a column is missing, or a weight is no positive finite
            number, or brands are repeated, unknown or missing; all of it in one message.
    """
    if custom is None:
        raise InputError(
            "Weights are custom, but there is no table brand_weights. Add brand_weights.csv "
            "with the columns brand and weight, or choose other weights for the loss."
        )
    missing = [column for column in _COLUMNS if column not in custom.columns]
    if missing:
        raise InputError(
            f"brand_weights lacks the column {' and the column '.join(missing)}: "
            "its header must be brand,weight."
        )
    custom = custom.reset_index(drop=True)
    names = custom["brand"].fillna("").astype(str).str.strip()
    weights = pd.to_numeric(custom["weight"], errors="coerce").astype("float64")
    problems = _problems(names, custom["weight"], weights, pd.Index(brands))
    if problems:
        raise InputError(f"brand_weights cannot be used. {' '.join(problems)}")
    found: Array = pd.Series(weights.to_numpy(), index=names).loc[list(brands)].to_numpy()
    return found


def _problems(
    names: pd.Series, written: pd.Series, weights: pd.Series, known: pd.Index
) -> list[str]:
    """Say what is wrong, each with a count, an example and what to do."""
    # What is not there, and ±∞, compare as not positive and finite.
    unusable = ~((weights > 0) & np.isfinite(weights))
    repeated = names[names.duplicated()]
    unknown = names[~names.isin(known)]
    uncovered = known[~known.isin(names)]
    problems = []
    if unusable.any():
        first = unusable.idxmax()
        problems.append(
            f"Column weight: {unusable.sum()} of {len(names)} rows hold no positive number, "
            f"e.g. {_shown(written[first])} for {names[first]!r}; write numbers above 0."
        )
    if len(repeated):
        problems.append(
            f"Column brand: {len(repeated)} rows repeat a brand, e.g. {repeated.iloc[0]!r}; "
            "keep one row of each."
        )
    if len(unknown):
        problems.append(
            f"Column brand: {len(unknown)} rows name no known brand, e.g. {unknown.iloc[0]!r}; "
            "correct or remove them."
        )
    if len(uncovered):
        problems.append(
            f"{len(uncovered)} of {len(known)} brands have no weight, e.g. {uncovered[0]!r}; "
            "add a row for each (weight 1 leaves a brand as it is)."
        )
    return problems


def _shown(value: object) -> str:
    return "nothing" if pd.isna(value) or value == "" else repr(value)
