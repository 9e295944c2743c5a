"""Categories made up for the tests, with every kind of consumer-item in them."""

from collections.abc import Callable

import numpy as np
import pytest
from pandas import DataFrame
from scipy.special import expit

from promo_kedro.pipelines.optimization.options import in_range
from promo_kedro.pipelines.optimization.parameters import SolverParameters


def make_decisions(
    n: int, seed: int, *, slope: float = 0.06, lowest: float = 3, highest: float = 60
) -> DataFrame:
    """Return ``offer_decisions`` of one category with n consumer-items."""
    rng = np.random.default_rng(seed)
    reference = rng.uniform(5, 40, n)
    probability = expit(rng.normal(-2, 1.2, n))
    decisions = DataFrame(
        {
            "category": "Bakery",
            "customer_id": np.arange(n) // 4,
            "item_id": np.arange(n) % 4,
            "price": rng.uniform(0.5, 20, n).round(2),
            "reference_offer": reference,
            "offer_today": reference * rng.uniform(0.3, 1.4, n),
            "probability": probability,
            "elasticity": slope * reference * (1 - probability),
            "slope": slope,
            "cutoff": rng.uniform(0.02, 0.4, n),
            "offer_min": lowest,
            "offer_max": highest,
            "adjustable": True,
        }
    )
    decisions["adjustable"] = in_range(decisions).any(axis=1)
    decisions["kept"] = np.where(decisions["adjustable"], "", "no change stays inside the range")
    return decisions


@pytest.fixture
def decisions() -> Callable[..., DataFrame]:
    """Return a maker of ``offer_decisions``."""
    return make_decisions


@pytest.fixture
def solver() -> SolverParameters:
    """Return the default sizes."""
    return SolverParameters()
