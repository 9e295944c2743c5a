"""The frontier is the parametric linear program, against HiGHS at each of its points."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from promo_kedro.pipelines.optimization.knapsack.frontier import finite_difference, trace_frontier
from promo_kedro.pipelines.optimization.knapsack.infeasible import attainable
from promo_kedro.pipelines.optimization.knapsack.options import ConsumerRule, OptionTable
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.program import Program, Row
from promo_kedro.pipelines.optimization.knapsack.route import solve
from promo_kedro.pipelines.optimization.knapsack.tabulated import TabulatedOptions

PARAMETERS = SolverParameters()


def random_program(seed: int, units: int, shares: list[float], **row) -> Program:
    """Rows over random measures; a bound is this share of the way to what its row can reach."""
    random = np.random.default_rng(seed)
    allowed = random.random((units, 6)) < 0.8
    allowed[:, 0] = True
    measures = random.random((units, 6, 7))
    options = TabulatedOptions(OptionTable(allowed, measures, np.zeros(units, np.int64), 1))
    program = Program(options, random.normal(size=(1, 7)))
    rows = []
    for index, share in enumerate(shares):
        weights = random.normal(size=(1, 7))
        most, least = attainable(program, weights), -attainable(program, -weights)
        bound = least + share * (most - least)
        rows.append(Row(f"row {index}", "rule", weights, bound, **{"scale": 4.0, **row}))
    return replace(program, rows=tuple(rows))


def linear_best(program: Program, leasts) -> tuple[float, np.ndarray]:
    """Value and multipliers of the linear program at these bounds, by HiGHS; NaN if infeasible."""
    table = program.options.table
    unit, column = np.nonzero(table.allowed)
    measures = table.measures[unit, column]
    one_each = np.equal.outer(np.arange(len(table.cell)), unit).astype(float)
    found = linprog(
        -measures @ program.objective[0],
        A_ub=-(program.coefficients[:, 0] @ measures.T),
        b_ub=-np.asarray(leasts),
        A_eq=one_each,
        b_eq=np.ones(len(table.cell)),
        bounds=(0, 1),
    )
    return (np.nan, np.nan) if found.x is None else (-found.fun, -found.ineqlin.marginals)


def assert_concave_and_falling(frontier) -> None:
    required, value, price = (
        frontier[name].to_numpy() for name in ("retention_required", "objective", "shadow_price")
    )
    assert (np.diff(required) > 0).all()
    slopes = np.diff(value) / np.diff(required)
    assert (slopes <= 1e-9).all()
    assert (np.diff(slopes) <= 1e-6 * (1 + np.abs(slopes[1:]))).all()
    assert (-slopes >= price[:-1] * (1 - 1e-6) - 1e-9).all()
    assert (-slopes[:-1] <= price[1:-1] * (1 + 1e-6) + 1e-9).all()
    assert np.isnan(price[-1])  # nothing lies beyond


@pytest.mark.parametrize("seed", range(8))
def test_every_point_of_one_row_is_a_corner_of_the_linear_program(seed):
    program = random_program(seed, 150, [0.5])
    frontier = trace_frontier(program, 0, 20, PARAMETERS)
    assert len(frontier) >= 15
    assert_concave_and_falling(frontier)
    for point in frontier.itertuples():
        value, _ = linear_best(program, [point.retention_required / 4.0 - 1e-12])
        assert point.objective == pytest.approx(value, abs=1e-7)
        assert point.retention == point.retention_required


@pytest.mark.parametrize("seed", range(8))
def test_the_ends_are_the_free_plan_and_the_largest_attainable(seed):
    program = random_program(seed, 80, [0.5])
    frontier = trace_frontier(program, 0, 10, PARAMETERS)
    first, last = frontier.iloc[0], frontier.iloc[-1]
    assert first.objective == pytest.approx(attainable(program, program.objective))
    assert first.shadow_price == 0
    most = attainable(program, program.rows[0].coefficients)
    assert last.retention == pytest.approx(4 * most)
    value, _ = linear_best(program, [most - 1e-10])
    assert last.objective == pytest.approx(value, abs=1e-6)


def test_revenue_stands_beside_another_objective():
    program = random_program(6, 80, [0.5])
    margin, revenue = np.zeros((2, *program.objective.shape))
    margin[:, :3], revenue[:, :2] = (1.0, -1.0, -1.0), (1.0, -1.0)
    program = replace(program, objective=margin)
    frontier = trace_frontier(program, 0, 10, PARAMETERS)
    free = program.options.choose(margin).totals
    assert frontier["objective"][0] == pytest.approx((margin * free).sum())
    assert frontier["revenue"][0] == pytest.approx((revenue * free).sum())
    assert not np.allclose(frontier["revenue"], frontier["objective"])


def test_points_are_about_evenly_spaced_though_prices_come_from_a_sample():
    program = random_program(5, 12_000, [0.5])
    frontier = trace_frontier(program, 0, 30, SolverParameters(sample_size=600))
    assert len(frontier) == 30
    steps = np.diff(frontier["retention"])
    assert steps.max() < 2.5 * steps.mean()
    assert_concave_and_falling(frontier)


def test_an_at_most_row_is_traced_from_what_is_spent_freely_down_to_the_least():
    program = random_program(2, 60, [0.5], at_most=True)
    frontier = trace_frontier(program, 0, 10, PARAMETERS)
    assert (np.diff(frontier["retention_required"]) < 0).all()
    assert (np.diff(frontier["objective"]) < 0).all()
    assert (frontier["shadow_price"][:-1] >= 0).all()


def test_where_nothing_can_be_traded_there_is_one_point():
    program = random_program(0, 20, [0.5])
    aligned = replace(program.rows[0], coefficients=program.objective)
    frontier = trace_frontier(replace(program, rows=(aligned,)), 0, 10, PARAMETERS)
    assert len(frontier) == 1
    assert frontier["shadow_price"].isna().all()


def test_units_all_alike_have_the_corners_of_one():
    program = random_program(3, 1, [0.5])
    table = program.options.table
    alike = OptionTable(
        table.allowed.repeat(500, axis=0), table.measures.repeat(500, axis=0), np.zeros(500, int), 1
    )
    many = replace(program, options=TabulatedOptions(alike))
    one, all_of_them = (trace_frontier(each, 0, 50, PARAMETERS) for each in (program, many))
    assert len(one) == len(all_of_them) <= 6
    np.testing.assert_allclose(all_of_them["objective"], 500 * one["objective"])


def test_consumers_are_sampled_whole():
    program = random_program(4, 3_000, [0.5])
    table = replace(
        program.options.table, consumer_rule=ConsumerRule(np.arange(3_000) // 3, most_offers=1)
    )
    table.measures[..., 5] = table.measures[..., 6] = np.arange(6) > 0
    table.allowed[:, 0] = True
    capped = replace(program, options=TabulatedOptions(table))
    frontier = trace_frontier(capped, 0, 15, SolverParameters(sample_size=600))
    assert_concave_and_falling(frontier)
    assert len(frontier) == 15


@pytest.mark.parametrize("seed", range(5))
def test_next_to_other_rows_it_is_the_parametric_linear_program(seed):
    program = random_program(seed, 60, [0.5, 0.75, 0.65])
    frontier = trace_frontier(program, 1, 8, PARAMETERS)
    assert len(frontier) == 8
    least = program.least
    for point in frontier.itertuples():
        least[1] = point.retention_required / 4.0
        value, _ = linear_best(program, least)
        assert point.objective == pytest.approx(value, rel=1e-6, abs=1e-6)
    assert_concave_and_falling(frontier)


def test_rows_that_hold_anyway_leave_the_frontier_as_it_is():
    program = random_program(6, 100, [0.99, 0.001])
    loose = replace(program.rows[1], least=-1e6)
    alone, beside = (
        trace_frontier(replace(program, rows=rows), 0, 12, PARAMETERS)
        for rows in [program.rows[:1], (program.rows[0], loose)]
    )
    np.testing.assert_array_equal(alone, beside)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("beyond", [0.0, 1e-9])
def test_another_row_may_ask_for_all_there_is_and_a_hair(seed, beyond):
    program = random_program(seed, 100, [0.6, 1.0 + beyond])
    asked = [program.least[0], attainable(program, program.rows[1].coefficients)]
    only_there, _ = linear_best(program, [-1e9, asked[1] - 1e-7])
    frontier = trace_frontier(program, 0, 6, PARAMETERS)
    assert len(frontier) >= 1
    assert frontier["objective"].max() == pytest.approx(only_there, rel=1e-4)
    assert_concave_and_falling(frontier)


def test_other_rows_that_contradict_each_other_leave_no_frontier():
    program = random_program(1, 20, [0.5, 1.2])
    assert trace_frontier(program, 0, 5, PARAMETERS).empty


@pytest.mark.parametrize("seed", range(4))
def test_the_finite_difference_is_that_of_the_linear_program(seed):
    program = random_program(seed, 100, [0.75, 0.55])
    plan = solve(program, PARAMETERS)
    least = program.least
    before, _ = linear_best(program, least)
    least[0] += 0.5 / 4.0
    after, prices = linear_best(program, least)
    lost = finite_difference(program, 0, 0.5, plan, PARAMETERS)
    assert lost == pytest.approx((before - after) / 0.5, rel=1e-5, abs=1e-6)
    assert lost <= prices[0] / 4.0 + 1e-6


def test_a_row_that_cannot_be_tightened_has_no_finite_difference():
    program = random_program(0, 50, [0.9])
    plan = solve(program, PARAMETERS)
    assert np.isnan(finite_difference(program, 0, 1e5, plan, PARAMETERS))
