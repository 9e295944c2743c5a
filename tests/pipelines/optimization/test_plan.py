"""The route to a plan, against every plan there is, the whole program and the paper's theorem."""

from itertools import product

import numpy as np
import pytest
from pandas import DataFrame

from promo_kedro.pipelines.optimization.options import OptionTable, build_options
from promo_kedro.pipelines.optimization.parameters import SolverParameters
from promo_kedro.pipelines.optimization.plan import solve
from promo_kedro.pipelines.optimization.program import solve_program

MODES = ["paper", "linear", "exact"]
NARROWED = SolverParameters(whole_program_size=0)


def few_options(table: OptionTable, columns: slice) -> OptionTable:
    """Return the table of some columns, of the units that have an option among them."""
    units = np.flatnonzero(table.allowed[:, columns].any(axis=1))[:5]
    part = table.take(units)
    return OptionTable(
        part.offer[:, columns],
        part.value[:, columns],
        part.retention[:, columns],
        part.spend[:, columns],
    )


def best_of_all_plans(table: OptionTable, required: float) -> float:
    """Return the value of the best plan, −∞ where none retains enough."""
    units = np.arange(len(table))
    best = -np.inf
    for plan in product(*(np.flatnonzero(row) for row in table.allowed)):
        if table.retention[units, plan].mean() >= required * (1 - 1e-12):
            best = max(best, table.value[units, plan].sum())
    return best


def between(table: OptionTable, share: float) -> float:
    """Return a mean retention between that of the free plan (0) and the attainable (1)."""
    _, free = table.best_at(0.0)
    lowest, highest = (table.of(plan)[1].mean() for plan in (free, table.most_retention()))
    return lowest + share * (highest - lowest)


@pytest.mark.parametrize("parameters", [SolverParameters(), NARROWED])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(6))
def test_agrees_with_every_plan(decisions, mode, seed, parameters):
    table = few_options(build_options(decisions(8, seed), mode), slice(seed + 1, None, 8))
    for share in (-0.5, 0, 0.3, 0.6, 0.95, 1):
        required = between(table, share)
        plan = solve(table, required, parameters)
        assert plan.value == pytest.approx(best_of_all_plans(table, required), rel=1e-9)
        assert plan.retention >= required * (1 - 1e-9)
        assert plan.value <= plan.upper_bound * (1 + 1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_infeasible_where_no_plan_is(decisions, mode, solver):
    table = few_options(build_options(decisions(8, seed=1), mode), slice(1, None, 8))
    plan = solve(table, 1.0, solver)
    attainable = plan.attainable
    assert plan.choice is None
    assert np.isnan(plan.value)
    assert best_of_all_plans(table, attainable) > -np.inf
    assert best_of_all_plans(table, attainable + 1e-6) == -np.inf


@pytest.mark.parametrize("seed", range(10))
def test_row_of_eq_13_as_printed_never_costs_anything(decisions, seed, solver):
    """With prices above 0 the maximiser already has the largest retention there is."""
    table = build_options(decisions(200, seed), "paper")
    clears = (table.retention == 1).any(axis=1)
    unconstrained = solve(table, 0.0, solver)
    assert unconstrained.retention == pytest.approx(clears.mean())
    tightest = solve(table, clears.mean(), solver)
    assert tightest.value == pytest.approx(table.value.max(axis=1).sum())
    assert tightest.value == unconstrained.value
    assert tightest.price == 0
    assert tightest.gap == 0
    assert solve(table, clears.mean() + 0.001, solver).choice is None
    assert solve_program(table, clears.sum()).value == pytest.approx(tightest.value, rel=1e-9)


@pytest.mark.parametrize("mode", ["linear", "exact"])
@pytest.mark.parametrize(("n", "share"), [(400, 0.2), (2_000, 0.7)])
def test_narrowed_and_whole_program_agree(decisions, mode, n, share):
    table = build_options(decisions(n, seed=n), mode)
    required = between(table, share)
    whole = solve_program(table, required * n)
    plan = solve(table, required, NARROWED)
    assert plan.solver == "dual, CVXPY + HiGHS on the core"
    assert plan.upper_bound == pytest.approx(whole.value, rel=1e-9)
    assert plan.price == pytest.approx(whole.price, rel=1e-6)
    assert plan.gap < 1e-5
    assert plan.retention >= required * (1 - 1e-9)


@pytest.mark.parametrize("mode", MODES)
def test_weak_duality(decisions, mode, solver):
    table = build_options(decisions(300, seed=9), mode)
    required = between(table, 0.5)
    plan = solve(table, required, solver)
    for price in np.random.default_rng(0).exponential(5, 50):
        assert table.bound(price, required * len(table)) >= plan.value * (1 - 1e-12)


def test_any_table_whose_values_are_not_concave(solver):
    rng = np.random.default_rng(4)
    value, retention = rng.uniform(0, 5, (500, 12)), rng.uniform(0, 1, (500, 12))
    table = OptionTable(np.zeros_like(value), value, retention, np.zeros_like(value))
    required = between(table, 0.5)
    plan = solve(table, required, solver)
    whole = solve_program(table, required * 500)
    assert plan.upper_bound == pytest.approx(whole.value, rel=1e-9)
    assert plan.price == pytest.approx(whole.price, rel=1e-6)


@pytest.mark.parametrize("mode", ["linear", "exact"])
@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_identical_units_tie_at_one_price(decisions, mode, share):
    one = decisions(1, seed=5)
    table = build_options(DataFrame(one.loc[one.index.repeat(3_000)]).reset_index(drop=True), mode)
    plan = solve(table, between(table, share), NARROWED)
    assert plan.gap < 1e-6
    assert plan.retention >= between(table, share) * (1 - 1e-9)


@pytest.mark.parametrize("mode", MODES)
def test_free_items_and_single_items(decisions, mode, solver):
    free = build_options(decisions(40, seed=6).assign(price=0.0), mode)
    plan = solve(free, between(free, 0.5), solver)
    assert plan.value == 0
    assert plan.gap == 0
    single = build_options(decisions(1, seed=7), mode)
    assert solve(single, 0.0, solver).value == single.value.max()


@pytest.mark.parametrize("mode", ["linear", "exact"])
def test_all_attainable_retention_can_be_asked_for(decisions, mode):
    table = build_options(decisions(1_000, seed=8), mode)
    plan = solve(table, between(table, 1.0), NARROWED)
    assert plan.retention == pytest.approx(plan.attainable, rel=1e-9)
    assert plan.gap < 1e-6


@pytest.mark.parametrize("mode", ["linear", "exact"])
@pytest.mark.parametrize("seed", range(4))
def test_rare_purchases_and_large_prices_lose_nothing(decisions, mode, seed):
    units = decisions(300, seed).assign(price=lambda d: d["price"] * 10.0 ** (2 * seed))
    units["probability"] *= 10.0 ** (-2 * seed)
    units["elasticity"] = units["slope"] * units["reference_offer"] * (1 - units["probability"])
    table = build_options(units, mode)
    for share in (1e-6, 0.5, 1 - 1e-6):
        required = between(table, share)
        plan = solve(table, required, NARROWED)
        assert plan.retention >= required * (1 - 1e-9)
        assert plan.gap < 1e-3
