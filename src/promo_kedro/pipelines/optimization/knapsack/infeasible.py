"""Why no plan meets every row: what each could reach, which contradict, what would help.

Phase one makes rows elastic: there is nothing to earn, and a row costs what it is short of, as a
share of what it can range over, so that rows in different units compare. By weak duality a total
shortfall above 0 at some prices proves that no plan keeps the rows priced above 0, which tells
most innocent rows apart at once; a deletion filter goes over the others.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from pandas import DataFrame

from promo_kedro.pipelines.optimization.knapsack.mixes import MET, Mix, best_mix
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.program import Plan, Program
from promo_kedro.pipelines.optimization.knapsack.route import shortfall, solve
from promo_kedro.pipelines.optimization.knapsack.witness import kept_near
from promo_kedro.types import Array

HAIR = 1e-9
"""Share of what a row can range over that counts as nothing."""

ROOM = (HAIR, 1e-6, 1e-5, 1e-4, 1e-3)
TO_ROUND = 1e-4
OUTWEIGH = 1e4


class Explanation(NamedTuple):
    """Why no plan meets every row, and what would help.

    Attributes:
        relaxations: one line per row, figures as shown to people: rule, row, sense, required,
            attainable_alone (the most a plan could reach, or the least of an "at most" row),
            attainable_with_others (the same with every other row kept), smallest_relaxation (of
            this row alone that makes the program feasible), unit, in_conflict (whether it is of a
            set of rows that contradict each other, though all but any one of them can be kept).
            The second and third are empty where the other rows already contradict each other. Of
            a program too large to be solved whole, what is attainable is so in the linear program.
        kept_if_relaxed: which rows give way by how much where all give way together by the least,
            in total share of their ranges; empty where nothing contradicts.
    """

    relaxations: DataFrame
    kept_if_relaxed: str


def explain_infeasible(program: Program, parameters: SolverParameters) -> Explanation:
    """Say why no plan meets every row of a program.

    A row that a plan may buy itself out of (``penalty``) contradicts nothing.

    Args:
        program: one that no plan meets; of another, every relaxation is 0.
        parameters: of the solver.
    """
    sizes = row_sizes(program)
    alone = np.array([attainable(program, row.coefficients) for row in program.rows])
    firm = firm_rows(program)
    jointly_kept = joint_mix(only(program, firm), sizes[firm])
    conflict = _conflict(program, sizes, jointly_kept, parameters)
    jointly, relaxations = np.full((2, len(program.rows)), np.nan)
    for index in sorted(conflict) if conflict else range(len(program.rows)):
        found = _most_with_others(program, index, sizes, jointly_kept.plans, parameters)
        if found is not None:
            jointly[index] = found.most
            relaxations[index] = _relaxation(program, index, found, sizes, parameters)
    scales = np.array([row.scale for row in program.rows])
    senses = np.array([-1.0 if row.at_most else 1.0 for row in program.rows])
    relaxed = DataFrame(
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
    return Explanation(relaxed, _joint_relaxation(program, sizes, jointly_kept) if conflict else "")


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

    A small program sets its objective aside for that. In a large one it stays, next to penalties
    that outweigh it: with nothing to earn no unit would prefer any option to another, and the
    prices would not tell which units are undecided.

    Args:
        program: what is solved.
        elastic: the rows that may be missed.
        sizes: what the shortfall of each row is relative to, (rows,).
        parameters: of the solver.
    """
    objective, missed_whole = 0.0 * program.objective, 1.0
    if not is_small(program, parameters):
        objective = program.objective
        worth = attainable(program, objective) + attainable(program, -objective)
        missed_whole = OUTWEIGH * worth or 1.0
    easy = _elastic(program, set(elastic), sizes / missed_whole)
    return solve(replace(easy, objective=objective), parameters)


def _elastic(program: Program, elastic: set[int], sizes: Array) -> Program:
    rows = tuple(
        replace(row, penalty=1 / float(sizes[index])) if index in elastic else row
        for index, row in enumerate(program.rows)
    )
    return replace(program, rows=rows)


def joint_mix(program: Program, sizes: Array, plans: tuple[Array, ...] = ()) -> Mix:
    """Return the mix of plans that misses all rows least in total: phase one."""
    return least_missing_mix(program, range(len(sizes)), sizes, plans)


def least_missing_mix(
    program: Program, elastic: Iterable[int], sizes: Array, plans: tuple[Array, ...] = ()
) -> Mix:
    """Return the mix of plans that misses the elastic rows least in total, the others being kept.

    Args:
        program: what the plans are of; its objective is left aside.
        elastic: the rows that may be missed.
        sizes: what the shortfall of each row is relative to, (rows,).
        plans: totals to begin with; some mix of them keeps the rows that may not be missed.
    """
    bare = replace(program, objective=0.0 * program.objective)
    return best_mix(_elastic(bare, set(elastic), sizes), 1.0, plans)


def eased(program: Program, slack: Array, sizes: Array) -> Program:
    """Return the program with its rows eased by what a mix is short of, and a hair more."""
    short = np.maximum(-slack, 0.0) + HAIR * sizes
    rows = tuple(
        replace(row, least=row.least - float(by))
        for row, by in zip(program.rows, short, strict=True)
    )
    return replace(program, rows=rows)


