"""Why no plan meets every row: what each could reach, which contradict, what would help.

Phase one makes rows elastic: there is nothing to earn, and a row costs what it is short of, as a
share of what it can range over, so that rows in different units compare. By weak duality a total
shortfall above 0 at some prices proves that no plan keeps the rows priced above 0, which tells
most innocent rows apart at once; a deletion filter goes over the others.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from pandas import DataFrame

from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.program import Plan, Program
from promo_kedro.pipelines.optimization.knapsack.route import shortfall, solve
from promo_kedro.types import Array

logger = logging.getLogger(__name__)

HAIR = 1e-9
"""Share of what a row can range over that counts as nothing."""

WIDENINGS = (0.0, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)


def explain_infeasible(program: Program, parameters: SolverParameters) -> DataFrame:
    """Say why no plan meets every row of a program.

    A row that a plan may buy itself out of (``penalty``) contradicts nothing.

    Args:
        program: one that no plan meets; of another, every relaxation is 0.
        parameters: of the solver.

    Returns:
        One line per row, figures as shown to people: rule, row, sense, required,
        attainable_alone (the most a plan could reach, or the least of an "at most" row),
        attainable_with_others (the same with every other row kept), smallest_relaxation (of
        this row alone, such that a plan was found), unit, in_conflict (whether it is of a set of
        rows that contradict each other, though any but one of them can be kept). The second
        and third are empty where the other rows already contradict each other.
    """
    sizes = row_sizes(program)
    alone = np.array([attainable(program, row.coefficients) for row in program.rows])
    conflict = _conflict(program, sizes, parameters)
    jointly, relaxations = np.full((2, len(program.rows)), np.nan)
    for index in sorted(conflict) if conflict else range(len(program.rows)):
        found = _most_with_others(program, index, parameters)
        if found is not None:
            jointly[index] = found.value
            relaxations[index] = _relaxation(program, index, found, sizes[index], parameters)
    _log_joint_relaxation(program, sizes, parameters)
    scales = np.array([row.scale for row in program.rows])
    senses = np.array([-1.0 if row.at_most else 1.0 for row in program.rows])
    return DataFrame(
        {
            "rule": [row.rule for row in program.rows],
            "row": [row.name for row in program.rows],
            "sense": ["at most" if row.at_most else "at least" for row in program.rows],
            "required": program.least * scales * senses,
            "attainable_alone": alone * scales * senses,
            "attainable_with_others": jointly * scales * senses,
            "smallest_relaxation": relaxations * scales,
            "unit": [row.unit for row in program.rows],
            "in_conflict": [index in conflict for index in range(len(program.rows))],
        }
    )


def attainable(program: Program, coefficients: Array) -> float:
    """Return the largest activity of a row with these coefficients, (cells, 7): one pass."""
    return program.options.choose(coefficients).score


def row_sizes(program: Program) -> Array:
    """Return what shortfalls are relative to, (rows,): what each row can range over."""
    sizes = np.ones(len(program.rows))
    for index, row in enumerate(program.rows):
        reach = attainable(program, row.coefficients) + attainable(program, -row.coefficients)
        sizes[index] = (reach if reach > HAIR * abs(row.least) else abs(row.least)) or 1.0
    return sizes


def least_shortfall(
    program: Program, elastic: Iterable[int], sizes: Array, parameters: SolverParameters
) -> Plan:
    """Return the plan that misses the elastic rows least in total, the others being kept.

    Args:
        program: its objective is left aside.
        elastic: the rows that may be missed.
        sizes: what the shortfall of each row is relative to, (rows,).
        parameters: of the solver.
    """
    missed = set(elastic)
    rows = tuple(
        replace(row, penalty=1 / sizes[index]) if index in missed else row
        for index, row in enumerate(program.rows)
    )
    return solve(replace(program, objective=0.0 * program.objective, rows=rows), parameters)


def firm_rows(program: Program) -> list[int]:
    """Return which rows a plan cannot buy itself out of."""
    return np.flatnonzero(np.isinf(program.penalties)).tolist()


def only(program: Program, indices: Iterable[int]) -> Program:
    """Return the program with these rows alone, in their order."""
    return replace(program, rows=tuple(program.rows[index] for index in sorted(indices)))


def _conflict(program: Program, sizes: Array, parameters: SolverParameters) -> set[int]:
    """Return rows that cannot all be kept, though any but one of them can; none if all can."""
    firm = firm_rows(program)
    for index in firm:
        best = only(program, [index])
        if shortfall(best, best.options.choose(program.rows[index].coefficients).totals).any():
            return {index}
    conflict = _contradiction(program, set(firm), sizes, parameters)
    for index in sorted(conflict):
        if index in conflict:
            conflict = _contradiction(program, conflict - {index}, sizes, parameters) or conflict
    return conflict


def _contradiction(
    program: Program, among: set[int], sizes: Array, parameters: SolverParameters
) -> set[int]:
    """Return rows among these that contradict each other; none if a plan keeps them all."""
    if not among:
        return set()
    indices = np.array(sorted(among))
    part = only(program, among)
    plan = least_shortfall(part, range(len(indices)), sizes[indices], parameters)
    if not shortfall(part, plan.totals).any():
        return set()
    priced = np.where(plan.prices * sizes[indices] > HAIR, plan.prices, 0.0)
    score = attainable(part, np.tensordot(priced, part.coefficients, axes=1))
    proven = score - priced @ part.least < -HAIR * (priced @ np.abs(part.least))
    return set(indices[priced > 0].tolist()) if proven else among


def _most_with_others(program: Program, index: int, parameters: SolverParameters) -> Plan | None:
    """Return the plan with the most of one row, the others kept; none where nothing keeps them."""
    others = [each for each in firm_rows(program) if each != index]
    objective = program.rows[index].coefficients
    plan = solve(replace(only(program, others), objective=objective), parameters)
    return None if plan.choice is None else plan


def _relaxation(
    program: Program, index: int, found: Plan, size: float, parameters: SolverParameters
) -> float:
    """Return by how much the row must give way, such that the program then has a plan.

    What was found bears out the first answer; but the route must find a plan too, and may need
    more room where a whole option more or less makes the difference.
    """
    row = program.rows[index]
    needed = row.least - found.value
    if not shortfall(only(program, [index]), found.totals).any():
        return 0.0
    for widening in WIDENINGS:
        promised = needed + (HAIR + widening) * size
        eased = replace(row, least=row.least - promised)
        rows = (*program.rows[:index], eased, *program.rows[index + 1 :])
        if solve(replace(program, rows=rows), parameters).choice is not None:
            return promised
    return needed + HAIR * size


def _log_joint_relaxation(program: Program, sizes: Array, parameters: SolverParameters) -> None:
    """Log the smallest relaxation of all rows together, as shares of what they require."""
    firm = firm_rows(program)
    program, sizes = only(program, firm), sizes[firm]
    plan = least_shortfall(program, range(len(firm)), sizes, parameters)
    short = shortfall(program, plan.totals)
    eased = [
        f"{row.name} by {missing * row.scale:,.6g} {row.unit}"
        for row, missing in zip(program.rows, short, strict=True)
        if missing > 0
    ]
    if eased:
        logger.info("All rules can be kept together if relaxed: %s.", "; ".join(eased))
