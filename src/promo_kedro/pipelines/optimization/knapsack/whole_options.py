"""From the linear program's solution to whole options, with no row broken."""

from dataclasses import replace

import numpy as np

from promo_kedro.pipelines.optimization.knapsack.core import Core, Narrowing
from promo_kedro.pipelines.optimization.knapsack.local_dual import least_sure
from promo_kedro.pipelines.optimization.knapsack.options import Choices
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.program import Program
from promo_kedro.pipelines.optimization.knapsack.search import TOLERANCE, Search
from promo_kedro.pipelines.optimization.knapsack.settling import Settled
from promo_kedro.pipelines.optimization.knapsack.swaps import SHORT, swapped
from promo_kedro.types import Array

ALL = 1_000_000
SWAPPED = 150
SPLIT = 1e-6
TRIES = (0.0, 1), (0.0, 4), (0.002, 2), (0.02, 2), (0.2, 2)


def make_whole(search: Search, parameters: SolverParameters, settled: Settled, size: int) -> None:
    """Round the linear solution, then search whole options where that is not close enough.

    No plan better than the one at hand has an option that loses more, at the prices of the
    bound, than the distance between the two: the search leaves those out.
    """
    _consider_swapped(search, settled)
    if search.is_close(parameters.gap):
        return
    rounded = settled.core.rounded(settled.solution, gap=parameters.gap / 2)
    if rounded is not None:
        search.consider(rounded)
    search_nearest(search, parameters, settled.choices, size)


def search_nearest(
    search: Search, parameters: SolverParameters, choices: Choices, size: int
) -> None:
    """Search whole options of a few units, where there is a plan that is not close enough.

    Args:
        search: told of what is found.
        parameters: how far to search.
        choices: of all units, with regret: what tells which are nearest to a change.
        size: units to open.
    """
    if search.choice is None or search.is_close(parameters.gap):
        return
    few = _nearest(search, search.choice, choices, size)
    enough = parameters.gap * abs(search.bound) / 2
    better = few.integer(parameters.max_nodes, tolerance=enough)
    if better is not None:
        search.consider(better)


def _nearest(search: Search, choice: Array, choices: Choices, size: int) -> Core:
    """Open the units nearest to a change, fewer if their options are too many to search."""
    distance = (search.bound - search.value) * (1 + TOLERANCE)
    near = Narrowing(search.prices, options_kept=ALL, tolerance=distance)
    while True:
        units = _thinned(least_sure(search.program.options, choices, size), size)
        few = Core(search.program, choice, units, totals=search.totals, narrowing=near)
        if few.is_small() or size == 1:
            return few
        size = max(size // 2, 1)


def _consider_swapped(search: Search, settled: Settled) -> None:
    """Round the linear solution to its largest shares, and change units till the rows are kept.

    Where many rows are met exactly that may not end well; then more units may change, and the
    linear program is solved with something to spare in each row, which the changes use up again.
    """
    program = search.program
    if program.options.consumer_rule is not None:
        return
    price = np.maximum(settled.solution.prices, 1e-3 * settled.unit)
    each = abs(settled.solution.value) / len(program.options) / price
    short = np.minimum(price, program.penalties / SHORT)
    narrowing = Narrowing(settled.solution.prices)
    for share, times in TRIES:
        if share > 0:
            choices, units = settled.choices, settled.core.open
            core = Core(program, choices.option, units, totals=choices.totals, narrowing=narrowing)
            solution = core.relaxed(share * each)
            if solution is None:
                return
            settled = replace(settled, core=core, solution=solution)
        if search.consider(_swapped(program, settled, short, times * SWAPPED)):
            return


def _swapped(program: Program, settled: Settled, price: Array, size: int) -> Array:
    """Return the linear solution made whole, then changed in a few units."""
    core, choice = settled.core, _dealt(settled)
    split = core.open[(settled.solution.shares.max(axis=1) < core.counts - SPLIT)[core.group]]
    near = least_sure(program.options, settled.choices, size)
    units = np.union1d(_thinned(split, size), _thinned(near, size))
    return swapped(program, choice, _totals(settled, program, choice), units, price)


def _totals(settled: Settled, program: Program, choice: Array) -> Array:
    """Return the totals of a plan that differs from the settled one in the core only."""
    here = program.options.take(settled.core.open)
    before, after = (
        here.totals(plan[settled.core.open]) for plan in (settled.choices.option, choice)
    )
    return settled.choices.totals - before + after


def _dealt(settled: Settled) -> Array:
    """Return the linear solution made whole: shares of identical units are dealt in their order."""
    core, shares = settled.core, settled.solution.shares
    until = np.rint(np.cumsum(shares, axis=1))
    order = np.argsort(core.group, kind="stable")
    first = np.cumsum(core.counts) - core.counts
    rank = np.empty(core.open.size)
    rank[order] = np.arange(core.open.size) - first[core.group[order]]
    choice = settled.choices.option.copy()
    choice[core.open] = (until[core.group] <= rank[:, None]).sum(axis=1)
    return choice


def _thinned(units: Array, size: int) -> Array:
    """Return at most so many of these, evenly spread."""
    if units.size <= size:
        return units
    return units[np.linspace(0, units.size - 1, size).astype(int)]
