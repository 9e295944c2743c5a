"""The route from a program to a plan with a certificate, by size.

Free choice first: where it meets every row it is the best plan. (In Eq. 13 as printed, as the
only row, it does, or nothing does: an option that clears is worth more than one that does not.)
Otherwise a small program goes whole to the statement in CVXPY. Among very many units the dual is
smooth, and its prices come so near that a few swaps may do. Else the dual settles all but a core
of units, the statement settles the core, and a pass over all units bounds what any plan could
earn; units that would choose otherwise at the core's prices join it, until the two agree. Swaps,
or an integer search over the few units nearest to a change, make the plan whole. What comes back
keeps every row, or says that no plan was found, and why.
"""

import time
from dataclasses import replace

import numpy as np

from promo_kedro.pipelines.optimization.knapsack.core import Core
from promo_kedro.pipelines.optimization.knapsack.local_dual import least_sure, spread_sample
from promo_kedro.pipelines.optimization.knapsack.mixes import Mix, best_mix
from promo_kedro.pipelines.optimization.knapsack.options import Choices
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.prices import (
    Prices,
    find_prices,
    price_units,
    priced,
)
from promo_kedro.pipelines.optimization.knapsack.program import Plan, Program
from promo_kedro.pipelines.optimization.knapsack.search import (
    TOLERANCE,
    Search,
    shortfall,
    worth_of,
)
from promo_kedro.pipelines.optimization.knapsack.settling import (
    Settled,
    settled_by_core,
    with_penalties,
)
from promo_kedro.pipelines.optimization.knapsack.settling_jointly import settle_jointly
from promo_kedro.pipelines.optimization.knapsack.swaps import nearest_by_cell, swapped
from promo_kedro.pipelines.optimization.knapsack.whole_options import make_whole
from promo_kedro.pipelines.optimization.knapsack.witness import kept_near
from promo_kedro.types import Array

__all__ = ["Search", "shortfall", "solve", "worth_of"]

INTEGER_CORE = 40
PER_CELL = 50
OF_MANY = 10.0  # times the gap: among many units the core comes little closer, and takes longer
CEILING = 1e6
SMALL = 1e-9


def solve(program: Program, parameters: SolverParameters, *, start: Array | None = None) -> Plan:
    """Find the options that are worth most while every row is kept.

    A row without a penalty is kept up to 1e-9 of what it asks or of what it adds up; a row with
    one may be bought out. Permuting the units permutes the plan, up to ties and to which of the
    plans within the certified gap is found.

    Args:
        program: any number of units and rows.
        parameters: the sizes that decide the route.
        start: prices of an earlier solve of about the same program, (rows,).

    Returns:
        The plan; without choice, and with NaN for value and bound, where the rows contradict
        each other (``solver`` is then "infeasible"): slack and activity are then those of the
        mix of plans that breaks them least. Where none was found though none is ruled out
        (``solver`` "no plan found"), without choice and value, and with the bound. A plan that
        uses up the 1e-9 may be worth more than plans that do not: the bound then includes what
        the 1e-9 are worth at its prices.
    """
    began = time.perf_counter()
    plan = _solved(program, parameters, start)
    return replace(plan, seconds=time.perf_counter() - began)


def _solved(program: Program, parameters: SolverParameters, start: Array | None) -> Plan:
    if not len(program.options):
        return _without_units(program)
    search = Search(program)
    free = program.options.choose(program.objective)
    search.certify(free.score, search.prices)
    if search.consider(free.option, free.totals) and search.keeps_all(free.totals):
        return search.plan("separable")
    if len(program.options) <= parameters.whole_program_size:
        solver = _whole(search, parameters, free)
    else:
        solver = _by_prices(search, parameters, start, free)
    return search.plan(solver) if search.choice is not None else _unmet(search, parameters, solver)


def _whole(search: Search, parameters: SolverParameters, free: Choices) -> str:
    """Solve the whole program in the statement, and certify its prices."""
    program, units = search.program, np.arange(len(search.program.options))
    core = Core(program, free.option, units, totals=free.totals)
    solution = core.relaxed()
    if solution is not None:
        latest = priced(program, solution.prices, np.ones(len(program.rows)))
        search.certify(latest.bound, latest.prices)
        settled = Settled(core, solution, latest.choices, np.maximum(solution.prices, SMALL))
        make_whole(search, parameters, settled, units.size)
    return "CVXPY + HiGHS, whole"


def _by_prices(
    search: Search, parameters: SolverParameters, start: Array | None, free: Choices
) -> str:
    """Settle most units by prices and a core of them by the statement."""
    rough = parameters
    if search.program.options.consumer_rule is not None:  # joint plans find the prices
        rough = parameters.model_copy(update={"passes": 1})
    found = find_prices(search.program, rough, start, free=free)
    search.certify(found.bound, found.prices)
    search.consider(found.choices.option, found.choices.totals)
    if found.runs_away():
        return "dual, CVXPY + HiGHS on the core"
    if found.ahead is None and _rounded_by_swaps(search, found, OF_MANY * parameters.gap):
        return "dual, swaps"
    _settle(search, parameters, found)
    return "dual, CVXPY + HiGHS on the core"


def _rounded_by_swaps(search: Search, found: Prices, gap: float) -> bool:
    """Change few units of what all choose at the prices; return whether that is close enough."""
    program, choices = search.program, found.choices
    if program.options.consumer_rule is not None:
        return False
    units = nearest_by_cell(program.options, choices, PER_CELL)
    price = np.maximum(found.prices, 1e-3 * found.unit)
    search.consider(swapped(program, choices.option, choices.totals, units, price))
    return search.is_close(gap)


