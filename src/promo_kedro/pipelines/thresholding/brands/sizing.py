"""How many consumers each brand would address, were there no bounds.

Two rules are quotas (``prevalence``, ``expected_count``), one is a plan (``fixed``), two look at
how the probabilities fall (``f1_cutoff``, ``precision_floor``), and one at each probability alone
(``threshold``, what a classifier does that is left as it is). Only calibrated probabilities make
the rules that add them up mean what they say.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from promo_kedro.pipelines.thresholding.brands.parameters import BrandSizingParameters
from promo_kedro.pipelines.thresholding.brands.scored_pairs import ScoredPairs
from promo_kedro.types import Array

READS_PAIRS = ["f1_cutoff", "precision_floor", "threshold"]
"""Rules that cannot look beyond the scored pairs, nor want more of them than there are."""


def wanted_sizes(
    scored: ScoredPairs,
    consumers: Array,
    prevalence: Array,
    expected_buyers: Array,
    parameters: BrandSizingParameters,
) -> dict[str, Array]:
    """Return the size that each rule wants for each brand.

    Args:
        scored: pairs of one sample and run.
        consumers: (brands,) consumers in the sample.
        prevalence: (brands,) share of training consumers who bought the brand in a period.
        expected_buyers: (brands,) Σp over all consumers, beyond the pairs too.
        parameters: share, floor and threshold of the rules that have one.

    Returns:
        By rule, (brands,) whole numbers.
    """
    return {
        "prevalence": _rounded(consumers * prevalence),
        "expected_count": _rounded(expected_buyers),
        "f1_cutoff": f1_sizes(scored, expected_buyers),
        "fixed": _rounded(consumers * parameters.fixed_share),
        "precision_floor": precision_floor_sizes(scored, parameters.precision_floor),
        "threshold": threshold_sizes(scored, parameters.threshold),
    }


def f1_sizes(scored: ScoredPairs, expected_buyers: Array) -> Array:
    """Return the k that maximises 2 Σ_{top k} p / (k + Σ_all p), the smallest of equals.

    It is the ratio of expected hits to expected size. Its best value F* takes the consumers with
    p > F*/2 (Lipton et al., 2014); for audiences of more than a few it is the best expected F1.
    """
    sizes = np.zeros(len(expected_buyers), dtype=np.int64)
    for brand, hits in _hits_by_size(scored):
        ratio = 2 * hits / (np.arange(1, len(hits) + 1) + expected_buyers[brand])
        best = int(np.argmax(ratio))
        sizes[brand] = best + 1 if ratio[best] > 0 else 0
    return sizes


def precision_floor_sizes(scored: ScoredPairs, floor: float) -> Array:
    """Return the largest k whose likeliest consumers buy with a mean probability ≥ the floor."""
    sizes = np.zeros(len(scored.kept), dtype=np.int64)
    for brand, hits in _hits_by_size(scored):
        reach = np.flatnonzero(hits >= floor * np.arange(1, len(hits) + 1))
        sizes[brand] = reach[-1] + 1 if len(reach) else 0
    return sizes


def threshold_sizes(scored: ScoredPairs, threshold: float) -> Array:
    """Return how many consumers buy with a probability ≥ the threshold."""
    # Pairs hold float32: a threshold of 0.7 takes who is as likely as float32 can say it.
    likely = scored.probability >= float(np.float32(threshold))
    return scored.total(likely).astype(np.int64)


def _hits_by_size(scored: ScoredPairs) -> Iterator[tuple[int, Array]]:
    """Give, for each brand with pairs, the expected buyers among its top 1, top 2, and so on."""
    for brand, (start, end) in enumerate(pairwise(scored.starts)):
        if end > start:
            yield brand, np.cumsum(scored.probability[start:end])


def _rounded(sizes: Array) -> Array:
    """Whole consumers, halves upwards."""
    return np.floor(np.asarray(sizes, dtype=np.float64) + 0.5).astype(np.int64)
