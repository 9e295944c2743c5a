"""The cut-off per group of consumer-items that maximises F1 (Eq. 9).

The cut-off is p_k, the k-th largest probability, and an item is chosen when its probability is
≥ p_k. Items that share a probability are therefore chosen together or not at all, and only a k
that ends such a tie is admissible. Choosing nothing is the cut-off +∞.
"""

import numpy as np

from promo_kedro.errors import InputError
from promo_kedro.pipelines.thresholding.f1 import expected_f1, observed_f1
from promo_kedro.pipelines.thresholding.padding import padded_blocks
from promo_kedro.types import Array


def expected_f1_cutoffs(groups: Array, probabilities: Array, zero_division: float = 0.0) -> Array:
    """Maximise the expected F1 of each group; no labels are read.

    Args:
        groups: (rows,) group codes, 0 … G − 1.
        probabilities: (rows,) calibrated probabilities.
        zero_division: F1 of choosing nothing where nothing is bought.

    Returns:
        (G,) cut-offs; +∞ chooses nothing. The smallest of equally good choices is taken.
    """
    probabilities = _checked(probabilities)
    cutoffs = np.full(_count(groups), np.inf)
    for block in padded_blocks(groups, probabilities):
        ranked = block.take(probabilities)
        scores = expected_f1(ranked, zero_division)
        cutoffs[block.groups] = best_cutoff(scores, ranked, block.filled)
    return cutoffs


def empirical_cutoffs(groups: Array, probabilities: Array, purchased: Array) -> Array:
    """Maximise the F1 of each group on its labels (Eq. 9).

    Args:
        groups: (rows,) group codes, 0 … G − 1.
        probabilities: (rows,) the probabilities the labels belong to.
        purchased: (rows,) 0/1.

    Returns:
        (G,) cut-offs; NaN for groups without a purchase, which labels say nothing about.
    """
    probabilities = _checked(probabilities)
    cutoffs = np.full(_count(groups), np.nan)
    for block in padded_blocks(groups, probabilities):
        labels = block.take(purchased)
        best = best_cutoff(observed_f1(labels), block.take(probabilities), block.filled)
        cutoffs[block.groups] = np.where(labels.any(axis=0), best, np.nan)
    return cutoffs


def best_cutoff(scores: Array, probabilities: Array, filled: Array) -> Array:
    """Return the cut-off with the best score in each column.

    Args:
        scores: (items + 1, consumers) score of choosing the top k.
        probabilities: (items, consumers) by falling value.
        filled: (items, consumers) whether there is an item.
    """
    following = np.full_like(probabilities, -1.0)
    following[:-1] = np.where(filled[1:], probabilities[1:], -1.0)
    ends_a_tie = filled & (probabilities > following)
    admissible = np.concatenate([scores[:1], np.where(ends_a_tie, scores[1:], -np.inf)])
    best = admissible.argmax(axis=0)
    with_nothing = np.concatenate([np.full_like(scores[:1], np.inf), probabilities])
    return np.take_along_axis(with_nothing, best[None], axis=0)[0]


def _count(groups: Array) -> int:
    return int(groups.max()) + 1 if len(groups) else 0


def _checked(probabilities: Array) -> Array:
    """Return probabilities as float64, so that a cut-off equals the very value it came from."""
    checked = np.asarray(probabilities, dtype=np.float64)
    outside = ~((checked >= 0) & (checked <= 1))
    if outside.any():
        raise InputError(
            f"purchase_probabilities, column probability: {outside.sum():,} values are not in "
            f"[0, 1], such as {checked[outside][0]}; run `kedro run --pipeline=modelling` again."
        )
    return checked
