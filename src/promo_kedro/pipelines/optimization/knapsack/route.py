"""The route from a program to a plan with a certificate, by size.

Free choice first: where it meets every row it is the best plan. (In Eq. 13 as printed, as the
only row, it does, or nothing does: an option that clears is worth more than one that does not.)
Otherwise a small program goes whole to the statement in CVXPY. For a large one the dual settles
all but a core of units, the statement settles the core, and a pass over all units bounds what
any plan could earn; units that would choose otherwise at the core's prices join it, until the
two agree. Swaps, or an integer search over the few units nearest to a change, make the plan
whole. What comes back keeps every row, or says that no plan was found, and why.
"""

import time
from dataclasses import dataclass, field, replace

import numpy as np

from promo_kedro.pipelines.optimization.knapsack.core import Core, Narrowing
from promo_kedro.pipelines.optimization.knapsack.local_dual import (
    least_sure,
    spread_sample,
)
from promo_kedro.pipelines.optimization.knapsack.options import Choices
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.prices import (
    Prices,
    find_prices,
    price_units,
    priced,
)
from promo_kedro.pipelines.optimization.knapsack.program import Plan, Program, Row
from promo_kedro.pipelines.optimization.knapsack.statement import Solution
from promo_kedro.pipelines.optimization.knapsack.swaps import SHORT, swapped
from promo_kedro.types import Array

TOLERANCE = 1e-9
AGREED = 1e-11
ROUNDS = 6
INTEGER_CORE = 40
MOST_JOINING = 5_000
MOST_OPEN = 20_000
WIDER = 4
CEILING = 1e3
ALL = 1_000_000
SWAPPED = 150
SPLIT = 1e-6
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
        each other: slack and activity are then those of the plan that breaks them least.
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
    if search.choice is None:
        broken = _least_broken(program, parameters)
        if broken.choice is None:
            return broken
        search.consider(broken.choice)
    return search.plan(solver)


@dataclass
class Search:
    """The best plan and the best bound so far.

    Attributes:
        program: what is solved.
        choice: of the best plan that keeps the rows, (units,).
        value: what it is worth, less penalties; −∞ while there is none.
        totals: its measures, (cells, 7).
        bound: what no plan can exceed.
        prices: that the bound was certified at, (rows,).
    """

    program: Program
    choice: Array | None = None
    value: float = -np.inf
    totals: Array = field(init=False)
    bound: float = np.inf
    prices: Array = field(init=False)

    def __post_init__(self) -> None:
        """Start with nothing known."""
        self.totals = np.zeros_like(self.program.objective)
        self.prices = np.zeros(len(self.program.rows))

    def consider(self, choice: Array, totals: Array | None = None) -> bool:
        """Keep a plan if it is the best so far; return whether it keeps the hard rows."""
        totals = self.program.options.totals(choice) if totals is None else totals
        worth = worth_of(self.program, totals)
        if worth > self.value:
            self.choice, self.value, self.totals = choice, worth, totals
        return bool(worth > -np.inf)

    def keeps_all(self, totals: Array) -> bool:
        """Return whether these totals keep every row, those with a penalty too."""
        return bool((shortfall(self.program, totals) == 0).all())

    def certify(self, bound: float, prices: Array) -> None:
        """Keep the bound of a pass at these prices if it is the lowest so far."""
        if bound < self.bound:
            self.bound, self.prices = bound, prices

    def is_close(self, gap: float) -> bool:
        """Return whether the plan is certified to be within this share of the best."""
        if self.choice is None:
            return False
        return self.bound - self.value <= gap * max(abs(self.bound), abs(self.value))

    def plan(self, solver: str) -> Plan:
        """Return what is known."""
        activity = self.program.activity(self.totals)
        found = self.choice is not None
        return Plan(
            choice=self.choice,
            value=self.value if found else np.nan,
            upper_bound=max(self.bound, self.value) if found else self.bound,
            totals=self.totals,
            activity=activity,
            slack=activity - self.program.least,
            prices=self.prices,
            solver=solver,
            seconds=0.0,
        )


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


def shortfall(program: Program, totals: Array) -> Array:
    """Return what each row lacks, (rows,); 0 up to 1e-9 of what it asks or adds up."""
    lacking = program.least - program.activity(totals)
    terms = np.tensordot(np.abs(program.coefficients), np.abs(totals), axes=2)
    slack = TOLERANCE * np.maximum(np.abs(program.least), terms)
    return np.where(lacking > slack, lacking, 0.0)


def worth_of(program: Program, totals: Array) -> float:
    """Return what a plan earns less the penalties it pays; −∞ if it breaks a hard row."""
    lacking = shortfall(program, totals)
    hard = np.isinf(program.penalties)
    if (lacking[hard] > 0).any():
        return -np.inf
    return program.value(totals) - float(program.penalties[~hard] @ lacking[~hard])


def _whole(search: Search, parameters: SolverParameters, free: Choices) -> str:
    """Solve the whole program in the statement, and certify its prices."""
    program, units = search.program, np.arange(len(search.program.options))
    core = Core(program, free.option, units, totals=free.totals)
    solution = core.relaxed()
    if solution is not None:
        latest = priced(program, solution.prices, np.ones(len(program.rows)))
        search.certify(latest.bound, latest.prices)
        settled = Settled(core, solution, latest.choices, np.maximum(solution.prices, SMALL))
        _make_whole(search, parameters, settled, units.size)
    return "CVXPY + HiGHS, whole"


