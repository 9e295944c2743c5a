"""Bounds on audiences, in this order: scored pairs, brands per consumer, smallest audience.

A bound only takes away. Places that it frees are not given to the next likeliest consumers, so
that an audience is always part of the one that its rule wanted.
"""

from itertools import pairwise

import numpy as np
import pandas as pd

from promo_kedro.pipelines.thresholding.brands.scored_pairs import ScoredPairs
from promo_kedro.types import Array


def likeliest(scored: ScoredPairs, sizes: Array) -> Array:
    """Choose the likeliest consumers of each brand: (pairs,) bool.

    Args:
        scored: the pairs; a brand has no more than these to choose from.
        sizes: (brands,) how many.
    """
    chosen = np.zeros(len(scored.customer_id), dtype=bool)
    for size, (start, end) in zip(sizes, pairwise(scored.starts), strict=True):
        chosen[start : min(start + size, end)] = True
    return chosen


def keep_likeliest_brands(
    scored: ScoredPairs, chosen: dict[str, Array], most: int | None
) -> dict[str, Array]:
    """Leave each consumer in the audiences of its ``most`` likeliest brands.

    Args:
        scored: the pairs.
        chosen: by rule, (pairs,) bool; each rule is bound by itself.
        most: brands per consumer; None for no bound. Of equally likely brands the one that
            comes first, the more bought, is kept.
    """
    if most is None:
        return chosen
    rows, firsts = _by_consumer(scored, np.logical_or.reduce(list(chosen.values())))
    return {rule: _first_of_each(marks, rows, firsts, most) for rule, marks in chosen.items()}


def suppress_small(scored: ScoredPairs, chosen: Array, smallest: int) -> Array:
    """Empty every audience of fewer than ``smallest`` consumers, whom it could give away."""
    sizes = scored.total(chosen)
    return chosen & np.repeat(sizes >= smallest, scored.kept)


def limits(
    wanted: Array, reachable: Array, within_brands: Array, size: Array, open_end: Array
) -> Array:
    """Name the last bound that took something away from each audience.

    Args:
        wanted: (brands,) size by the rule.
        reachable: (brands,) size within the scored pairs.
        within_brands: (brands,) size within the brands per consumer.
        size: (brands,) size in the end.
        open_end: (brands,) bool: the rule may have gone on beyond the scored pairs.
    """
    bounds = {
        "smallest_audience": size < within_brands,
        "brands_per_consumer": within_brands < reachable,
        "scored_pairs": (reachable < wanted) | open_end,
    }
    return np.select(list(bounds.values()), list(bounds), default="nothing")


def _by_consumer(scored: ScoredPairs, chosen: Array) -> tuple[Array, Array]:
    """Order chosen pairs by consumer and falling probability.

    Returns:
        Rows of the pairs in that order, and the places in it where a consumer starts.
    """
    rows = np.flatnonzero(chosen)
    consumers, _ = pd.factorize(scored.customer_id[rows])
    order = np.lexsort((-scored.probability[rows], consumers))  # stable: more bought brands first
    sorted_consumers = consumers[order]
    firsts = np.flatnonzero(np.diff(sorted_consumers, prepend=-1))
    return rows[order], firsts


def _first_of_each(chosen: Array, rows: Array, firsts: Array, most: int) -> Array:
    """Keep each consumer's first ``most`` chosen pairs among its ordered rows."""
    marks = chosen[rows]
    so_far = np.cumsum(marks)
    before = so_far[firsts] - marks[firsts]
    own = np.repeat(before, np.diff(firsts, append=len(rows)))
    kept = np.zeros_like(chosen)
    kept[rows] = marks & (so_far - own <= most)
    return kept
