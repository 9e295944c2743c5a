"""Soft rules give way in order, against every plan of tiny programs written out."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from promo_kedro.pipelines.optimization.knapsack.infeasible import attainable
from promo_kedro.pipelines.optimization.knapsack.options import OptionTable
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.priorities import solve_by_priority
from promo_kedro.pipelines.optimization.knapsack.program import Program, Row
from promo_kedro.pipelines.optimization.knapsack.tabulated import TabulatedOptions

PARAMETERS = SolverParameters()
PRICES = (12.0, 10.0, 8.0)
RETENTIONS = (0.1, 0.3, 0.4)


def random_program(seed: int, asked: list[tuple[float, bool, int]]) -> Program:
    """Five units; each row asks for this share of its range, is hard or not, has a priority."""
    random = np.random.default_rng(seed)
    allowed = random.random((5, 4)) < 0.8
    allowed[:, 0] = True
    options = TabulatedOptions(
        OptionTable(allowed, random.random((5, 4, 7)), np.zeros(5, np.int64), 1)
    )
    program = Program(options, random.normal(size=(1, 7)))
    rows = []
    for index, (share, hard, priority) in enumerate(asked):
        weights = random.normal(size=(1, 7))
        most, least = attainable(program, weights), -attainable(program, -weights)
        needed = least + share * (most - least)
        name = f"row {index}"
        rows.append(Row(name, "rule", weights, needed, scale=3.0, hard=hard, priority=priority))
    return replace(program, rows=tuple(rows))


def every_plan(program: Program) -> tuple[np.ndarray, np.ndarray]:
    """Value and row activities of each of all plans."""
    table = program.options.table
    choices = product(*(np.flatnonzero(allowed) for allowed in table.allowed))
    units = np.arange(len(table.cell))
    totals = np.array([table.measures[units, list(choice)].sum(axis=0) for choice in choices])
    coefficients = program.coefficients[:, 0]
    return totals @ program.objective[0], totals @ coefficients.T


def best_in_order(program: Program) -> tuple[float, np.ndarray]:
    """Value and shortfalls of the lexicographic optimum, one soft row per priority."""
    values, activities = every_plan(program)
    short = np.maximum(program.least - activities, 0.0)
    hard = [index for index, row in enumerate(program.rows) if row.hard]
    left = (short[:, hard] <= 1e-9).all(axis=1)
    soft = [index for index, row in enumerate(program.rows) if not row.hard]
    for index in sorted(soft, key=lambda index: program.rows[index].priority):
        left &= short[:, index] <= short[left, index].min() + 1e-8
    best = np.flatnonzero(left)[values[left].argmax()]
    return values[best], short[best]


@pytest.mark.parametrize("seed", range(10))
def test_the_plan_is_the_lexicographic_best_of_all_plans(seed):
    program = random_program(
        seed, [(0.7, True, 1), (0.8, False, 2), (0.8, False, 1), (0.7, False, 3)]
    )
    outcome = solve_by_priority(program, PARAMETERS)
    value, short = best_in_order(program)
    found = np.maximum(program.least - outcome.plan.activity, 0.0)
    np.testing.assert_allclose(found, short, atol=1e-7)
    assert outcome.plan.value == pytest.approx(value, rel=1e-6)
    missed = {f"row {index}": short[index] * 3.0 for index in np.flatnonzero(short > 1e-9)}
    assert outcome.broken == pytest.approx(missed, abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_rows_of_one_priority_miss_as_little_as_can_be_in_total(seed):
    program = random_program(seed, [(0.6, True, 1), (0.9, False, 1), (0.9, False, 1)])
    outcome = solve_by_priority(program, PARAMETERS)
    _, activities = every_plan(program)
    sizes = np.array(
        [
            attainable(program, row.coefficients) + attainable(program, -row.coefficients)
            for row in program.rows
        ]
    )
    short = np.maximum(program.least - activities, 0.0) / sizes
    least = short[short[:, 0] <= 1e-9].sum(axis=1).min()
    found = np.maximum(program.least - outcome.plan.activity, 0.0) / sizes
    assert found.sum() == pytest.approx(least, abs=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_the_plan_keeps_the_rows_it_is_returned_with(seed):
    program = random_program(seed, [(0.5, True, 1), (0.9, False, 1), (0.95, False, 2)])
    outcome = solve_by_priority(program, PARAMETERS)
    totals = program.options.totals(outcome.plan.choice)
    final = replace(program, rows=outcome.rows)
    assert (final.activity(totals) >= final.least - 1e-9).all()
    for row, asked in zip(outcome.rows, program.rows, strict=True):
        assert row.least == asked.least or row.name in outcome.broken


def test_a_program_that_can_keep_everything_gives_nothing_up():
    program = random_program(1, [(0.3, True, 1), (0.3, False, 1)])
    outcome = solve_by_priority(program, PARAMETERS)
    assert outcome.broken == {}
    assert outcome.message == ""
    assert outcome.relaxations is None
    values, activities = every_plan(program)
    kept = (activities >= program.least).all(axis=1)
    assert outcome.plan.value == pytest.approx(values[kept].max())


def three_offers(*rows: Row) -> Program:
    """Two units alike with options worth 12, 10, 8 that retain 0.1, 0.3, 0.4."""
    measures = np.zeros((2, 3, 7))
    measures[..., 0], measures[..., 3] = PRICES, RETENTIONS
    table = OptionTable(np.ones((2, 3), bool), measures, np.zeros(2, np.int64), 1)
    objective = np.eye(7)[[0]]
    return Program(TabulatedOptions(table), objective, rows)


RETENTION = np.eye(7)[[3]]
MONEY = np.eye(7)[[0]]


def test_the_lower_priority_is_broken_first_and_said_so():
    program = three_offers(
        Row("retention", "r", RETENTION, 0.8, scale=50, unit="points", hard=False, priority=1),
        Row("earnings", "e", MONEY, 20.0, hard=False, priority=2),
    )
    outcome = solve_by_priority(program, PARAMETERS)
    assert outcome.plan.value == pytest.approx(16.0)
    assert outcome.broken == pytest.approx({"earnings": 4.0})
    assert outcome.message == "given up: earnings, missed by 4 money"
    assert outcome.relaxations["in_conflict"].tolist() == [True, True]

    turned = replace(program, rows=tuple(replace(r, priority=3 - r.priority) for r in program.rows))
    outcome = solve_by_priority(turned, PARAMETERS)
    assert outcome.plan.value == pytest.approx(20.0)
    assert outcome.broken == pytest.approx({"retention": 10.0})


def test_hard_rows_that_contradict_each_other_leave_no_plan_but_a_reason():
    program = three_offers(
        Row("retention", "r", RETENTION, 0.8, scale=50, unit="points"),
        Row("earnings", "e", MONEY, 20.0),
        Row("wish", "w", MONEY, 23.0, hard=False),
    )
    outcome = solve_by_priority(program, PARAMETERS)
    assert outcome.plan.choice is None
    assert outcome.broken == {}
    assert outcome.relaxations["row"].tolist() == ["retention", "earnings"]
    assert outcome.relaxations["smallest_relaxation"].tolist() == pytest.approx([10.0, 4.0])
    assert outcome.message == (
        "no plan keeps these rules together: retention: at least 40 points, attainable 30; "
        "earnings: at least 20 money, attainable 16"
    )


def test_one_rule_out_of_reach_is_named_alone():
    program = three_offers(
        Row("earnings", "e", MONEY, 20.0), Row("retention", "r", RETENTION, 1.0, unit="r")
    )
    message = solve_by_priority(program, PARAMETERS).message
    assert message.startswith("no plan keeps this rule: retention: at least 1 r, attainable 0.6")


def test_a_row_that_is_bought_out_of_is_reported():
    program = three_offers(
        Row("retention", "r", RETENTION, 0.8, scale=50, unit="points", hard=False, penalty=15.0)
    )
    outcome = solve_by_priority(program, PARAMETERS)
    assert outcome.plan.value == pytest.approx(20 - 15 * 0.2)
    assert outcome.broken == pytest.approx({"retention": 10.0})
    assert outcome.rows == program.rows
