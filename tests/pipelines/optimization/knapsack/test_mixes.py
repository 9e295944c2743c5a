"""The best mix of plans is the linear program, against HiGHS on all options at once."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from promo_kedro.pipelines.optimization.knapsack.mixes import best_mix
from promo_kedro.pipelines.optimization.knapsack.options import OptionTable
from promo_kedro.pipelines.optimization.knapsack.program import Program, Row
from promo_kedro.pipelines.optimization.knapsack.tabulated import TabulatedOptions


def random_program(seed: int, penalty: float, level: float) -> Program:
    random = np.random.default_rng(seed)
    allowed = random.random((50, 5)) < 0.8
    allowed[:, 0] = True
    cell = np.sort(random.integers(0, 3, 50))
    options = TabulatedOptions(OptionTable(allowed, random.random((50, 5, 7)), cell, 3))
    coefficients = random.normal(size=(3, 3, 7))
    middle = options.choose(random.normal(size=(3, 7))).totals
    rows = [
        Row("r", "r", weights, float((weights * middle).sum()) + level, penalty=penalty)
        for weights in coefficients
    ]
    return Program(options, random.normal(size=(3, 7)), tuple(rows))


def linear_best(program: Program) -> float:
    table, rows = program.options.table, len(program.rows)
    unit, column = np.nonzero(table.allowed)
    measures = table.measures[unit, column]
    weigh = lambda weights: (measures * weights[table.cell[unit]]).sum(axis=1)  # noqa: E731
    activity = np.array([weigh(row.coefficients) for row in program.rows])
    one_each = np.equal.outer(np.arange(50), unit).astype(float)
    found = linprog(
        np.concatenate([-weigh(program.objective), program.penalties]),
        A_ub=-np.hstack([activity, np.eye(rows)]),
        b_ub=-program.least,
        A_eq=np.hstack([one_each, np.zeros((50, rows))]),
        b_eq=np.ones(50),
    )
    return -found.fun


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("level", [0.0, 20.0])
def test_a_mix_earns_what_the_linear_program_does_less_penalties(seed, level):
    program = random_program(seed, 3.0, level)
    mix = best_mix(program, 10.0)
    assert mix.value == pytest.approx(linear_best(program), abs=2e-6)
    assert mix.value - 1e-9 <= mix.bound <= mix.value + 2e-6


@pytest.mark.parametrize("seed", range(6))
def test_prices_prove_that_rows_out_of_reach_are_not_kept(seed):
    program = random_program(seed, 1.0, 60.0)
    mix = best_mix(replace(program, objective=0 * program.objective), 1.0)
    assert mix.bound < 0
    priced = replace(program, objective=0 * program.objective).weights(mix.prices)
    score = program.options.choose(priced).score
    assert score - mix.prices @ program.least == pytest.approx(mix.bound)


def test_the_totals_of_a_mix_are_what_its_value_and_slack_are_of():
    program = random_program(2, 3.0, 0.0)
    mix = best_mix(program, 10.0)
    np.testing.assert_allclose(program.activity(mix.totals) - program.least, mix.slack, atol=1e-9)
    short = program.penalties @ np.maximum(-mix.slack, 0)
    assert program.value(mix.totals) - short == pytest.approx(mix.value)


def test_a_row_that_no_plan_keeps_leaves_the_free_choice():
    program = random_program(0, np.inf, 60.0)
    mix = best_mix(program, 1.0)
    free = program.options.choose(program.objective)
    assert mix.value == -np.inf
    assert mix.bound == pytest.approx(free.score)
    np.testing.assert_array_equal(mix.totals, free.totals)
    np.testing.assert_allclose(mix.slack, program.activity(free.totals) - program.least)


@pytest.mark.parametrize("seed", range(3))
def test_a_row_a_hair_out_of_reach_is_proved_to_be(seed):
    program = random_program(seed, 1.0, 0.0)
    weights = program.rows[0].coefficients
    most = program.options.choose(weights).score
    row = replace(program.rows[0], least=most + 1e-8 * abs(most), penalty=1 / abs(most))
    bare = replace(program, objective=0 * program.objective, rows=(row,))
    assert best_mix(bare, 1.0, zero=1e-9).bound < -5e-9