def _settle(search: Search, parameters: SolverParameters, found: Prices) -> None:
    """Settle a core of units by the statement, the others by prices, and make it whole."""
    if search.program.options.consumer_rule is not None:
        return settle_jointly(search, parameters, found)
    settled = settled_by_core(search, parameters, found)
    if settled is not None:
        choices, units = settled.choices, settled.core.open
        core = Core(search.program, choices.option, units, totals=choices.totals)
        latest = priced(search.program, search.prices, found.unit)
        if _rounded_by_swaps(search, latest, parameters.gap):
            return
        settled = replace(settled, core=core)  # all options, and no ceilings on prices
        make_whole(search, parameters, settled, INTEGER_CORE)


def _unmet(search: Search, parameters: SolverParameters, solver: str) -> Plan:
    """Say why there is no plan yet: none keeps the hard rows, or none was found; or find one.

    A row that asks for more than it can reach by itself is the proof. So is, of the same program
    with nothing to earn and a penalty on every hard row, a bound below 0. A mix of plans decides
    that, where the dual is flat; one that keeps the rows is where the best mix, so the prices, of
    the program itself are sought from. A small program is solved whole. Where that makes nothing
    whole, few units change from what all choose at the prices, slightly raised.
    """
    program = search.program
    hard = np.isinf(program.penalties)
    for index in np.flatnonzero(hard):
        if (beyond := _out_of_reach(program, int(index))) is not None:
            return _no_plan(program, beyond, np.eye(hard.size)[index])
    rows = tuple(row for row in program.rows if np.isinf(row.penalty))
    bare = replace(program, objective=np.zeros_like(program.objective), rows=rows)
    elastic = replace(bare, rows=with_penalties(bare, _price_units(bare, parameters)))
    mix = best_mix(elastic, 1.0, zero=_zero(elastic))
    if mix.bound < -TOLERANCE * _size(elastic, mix.totals):
        prices = np.zeros(hard.size)
        prices[hard] = mix.prices
        return _no_plan(program, mix.totals, prices)
    totals = mix.totals
    if len(program.options) <= parameters.whole_program_size:
        least = _solved(elastic, parameters, None)
        if least.choice is not None:
            totals = least.totals
            search.consider(least.choice, totals)
    else:
        _by_mixes(search, parameters, mix)
    if search.choice is None:
        _from_raised_prices(search, parameters)
    if search.choice is not None:
        return search.plan(solver)
    activity = program.activity(totals)
    nothing = search.plan("no plan found")
    return replace(nothing, totals=totals, activity=activity, slack=activity - program.least)


def _by_mixes(search: Search, parameters: SolverParameters, kept: Mix) -> None:
    """Find prices by mixing plans, from a mix that keeps the rows, and settle the core anew."""
    program = search.program
    unit = _price_units(program, parameters)
    eased = replace(program, rows=with_penalties(program, CEILING * unit))
    worth = max(abs(search.bound), abs(program.value(kept.totals)))
    mix = best_mix(eased, worth, kept.plans)
    search.certify(mix.bound, mix.prices)
    _settle(search, parameters, priced(program, mix.prices, unit))


def _from_raised_prices(search: Search, parameters: SolverParameters) -> None:
    """Look for a plan where the prices are slightly raised, then among the units nearest to it."""
    program = search.program
    unit = _price_units(replace(program, objective=0.0 * program.objective), parameters)
    near = kept_near(program, search.prices, 1 / unit, (1 - parameters.gap) * search.bound)
    if near is None:
        near = _nearest_whole(search, parameters, priced(program, search.prices, unit).choices)
    if near is not None:
        search.consider(near)


def _nearest_whole(search: Search, parameters: SolverParameters, choices: Choices) -> Array | None:
    """Return the best found by whole options of the units nearest to a change; none if none."""
    units = least_sure(search.program.options, choices, INTEGER_CORE)
    for size in (INTEGER_CORE, INTEGER_CORE // 2, INTEGER_CORE // 4):
        some = units[np.unique(np.linspace(0, units.size - 1, size).astype(int))]
        core = Core(search.program, choices.option, some, totals=choices.totals)
        if core.is_small():
            enough = parameters.gap * abs(search.bound) / 2
            return core.integer(parameters.max_nodes, tolerance=enough)
    return None


def _price_units(program: Program, parameters: SolverParameters) -> Array:
    """Return one over how far each row of a program without objective ranges, (rows,)."""
    options = program.options
    part = spread_sample(options, parameters.sample_size).rest(options, np.zeros(0, np.int64))
    return price_units(program, part)


def _out_of_reach(program: Program, index: int) -> Array | None:
    """Return the totals of the most that a row can reach if that is too little, (cells, 7)."""
    row = program.rows[index]
    most = program.options.choose(row.coefficients).totals
    return most if shortfall(replace(program, rows=(row,)), most).any() else None


def _zero(program: Program) -> float:
    """Return what counts as nothing beside what the penalised rows ask for."""
    return TOLERANCE * float(program.penalties @ np.abs(program.least))


def _size(program: Program, totals: Array) -> float:
    """Return what the penalised rows add up, for what counts as nothing beside it."""
    terms = np.tensordot(np.abs(program.coefficients), np.abs(totals), axes=2)
    return float(program.penalties @ np.maximum(np.abs(program.least), terms))


def _no_plan(program: Program, totals: Array, prices: Array) -> Plan:
    activity, nothing = program.activity(totals), float("nan")
    slack = activity - program.least
    return Plan(None, nothing, nothing, totals, activity, slack, prices, "infeasible", 0.0)


def _without_units(program: Program) -> Plan:
    """Return the empty plan, which is worth nothing and keeps what asks for nothing."""
    search = Search(program)
    if not search.consider(np.zeros(0, np.int8), search.totals):
        return _no_plan(program, search.totals, search.prices)
    search.bound = search.value
    return search.plan("separable")
