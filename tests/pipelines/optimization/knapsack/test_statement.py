"""The CVXPY statement, against every plan there is and scipy's solvers."""

import numpy as np
import pytest
from scipy.optimize import linprog

from promo_kedro.pipelines.optimization.knapsack.measures import MEASURES, Measure
from promo_kedro.pipelines.optimization.knapsack.options import OptionTable
from promo_kedro.pipelines.optimization.knapsack.statement import solve_statement
from promo_kedro.pipelines.optimization.knapsack.tabulated import TabulatedOptions

from .test_tabulated import RULES, plain_totals, plans, random_table

REVENUE = np.tile([1.0, -1, 0, 0, 0, 0, 0], (2, 1))


def random_rows(table, rows, seed, *, at_most=True):
    """Return rows that a plan meets, some of them known as "at most", so negated."""
    rng = np.random.default_rng(seed)
    coefficients = rng.uniform(0, 1, (rows, table.cells, MEASURES))
    if table.consumer_rule is None or not table.consumer_rule.any_retained:
        coefficients += rng.normal(size=coefficients.shape)
    if at_most:
        coefficients[1::2] *= -1
    some = [plan for _, plan in zip(range(20), plans(table), strict=False)]
    plan = some[rng.integers(len(some))]
    totals = plain_totals(table, plan)
    return coefficients, np.tensordot(coefficients, totals, 2) - 0.05


def best_of_all_plans(table, objective, coefficients, least, penalties):
    """Return the value of the best plan, rows with a penalty bought out; None if there is none."""
    values = []
    for plan in plans(table):
        totals = plain_totals(table, plan)
        short = np.maximum(least - np.tensordot(coefficients, totals, 2), 0)
        if (short[np.isinf(penalties)] < 1e-9).all():
            bought = np.isfinite(penalties)
            values.append((objective * totals).sum() - penalties[bought] @ short[bought])
    return max(values, default=None)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("rows", [0, 1, 3])
@pytest.mark.parametrize("seed", range(3))
def test_whole_options_are_the_best_of_all_plans(rule, rows, seed):
    table = random_table(5, 4, seed, **rule)
    coefficients, least = random_rows(table, rows, seed)
    for penalties in np.full(rows, np.inf), np.full(rows, 0.3):
        objective = REVENUE.copy()
        objective[:, Measure.RETENTION] = 0.4 * (seed % 2)
        best = best_of_all_plans(table, objective, coefficients, least, penalties)
        found = solve_statement(table, objective, coefficients, least, penalties, integer=True)
        assert found.value == pytest.approx(best, rel=1e-9, abs=1e-9)
        totals = plain_totals(table, found.shares.argmax(axis=1))
        activity = np.tensordot(coefficients, totals, 2)
        np.testing.assert_allclose(found.slack, activity - least, atol=1e-8)
        assert (found.slack[np.isinf(penalties)] > -1e-8).all()


@pytest.mark.parametrize("seed", range(6))
def test_a_retained_consumer_that_costs_something_counts(seed):
    table = random_table(5, 4, seed, consumers=2, any_retained=True)
    objective = REVENUE.copy()
    objective[:, Measure.RETENTION] = -0.3
    none = np.zeros((0, 2, MEASURES)), np.zeros(0), np.zeros(0)
    best = best_of_all_plans(table, objective, *none)
    found = solve_statement(table, objective, *none, integer=True)
    assert found.value == pytest.approx(best, rel=1e-9)


def in_scipy(table, objective, coefficients, least, penalties):
    """Return scipy's solution of the same linear program, stated cell by cell."""
    units, options = table.allowed.shape
    measures = np.nan_to_num(table.measures)
    value = (measures * objective[table.cell][:, None]).sum(2).ravel()
    rows = np.array([(measures * a[table.cell][:, None]).sum(2).ravel() for a in coefficients])
    bought = np.isfinite(penalties)
    return linprog(
        np.concatenate([-value, penalties[bought]]),
        A_ub=-np.hstack([rows, np.eye(len(least))[:, bought]]),
        b_ub=-least,
        A_eq=np.hstack([np.kron(np.eye(units), np.ones(options)), np.zeros((units, bought.sum()))]),
        b_eq=np.ones(units),
        bounds=[(0, int(ok)) for ok in table.allowed.ravel()] + [(0, None)] * bought.sum(),
        method="highs-ds",
    )


