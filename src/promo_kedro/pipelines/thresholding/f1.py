"""F1 of choosing a consumer's k most probable items, observed (Eq. 8) and expected.

Arrays are (items, consumers): a column is a consumer, its items sorted by falling probability.
Places below a column's last item hold probability 0 and label 0, which leaves the scores of the
items above them unchanged. Scores are (items + 1, consumers): row k belongs to the choice of the
top k.
"""

import numpy as np

from promo_kedro.types import Array


def f1(hits: Array, chosen: Array, bought: Array, zero_division: float = 0.0) -> Array:
    """Return F1 = 2V / (k + b) (Eq. 8).

    Args:
        hits: V, items both chosen and bought.
        chosen: k, items chosen.
        bought: b, items bought.
        zero_division: the value where nothing is chosen and nothing is bought.
    """
    total = np.asarray(chosen + bought, dtype=np.float64)
    return np.where(total > 0, 2 * hits / np.maximum(total, 1), zero_division)


def observed_f1(purchased: Array, zero_division: float = 0.0) -> Array:
    """Score every choice of the top k by the labels (the objective of Eq. 9).

    Args:
        purchased: (items, consumers) 0/1, by falling probability.
        zero_division: F1 of choosing nothing where nothing is bought.

    Returns:
        (items + 1, consumers) F1 of k = 0, 1, …
    """
    hits = np.concatenate([np.zeros((1, purchased.shape[1])), purchased.cumsum(axis=0)])
    chosen = np.arange(len(hits), dtype=np.float64)[:, None]
    return f1(hits, chosen, hits[-1], zero_division)


def expected_f1(probabilities: Array, zero_division: float = 0.0) -> Array:
    """Score every choice of the top k by the expectation of F1 under independent purchases.

    Exact: E_k = Σ_a 2a · P(T_k = a) · s_k(k + a), where T_k counts the purchases among the top
    k and s_k(i) = E[1 / (i + R_k)] with R_k those among the rest. Both come from recursions over
    positive terms only, T_k from the top and s_k from the bottom. E is not unimodal in k, so
    every k is scored.

    Args:
        probabilities: (items, consumers) calibrated, by falling value.
        zero_division: F1 of choosing nothing where nothing is bought.

    Returns:
        (items + 1, consumers) expected F1 of k = 0, 1, …; time and memory grow with items².
    """
    items, consumers = probabilities.shape
    twice_hits = _hits_among_top(probabilities)
    twice_hits *= 2 * np.arange(items + 1)[:, None]  # in place: the largest array there is
    reciprocal = np.ones((2 * items + 1, consumers))
    reciprocal /= np.maximum(np.arange(2 * items + 1), 1)[:, None]

    scores = np.empty((items + 1, consumers))
    scores[0] = zero_division * np.prod(1 - probabilities, axis=0)
    for k in range(items, 0, -1):
        scores[k] = np.einsum("ac,ac->c", twice_hits[k, 1 : k + 1], reciprocal[k + 1 : 2 * k + 1])
        p = probabilities[k - 1]
        above, here = reciprocal[2 : 2 * k], reciprocal[1 : 2 * k - 1]
        reciprocal[1 : 2 * k - 1] = p * above + (1 - p) * here
    return scores


def _hits_among_top(probabilities: Array) -> Array:
    """Return P(T_k = a) as (k, a, consumers), the Poisson-binomial law of the top k."""
    items, consumers = probabilities.shape
    law = np.zeros((items + 1, items + 1, consumers))
    law[0, 0] = 1.0
    for k, p in enumerate(probabilities, start=1):
        np.multiply(law[k - 1, :k], 1 - p, out=law[k, :k])
        law[k, 1 : k + 1] += law[k - 1, :k] * p
    return law
