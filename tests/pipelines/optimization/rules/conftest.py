"""A small market whose plans are drawn at random, and decisions that rules narrow."""

from dataclasses import dataclass

import numpy as np
import pytest
from pandas import DataFrame

from promo_kedro.pipelines.optimization.knapsack.measures import Measure
from promo_kedro.pipelines.optimization.rules import Standing
from promo_kedro.types import Array

UNITS = 240
REVENUE = {Measure.SALES: 1.0, Measure.SPEND: -1.0}


@dataclass(frozen=True)
class Market:
    """Consumer-items of two categories and three age groups, one of them unknown."""

    category: Array
    age: Array
    price: Array
    cost: Array
    standing: Standing

    def totals(self, offer: Array, probability: Array) -> Array:
        """Return the measures of a plan, summed per cell."""
        measures = np.stack(
            [
                self.price * probability,
                self.price * offer / 100 * probability,
                self.cost * probability,
                probability,
                probability,
                offer,
                offer > 0,
            ],
            axis=1,
        )
        cells = list(zip(self.standing.cells["category"], self.standing.cells["age"], strict=True))
        of_unit = list(zip(self.category, self.age, strict=True))
        cell = np.array([cells.index(key) for key in of_unit])
        return np.stack([measures[cell == position].sum(axis=0) for position in range(len(cells))])


@pytest.fixture
def plans(rng) -> list[tuple[Array, Array]]:
    """Return offers and probabilities of plans drawn at random."""
    return [
        (
            rng.uniform(0, rng.uniform(5, 60), UNITS) * (rng.random(UNITS) < 0.8),
            rng.uniform(0, 1, UNITS) ** rng.uniform(0.5, 2),
        )
        for _ in range(200)
    ]


@pytest.fixture
def rng() -> np.random.Generator:
    """Return a generator."""
    return np.random.default_rng(8)


@pytest.fixture
def market(rng) -> Market:
    """Return a market; today's and no offers are plans like any other."""
    cells = DataFrame(
        [(c, a) for c in ("Bakery", "Meat") for a in ("old", "unknown", "young")],
        columns=["category", "age"],
    )
    cell = np.sort(rng.integers(0, len(cells), UNITS))
    count = np.bincount(cell, minlength=len(cells))
    cells = cells.assign(units=count, retainable=count)
    objective = np.zeros((len(cells), len(Measure)))
    for measure, weight in REVENUE.items():
        objective[:, measure] = weight
    price = rng.uniform(1, 9, UNITS)
    empty = np.zeros((len(cells), len(Measure)))
    known = {"category": cells["category"].to_numpy()[cell], "age": cells["age"].to_numpy()[cell]}
    cost = price * rng.uniform(0.3, 0.7, UNITS)
    blank = Market(**known, price=price, cost=cost, standing=Standing(cells, empty, empty, empty))
    probability = rng.uniform(0.1, 0.5, UNITS)
    standing = Standing(
        cells,
        today=blank.totals(rng.uniform(0, 30, UNITS), probability),
        without_offers=blank.totals(np.zeros(UNITS), probability / 2),
        objective=objective,
    )
    return Market(**known, price=price, cost=cost, standing=standing)


@pytest.fixture
def facts() -> DataFrame:
    """Return what is known of six consumer-items before any rule."""
    return DataFrame(
        {
            "category": ["Bakery", "Bakery", "Bakery", "Bakery", "Meat", "Toys"],
            "customer_id": [1, 1, 1, 2, 1, 1],
            "item_id": [1, 2, 3, 1, 4, 5],
            "reference_offer": [20.0, 0.0, 50.0, 20.0, 20.0, 20.0],
            "offer_today": [10.0, 10.0, 50.0, 20.0, 15.0, 5.0],
            "slope": [0.05, 0.05, 0.05, 0.05, 0.0, 0.05],
            "range_min": [4.0, 4.0, 4.0, 4.0, 4.0, np.nan],
            "range_max": [40.0, 40.0, 40.0, 40.0, 40.0, np.nan],
            "excluded": ["", "", "", "opted out", "", ""],
        }
    )
