"""Cut-offs that consumers share: one for a whole category, and each one's own drawn towards it."""

import numpy as np

from promo_kedro.pipelines.thresholding.cutoffs import ExpectedF1, ratio_cutoffs
from promo_kedro.types import Array

SMALLEST = 1e-9
"""Logits are taken of probabilities this far from 0 and 1, so that they are finite."""


def global_cutoffs(categories: Array, probabilities: Array, threads: int | None = 1) -> Array:
    """Find the one cut-off of each category that maximises its expected F1 over all rows pooled.

    Pooled, because the other methods already serve consumers one by one, and because the mean
    over consumers has a hole: a consumer with one or two items in a category scores above 0 only
    where something is chosen, so the mean asks to choose nearly everything wherever most
    consumers are like that. Over the many rows of a category, hits and purchases hardly stray
    from their expectation, and the ratio of expectations is as good as exact.

    Args:
        categories: (rows,) code of each row's category, 0 … C − 1.
        probabilities: (rows,) calibrated, of the step to be cut; no labels are read.
        threads: categories at a time; None for every core.

    Returns:
        (C,) cut-offs; +∞ where every probability is 0.
    """
    return ratio_cutoffs(categories, probabilities, threads)


def shrunk_cutoffs(table: ExpectedF1, common: Array, shrinkage: float) -> Array:
    """Draw each group's best cut-off towards the common one of its category, on the logit scale.

    The weight of its own is n / (n + shrinkage) with n its items. Any value between p_k and the
    next lower probability makes the same choice; its own is taken as the one nearest to half the
    expected F1 it reaches, where the best cut-off lies in theory (Lipton et al., 2014). So p_k
    itself, the upper end, does not bias the average upwards. A cut-off of +∞ counts as a point
    just above the group's largest probability, where it chooses the same: nothing.

    Args:
        table: expected F1 of every cut-off of each group.
        common: (G,) the common cut-off, one per group.
        shrinkage: items at which own and common weigh the same; 0 keeps each group's own.

    Returns:
        (G,) cut-offs; +∞ where no item reaches the average.
    """
    groups, probabilities = table.groups, table.probabilities
    items = np.bincount(groups)
    largest = np.zeros(len(items))
    np.maximum.at(largest, groups, probabilities)
    just_above = np.nextafter(largest, np.inf)

    upper = np.minimum(table.best, just_above)
    lower = np.minimum(np.nextafter(table.next_lower, np.inf), upper)
    own = np.clip(table.of(table.best) / 2, lower, upper)
    weight = items / (items + shrinkage)
    towards = np.where(np.isinf(common), just_above, common)
    average = _inverse(weight * _logit(own) + (1 - weight) * _logit(towards))
    shrunk = np.where(weight == 1, own, average)  # the way to logits and back is not exact
    return np.where(largest >= shrunk, shrunk, np.inf)


def _logit(probability: Array) -> Array:
    inside = np.clip(probability, SMALLEST, 1 - SMALLEST)
    return np.log(inside / (1 - inside))


def _inverse(logit: Array) -> Array:
    return 1 / (1 + np.exp(-logit))
