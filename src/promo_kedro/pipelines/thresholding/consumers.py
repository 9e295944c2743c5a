"""Which items a consumer's cut-off in a category comes from: the category's, or all of them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from promo_kedro.types import Array, DataFrame

CONSUMER = ["window", "customer_id"]
KEY = ["window", "split", "customer_id", "category"]


def consumers_in_categories(scored: DataFrame, validation: DataFrame, min_items: int) -> DataFrame:
    """Count each consumer's items and validation purchases in each category.

    Args:
        scored: rows of the splits that need a cut-off.
        validation: rows of the validation step.
        min_items: consumers with fewer items take the cut-off over all their categories.

    Returns:
        One row per (window, split, consumer, category) with n_items, n_purchased, and
        ``all_categories``: whether its cut-off comes from all of the consumer's items.
    """
    bought = validation.groupby([*CONSUMER, "category"])["purchased"].sum().rename("n_purchased")
    consumers = scored.groupby(KEY).size().rename("n_items").reset_index()
    consumers = consumers.merge(bought.reset_index(), on=[*CONSUMER, "category"], how="left")
    return consumers.assign(
        n_purchased=consumers["n_purchased"].fillna(0).astype("int64"),
        all_categories=consumers["n_items"] < min_items,
    )


@dataclass(frozen=True)
class Pools:
    """Rows in the groups that cut-offs come from.

    The first groups are those of a consumer in one category, and every row is in one of them.
    After them come the groups over all categories, which repeat the rows of consumers who need
    them.

    Attributes:
        rows: (pooled rows,) place of each in the rows that were pooled.
        groups: (pooled rows,) group code.
        in_one_category: how many groups, from code 0, are of one category.
        own_category: (C,) code of each consumer-category's own items.
        own_pool: (C,) code of the items that its cut-off comes from.
    """

    rows: Array
    groups: Array
    in_one_category: int
    own_category: Array
    own_pool: Array

    def look_up(self, cutoffs: Array) -> Array:
        """Return each consumer-category's cut-off out of those of the groups; NaN without."""
        missing = np.full(max(0, int(self.own_pool.max(initial=-1)) + 1 - len(cutoffs)), np.nan)
        return np.concatenate([cutoffs, missing])[self.own_pool]

    def spread(self, values: Array) -> Array:
        """Return values of consumer-categories in the order of the groups of one category."""
        return values[np.argsort(self.own_category)]


def pools(consumers: DataFrame, rows: DataFrame, by: list[str]) -> Pools:
    """Group rows by category, and those of consumers who need it over all categories, too.

    Args:
        consumers: (C,) the answer of :func:`consumers_in_categories`.
        rows: probabilities with the columns ``by`` and ``category``.
        by: what else tells groups apart: window, consumer, perhaps split.
    """
    own_category, category_of_row = shared_codes(consumers, rows, [*by, "category"])
    everything, everything_of_row = shared_codes(consumers, rows, by)
    small = consumers["all_categories"].to_numpy()
    repeated = np.flatnonzero(np.isin(everything_of_row, np.unique(everything[small])))

    count = 1 + max(own_category.max(initial=-1), category_of_row.max(initial=-1))
    return Pools(
        rows=np.concatenate([np.arange(len(rows)), repeated]),
        groups=np.concatenate([category_of_row, count + everything_of_row[repeated]]),
        in_one_category=int(count),
        own_category=own_category,
        own_pool=np.where(small, count + everything, own_category),
    )


def shared_codes(consumers: DataFrame, rows: DataFrame, keys: list[str]) -> tuple[Array, Array]:
    """Number the keys of both tables together, so that equal keys bear equal numbers."""
    together = pd.concat([consumers[keys], rows[keys]], ignore_index=True)
    codes = together.groupby(keys).ngroup().to_numpy()
    return codes[: len(consumers)], codes[len(consumers) :]
