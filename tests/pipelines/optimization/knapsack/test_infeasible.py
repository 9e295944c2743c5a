"""What cannot be kept together is told apart, against HiGHS on the program written out."""

from dataclasses import replace
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from promo_kedro.pipelines.optimization.knapsack.infeasible import attainable, explain_infeasible
from promo_kedro.pipelines.optimization.knapsack.options import OptionTable
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.program import Program, Row
from promo_kedro.pipelines.optimization.knapsack.tabulated import TabulatedOptions

PARAMETERS = SolverParameters()


def random_program(seed: int, units: int, leasts: list[float]) -> Program:
    """Rows over random measures; a bound is this share of the way to what its row can reach."""
    random = np.random.default_rng(seed)
    allowed = random.random((units, 5)) < 0.8
    allowed[:, 0] = True
    cell = np.sort(random.integers(0, 2, units))
    options = TabulatedOptions(OptionTable(allowed, random.random((units, 5, 7)), cell, 2))
    program = Program(options, random.normal(size=(2, 7)))
    rows = []
    for index, share in enumerate(leasts):
        coefficients = random.normal(size=(2, 7))
        most, least = attainable(program, coefficients), -attainable(program, -coefficients)
        rows.append(
            Row(f"row {index}", "rule", coefficients, least + share * (most - least), scale=2.0)
        )
    return replace(program, rows=tuple(rows))


def most_of(program: Program, objective, rows, *, integer: bool = True) -> float | None:
    """The most of an objective with these rows kept, by HiGHS; none where nothing keeps them."""
    table = program.options.table
    unit, column = np.nonzero(table.allowed)
    measures = table.measures[unit, column]
    weigh = lambda weights: (measures * weights[table.cell[unit]]).sum(axis=1)  # noqa: E731
    one_each = np.equal.outer(np.arange(len(table.cell)), unit).astype(float)
    constraints = [LinearConstraint(one_each, 1, 1)]
    constraints += [LinearConstraint(weigh(row.coefficients), row.least, np.inf) for row in rows]
    integrality = np.full(len(unit), int(integer))
    found = milp(
        -weigh(objective), constraints=constraints, bounds=Bounds(0, 1), integrality=integrality
    )
    return None if found.x is None else -found.fun


def feasible(program: Program, rows) -> bool:
    return most_of(program, 0 * program.objective, rows) is not None


INFEASIBLE = [
    random_program(seed, units, leasts)
    for seed, (units, leasts) in enumerate(
        [
            (6, [0.95, 0.95, 0.95]),
            (6, [0.2, 0.97, 0.97, 0.1]),
            (12, [0.9, 0.9, 0.9, 0.9]),
            (40, [0.95, 0.5, 0.95]),
            (40, [0.8, 0.8, 0.8, 0.8, 0.8]),
            (30, [0.3, 1.02, 0.4]),
            (30, [0.3, 1.02, 1.02]),
        ]
    )
]


@cache
def explained_of(which: int):
    return explain_infeasible(INFEASIBLE[which], PARAMETERS).relaxations


@pytest.mark.parametrize("which", range(len(INFEASIBLE)))
def test_the_rows_in_conflict_contradict_each_other_but_not_without_any_one(which):
    program = INFEASIBLE[which]
    assert not feasible(program, program.rows)
    conflict = explained_of(which)["in_conflict"]
    rows = [row for row, blamed in zip(program.rows, conflict, strict=True) if blamed]
    assert rows
    assert not feasible(program, rows)
    for fewer in combinations(rows, len(rows) - 1):
        assert feasible(program, fewer)


@pytest.mark.parametrize("which", range(len(INFEASIBLE)))
def test_what_is_attainable_and_the_smallest_relaxation_agree_with_the_solver(which):
    program, explained = INFEASIBLE[which], explained_of(which)
    for index, row in enumerate(program.rows):
        others = program.rows[:index] + program.rows[index + 1 :]
        line = explained.loc[index]
        alone = most_of(program, row.coefficients, [])
        assert line.attainable_alone == pytest.approx(alone * row.scale)
        most = most_of(program, row.coefficients, others)
        if most is None:
            assert np.isnan(line.attainable_with_others)
            assert np.isnan(line.smallest_relaxation)
        else:
            assert line.attainable_with_others == pytest.approx(most * row.scale, abs=1e-6)
            needed = (row.least - most) * row.scale
            assert line.smallest_relaxation == pytest.approx(needed, abs=1e-6)


