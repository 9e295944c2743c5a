"""Which units are settled by prices: a linear program over a core of the others, and a box.

A step of the prices is trusted only within a box about the best so far, as far as the units in
the core tell; a pass over all units then says whether it was right.
"""

from dataclasses import dataclass, replace

import numpy as np

from promo_kedro.pipelines.optimization.knapsack.core import Core, Narrowing
from promo_kedro.pipelines.optimization.knapsack.local_dual import least_sure
from promo_kedro.pipelines.optimization.knapsack.options import Choices
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.prices import Prices, priced
from promo_kedro.pipelines.optimization.knapsack.program import Program, Row
from promo_kedro.pipelines.optimization.knapsack.search import Search
from promo_kedro.pipelines.optimization.knapsack.statement import Solution
from promo_kedro.types import Array

AGREED = 1e-11
ROUNDS = 16
MOST_JOINING = 5_000
WIDER = 4
EDGE = 1e-6
NEAREST = 0.25


@dataclass(frozen=True)
class Settled:
    """A linear program solved, and what all units say to its prices.

    Attributes:
        core: the units that it was solved over.
        solution: of the linear program.
        choices: of all units about its prices, with regret; those outside the core keep them.
        unit: a usual size of each price, (rows,).
    """

    core: Core
    solution: Solution
    choices: Choices
    unit: Array


def settled_by_core(search: Search, parameters: SolverParameters, found: Prices) -> Settled | None:
    """Solve the linear program over a core that grows by what its prices overturn.

    The core's value is what the dual over core and settled units comes down to, a lower bound of
    the least dual: where a pass over all units says the same, the linear program is solved. Prices
    are sought in a box about the best so far, within which few units outside the core would
    choose otherwise; it moves with the best prices, and shrinks where too many still would.
    """
    program, choices, size = search.program, found.choices, parameters.core_size
    centre, bound = (found.prices if found.ahead is None else found.ahead), found.bound
    least_reach = min(NEAREST * size / len(program.options), 1.0)
    step = np.abs(centre - found.prices) / found.unit
    reach = float(np.clip(WIDER * step.max(), least_reach, 1.0))
    units, settled = least_sure(program.options, choices, size), None
    narrowing: Narrowing | None = Narrowing(centre)
    for _ in range(ROUNDS):
        box = _box(program, centre, reach * found.unit)
        core, solution = _boxed(program, choices, units, box, narrowing)
        if solution is None:
            break
        latest = priced(program, solution.prices, found.unit, regret=False)
        search.certify(latest.bound, latest.prices)
        settled = Settled(core, solution, choices, found.unit)
        agreed = latest.bound - solution.value <= AGREED * abs(latest.bound)
        inside = not _at_edge(program, solution.prices, box)
        joined = np.union1d(core.open, np.flatnonzero(latest.choices.option != choices.option))
        if inside and (agreed or (joined.size == core.open.size and narrowing is None)):
            break
        narrowing = None if joined.size == core.open.size and inside else Narrowing(latest.prices)
        reach = WIDER * reach if agreed else reach if latest.bound < bound else reach / WIDER
        if latest.bound < bound:
            centre, bound = latest.prices, latest.bound
        units = joined
        if joined.size > size + MOST_JOINING:
            choices = priced(program, centre, found.unit).choices
            units = least_sure(program.options, choices, size)
    return settled


def _box(program: Program, centre: Array, reach: Array) -> tuple[Array, Array]:
    """Return the least and the most that prices may be."""
    return np.maximum(centre - reach, 0.0), np.minimum(centre + reach, program.penalties)


def _at_edge(program: Program, prices: Array, box: tuple[Array, Array]) -> bool:
    """Return whether some price would go further but for the box."""
    low, high = box
    span = EDGE * (high - low)
    at_low, at_high = (prices <= low + span) & (low > 0), prices >= high - span
    return bool((at_low | (at_high & (high < program.penalties))).any())


def _boxed(
    program: Program,
    choices: Choices,
    units: Array,
    box: tuple[Array, Array],
    narrowing: Narrowing | None,
) -> tuple[Core, Solution | None]:
    """Return the core and its linear solution with every price in a box.

    A price is at least what is earned by each unit of the row, and at most that and a penalty.
    """
    low, high = box
    rows = with_penalties(program, high - low)
    eased = replace(program, objective=program.weights(low), rows=rows)
    if narrowing is not None:
        narrowing = replace(narrowing, prices=narrowing.prices - low)
    core = Core(eased, choices.option, units, totals=choices.totals, narrowing=narrowing)
    found = core.relaxed()
    if found is None:
        return core, None
    value = found.value - float(low @ program.least)
    return core, replace(found, prices=found.prices + low, value=value)


def with_penalties(program: Program, penalties: Array) -> tuple[Row, ...]:
    """Return the rows with penalties of at most these, (rows,)."""
    return tuple(
        replace(row, penalty=min(row.penalty, float(penalty)))
        for row, penalty in zip(program.rows, penalties, strict=True)
    )
