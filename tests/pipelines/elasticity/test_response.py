"""f(k) between and beyond the offers that the model was asked at."""

import numpy as np
import pandas as pd
import pytest

from promo_kedro.errors import InputError
from promo_kedro.pipelines.elasticity.response import probability_at, response_grid
from promo_kedro.pipelines.elasticity.sigmoid import sigmoid

GRID = np.array([0.0, 10, 20, 40, 60])


def test_a_sigmoid_is_met_exactly_between_and_beyond_the_grid():
    rng = np.random.default_rng(0)
    intercepts, offers = rng.normal(-3, 1, 500), rng.uniform(0, 100, 500)
    answers = sigmoid(GRID, 0.05, intercepts[:, None])
    f = probability_at(offers, GRID, answers, np.full(500, 0.05))
    np.testing.assert_allclose(f, sigmoid(offers, 0.05, intercepts), rtol=1e-10)


def test_at_the_grid_the_answer_is_the_models_own():
    answers = np.random.default_rng(1).random((5, 5))
    f = probability_at(GRID, GRID, answers, np.full(5, 9.0))
    np.testing.assert_allclose(f, np.diag(answers))


def test_without_a_slope_the_last_answer_holds_beyond_the_grid():
    f = probability_at(np.array([80.0]), GRID, np.array([[0.1, 0.1, 0.2, 0.2, 0.3]]), np.zeros(1))
    assert f == pytest.approx([0.3])


def test_certain_answers_and_a_single_offer_stay_finite():
    f = probability_at(np.array([5.0, 50.0]), GRID, np.array([[0.0] * 5, [1.0] * 5]), np.ones(2))
    assert np.isfinite(f).all()
    assert f == pytest.approx([0, 1])
    assert probability_at(np.array([0.0]), np.zeros(1), np.array([[0.2]]), np.ones(1)) == 0.2


def test_answers_come_in_the_order_of_the_consumer_items():
    response = pd.DataFrame(
        {
            "customer_id": [1, 1, 2, 2],
            "item_id": 5,
            "offer_percent": [10.0, 0, 0, 10],
            "probability": [0.2, 0.1, 0.3, 0.4],
        }
    )
    pairs = pd.DataFrame({"customer_id": [2, 1], "item_id": [5, 5]})
    grid, answers = response_grid(response, pairs)
    np.testing.assert_array_equal(grid, [0, 10])
    np.testing.assert_array_equal(answers, [[0.3, 0.4], [0.1, 0.2]])
    with pytest.raises(InputError, match="1 of 2 consumer-items"):
        response_grid(response[:3], pairs)
    with pytest.raises(InputError, match="1 rows twice"):
        response_grid(pd.concat([response, response[:1]]), pairs)
    with pytest.raises(InputError, match="1 of 1 consumer-items"):
        response_grid(response, pairs.assign(item_id=6)[:1])