@pytest.mark.parametrize("which", range(len(INFEASIBLE)))
def test_a_relaxation_that_is_named_makes_the_program_feasible(which):
    program, explained = INFEASIBLE[which], explained_of(which)
    for index in np.flatnonzero(explained["smallest_relaxation"].notna()):
        rows, eased = list(program.rows), program.rows[index]
        relaxation = explained["smallest_relaxation"][index]
        assert relaxation > 0
        rows[index] = replace(eased, least=eased.least - relaxation / eased.scale)
        assert feasible(program, rows)
        rows[index] = replace(eased, least=eased.least - 0.99 * relaxation / eased.scale)
        assert not feasible(program, rows)


def test_two_conflicts_leave_nothing_that_one_row_could_do():
    explained = explained_of(len(INFEASIBLE) - 1)
    assert explained["in_conflict"].tolist() == [False, True, False]
    assert explained["smallest_relaxation"].isna().all()


def test_a_feasible_program_needs_no_relaxation():
    program = random_program(3, 10, [0.3, 0.4])
    explained = explain_infeasible(program, PARAMETERS).relaxations
    assert not explained["in_conflict"].any()
    assert (explained["smallest_relaxation"] == 0).all()


def test_an_at_most_row_is_shown_the_way_people_say_it():
    program = INFEASIBLE[5]
    hopeless = program.rows[1]
    turned = replace(hopeless, at_most=True)
    rows = (program.rows[0], turned, program.rows[2])
    shown = explain_infeasible(replace(program, rows=rows), PARAMETERS).relaxations.loc[1]
    assert shown.sense == "at most"
    assert shown.required == -2 * hopeless.least
    assert shown.attainable_alone > shown.required
    assert shown.smallest_relaxation > 0


def test_a_row_with_a_penalty_is_never_blamed():
    program = INFEASIBLE[5]
    rows = (program.rows[0], replace(program.rows[1], penalty=3.0), program.rows[2])
    explained = explain_infeasible(replace(program, rows=rows), PARAMETERS).relaxations
    assert not explained["in_conflict"].any()
    assert explained["smallest_relaxation"][[0, 2]].eq(0).all()


def test_the_joint_relaxation_is_told():
    assert explain_infeasible(INFEASIBLE[0], PARAMETERS).kept_if_relaxed.startswith("row")
    feasible = random_program(3, 10, [0.3, 0.4])
    assert explain_infeasible(feasible, PARAMETERS).kept_if_relaxed == ""


LARGE = SolverParameters(whole_program_size=0)


@pytest.mark.parametrize("which", [3, 4, 5, 6])
def test_a_large_program_is_explained_by_its_linear_program(which):
    program = INFEASIBLE[which]
    explained = explain_infeasible(program, LARGE).relaxations

    def kept(rows) -> bool:
        return most_of(program, 0 * program.objective, rows, integer=False) is not None

    rows = [
        row for row, blamed in zip(program.rows, explained["in_conflict"], strict=True) if blamed
    ]
    assert not kept(rows)
    assert all(kept(fewer) for fewer in combinations(rows, len(rows) - 1))
    for index in np.flatnonzero(explained["in_conflict"]):
        row, others = program.rows[index], program.rows[:index] + program.rows[index + 1 :]
        most = most_of(program, row.coefficients, others, integer=False)
        shown = explained["attainable_with_others"][index]
        assert np.isnan(shown) if most is None else shown == pytest.approx(2 * most, abs=1e-5)


def test_the_relaxation_named_for_a_large_program_makes_the_linear_program_feasible():
    program = random_program(7, 400, [0.85, 0.85, 0.85])
    explained = explain_infeasible(program, LARGE).relaxations
    named = explained["smallest_relaxation"].dropna()
    assert len(named)
    for index, relaxation in named.items():
        rows, eased = list(program.rows), program.rows[index]
        rows[index] = replace(eased, least=eased.least - relaxation / eased.scale)
        assert most_of(program, 0 * program.objective, rows, integer=False) is not None
        rows[index] = replace(eased, least=eased.least - 0.9 * relaxation / eased.scale)
        assert most_of(program, 0 * program.objective, rows, integer=False) is None
