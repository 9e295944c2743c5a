"""The prices of the rows against the linear program, and the local dual against the dual."""

from dataclasses import replace

import numpy as np
import pytest

from promo_kedro.pipelines.optimization.knapsack.local_dual import (
    Part,
    least_sure,
    local_dual,
    minimised,
    spread_sample,
)
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.prices import find_prices, priced
from promo_kedro.pipelines.optimization.knapsack.statement import solve_statement
from promo_kedro.pipelines.optimization.knapsack.tabulated import TabulatedOptions

from .instances import (
    offer_table,
    program_with,
    retention_row,
    sixteen_rows,
    with_consumers,
)

SMALL_SAMPLE = SolverParameters(sample_size=200)


def relaxed(program):
    table = program.options.tabulate(np.arange(len(program.options)))
    return solve_statement(
        table, program.objective, program.coefficients, program.least, program.penalties
    )


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_one_price_is_that_of_the_linear_program(share):
    table = offer_table(1_000)
    program = program_with(table, retention_row(table, share))
    exact = relaxed(program)

    found = find_prices(program, SolverParameters())

    np.testing.assert_allclose(found.prices, exact.prices, rtol=1e-6)
    assert found.bound == pytest.approx(exact.value, rel=1e-12)
    assert found.passes <= 3


def test_a_sample_leads_all_units_to_the_same_price():
    table = offer_table(2_000)
    program = program_with(table, retention_row(table, 0.5))

    found = find_prices(program, SMALL_SAMPLE)

    assert found.bound == pytest.approx(relaxed(program).value, rel=1e-9)
    assert found.passes <= 6


def test_sixteen_prices_come_near_the_linear_program():
    program = sixteen_rows(offer_table(2_000, 13))
    exact = relaxed(program)

    found = find_prices(program, SMALL_SAMPLE)

    assert exact.value * (1 - 1e-12) <= found.bound <= exact.value * (1 + 1e-4)


def test_every_bound_is_above_the_linear_program():
    program = sixteen_rows(offer_table(500, 13))
    exact = relaxed(program)
    draw = np.random.default_rng(1)
    for _ in range(20):
        prices = exact.prices * draw.uniform(0, 2, exact.prices.size)
        assert priced(program, prices, np.ones(16)).bound >= exact.value * (1 - 1e-12)


def test_known_prices_save_the_search():
    table = offer_table(2_000)
    program = program_with(table, retention_row(table, 0.5))
    found = find_prices(program, SMALL_SAMPLE)

    again = find_prices(program, SMALL_SAMPLE, found.prices)

    assert again.passes <= 2
    assert again.bound == pytest.approx(found.bound, rel=1e-10)


def test_a_price_stays_below_its_penalty():
    table = offer_table(500)
    row = retention_row(table, 0.5)
    free_price = float(find_prices(program_with(table, row), SolverParameters()).prices[0])
    penalised = program_with(table, replace(row, penalty=free_price / 2))

    found = find_prices(penalised, SolverParameters())

    assert found.prices[0] == pytest.approx(free_price / 2)


def test_prices_that_nothing_can_satisfy_run_away():
    table = offer_table(500)
    found = find_prices(program_with(table, retention_row(table, 1.1)), SolverParameters())

    assert found.runs_away()


def test_local_dual_agrees_with_the_dual_at_its_centre_and_near_it():
    program = sixteen_rows(offer_table(3_000, 13))
    found = find_prices(program, SolverParameters())
    centre = priced(program, found.prices, found.unit)
    options = program.options
    near = least_sure(options, centre.choices, 300)
    sample = spread_sample(options, 200)
    parts = [Part(options.take(near), np.ones((13, 1))), sample.rest(options, near)]
    dual = local_dual(program, parts, centre.prices, centre.choices.totals)

    value, slope = dual.at(centre.prices)
    assert value == pytest.approx(centre.bound, rel=1e-12)
    np.testing.assert_allclose(slope, centre.slope, atol=1e-8)
    near_by = centre.prices * (1 + 1e-4)
    exact = priced(program, near_by, centre.unit)
    assert dual.at(near_by)[0] == pytest.approx(exact.bound, rel=1e-7)


def test_sample_stands_for_all_units_of_each_cell():
    table = offer_table(5_000, 7)
    options = TabulatedOptions(table)
    sample = spread_sample(options, 400)
    taken = np.arange(0, 5_000, 10)
    part = sample.rest(options, taken)

    stands_for = np.bincount(part.options.cell, minlength=7) * part.factor[:, 0]
    others = np.bincount(table.cell, minlength=7) - np.bincount(table.cell[taken], minlength=7)
    np.testing.assert_allclose(stands_for, others)


def test_cells_with_few_units_are_sampled_too():
    table = replace(offer_table(5_000, 2), cell=np.r_[np.zeros(4_990, int), np.ones(10, int)])
    sample = spread_sample(TabulatedOptions(table), 100)

    assert (table.cell[sample.units] == 1).sum() == 10


def test_consumers_are_sampled_whole():
    table = with_consumers(offer_table(3_000), 3, most_offers=1)
    sample = spread_sample(TabulatedOptions(table), 300)

    assert (np.bincount(sample.units // 3)[np.unique(sample.units // 3)] == 3).all()
    assert sample.units.size == 300


@pytest.mark.parametrize("start", [0.0, 0.3, 50.0])
def test_a_single_price_is_exact_from_anywhere(start):
    table = offer_table(400)
    program = program_with(table, retention_row(table, 0.3))
    dual = local_dual(
        program,
        [Part(program.options, np.ones((1, 1)))],
        np.zeros(1),
        program.options.choose(program.objective).totals,
    )
    box = np.zeros(1), np.full(1, 1e4)

    prices, value = minimised(dual, np.array([start]), box, np.ones(1))

    exact = relaxed(program)
    assert prices[0] == pytest.approx(exact.prices[0], rel=1e-7)
    assert value == pytest.approx(exact.value, rel=1e-12)
