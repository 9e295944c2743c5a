"""Eq. 13 as printed in closed form against enumeration."""

import numpy as np
import pytest

from promo_kedro.errors import InputError
from promo_kedro.pipelines.optimization.knapsack.offers import OfferOptions
from promo_kedro.pipelines.optimization.knapsack.printed import solve_printed

from .test_offer_options import MENUS, best_of, some_columns, written_out


@pytest.mark.parametrize("menu", MENUS)
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_closed_form_is_the_best_of_all_options(menu, compiled, seed):
    columns = some_columns(3000, seed)
    allowed, offer, measures = written_out(columns, "paper", MENUS[menu], indicator=True)
    best = best_of(allowed, offer, measures, measures[:, :, 0] - measures[:, :, 1])
    plan = solve_printed(columns, MENUS[menu], compiled=compiled)
    np.testing.assert_array_equal(plan.choice, best)
    retention = measures[:, :, 3]
    np.testing.assert_array_equal(plan.retained, retention[np.arange(3000), best] > 0)
    assert plan.attainable == np.where(allowed, retention, 0).max(axis=1).mean()


@pytest.mark.parametrize("compiled", [False, True])
def test_rounding_at_a_step_that_just_clears_is_that_of_the_enumeration(compiled):
    columns = some_columns(4000, 1, permitted=4, offer_min=1, offer_max=60, reference_offer=23.3)
    elasticity = np.random.default_rng(2).choice([-0.7, 0.3, 1.3], 4000)
    columns = columns.take(np.arange(4000))
    object.__setattr__(columns, "elasticity", elasticity)
    _, _, measures = written_out(columns, "paper", MENUS["relative"], indicator=True)
    step = np.random.default_rng(3).integers(2, 41, 4000)
    cutoff = measures[np.arange(4000), step, 4]
    object.__setattr__(columns, "cutoff", cutoff)
    allowed, offer, measures = written_out(columns, "paper", MENUS["relative"], indicator=True)
    best = best_of(allowed, offer, measures, measures[:, :, 0] - measures[:, :, 1])
    plan = solve_printed(columns, MENUS["relative"], compiled=compiled)
    np.testing.assert_array_equal(plan.choice, best)


def test_closed_form_is_the_choice_at_the_weights_of_the_equation():
    columns = some_columns(2000, 7, cell=0)
    options = OfferOptions(columns, "paper", MENUS["relative"], indicator_retention=True)
    weights = np.array([[1.0, -1, 0, 0, 0, 0, 0]])
    plan = solve_printed(columns, MENUS["relative"], threads=2)
    np.testing.assert_array_equal(plan.choice, options.choose(weights).option)


def test_nobody_attains_nothing():
    columns = some_columns(0)
    for compiled in (False, True):
        plan = solve_printed(columns, MENUS["relative"], compiled=compiled)
        assert len(plan.choice) == 0
        assert np.isnan(plan.attainable)


@pytest.mark.parametrize(("column", "value"), [("price", -1.0), ("cutoff", np.nan)])
def test_columns_that_mean_nothing_are_refused(column, value):
    columns = some_columns(20, 3)
    getattr(columns, column)[7] = value
    with pytest.raises(InputError, match=f"{column} must be .* in row 7"):
        solve_printed(columns, MENUS["relative"])
