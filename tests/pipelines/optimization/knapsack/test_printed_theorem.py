"""Eq. 13 as printed: alone, its retention row never costs anything; beside others it can.

An option that clears is worth price · (1 − o/100) > 0 where the price is above 0 and the offer
below 100, and one that does not is worth 0. So whoever maximises revenue alone lets every unit
clear that can: no plan retains more. The row decides whether there is a plan, and nothing else.
"""

from dataclasses import replace

import numpy as np
import pytest

from promo_kedro.pipelines.optimization.knapsack.infeasible import explain_infeasible
from promo_kedro.pipelines.optimization.knapsack.measures import Measure
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.printed import solve_printed
from promo_kedro.pipelines.optimization.knapsack.program import Program, Row
from promo_kedro.pipelines.optimization.knapsack.route import solve

from .written_programs import MENUS, Menu, Written, items, lacking, weights

REVENUE = weights(1, sales=1, spend=-1)
SHORT_MENU = Menu(True, np.array([-0.5, 0.0, 0.5]))
ROUTES = pytest.mark.parametrize(
    "parameters",
    [SolverParameters(threads=1), SolverParameters(whole_program_size=0, threads=1)],
    ids=["whole", "by prices"],
)


def printed(units: int, seed: int, menu: Menu = MENUS["Eq. 13"]) -> Written:
    """Return Eq. 13 as printed on random consumer-items, with prices > 0 and offers < 100."""
    columns = items(units, np.random.default_rng(seed), awkward=False)
    columns = replace(columns, permitted=np.where(columns.permitted == 4, 6, columns.permitted))
    return Written(columns, "paper", menu, indicator=True)


def retention(least: float) -> Row:
    return Row("retention", "retention", weights(1, retention=1), least)


def all_plans(written: Written) -> np.ndarray:
    """Return the totals of all plans, (plans, 7)."""
    totals = np.zeros((1, len(Measure)))
    for allowed, options in zip(written.allowed, written.measures, strict=True):
        totals = (totals[:, None] + options[allowed]).reshape(-1, len(Measure))
    return totals


def attainable(written: Written) -> int:
    """Return how many units have an option that clears."""
    cleared = written.allowed & (written.probability >= written.columns.cutoff[:, None])
    return int(cleared.any(axis=1).sum())


@pytest.mark.parametrize("seed", range(25))
def test_of_all_plans_the_richest_retains_most(seed):
    totals = all_plans(printed(5, seed, SHORT_MENU))
    revenue = totals @ REVENUE[0]
    richest = revenue >= revenue.max() - 1e-12
    assert (totals[richest, Measure.RETENTION] == totals[:, Measure.RETENTION].max()).all()


@ROUTES
@pytest.mark.parametrize("seed", range(25))
def test_every_level_that_can_be_reached_has_the_same_plan_and_price_0(parameters, seed):
    written = printed(5, seed, SHORT_MENU)
    totals = all_plans(written)
    most = totals[:, Measure.RETENTION].max()
    free = solve(Program(written.options(), REVENUE), parameters)
    closed = solve_printed(written.columns, written.menu)

    assert free.value == pytest.approx((totals @ REVENUE[0]).max(), rel=1e-12)
    assert closed.retained.sum() == most == attainable(written)
    for required in np.arange(0, most + 0.5, 0.5):
        plan = solve(Program(written.options(), REVENUE, (retention(required),)), parameters)
        keeps = totals[:, Measure.RETENTION] >= required
        assert plan.value == pytest.approx((totals[keeps] @ REVENUE[0]).max(), rel=1e-12)
        np.testing.assert_array_equal(plan.choice, free.choice)
        np.testing.assert_array_equal(plan.choice, closed.choice)
        assert plan.prices[0] == 0
        assert plan.gap == pytest.approx(0, abs=1e-14)


