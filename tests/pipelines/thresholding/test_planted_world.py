"""A world whose probabilities are known: what each method earns there, outcome after outcome."""

import numpy as np
import pandas as pd
import pytest

from promo_kedro.pipelines.thresholding.nodes import apply_cutoffs, choose_cutoffs
from promo_kedro.pipelines.thresholding.parameters import ThresholdingParameters

CONSUMERS, ITEMS, DRAWS = 500, 30, 20


def table(probabilities, purchased, split):
    return pd.DataFrame(
        {
            "window": 0,
            "customer_id": np.repeat(np.arange(CONSUMERS), ITEMS),
            "item_id": np.tile(np.arange(ITEMS), CONSUMERS),
            "step": 10 if split == "validation" else 11,
            "category": "Bakery",
            "split": split,
            "probability": probabilities,
            "purchased": purchased.astype("float64"),
        }
    )


def cut_by_every_method(rng, probabilities, told):
    """Predictions of each method, told other probabilities than the true ones."""
    bought = rng.random(len(probabilities)) < probabilities
    both = pd.concat([table(told, bought, "validation"), table(told, bought, "test")])
    _, candidates = choose_cutoffs(both, ThresholdingParameters())
    return {
        method: apply_cutoffs(both, cutoffs)["predicted"].to_numpy()
        for method, cutoffs in candidates.groupby("method")
    }


def consumer_f1(predicted, outcomes):
    """F1 of each draw and consumer; nothing chosen and nothing bought counts 0."""
    shape = (-1, CONSUMERS, ITEMS)
    chosen, bought = predicted.reshape(shape), outcomes.reshape(shape)
    total = chosen.sum(axis=2) + bought.sum(axis=2)
    return 2 * (chosen & bought).sum(axis=2) / np.maximum(total, 1)


@pytest.fixture(scope="module")
def scores():
    """Mean F1 by consumer: each method, told the truth; and expected F1 with logits raised by 3."""
    rng = np.random.default_rng(21)
    keenness = rng.uniform(2, 14, CONSUMERS).repeat(ITEMS)
    truth = rng.beta(0.6, keenness)
    outcomes = rng.random((DRAWS, CONSUMERS * ITEMS)) < truth
    raised = 1 / (1 + (1 - truth) / truth.clip(1e-12) * np.exp(-3))
    predicted = cut_by_every_method(rng, truth, truth)
    predicted["raised"] = cut_by_every_method(rng, truth, raised)["expected_f1"]
    return {name: consumer_f1(cut, outcomes).mean(axis=0) for name, cut in predicted.items()}


@pytest.mark.parametrize("method", ["ratio", "empirical", "global", "shrunk", "raised"])
def test_no_method_beats_exact_expected_f1(scores, method):
    difference = scores["expected_f1"] - scores[method]
    noise = difference.std() / np.sqrt(CONSUMERS)
    assert difference.mean() > -2 * noise


@pytest.mark.parametrize("method", ["empirical", "global"])
def test_one_steps_labels_and_one_cutoff_for_all_lose_clearly(scores, method):
    difference = scores["expected_f1"] - scores[method]
    assert difference.mean() > 5 * difference.std() / np.sqrt(CONSUMERS)


def test_uncalibrated_probabilities_lose_a_fifth_or_more(scores):
    assert scores["raised"].mean() < 0.8 * scores["expected_f1"].mean()


def test_shrinking_costs_less_than_one_cutoff_for_all(scores):
    exact, shrunk = scores["expected_f1"].mean(), scores["shrunk"].mean()
    assert exact - shrunk < 0.5 * (exact - scores["global"].mean())
