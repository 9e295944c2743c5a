"""A step that lies on a bound of the open range is outside it, wherever options are reckoned."""

import numpy as np
import pytest

from promo_kedro.pipelines.optimization.knapsack.offers import OfferColumns, OfferOptions
from promo_kedro.pipelines.optimization.knapsack.printed import solve_printed
from promo_kedro.pipelines.optimization.rules import OfferSteps

STEPS = OfferSteps()
PERCENTS = np.arange(5, 200, 5)  # of the reference offer, as whole numbers: free of rounding


@pytest.fixture
def between_its_neighbours() -> tuple[OfferColumns, np.ndarray]:
    """Return units whose range runs from one step to the next but one, and the step between."""
    reference, between = np.meshgrid(np.arange(1, 51), np.arange(1, len(PERCENTS) - 1))
    reference, between = reference.ravel(), between.ravel()
    same = np.ones(len(reference))
    columns = OfferColumns(
        price=same,
        cost=0 * same,
        reference_offer=reference.astype(float),
        offer_today=0 * same,
        probability=0.2 * same,
        slope=0.05 * same,
        elasticity=0.04 * reference,
        cutoff=0.2 * same,
        offer_min=reference * PERCENTS[between - 1] / 100,
        offer_max=reference * PERCENTS[between + 1] / 100,
        permitted=np.full(len(reference), 4, dtype=np.int8),
        cell=np.zeros(len(reference), dtype=np.int32),
    )
    return columns, between


def test_rounding_moves_some_steps_off_their_bounds(between_its_neighbours):
    columns, between = between_its_neighbours
    below = columns.reference_offer * (1 + STEPS.values[between - 1])
    assert (below > columns.offer_min).any()  # else the tests below could not fail


@pytest.mark.parametrize("mode", ["paper", "exact"])
def test_options_hold_the_step_between_alone(between_its_neighbours, mode):
    columns, between = between_its_neighbours
    options = OfferOptions(columns, mode, STEPS, indicator_retention=False)
    allowed = options.tabulate(np.arange(len(columns))).allowed
    assert (allowed.sum(axis=1) == 1).all()
    assert (allowed.argmax(axis=1) == 2 + between).all()
    assert STEPS.any_inside(columns.reference_offer, columns.offer_min, columns.offer_max).all()


@pytest.mark.parametrize("compiled", [True, False])
def test_eq_13_as_printed_takes_the_step_between(between_its_neighbours, compiled):
    columns, between = between_its_neighbours
    assert (solve_printed(columns, STEPS, compiled=compiled).choice == 2 + between).all()
