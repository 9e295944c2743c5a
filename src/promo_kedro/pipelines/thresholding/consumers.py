"""Which cut-off a consumer takes in a category, and why."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from promo_kedro.pipelines.thresholding.cutoffs import empirical_cutoffs, expected_f1_cutoffs
from promo_kedro.types import Array, DataFrame

CONSUMER = ["window", "customer_id"]
ALL_CATEGORIES = ""
"""The pool of a consumer's items in every category; any other pool is a category's name."""


def consumers_in_categories(scored: DataFrame, validation: DataFrame, min_items: int) -> DataFrame:
    """Count each consumer's items and validation purchases in each category.

    Args:
        scored: rows of the splits that need a cut-off.
        validation: rows of the validation step.
        min_items: consumers with fewer items take the cut-off over all their categories.

    Returns:
        One row per (window, split, consumer, category) with n_items, n_purchased, and the
        ``pool`` of items its cut-off comes from.
    """
    bought = validation.groupby([*CONSUMER, "category"])["purchased"].sum().rename("n_purchased")
    consumers = scored.groupby(["window", "split", "customer_id", "category"]).size()
    consumers = consumers.rename("n_items").reset_index()
    consumers = consumers.merge(bought.reset_index(), on=[*CONSUMER, "category"], how="left")
    enough = consumers["n_items"] >= min_items
    return consumers.assign(
        n_purchased=consumers["n_purchased"].fillna(0).astype("int64"),
        pool=consumers["category"].where(enough, ALL_CATEGORIES),
    )


def add_expected(consumers: DataFrame, scored: DataFrame, zero_division: float) -> DataFrame:
    """Add ``expected_f1``: the best cut-off for the expected F1 of the very step it cuts."""

    def estimate(groups: Array, rows: DataFrame) -> Array:
        return expected_f1_cutoffs(groups, rows["probability"].to_numpy(), zero_division)

    keys = [*CONSUMER, "split", "pool"]
    return consumers.merge(
        _cutoffs(_pools(scored, consumers), keys, estimate).rename("expected_f1"),
        left_on=keys,
        right_index=True,
        how="left",
    )


def add_empirical(consumers: DataFrame, validation: DataFrame) -> DataFrame:
    """Add ``empirical``: the best cut-off in the validation step (Eq. 9), NaN without purchase."""

    def estimate(groups: Array, rows: DataFrame) -> Array:
        purchased = rows["purchased"].to_numpy(dtype=np.float64)
        return empirical_cutoffs(groups, rows["probability"].to_numpy(), purchased)

    keys = [*CONSUMER, "pool"]
    return consumers.merge(
        _cutoffs(_pools(validation, consumers), keys, estimate).rename("empirical"),
        left_on=keys,
        right_index=True,
        how="left",
    )


def take_first(consumers: DataFrame, estimators: list[str]) -> DataFrame:
    """Take each cut-off from the first estimator that has one; ``source`` says which."""
    cutoffs = consumers[estimators]
    estimator = cutoffs.notna().idxmax(axis=1)
    pooled = consumers["pool"] == ALL_CATEGORIES
    return consumers.assign(
        cutoff=cutoffs.bfill(axis=1).iloc[:, 0],
        source=estimator.where(~pooled, estimator + "_all_categories"),
    )


def _pools(rows: DataFrame, consumers: DataFrame) -> DataFrame:
    """Label rows by category, and repeat those of consumers who need all categories together."""
    sharing = consumers.loc[consumers["pool"] == ALL_CATEGORIES, CONSUMER].drop_duplicates()
    together = rows.merge(sharing, on=CONSUMER).assign(pool=ALL_CATEGORIES)
    return pd.concat([rows.assign(pool=rows["category"]), together], ignore_index=True)


def _cutoffs(
    rows: DataFrame, keys: list[str], estimate: Callable[[Array, DataFrame], Array]
) -> pd.Series:
    """Estimate one cut-off per group of rows, indexed by the group's keys."""
    groups = rows.groupby(keys)
    return pd.Series(
        estimate(groups.ngroup().to_numpy(), rows), index=groups.size().index, dtype="float64"
    )