@ROUTES
@pytest.mark.parametrize("units", [5, 700])
@pytest.mark.parametrize("seed", range(5))
def test_a_level_out_of_reach_has_no_plan_and_the_reach_is_told(parameters, units, seed):
    written = printed(units, seed)
    most = attainable(written)
    assert 0 < most < units
    row = replace(retention(most), scale=100 / units)
    within = solve(Program(written.options(), REVENUE, (row,)), parameters)
    beyond = Program(written.options(), REVENUE, (replace(row, least=most + 0.01),))

    assert within.activity[0] == most
    assert within.prices[0] == 0
    assert solve(beyond, parameters).choice is None
    told = explain_infeasible(beyond, parameters).relaxations
    assert told["attainable_alone"].tolist() == [pytest.approx(100 * most / units, rel=1e-12)]
    assert told["smallest_relaxation"].tolist() == [pytest.approx(1 / units, abs=1e-7)]
    assert told["in_conflict"].tolist() == [True]


@ROUTES
def test_large_programs_too(parameters):
    written = printed(5_000, 3)
    most = attainable(written)
    free = solve(Program(written.options(), REVENUE), parameters)
    plan = solve(Program(written.options(), REVENUE, (retention(most),)), parameters)

    np.testing.assert_array_equal(plan.choice, free.choice)
    assert (plan.prices[0], plan.activity[0]) == (0, most)


@ROUTES
@pytest.mark.parametrize("seed", range(5))
def test_items_that_cost_nothing_clear_all_the_same(parameters, seed):
    """At price 0 revenue does not care; ties go to the option that clears."""
    written = printed(5, seed, SHORT_MENU)
    written = replace(written, columns=replace(written.columns, price=np.zeros(5)))
    most = attainable(written)
    plan = solve(Program(written.options(), REVENUE, (retention(most),)), parameters)

    assert (plan.value, plan.activity[0], plan.prices[0]) == (0, most, 0)


def two_items(**columns) -> Written:
    """Return two items with an offer that clears each, and none that does not."""
    usual = {"reference_offer": 20.0, "offer_today": 0.0, "probability": 0.3, "slope": 0.05}
    usual |= {"elasticity": 0.7, "cutoff": 0.3, "offer_min": 1, "offer_max": 60, "cost": 0.0}
    named = {"permitted": np.array([6, 6]), "cell": np.array([0, 0])}
    filled = {name: np.broadcast_to(value, 2).astype(float) for name, value in usual.items()}
    made = filled | named | columns
    menu = Menu(True, np.array([0.0]))
    blank = items(2, np.random.default_rng(0), awkward=False)
    return Written(replace(blank, **made), "paper", menu, indicator=True)


@ROUTES
def test_beside_a_budget_retention_costs(parameters):
    """One dear item at 1.5 of spend, or two cheap ones at 1 each: the dear one earns more."""
    first = two_items(price=np.array([15.0, 5.0]), reference_offer=np.array([10.0, 20.0]))
    columns = {
        name: np.append(getattr(first.columns, name), getattr(first.columns, name)[1])
        for name in first.columns.__dataclass_fields__
    }
    written = replace(first, columns=replace(first.columns, **columns))
    budget = Row("budget", "budget", weights(1, spend=-1), -2.0, at_most=True)
    assert_retention_costs(written, REVENUE, (budget,), 2, parameters, cheap=13.5, dear=8.0)


@ROUTES
def test_under_margin_retention_costs(parameters):
    """An item that costs more than the offer leaves of its price is better not sold."""
    written = two_items(price=np.array([10.0, 10.0]), cost=np.array([5.0, 9.0]))
    margin = weights(1, sales=1, spend=-1, cost=-1)
    assert_retention_costs(written, margin, (), 2, parameters, cheap=3.0, dear=2.0)


def assert_retention_costs(written, objective, rows, required, parameters, *, cheap, dear):
    totals = all_plans(written)
    keeps = np.array([all(lacking(row, plan[None]) <= 0 for row in rows) for plan in totals])
    retains = keeps & (totals[:, Measure.RETENTION] >= required)
    value = totals @ objective[0]
    assert value[keeps].max() == pytest.approx(cheap)
    assert value[retains].max() == pytest.approx(dear)

    free = solve(Program(written.options(), objective, rows), parameters)
    held = solve(Program(written.options(), objective, (*rows, retention(required))), parameters)

    assert free.value == pytest.approx(cheap)
    assert held.value == pytest.approx(dear)
    assert held.totals[0, Measure.RETENTION] == required
    assert held.prices[-1] > 0
