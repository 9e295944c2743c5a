"""Plans against all plans of tiny programs, and against the statement of larger ones."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promo_kedro.errors import InputError
from promo_kedro.pipelines.optimization.knapsack.infeasible import explain_infeasible
from promo_kedro.pipelines.optimization.knapsack.options import OptionTable
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.program import Row
from promo_kedro.pipelines.optimization.knapsack.route import solve
from promo_kedro.pipelines.optimization.knapsack.statement import solve_statement

from .instances import (
    best_of_all_plans,
    keeps_consumer_rule,
    margin,
    offer_table,
    program_with,
    retention_row,
    sixteen_rows,
    weights,
    with_consumers,
)
from .test_infeasible import random_program

WHOLE = SolverParameters()
BY_PRICES = SolverParameters(whole_program_size=0)
THRIFTY = SolverParameters(whole_program_size=0, sample_size=200, core_size=150)
ROUTES = pytest.mark.parametrize("parameters", [WHOLE, BY_PRICES], ids=["whole", "by prices"])


def relaxed(program):
    table = program.options.tabulate(np.arange(len(program.options)))
    return solve_statement(
        table, program.objective, program.coefficients, program.least, program.penalties
    )


def assert_keeps_its_word(program, plan):
    """What a plan says of itself is so, and it keeps the hard rows."""
    totals = program.options.totals(plan.choice)
    np.testing.assert_allclose(plan.totals, totals, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(plan.activity, program.activity(totals), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(plan.slack, plan.activity - program.least, atol=1e-12)
    hard = np.isinf(program.penalties)
    terms = np.tensordot(np.abs(program.coefficients), np.abs(totals), axes=2)
    allowed = 1e-9 * np.maximum(np.abs(program.least), terms)
    assert (plan.slack >= -allowed)[hard].all()
    assert plan.upper_bound >= plan.value
    assert (plan.prices >= 0).all()
    assert (plan.prices <= program.penalties).all()
    table = program.options.tabulate(np.arange(len(program.options)))
    assert table.allowed[np.arange(len(plan.choice)), plan.choice].all()
    assert keeps_consumer_rule(table, plan.choice)


def tiny_program(seed, rows, units=5, penalty=np.inf):
    """Return a program of five units with four options and rows that may contradict each other."""
    draw = np.random.default_rng(seed)
    measures = draw.uniform(0, 1, (units, 4, 7))
    allowed = draw.random((units, 4)) < 0.8
    allowed[:, 0] = True
    table = OptionTable(allowed, measures, draw.integers(0, 2, units), 2)
    names = ["retention", "spend", "offer"][:rows]
    least = draw.uniform(0.2, 0.8, rows) * units
    found = [
        Row(name, name, weights(2, **{name: sign}), sign * level, penalty=penalty)
        for name, sign, level in zip(names, (1, -1, -1), least, strict=False)
    ]
    return program_with(table, *found)


@ROUTES
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 3))
def test_tiny_programs_against_all_plans(parameters, seed, rows):
    program = tiny_program(seed, rows)
    best = best_of_all_plans(program)

    plan = solve(program, parameters)

    if best == -np.inf:
        assert plan.choice is None
    else:
        assert_keeps_its_word(program, plan)
        assert plan.value == pytest.approx(best, rel=1e-8, abs=1e-8)
        assert plan.upper_bound >= best - 1e-9


@ROUTES
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), penalty=st.floats(0.01, 3))
def test_rows_with_a_penalty_are_bought_out_where_that_pays(parameters, seed, penalty):
    program = tiny_program(seed, 3, penalty=penalty)

    plan = solve(program, parameters)

    assert_keeps_its_word(program, plan)
    assert plan.value == pytest.approx(best_of_all_plans(program), rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("parameters", [BY_PRICES, THRIFTY], ids=["core", "small core"])
@pytest.mark.parametrize("units", [200, 2_000])
def test_one_row_against_the_linear_program(parameters, units):
    table = offer_table(units)
    program = program_with(table, retention_row(table, 0.5))
    exact = relaxed(program)

    plan = solve(program, parameters)

    assert_keeps_its_word(program, plan)
    assert plan.upper_bound == pytest.approx(exact.value, rel=1e-9)
    np.testing.assert_allclose(plan.prices, exact.prices, rtol=1e-6)
    assert plan.gap < 0.01 / units


@pytest.mark.parametrize("parameters", [BY_PRICES, THRIFTY], ids=["core", "small core"])
def test_sixteen_rows_against_the_linear_program(parameters):
    program = sixteen_rows(offer_table(2_000, 13))
    exact = relaxed(program)

    plan = solve(program, parameters)

    assert_keeps_its_word(program, plan)
    assert plan.upper_bound == pytest.approx(exact.value, rel=1e-9)
    np.testing.assert_allclose(plan.prices, exact.prices, rtol=1e-6, atol=1e-6)
    assert plan.gap < 3e-4


def test_whole_route_gives_what_the_prices_give():
    table = offer_table(250, 3)
    program = program_with(table, *(retention_row(table, 0.5, cell) for cell in range(3)))

    whole, by_prices = solve(program, WHOLE), solve(program, BY_PRICES)

    assert whole.solver != by_prices.solver
    assert whole.upper_bound == pytest.approx(by_prices.upper_bound, rel=1e-9)
    np.testing.assert_allclose(whole.prices, by_prices.prices, rtol=1e-6)
    assert whole.value == pytest.approx(by_prices.value, rel=1e-5)


@ROUTES
def test_free_choice_that_keeps_the_rows_is_the_plan(parameters):
    table = offer_table(100)
    program = program_with(table, retention_row(table, 0.0))
    free = program.options.choose(program.objective)

    plan = solve(program, parameters)

    assert plan.solver == "separable"
    np.testing.assert_array_equal(plan.choice, free.option)
    assert plan.gap == pytest.approx(0, abs=1e-14)


@ROUTES
@pytest.mark.parametrize("share", [1.0 + 1e-6, 1.1])
def test_a_row_out_of_reach_gives_no_plan_but_the_nearest(parameters, share):
    table = offer_table(150)
    row = retention_row(table, share)
    most = program_with(table, row).options.choose(row.coefficients).score

    plan = solve(program_with(table, row), parameters)

    assert plan.choice is None
    assert plan.solver == "infeasible"
    assert np.isnan([plan.value, plan.upper_bound]).all()
    assert plan.slack[0] == pytest.approx(most - row.least, rel=1e-6)


@ROUTES
def test_the_most_there_is_can_be_asked_for(parameters):
    table = offer_table(150)
    program = program_with(table, retention_row(table, 1.0))

    assert_keeps_its_word(program, solve(program, parameters))


@ROUTES
def test_rows_that_contradict_each_other_give_no_plan(parameters):
    table = offer_table(200)
    retention = retention_row(table, 0.9)
    program = program_with(table, retention)
    least_spend = -program.options.choose(weights(1, spend=-1)).score
    thrift = Row("budget", "budget", weights(1, spend=-1), -1.05 * least_spend)

    assert solve(program_with(table, thrift), parameters).choice is not None
    assert solve(program_with(table, retention, thrift), parameters).choice is None


@ROUTES
@pytest.mark.parametrize("rule", [{"most_offers": 1}, {"most_offers": 2}])
def test_offers_per_consumer_against_all_plans(parameters, rule):
    for seed in range(3):
        table = with_consumers(offer_table(6, seed=seed, steps=3), 3, **rule)
        program = program_with(table, retention_row(table, 0.5))

        plan = solve(program, parameters)

        assert_keeps_its_word(program, plan)
        assert plan.value == pytest.approx(best_of_all_plans(program), rel=1e-8)


def test_offers_per_consumer_against_the_linear_program():
    table = with_consumers(offer_table(1_200, 3), 4, most_offers=2)
    program = program_with(table, *(retention_row(table, 0.5, cell) for cell in range(3)))
    exact = relaxed(program)

    plan = solve(program, THRIFTY)

    assert_keeps_its_word(program, plan)
    assert plan.upper_bound == pytest.approx(exact.value, rel=1e-9)
    assert plan.gap < 1e-4


def test_a_thousand_copies_of_five_units():
    table = offer_table(5_000, kinds=5)
    program = program_with(table, retention_row(table, 0.37))

    plan = solve(program, BY_PRICES)

    assert_keeps_its_word(program, plan)
    assert plan.gap < 1e-4


def test_copies_leave_bound_and_price_alone():
    table = offer_table(60)
    program = program_with(table, retention_row(table, 0.5))
    twice = OptionTable(
        *(np.repeat(array, 2, axis=0) for array in (table.allowed, table.measures, table.cell)), 1
    )
    row = program.rows[0]
    doubled = program_with(twice, replace(row, least=2 * row.least))

    once, both = solve(program, BY_PRICES), solve(doubled, BY_PRICES)

    assert both.upper_bound == pytest.approx(2 * once.upper_bound, rel=1e-9)
    np.testing.assert_allclose(both.prices, once.prices, rtol=1e-6)


def test_order_of_units_does_not_matter():
    table = offer_table(900)
    order = np.random.default_rng(3).permutation(900)
    mixed = OptionTable(table.allowed[order], table.measures[order], table.cell[order], 1)
    row = retention_row(table, 0.4)

    plan, other = (solve(program_with(t, row), THRIFTY) for t in (table, mixed))

    assert other.upper_bound == pytest.approx(plan.upper_bound, rel=1e-10)
    np.testing.assert_allclose(other.prices, plan.prices, rtol=1e-6)
    assert (plan.choice[order] != other.choice).mean() < 0.02


@ROUTES
def test_the_same_plan_every_time(parameters):
    table = offer_table(90, 3)
    program = program_with(table, *(retention_row(table, 0.5, cell) for cell in range(3)))

    first, second = solve(program, parameters), solve(program, parameters)

    np.testing.assert_array_equal(first.choice, second.choice)
    assert first.upper_bound == second.upper_bound


def test_known_prices_give_the_same_plan():
    table = offer_table(2_000)
    program = program_with(table, retention_row(table, 0.5))
    plan = solve(program, THRIFTY)

    again = solve(program, THRIFTY, start=plan.prices)

    assert again.upper_bound == pytest.approx(plan.upper_bound, rel=1e-10)
    assert again.value == pytest.approx(plan.value, rel=1e-6)


@ROUTES
def test_programs_with_nothing_in_them(parameters):
    table = offer_table(20)
    nobody = OptionTable(table.allowed[:0], table.measures[:0], table.cell[:0], 1)
    asks = Row("retention", "retention", weights(1, retention=1), 1.0)
    asks_nothing = replace(asks, least=0.0)

    assert solve(program_with(table), parameters).gap == pytest.approx(0, abs=1e-14)
    empty = solve(program_with(nobody, asks_nothing), parameters)
    assert (empty.value, empty.gap, empty.choice.size) == (0, 0, 0)
    assert solve(program_with(nobody, asks), parameters).choice is None
    zero = Row("zero", "zero", weights(1), 0.0)
    assert solve(program_with(table, zero), parameters).gap == pytest.approx(0, abs=1e-14)
    assert solve(program_with(table, replace(zero, least=1.0)), parameters).choice is None


@ROUTES
def test_the_same_row_twice_and_units_all_alike(parameters):
    table = offer_table(100, kinds=1)
    row = retention_row(table, 0.45)
    program = program_with(table, row, row)

    plan = solve(program, parameters)

    assert_keeps_its_word(program, plan)
    exact = relaxed(program)
    assert plan.upper_bound == pytest.approx(exact.value, rel=1e-9)
    assert plan.prices.sum() == pytest.approx(exact.prices.sum(), rel=1e-6)


@ROUTES
def test_items_that_cost_nothing(parameters):
    table = offer_table(120)
    table.measures[::3, :, [0, 1, 2]] = 0.0
    program = program_with(table, retention_row(table, 0.5))

    plan = solve(program, parameters)

    assert_keeps_its_word(program, plan)
    assert plan.upper_bound == pytest.approx(relaxed(program).value, rel=1e-9)


@ROUTES
def test_nothing_to_earn_but_rows_to_keep(parameters):
    table = offer_table(120)
    program = replace(program_with(table, retention_row(table, 0.5)), objective=0 * margin(1))

    plan = solve(program, parameters)

    assert_keeps_its_word(program, plan)
    assert plan.value == 0


def contradiction(table, spend_share):
    """Ask for retention in each cell next to a budget that is this share of what it takes."""
    rows = [retention_row(table, 0.5, cell) for cell in range(table.cells)]
    program = program_with(table, *rows)
    spend = weights(table.cells, spend=-1)
    cheapest = replace(program, objective=spend)
    least = relaxed(cheapest).value
    budget = Row("budget", "budget", spend, least * spend_share, at_most=True)
    return replace(program, rows=(*program.rows, budget))


@pytest.mark.parametrize("share", [0.7, 0.99])
def test_rows_out_of_reach_together_are_proved_to_be(share):
    program = contradiction(offer_table(600, 3), share)
    plan = solve(program, BY_PRICES)
    assert relaxed(program) is None
    assert plan.choice is None
    assert plan.solver == "infeasible"
    hard = replace(program, objective=0 * program.objective)
    score = program.options.choose(hard.weights(plan.prices)).score
    assert score - plan.prices @ program.least < 0
    np.testing.assert_allclose(plan.slack, plan.activity - program.least)
    assert plan.slack.min() < 0


def test_rows_that_can_just_be_kept_together_are():
    program = contradiction(offer_table(2_000, 3), 1.01)
    plan = solve(program, BY_PRICES)
    assert_keeps_its_word(program, plan)
    assert plan.upper_bound == pytest.approx(relaxed(program).value, rel=1e-6)


def test_a_plan_that_was_not_found_is_not_said_to_be_impossible():
    measures = np.zeros((4, 2, 7))
    measures[:, 1, 3] = 2.0
    table = OptionTable(np.ones((4, 2), dtype=bool), measures, np.zeros(4, dtype=int), 1)
    odd = weights(1, retention=1)
    rows = Row("up", "up", odd, 3.0), Row("down", "down", -odd, -3.0)
    plan = solve(program_with(table, *rows), WHOLE)
    assert plan.choice is None
    assert plan.solver == "no plan found"
    assert np.isfinite(plan.upper_bound)
    np.testing.assert_allclose(np.abs(plan.slack), 1.0)


def test_a_row_relaxed_as_far_as_explained_is_solved_or_said_not_to_be():
    program = random_program(7, 400, [0.85, 0.85, 0.85])
    explained = explain_infeasible(program, BY_PRICES).relaxations
    relaxations = explained["smallest_relaxation"].dropna()
    assert len(relaxations)
    for index, relaxation in relaxations.items():
        rows, row = list(program.rows), program.rows[index]
        rows[index] = replace(row, least=row.least - relaxation / row.scale)
        eased = replace(program, rows=tuple(rows))
        plan = solve(eased, BY_PRICES)
        assert plan.solver != "infeasible"
        if plan.choice is not None:
            assert_keeps_its_word(eased, plan)


@pytest.mark.parametrize("least", [np.nan, np.inf])
def test_a_row_that_asks_for_no_number_is_refused(least):
    row = retention_row(offer_table(5), 0.5)
    with pytest.raises(InputError, match="not finite"):
        replace(row, least=least)
    with pytest.raises(InputError, match="not finite"):
        replace(row, coefficients=np.full_like(row.coefficients, least))


def test_what_a_row_tolerates_is_part_of_the_bound():
    table = offer_table(5_000)
    program = program_with(table, retention_row(table, 0.5))
    row = program.rows[0]
    most = program.options.choose(row.coefficients).score
    asked = replace(program, rows=(replace(row, least=most * (1 + 5e-10)),))
    plan = solve(asked, SolverParameters(threads=1))
    assert plan.slack[0] < 0
    assert plan.value <= plan.upper_bound
    score = asked.options.choose(asked.weights(plan.prices)).score
    bound, tolerated = asked.bound(score, plan.prices), 1e-9 * plan.prices[0] * asked.least[0]
    assert plan.value > bound
    assert plan.upper_bound == pytest.approx(bound + tolerated, rel=1e-9)


@pytest.mark.parametrize("parameters", [WHOLE, THRIFTY])
@pytest.mark.parametrize("beyond", [3e-9, 1e-8, 1e-7])
def test_a_row_that_asks_for_a_hair_too_much_is_proved_to(parameters, beyond):
    table = offer_table(300)
    row = retention_row(table, 1.0)
    plan = solve(program_with(table, replace(row, least=row.least * (1 + beyond))), parameters)
    assert plan.solver == "infeasible"
    assert plan.prices[0] > 0
    assert plan.slack[0] == pytest.approx(-beyond * row.least, rel=1e-3)


def test_rows_that_ask_for_a_hair_too_much_together_are_proved_to():
    table = offer_table(600, 2)
    rows = [retention_row(table, 1.0, cell) for cell in range(2)]
    odd = weights(2, retention=[1.0, 2.0])
    most = rows[0].least + 2 * rows[1].least
    asked = Row("less", "less", -odd, -most * (1 - 2e-8), at_most=True)
    plan = solve(program_with(table, *rows, asked), BY_PRICES)
    assert plan.solver == "infeasible"
    score = plan.prices @ [row.least for row in (*rows, asked)]
    bare = replace(program_with(table, *rows, asked), objective=np.zeros((2, 7)))
    assert bare.options.choose(bare.weights(plan.prices)).score < score
