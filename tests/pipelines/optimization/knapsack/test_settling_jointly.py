"""Joint plans against what the options say, and plans from them against all plans."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from promo_kedro.pipelines.optimization.knapsack.joint_plans import JointPlans, mixed
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.prices import find_prices
from promo_kedro.pipelines.optimization.knapsack.search import Search
from promo_kedro.pipelines.optimization.knapsack.settling_jointly import settle_jointly

from .instances import (
    best_of_all_plans,
    keeps_consumer_rule,
    offer_table,
    program_with,
    retention_row,
    with_consumers,
)

RULES = pytest.mark.parametrize("rule", [{"most_offers": 1}, {"any_retained": True}], ids=str)
HIGH = 1e4


def coupled(units, size, *, cells=1, steps=3, seed=0, share=0.5, **rule):
    table = offer_table(units, cells, steps=steps, seed=seed)
    if rule.get("any_retained"):
        clears = table.measures[..., 3:4] > np.median(table.measures[..., 3])
        measures = np.where(np.arange(table.measures.shape[-1]) == 3, clears, table.measures)
        table = replace(table, measures=measures)
    table = with_consumers(table, size, **rule)
    return program_with(table, *(retention_row(table, share, cell) for cell in range(cells)))


def all_choices(program):
    table = program.options.table
    choices = itertools.product(*(np.flatnonzero(unit) for unit in table.allowed))
    return [np.array(c, dtype=np.int8) for c in choices if keeps_consumer_rule(table, np.array(c))]


@RULES
def test_joint_plans_add_up_to_the_plan_they_make(rule):
    program = coupled(60, 4, cells=3, **rule)
    draw = np.random.default_rng(0)
    choices = tuple(
        program.options.choose(draw.normal(size=program.objective.shape)).option for _ in range(5)
    )
    plans = JointPlans.of(program, choices, program.options.totals(choices[0]))
    picked = plans.largest(draw.random(plans.value.size))

    made = program.options.totals(plans.made(program, picked))

    figures = plans.settled + np.vstack([plans.value, plans.rows])[:, picked].sum(axis=1)
    expected = np.append(program.value(made), program.activity(made))
    np.testing.assert_allclose(figures, expected, rtol=1e-12, atol=1e-10)


@RULES
def test_the_mix_of_all_joint_plans_is_the_linear_program(rule):
    program = coupled(4, 2, **rule)
    choices = all_choices(program)
    plans = JointPlans.of(program, tuple(choices), program.options.totals(choices[0]))

    mix = mixed(program, plans, (np.zeros(1), np.full(1, HIGH)))

    totals = [program.options.totals(choice) for choice in choices]  # consumers mix independently
    value = [-program.value(each) for each in totals]
    kept = [[-program.activity(each)[0] for each in totals]]
    oracle = linprog(value, kept, -program.least, [np.ones(len(value))], [1.0])
    assert mix.value == pytest.approx(-oracle.fun, rel=1e-9)
    assert mix.prices[0] == pytest.approx(-oracle.ineqlin.marginals[0], rel=1e-6)


@RULES
@pytest.mark.parametrize("seed", range(3))
def test_tiny_programs_against_all_plans(rule, seed):
    program = coupled(6, 3, seed=seed, steps=2, **rule)
    search, parameters = Search(program), SolverParameters()

    settle_jointly(search, parameters, find_prices(program, parameters))

    best = best_of_all_plans(program)
    assert search.bound >= best - 1e-9 * abs(best)
    assert search.value == pytest.approx(best, rel=1e-8)


def test_many_consumers_and_rows_are_certified():
    program = coupled(3_000, 5, cells=6, steps=9, most_offers=2)
    search, parameters = Search(program), SolverParameters(sample_size=300, core_size=200)
    rough = parameters.model_copy(update={"passes": 1})

    settle_jointly(search, parameters, find_prices(program, rough))

    assert keeps_consumer_rule(program.options.table, search.choice)
    assert search.is_close(2e-4)
