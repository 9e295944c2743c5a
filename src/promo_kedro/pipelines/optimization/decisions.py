"""The decisions to be made: what is known of each consumer-item when its offer is chosen."""

import difflib

import numpy as np
from pandas import DataFrame

from promo_kedro.errors import InputError
from promo_kedro.pipelines.optimization.options import in_range
from promo_kedro.pipelines.optimization.parameters import OptimizationParameters

KEY = ["customer_id", "item_id"]
NUMBERS = ["price", "reference_offer", "offer_today", "probability", "elasticity"]
UPPER_LIMITS = {"reference_offer": 100, "offer_today": 100, "probability": 1}


def decisions_of(
    elasticities: DataFrame, slopes: DataFrame, cutoffs: DataFrame, ranges: DataFrame
) -> DataFrame:
    """Bring together what decides each consumer-item's offer.

    Args:
        elasticities: ``offer_elasticities``.
        slopes: category, slope, status of the curve in use.
        cutoffs: customer_id, category, cutoff for the step after the data.
        ranges: category, offer_min, offer_max.

    Returns:
        One row per consumer-item, sorted by category, consumer and item: its elasticity, slope,
        cut-off and range, whether its offer is ``adjustable``, and if not, why it is ``kept``.
        Where the response to offers is not identified, slope and elasticity are 0.

    Raises:
        InputError: a number is missing, infinite or out of bounds, a consumer-item appears
            twice, a consumer has no cut-off, or elasticities and slopes do not belong together.
    """
    check_numbers(elasticities)
    units = (
        elasticities.merge(slopes, on="category", how="left", validate="many_to_one")
        .merge(cutoffs, on=["customer_id", "category"], how="left", validate="many_to_one")
        .merge(ranges, on="category", how="left", validate="many_to_one")
        .sort_values(["category", *KEY], ignore_index=True)
    )
    check_cutoffs(units)
    identified = (
        (units["status"] == "ok")
        & (units["slope"] > 0)
        & (units["reference_source"] != "not identified")
    )
    check_slopes(units[identified])
    units["slope"] = units["slope"].where(identified, 0.0)
    units["elasticity"] = units["elasticity"].where(identified, 0.0)
    units["adjustable"] = True
    units["adjustable"] = in_range(units).any(axis=1) & identified
    units["kept"] = np.select(
        [
            ~identified,
            units["offer_min"].isna(),
            units["reference_offer"] == 0,
            ~units["adjustable"],
        ],
        [
            "response to offers not identified",
            "too few offers for a range",
            "reference offer is 0",
            "no change stays inside the range",
        ],
        default="",
    )
    columns = ["category", *KEY, *NUMBERS, "slope", "cutoff", "offer_min", "offer_max"]
    return units[[*columns, "adjustable", "kept"]]


def check_numbers(elasticities: DataFrame) -> None:
    """Refuse rows that would make a plan meaningless; all failures are listed at once."""
    problems = [] if len(elasticities) else ["it has no rows"]
    for column in NUMBERS:
        values = elasticities[column].to_numpy(dtype=float)
        lowest = -np.inf if column == "elasticity" else 0
        inside = (values >= lowest) & (values <= UPPER_LIMITS.get(column, np.inf))
        wrong = ~(np.isfinite(values) & inside)
        if wrong.any():
            problems.append(
                f"{column} in {wrong.sum()} of {len(values)} rows (for example {values[wrong][0]})"
            )
    if elasticities.duplicated(KEY).any():
        problems.append(f"{elasticities.duplicated(KEY).sum()} repeated consumer-items")
    if problems:
        raise InputError(
            f"offer_elasticities cannot be used: {'; '.join(problems)}. Run the elasticity "
            "pipeline again, or look for what these rows have in common in the raw data."
        )


def check_cutoffs(units: DataFrame) -> None:
    """Refuse consumer-items without a cut-off; an infinite one never clears and is accepted."""
    missing = units["cutoff"].isna()
    if missing.any():
        raise InputError(
            f"consumer_cutoffs has no cut-off for the next step for {missing.sum()} of "
            f"{len(units)} consumer-items, for example in {units.loc[missing, 'category'].iloc[0]}."
            " Run the thresholding pipeline again on the same data."
        )


def check_slopes(units: DataFrame) -> None:
    """Refuse slopes that the elasticities do not come from (Eq. 12)."""
    expected = units["slope"] * units["reference_offer"] * (1 - units["probability"])
    wrong = ~np.isclose(units["elasticity"], expected, rtol=1e-4, atol=1e-9)
    if wrong.any():
        raise InputError(
            f"elasticity in {wrong.sum()} of {len(units)} rows of offer_elasticities does not "
            "come from the slope in elasticity_curves, for example in "
            f"{units.loc[wrong, 'category'].iloc[0]}. Set optimization.relation to "
            "elasticity.relation, or run the elasticity pipeline again."
        )


def check_required(categories: list[str], parameters: OptimizationParameters) -> None:
    """Refuse a required retention for a category that the data does not have."""
    for mode, required in parameters.retention_required.model_dump().items():
        for category in sorted(set(required) - set(categories)):
            nearest = difflib.get_close_matches(category, categories, n=1, cutoff=0)
            raise InputError(
                f"optimization.retention_required.{mode} names the category {category!r}, which "
                f"no consumer-item has; did you mean {', '.join(map(repr, nearest))}?"
            )
