"""Changing one or two units at a time: rows kept where they can be, and never a worse plan."""

import numpy as np
import pytest

from promo_kedro.pipelines.optimization.knapsack.swaps import swapped

from .instances import best_of_all_plans, offer_table, program_with, retention_row


@pytest.mark.parametrize("seed", range(6))
def test_a_plan_is_never_made_worse_and_comes_near_the_best(seed):
    table = offer_table(5, seed=seed, steps=3)
    program = program_with(table, retention_row(table, 0.5))
    options = program.options
    most = options.choose(program.coefficients[0])

    choice = swapped(program, most.option, most.totals, np.arange(5), np.full(1, 100.0))

    totals = options.totals(choice)
    best = best_of_all_plans(program)
    assert program.activity(totals)[0] >= program.least[0] - 1e-9
    assert program.value(most.totals) <= program.value(totals) <= best + 1e-9
    assert program.value(totals) >= best - 0.1 * abs(best)


def test_a_short_row_is_filled():
    table = offer_table(30)
    program = program_with(table, retention_row(table, 0.2))
    free = program.options.choose(program.objective)
    assert program.activity(free.totals)[0] < program.least[0]

    choice = swapped(program, free.option, free.totals, np.arange(30), np.full(1, 100.0))

    assert program.activity(program.options.totals(choice))[0] >= program.least[0] - 1e-9


def test_units_that_may_not_change_do_not():
    table = offer_table(30)
    program = program_with(table, retention_row(table, 0.5))
    free = program.options.choose(program.objective)

    choice = swapped(program, free.option, free.totals, np.arange(10), np.full(1, 100.0))

    np.testing.assert_array_equal(choice[10:], free.option[10:])
