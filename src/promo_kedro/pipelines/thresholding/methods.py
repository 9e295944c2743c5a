"""Every method's cut-offs side by side, and the F1 that the probabilities promise for them."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from promo_kedro.pipelines.thresholding.consumers import (
    CONSUMER,
    KEY,
    pools,
    shared_codes,
)
from promo_kedro.pipelines.thresholding.cutoffs import (
    empirical_cutoffs,
    expected_f1_of_cutoffs,
    ratio_cutoffs,
)
from promo_kedro.pipelines.thresholding.parameters import ThresholdingParameters
from promo_kedro.pipelines.thresholding.sharing import global_cutoffs, shrunk_cutoffs
from promo_kedro.types import Array, DataFrame

FALLBACK = "expected_f1"
"""The method that has an answer for everyone, from the consumer's own probabilities."""

ALL_ITEMS_WHERE_FEW = ["expected_f1", "ratio", "empirical"]
"""Methods that look at a consumer alone, and so at all its items where a category has few."""


def cutoffs_by_method(
    consumers: DataFrame,
    scored: DataFrame,
    validation: DataFrame,
    methods: Collection[str],
    parameters: ThresholdingParameters,
) -> DataFrame:
    """Cut every consumer-category by each method; expected F1 is computed once and serves all.

    Args:
        consumers: the answer of ``consumers_in_categories``.
        scored: rows of the splits that need a cut-off; their labels are not read.
        validation: rows of the validation step; only ``empirical`` reads them.
        methods: which ones.
        parameters: the pipeline's.

    Returns:
        One row per method, window, split, consumer and category: ``cutoff``; ``expected_f1`` of
        that cut-off on the very items it cuts; ``source``, the method whose answer it is, with
        ``_all_categories`` where it comes from all of the consumer's items.
    """
    own = pools(consumers, scored, [*CONSUMER, "split"])
    probabilities = scored["probability"].to_numpy(dtype=np.float64)[own.rows]
    threads = parameters.threads
    table = expected_f1_of_cutoffs(own.groups, probabilities, parameters.zero_division, threads)
    in_category = table.first(rows=len(scored), groups=own.in_one_category)

    cutoffs = {"expected_f1": own.look_up(table.best)}
    if "ratio" in methods:
        cutoffs["ratio"] = own.look_up(ratio_cutoffs(own.groups, probabilities, threads))
    if "empirical" in methods:
        cutoffs["empirical"] = _empirical(consumers, validation, threads)
    if "global" in methods or "shrunk" in methods:
        common = own.spread(_global(consumers, scored, threads))
        cutoffs["global"] = common[own.own_category]
        shrunk = shrunk_cutoffs(in_category, common, parameters.shrinkage)
        cutoffs["shrunk"] = shrunk[own.own_category]

    parts = []
    for method in methods:
        part = _with_fallback(consumers, method, cutoffs[method], cutoffs[FALLBACK])
        reached = in_category.of(own.spread(part["cutoff"].to_numpy()))
        parts.append(part.assign(expected_f1=reached[own.own_category]))
    return pd.concat(parts, ignore_index=True)


def _empirical(consumers: DataFrame, validation: DataFrame, threads: int | None) -> Array:
    """Cut by the labels of the validation step; NaN where nothing was bought in it."""
    pooled = pools(consumers, validation, CONSUMER)
    probabilities = validation["probability"].to_numpy(dtype=np.float64)[pooled.rows]
    purchased = validation["purchased"].to_numpy(dtype=np.float64)[pooled.rows]
    return pooled.look_up(empirical_cutoffs(pooled.groups, probabilities, purchased, threads))


def _global(consumers: DataFrame, scored: DataFrame, threads: int | None) -> Array:
    """Return each consumer-category's share in the one cut-off of its category."""
    of_consumers, of_rows = shared_codes(consumers, scored, ["window", "split", "category"])
    return global_cutoffs(of_rows, scored["probability"].to_numpy(), threads)[of_consumers]


def _with_fallback(consumers: DataFrame, method: str, cutoffs: Array, fallback: Array) -> DataFrame:
    """Return the method's cut-offs; where it has none, the fallback's, and say so."""
    without = np.isnan(cutoffs)
    source = pd.Series(np.where(without, FALLBACK, method), index=consumers.index)
    pooled = consumers["all_categories"] & source.isin(ALL_ITEMS_WHERE_FEW)
    return consumers[KEY].assign(
        method=method,
        cutoff=np.where(without, fallback, cutoffs),
        source=source.where(~pooled, source + "_all_categories"),
    )