@pytest.mark.parametrize("money", [1e-3, 1, 1e6])
@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("seed", range(3))
def test_linear_program_agrees_with_scipy_at_any_size(money, rows, seed):
    table = random_table(60, 8, seed)
    objective = REVENUE * money
    coefficients = np.random.default_rng(seed).normal(size=(rows, 2, MEASURES)) * 1e3
    free = TabulatedOptions(table).choose(objective).totals
    least = np.tensordot(coefficients, free, 2) + 2e3
    penalties = np.full(rows, np.inf)
    penalties[2:] = money * 1e-4

    expected = in_scipy(table, objective, coefficients, least, penalties)
    found = solve_statement(table, objective, coefficients, least, penalties)

    assert found.value == pytest.approx(-expected.fun, rel=1e-9)
    prices = -expected.ineqlin.marginals
    np.testing.assert_allclose(found.prices, prices, rtol=1e-8, atol=1e-8 * prices.max())
    assert prices.max() > 0
    assert (found.shares.max(axis=1) < 1 - 1e-9).sum() <= rows


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(3))
def test_the_lagrangian_at_the_prices_bounds_and_meets_the_linear_program(rule, seed):
    rule = rule | ({"consumers": 10} if rule else {})
    table = random_table(40, 4, seed, **rule)
    coefficients = np.random.default_rng(seed).uniform(0, 1, (2, 2, MEASURES))
    options = TabulatedOptions(table)
    most = np.array([(a * options.choose(a).totals).sum() for a in coefficients])
    least = 0.7 * most
    found = solve_statement(table, REVENUE, coefficients, least, np.full(2, np.inf))
    whole = solve_statement(table, REVENUE, coefficients, least, np.full(2, np.inf), integer=True)

    def bound(prices):
        weights = REVENUE + np.tensordot(prices, coefficients, 1)
        return options.choose(weights).score - prices @ least

    size = abs(found.value)
    assert whole.value <= found.value + 1e-9 * size
    for prices in np.random.default_rng(seed).uniform(0, 2, (20, 2)):
        assert bound(prices) >= whole.value - 1e-9 * size
    if not rule.get("any_retained"):  # there the statement's relaxation is looser
        assert bound(found.prices) == pytest.approx(found.value, rel=1e-9)
    else:
        assert bound(found.prices) <= found.value + 1e-9 * size


@pytest.mark.parametrize("integer", [True, False])
def test_identical_units_count(integer):
    table = random_table(6, 4, 3)
    counts = np.array([1, 4, 2, 1, 3, 5])
    each = np.repeat(np.arange(6), counts)
    written_out = TabulatedOptions(table).tabulate(each)
    coefficients, least = random_rows(table, 2, 0)
    rows = coefficients, 2.5 * least, np.full(2, np.inf)
    found = solve_statement(table, REVENUE, *rows, integer=integer, counts=counts)
    expected = solve_statement(written_out, REVENUE, *rows, integer=integer)
    assert found.value == pytest.approx(expected.value, rel=1e-9)
    np.testing.assert_allclose(found.shares.sum(axis=1), counts)
    np.testing.assert_allclose(found.prices, expected.prices, rtol=1e-8)


@pytest.mark.parametrize("integer", [True, False])
def test_no_plan_is_no_solution(integer):
    table = random_table(5, 4, 0)
    retention = np.zeros((1, 2, MEASURES))
    retention[..., Measure.RETENTION] = 1
    never, dear = np.array([np.inf]), np.array([1e-6])
    assert solve_statement(table, REVENUE, retention, [5.1], never, integer=integer) is None
    found = solve_statement(table, REVENUE, retention, np.array([5.1]), dear, integer=integer)
    assert found.slack[0] < 0


@pytest.mark.parametrize("integer", [True, False])
@pytest.mark.parametrize("penalty", [1e-12, 1, 1e12])
def test_with_nothing_to_earn_the_rows_are_broken_least(penalty, integer):
    table = random_table(20, 4, 0)
    retention = np.zeros((1, 2, MEASURES))
    retention[..., Measure.RETENTION] = 1
    most = np.nanmax(table.measures[..., Measure.RETENTION], axis=1).sum()
    rows = retention, np.array([most + 1]), np.array([penalty])
    found = solve_statement(table, 0 * REVENUE, *rows, integer=integer)
    assert found.slack[0] == pytest.approx(-1, rel=1e-9)
    assert found.value == pytest.approx(-penalty, rel=1e-9)


def test_nothing_to_choose_meets_what_is_no_demand():
    table = OptionTable(np.ones((0, 3), bool), np.ones((0, 3, MEASURES)), np.zeros(0, int), 2)
    rows = np.ones((2, 2, MEASURES))
    never = np.full(2, np.inf)
    assert solve_statement(table, REVENUE, rows, np.array([0.0, -1]), never).value == 0
    assert solve_statement(table, REVENUE, rows, np.array([1.0, -1]), never) is None
    bought = solve_statement(table, REVENUE, rows, np.array([1.0, -1]), np.array([3.0, np.inf]))
    assert (bought.value, bought.slack.tolist()) == (-3, [-1, 1])
