"""Eq. 13 as printed in closed form against enumeration."""

from dataclasses import replace

import numpy as np
import pytest

from promo_kedro.errors import InputError
from promo_kedro.pipelines.optimization.knapsack.offers import OfferOptions
from promo_kedro.pipelines.optimization.knapsack.printed import solve_printed

from .test_offer_options import MENUS, Menu, best_of, some_columns, written_out


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


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("price", -1.0),
        ("reference_offer", np.nan),
        ("offer_today", 100.5),
        ("probability", np.nan),
        ("elasticity", np.inf),
        ("cutoff", np.nan),
        ("offer_max", np.nan),
        ("permitted", 8),
    ],
)
def test_columns_that_mean_nothing_are_refused(column, value, compiled):
    columns = some_columns(20, 3)
    columns.permitted[7] = 7
    getattr(columns, column)[7] = value
    with pytest.raises(InputError, match=f"{column} must be .* in row 7"):
        solve_printed(columns, MENUS["relative"], compiled=compiled)


@pytest.mark.parametrize("compiled", [False, True])
def test_units_without_an_option_are_refused(compiled):
    columns = some_columns(20, 3, permitted=4, reference_offer=20.0, offer_min=2.0)
    columns.offer_max[[7, 9]] = 2.5
    with pytest.raises(InputError, match="2 consumer-items have no option, such as that of row 7"):
        solve_printed(columns, MENUS["relative"], compiled=compiled)


@pytest.mark.parametrize("compiled", [False, True])
def test_steps_that_fall_and_columns_that_differ_in_length_are_refused(compiled):
    columns = some_columns(20, 3)
    with pytest.raises(InputError, match="rising order"):
        solve_printed(columns, Menu(False, np.array([5.0, 0])), compiled=compiled)
    columns = replace(columns, cutoff=columns.cutoff[:9])
    with pytest.raises(InputError, match=r"cutoff is of shape \(9,\)"):
        solve_printed(columns, MENUS["relative"], compiled=compiled)


@pytest.mark.parametrize("compiled", [False, True])
def test_no_steps_leave_today_or_nothing(compiled):
    columns = some_columns(20, 3, permitted=3)
    plan = solve_printed(columns, Menu(False, np.zeros(0)), compiled=compiled)
    assert set(plan.choice) == {0, 1}
