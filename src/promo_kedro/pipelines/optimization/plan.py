"""The route from an option table to a plan with a certificate.

Dual first: without the retention row each unit takes its best option, and where that retains
enough the plan is optimal. (In Eq. 13 as printed it always does, or nothing does: an option
that clears is worth more than one that does not, so the row never costs anything.) Otherwise
the dual settles all but a core of units, the program in CVXPY settles the core, and a pass over
every option bounds what any plan could earn.
"""

from dataclasses import dataclass

import numpy as np

from promo_kedro.pipelines.optimization.dual import Bracket
from promo_kedro.pipelines.optimization.options import OptionTable
from promo_kedro.pipelines.optimization.parameters import SolverParameters
from promo_kedro.pipelines.optimization.program import ProgramSolution, solve_program
from promo_kedro.types import Array

TOLERANCE = 1e-9
WHOLE = 1 - 1e-6


@dataclass(frozen=True)
class Plan:
    """One option per unit, and what is known about it.

    Attributes:
        choice: option of each unit, (units,); none where no plan reaches what is required.
        value: what it earns, money.
        upper_bound: what no plan can exceed, money.
        retention: mean over the units, 0–1.
        attainable: the largest mean retention of any plan, 0–1.
        price: money that one more unit of retention, summed over the units, would cost.
        solver: what found it.
    """

    choice: Array | None
    value: float
    upper_bound: float
    retention: float
    attainable: float
    price: float
    solver: str

    @property
    def gap(self) -> float:
        """Return the certified distance from the best plan, as a share of it."""
        if self.upper_bound <= 0:
            return 0.0
        return max(self.upper_bound - self.value, 0.0) / self.upper_bound


def solve(table: OptionTable, required: float, parameters: SolverParameters) -> Plan:
    """Find the options that earn most while mean retention is at least ``required``.

    Args:
        table: the options, at least one unit.
        required: mean retention to reach, 0–1; met up to 1e-9 of it.
        parameters: the sizes that decide the route.
    """
    needed = required * len(table)
    _, free = table.best_at(0.0)
    most = table.most_retention()
    attainable = _total(table, most)[1]
    if attainable < needed - _slack(needed):
        nothing = float("nan")
        return Plan(None, nothing, nothing, nothing, attainable / len(table), nothing, "separable")
    if _total(table, free)[1] >= needed - _slack(needed):
        return _certified(table, free, attainable, needed, 0.0, "separable")

    return _priced(table, min(needed, attainable), free, most, parameters)


def _priced(
    table: OptionTable, needed: float, free: Array, most: Array, parameters: SolverParameters
) -> Plan:
    """Find the plan where the retention row binds: between ``free`` and ``most``."""
    bracket = Bracket(table, needed, free.copy(), most.copy())
    bracket.narrow_to(parameters.core_size)
    core = Core(table, needed, bracket.high.copy(), bracket.undecided)
    bracket.find_price()
    bracket.narrow_to(1)
    plans, prices = [bracket.high, core.integer(parameters.max_nodes)], [bracket.price]

    whole = len(table) <= parameters.whole_program_size
    program = Core(table, needed, most, np.arange(len(table))) if whole else core
    relaxed = program.relaxed()
    if relaxed is not None:
        plans.append(program.rounded(relaxed))
        prices.append(relaxed.price)

    choice = max(plans, key=lambda plan: _worth(table, plan, needed))
    price = min(prices, key=lambda price: table.bound(price, needed))
    solver = "CVXPY + HiGHS, whole" if whole else "dual, CVXPY + HiGHS on the core"
    attainable = _total(table, most)[1]
    return _certified(table, choice, attainable, needed, price, solver)


@dataclass(frozen=True)
class Core:
    """The program over some units while the others keep their options.

    Attributes:
        table: all options.
        needed: retention to reach, summed over all units.
        choice: the option of every unit, (all units,).
        units: the units to decide, (units,).
    """

    table: OptionTable
    needed: float
    choice: Array
    units: Array

    def relaxed(self) -> ProgramSolution | None:
        """Solve the linear program; none where the solver finds nothing."""
        if not self.units.size:
            return None
        return solve_program(self.table.take(self.units), self._needed_here())

    def integer(self, max_nodes: int) -> Array:
        """Solve the integer program; where it finds none, the choice as it was: (all units,)."""
        if not self.units.size:
            return self.choice
        options = self.table.take(self.units)
        found = solve_program(options, self._needed_here(), integer=True, max_nodes=max_nodes)
        return self.choice if found is None else self._with(found.shares.argmax(axis=1))

    def rounded(self, relaxed: ProgramSolution) -> Array:
        """Make a linear solution whole without losing the row: (all units,).

        A basic solution splits at most one unit per row. Split units take the largest
        retention among their shares; then each in turn the option that earns most while the
        row still holds.
        """
        options, shares = self.table.take(self.units), relaxed.shares
        split = np.flatnonzero(shares.max(axis=1) < WHOLE)
        choice = shares.argmax(axis=1)
        held = np.where(shares[split] > 1 - WHOLE, options.retention[split], -np.inf)
        choice[split] = held.argmax(axis=1)
        for unit in split:
            _, retention = options.of(choice)
            others = retention.sum() - retention[unit]
            enough = options.retention[unit] >= self._needed_here() - others
            choice[unit] = np.where(enough, options.value[unit], -np.inf).argmax()
        return self._with(choice)

    def _needed_here(self) -> float:
        _, retention = self.table.of(self.choice)
        return float(self.needed - retention.sum() + retention[self.units].sum())

    def _with(self, choice: Array) -> Array:
        plan = self.choice.copy()
        plan[self.units] = choice
        return plan


def _certified(
    table: OptionTable, choice: Array, attainable: float, needed: float, price: float, solver: str
) -> Plan:
    value, retention = _total(table, choice)
    count = len(table)
    bound = max(table.bound(price, needed), value)
    return Plan(choice, value, bound, retention / count, attainable / count, price, solver)


def _worth(table: OptionTable, choice: Array, needed: float) -> float:
    """Return what a plan earns, −∞ where it does not retain enough."""
    value, retention = _total(table, choice)
    return value if retention >= needed - _slack(needed) else -np.inf


def _total(table: OptionTable, choice: Array) -> tuple[float, float]:
    value, retention = table.of(choice)
    return float(value.sum()), float(retention.sum())


def _slack(needed: float) -> float:
    return TOLERANCE * needed