def is_small(program: Program, parameters: SolverParameters) -> bool:
    """Return whether the solver takes the program whole, so that its answer is exact."""
    return len(program.options) <= parameters.whole_program_size


def firm_rows(program: Program) -> list[int]:
    """Return which rows a plan cannot buy itself out of."""
    return np.flatnonzero(np.isinf(program.penalties)).tolist()


def only(program: Program, indices: Iterable[int]) -> Program:
    """Return the program with these rows alone, in their order."""
    return replace(program, rows=tuple(program.rows[index] for index in sorted(indices)))


def _conflict(
    program: Program, sizes: Array, jointly: Mix, parameters: SolverParameters
) -> set[int]:
    """Return rows that cannot all be kept, though any but one of them can; none if all can."""
    firm = firm_rows(program)
    for index in firm:
        best = only(program, [index])
        if shortfall(best, best.options.choose(program.rows[index].coefficients).totals).any():
            return {index}
    plans = jointly.plans
    conflict = _contradiction(program, set(firm), sizes, plans, parameters)
    for index in sorted(conflict):
        if index in conflict:
            less = _contradiction(program, conflict - {index}, sizes, plans, parameters)
            conflict = less or conflict
    return conflict


def _contradiction(
    program: Program,
    among: set[int],
    sizes: Array,
    plans: tuple[Array, ...],
    parameters: SolverParameters,
) -> set[int]:
    """Return rows among these that contradict each other; none if a plan keeps them all."""
    if not among:
        return set()
    indices = np.array(sorted(among))
    part = only(program, among)
    mix = joint_mix(part, sizes[indices], plans)
    if mix.bound < -HAIR:
        return set(indices[mix.prices * sizes[indices] > HAIR].tolist())
    if not is_small(part, parameters):
        return set()
    plan = least_shortfall(part, range(len(indices)), sizes[indices], parameters)
    return among if shortfall(part, plan.totals).any() else set()


@dataclass(frozen=True)
class Reach:
    """What a row can reach next to the others.

    Attributes:
        most: of its activity.
        prices: of all rows in the linear program that has it for its objective, (rows,); 0 its
            own.
    """

    most: float
    prices: Array


def _most_with_others(
    program: Program,
    index: int,
    sizes: Array,
    plans: tuple[Array, ...],
    parameters: SolverParameters,
) -> Reach | None:
    """Return the most that a row can reach, the others kept; none where nothing keeps them.

    In a large program that is up to a whole option, the most of the linear program.
    """
    others = [each for each in firm_rows(program) if each != index]
    alone = replace(only(program, others), objective=program.rows[index].coefficients)
    prices = np.zeros(len(program.rows))
    if is_small(program, parameters):
        plan = solve(alone, parameters)
        return None if plan.choice is None else Reach(plan.value, prices)
    kept = joint_mix(alone, sizes[others], plans)
    if kept.bound < -HAIR or kept.value < -MET:
        return None
    most = best_mix(eased(alone, kept.slack, sizes[others]), sizes[index], kept.plans)
    prices[others] = most.prices
    return Reach(most.value, prices)


def _relaxation(
    program: Program, index: int, reach: Reach, sizes: Array, parameters: SolverParameters
) -> float:
    """Return by how much the row must give way, such that the program then has a plan.

    Args:
        program: as it was required.
        index: the row.
        reach: what the row can reach, the others kept.
        sizes: what the rows can range over, (rows,).
        parameters: of the solver.

    Returns:
        In the row's own unit, such that a plan was found; NaN where none was.
    """
    row, size = program.rows[index], float(sizes[index])
    if row.least - reach.most <= HAIR * max(size, abs(row.least)):
        return 0.0
    if not is_small(program, parameters):
        return _relaxation_seen(program, index, reach, sizes, parameters)
    for room in ROOM:
        promised = row.least - reach.most + room * size
        relaxed = replace(row, least=row.least - promised)
        rows = (*program.rows[:index], relaxed, *program.rows[index + 1 :])
        if solve(replace(program, rows=rows), parameters).choice is not None:
            return promised
    return float("nan")


def _relaxation_seen(
    program: Program, index: int, reach: Reach, sizes: Array, parameters: SolverParameters
) -> float:
    """Return the relaxation that a plan which keeps all other rows shows; NaN without one.

    A plan near the prices of the linear program is sought first, since it costs a few passes.
    """
    others = [each for each in firm_rows(program) if each != index]
    alone = replace(only(program, others), objective=program.rows[index].coefficients)
    size = float(sizes[index])
    choice = kept_near(alone, reach.prices[others], sizes[others], reach.most - TO_ROUND * size)
    if choice is None:
        choice = solve(alone, parameters, start=reach.prices[others]).choice
    if choice is None:
        return float("nan")
    reached = alone.value(alone.options.totals(choice))
    return float(program.rows[index].least - reached + HAIR * size)


def _joint_relaxation(program: Program, sizes: Array, jointly: Mix) -> str:
    """Return the smallest relaxation of all rows together, in total share of their ranges."""
    short = np.maximum(-jointly.slack, 0.0)
    return "; ".join(
        f"{program.rows[index].name} by {missing * program.rows[index].scale:,.6g} "
        f"{program.rows[index].unit}"
        for index, missing in zip(firm_rows(program), short, strict=True)
        if missing > MET * sizes[index]
    )