def _by_prices(
    search: Search, parameters: SolverParameters, start: Array | None, free: Choices
) -> str:
    """Settle most units by prices and a core of them by the statement."""
    found = find_prices(search.program, parameters, start, free=free)
    search.certify(found.bound, found.prices)
    search.consider(found.choices.option, found.choices.totals)
    settled = _with_core(search, parameters, found)
    if settled is not None:
        choices, units = settled.choices, settled.core.open
        core = Core(search.program, choices.option, units, totals=choices.totals)
        settled = replace(settled, core=core)  # all options, and no ceilings on prices
        _make_whole(search, parameters, settled, INTEGER_CORE)
    return "dual, CVXPY + HiGHS on the core"


def _with_core(search: Search, parameters: SolverParameters, found: Prices) -> Settled | None:
    """Solve the linear program over a core that grows by what its prices overturn.

    The core's value is what the dual over core and settled units comes down to, a lower bound of
    the least dual: where a pass over all units says the same, the linear program is solved.
    """
    program, choices = _with_ceilings(search.program, found), found.choices
    size, centre = parameters.core_size, found.bound
    units = least_sure(program.options, choices, size)
    settled = None
    narrowing: Narrowing | None = Narrowing(found.prices if found.ahead is None else found.ahead)
    for _ in range(ROUNDS):
        core = Core(program, choices.option, units, totals=choices.totals, narrowing=narrowing)
        solution = core.relaxed()
        if solution is None:
            break
        latest = priced(search.program, solution.prices, found.unit, regret=False)
        search.certify(latest.bound, latest.prices)
        settled = Settled(core, solution, choices, found.unit)
        if latest.bound - solution.value <= AGREED * abs(latest.bound):
            break
        changed = np.flatnonzero(latest.choices.option != choices.option)
        units = np.union1d(core.open, changed)
        if units.size == core.open.size and narrowing is None:
            break
        narrowing = None if units.size == core.open.size else Narrowing(latest.prices)
        if units.size > size + MOST_JOINING:  # too far off for so small a core
            size *= WIDER
            if size > MOST_OPEN:
                break
            if latest.bound < centre:
                centre, choices = (
                    latest.bound,
                    priced(search.program, latest.prices, found.unit).choices,
                )
            units = least_sure(program.options, choices, size)
    return settled


def _with_ceilings(program: Program, found: Prices) -> Program:
    """Return the program with a ceiling on every price, so that any core of it has a solution."""
    ceilings = CEILING * np.maximum(found.unit, found.prices)
    return replace(program, rows=_with_penalties(program, ceilings))


def _make_whole(search: Search, parameters: SolverParameters, settled: Settled, size: int) -> None:
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
    if search.choice is None or search.is_close(parameters.gap):
        return
    units = least_sure(search.program.options, settled.choices, size)
    units = _thinned(units, size)
    distance = (search.bound - search.value) * (1 + TOLERANCE)
    near = Narrowing(search.prices, options_kept=ALL, tolerance=distance)
    few = Core(search.program, search.choice, units, totals=search.totals, narrowing=near)
    enough = parameters.gap * abs(search.bound) / 2
    better = few.integer(parameters.max_nodes, tolerance=enough)
    if better is not None:
        search.consider(better)


def _consider_swapped(search: Search, settled: Settled) -> None:
    """Round the linear solution to its largest shares, and change units till the rows are kept."""
    program, core, solution = search.program, settled.core, settled.solution
    if program.options.consumer_rule is not None:
        return
    choice = _dealt(settled)
    split = core.open[(solution.shares.max(axis=1) < core.counts - SPLIT)[core.group]]
    near = least_sure(program.options, settled.choices, SWAPPED)
    units = np.union1d(_thinned(split, SWAPPED), _thinned(near, SWAPPED))
    price = np.maximum(solution.prices, 1e-3 * settled.unit)
    price = np.minimum(price, program.penalties / SHORT)
    search.consider(swapped(program, choice, _totals(settled, program, choice), units, price))


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


def _least_broken(program: Program, parameters: SolverParameters) -> Plan:
    """Return the plan that breaks the hard rows least; without choice if no plan keeps them.

    The same program with nothing to earn and a penalty on every hard row: its dual below 0 is
    the proof.
    """
    hard = np.isinf(program.penalties)
    rows = [row for row in program.rows if np.isinf(row.penalty)]
    bare = replace(program, objective=np.zeros_like(program.objective), rows=tuple(rows))
    penalties = _price_units(bare, parameters)
    elastic = replace(bare, rows=_with_penalties(bare, penalties))
    plan = _solved(elastic, parameters, None)
    if plan.upper_bound >= -TOLERANCE * _size(elastic, plan):
        return plan
    prices = np.zeros(hard.size)
    prices[hard] = plan.prices
    return _no_plan(program, plan.totals, prices)


def _price_units(program: Program, parameters: SolverParameters) -> Array:
    """Return one over how far each row of a program without objective ranges, (rows,)."""
    options = program.options
    part = spread_sample(options, parameters.sample_size).rest(options, np.zeros(0, np.int64))
    return price_units(program, part)


def _with_penalties(program: Program, penalties: Array) -> tuple[Row, ...]:
    """Return the rows with penalties of at most these, (rows,)."""
    return tuple(
        replace(row, penalty=min(row.penalty, float(penalty)))
        for row, penalty in zip(program.rows, penalties, strict=True)
    )


def _size(program: Program, plan: Plan) -> float:
    """Return what the penalised rows add up, for what counts as nothing beside it."""
    terms = np.tensordot(np.abs(program.coefficients), np.abs(plan.totals), axes=2)
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
