"""F1 of choosing a consumer's k most probable items: observed (Eq. 8), expected, as a ratio.

Arrays are (items, consumers): a column is a consumer, its items sorted by falling probability.
Places below a column's last item hold probability 0 and label 0, which leaves the scores of the
items above them unchanged. Scores are (items + 1, consumers): row k belongs to the choice of the
top k.
"""

from itertools import pairwise

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


def ratio_f1(probabilities: Array, zero_division: float = 0.0) -> Array:
    """Score every choice of the top k by a ratio of expectations instead of their ratio's.

    2 Σ_{top k} p / (k + Σ_all p): expected hits over expected size. Its largest value F* is
    reached by choosing the items with p ≥ F*/2 (Lipton et al., 2014).

    Args:
        probabilities: (items, consumers) calibrated, by falling value.
        zero_division: F1 of choosing nothing where nothing can be bought.

    Returns:
        (items + 1, consumers) ratio of k = 0, 1, …
    """
    return observed_f1(probabilities, zero_division)


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
    twice = 2.0 * np.arange(items + 1)
    laws = _hits_among_top(probabilities)
    reciprocal = np.empty((2 * items + 1, consumers))  # row i holds s_k(i); rows 0, 1 are unused
    reciprocal[:] = 1 / np.maximum(np.arange(2 * items + 1), 1)[:, None]
    spare = np.empty((2 * items, consumers))

    scores = np.empty((items + 1, consumers))
    scores[0] = zero_division * laws[items][0]
    for k in range(items, 0, -1):
        terms = np.multiply(laws[k][1:], reciprocal[k + 1 : 2 * k + 1], out=spare[:k])
        np.einsum("a,ac->c", twice[1 : k + 1], terms, out=scores[k])
        if k > 1:
            p, here = probabilities[k - 1], reciprocal[2 : 2 * k - 1]
            one_more = np.multiply(reciprocal[3 : 2 * k], p, out=spare[: 2 * k - 3])
            here *= 1 - p
            here += one_more
    return scores


def _hits_among_top(probabilities: Array) -> list[Array]:
    """Return P(T_k = a) for k = 0, 1, …: (k + 1, consumers), the Poisson-binomial laws."""
    items, consumers = probabilities.shape
    # one array for all, its parts written in place: allocating each would take half the time
    together = np.empty(((items + 1) * (items + 2) // 2, consumers))
    starts = [k * (k + 1) // 2 for k in range(items + 2)]
    laws = [together[start:end] for start, end in pairwise(starts)]
    spare = np.empty((items, consumers))
    laws[0][0] = 1.0
    for k, p in enumerate(probabilities, start=1):
        np.multiply(laws[k - 1], 1 - p, out=laws[k][:k])
        laws[k][k] = 0.0
        laws[k][1:] += np.multiply(laws[k - 1], p, out=spare[:k])
    return laws
