"""A plan that breaks rows by little, or keeps them with a little to spare, made better.

One or two units at a time change their option: first so that every row comes near to what it
asks, by least squares, then so that no row is short, at the least loss, then to what is worth
more while no row becomes short. Few units are looked at, those with
most to choose from at the prices of the rows. Nothing is proved; the bound says what is left.
"""

from dataclasses import dataclass

import numpy as np

from promo_kedro.pipelines.optimization.knapsack.local_dual import least_sure
from promo_kedro.pipelines.optimization.knapsack.options import Choices, Options
from promo_kedro.pipelines.optimization.knapsack.program import Program
from promo_kedro.types import Array

CHANGES = 200
PAIRED = 160
SHORT = 10.0
RAISE = 3.0
RAISES = 10
BEYOND = 1.5
IDLE = 10.0
NEARER = 1e-3
TWO = 600
OPTIONS = 6
MOST = 3_000
SEARCHED = 20
FEW = 2


@dataclass
class Swaps:
    """Changes of option open to some units, and where the rows stand.

    Attributes:
        unit: whose option would change, (changes,).
        option: to which, (changes,).
        value: of that option, (changes,); and of the option held, by unit: ``held``.
        rows: coefficients of that option, (rows, changes).
        held: change that each unit stands at, (units,).
        slack: activity − least of each row, (rows,).
        price: money per unit by which a row is short, (rows,).
    """

    unit: Array
    option: Array
    value: Array
    rows: Array
    held: Array
    slack: Array
    price: Array

    def approach(self) -> None:
        """Bring every row to what it asks, and a little further where it stays short."""
        aim, weight = np.zeros_like(self.slack), self.price
        for _ in range(RAISES):
            short = self.slack < 0
            if not short.any():
                return
            self._pursue(aim, weight)
            short = self.slack < 0
            usual = np.median(np.abs(self.price * (self.slack - aim))) / self.price
            aim = np.where(short, aim + np.maximum(-BEYOND * self.slack, usual), aim)
            weight = np.where(short, RAISE, 1.0) * weight

    def _pursue(self, aim: Array, weight: Array) -> None:
        """Make changes, of one or two units, that bring the rows nearer to an aim.

        Squared distances, in money, are added up over rows, and of two changes at once follow
        from each alone. Rows with far more to spare than a change takes do not count.
        """
        for _ in range(CHANGES):
            gain, rows = self._gains()
            far = self.slack - aim
            counts = far <= IDLE * np.abs(rows).max(axis=1)
            added = np.where(counts, weight, 0.0)[:, None] * rows
            off = np.where(counts, weight * far, 0.0)
            squared = float(off @ off)
            loss = np.maximum(-gain - self.price @ rows, 0.0)
            nearer = 2 * off @ added + (added**2).sum(axis=0) + np.sqrt(squared) * loss
            nearer[self.held[self.unit]] = np.inf
            best = int(nearer.argmin())
            if nearer[best] < -NEARER * squared:
                self._change(best, rows)
                continue
            order = np.argsort(nearer, kind="stable")[:TWO]
            both = nearer[order, None] + nearer[order] + 2 * added[:, order].T @ added[:, order]
            both[self.unit[order, None] == self.unit[order]] = np.inf
            one, two = np.unravel_index(int(both.argmin()), both.shape)
            if not both[one, two] < -NEARER * squared:
                return
            self._change(int(order[one]), rows)
            self._change(int(order[two]), rows)

    def repair(self) -> None:
        """Improve, at ever higher prices of what stays short, until nothing is."""
        least = self.price
        self.approach()
        for _ in range(RAISES):
            self._improve()
            if (self.slack >= 0).all():
                break
            self.price = np.where(self.slack < 0, RAISE, 1.0) * self.price
        self.price = least
        self._improve()

    def _improve(self) -> None:
        """Make single changes, then changes of two at once, until none helps."""
        for _ in range(CHANGES):
            gain, rows = self._gains()
            worth = gain + self._relief(rows)
            best = int(worth.argmax())
            if worth[best] > self._least_gain():
                self._change(best, rows)
            elif not self._change_two(gain, rows):
                return

    def _gains(self) -> tuple[Array, Array]:
        """Return what each change adds to the value and to the rows."""
        now = self.held[self.unit]
        return self.value - self.value[now], self.rows - self.rows[:, now]

    def _relief(self, added: Array) -> Array:
        """Return by how much what is short becomes less, priced, of changes along the last axis."""
        slack = self.slack.reshape(-1, *[1] * (added.ndim - 1))
        short = SHORT * self.price
        before = short @ np.maximum(-self.slack, 0.0)
        after = np.tensordot(short, np.maximum(-(slack + added), 0.0), axes=1)
        return before - after

    def _least_gain(self) -> float:
        return 1e-12 * float(np.abs(self.value).max(initial=0.0)) + 1e-300

    def _change(self, change: int, rows: Array) -> None:
        self.slack = self.slack + rows[:, change]
        self.held[self.unit[change]] = change

    def _change_two(self, gain: Array, rows: Array) -> bool:
        """Make the best change of two units at once; return whether there was one."""
        loss = gain + self.price @ rows
        order = np.argsort(-loss, kind="stable")
        order = order[order != self.held[self.unit[order]]][:PAIRED]
        if order.size < 2:
            return False
        added = rows[:, order, None] + rows[:, None, order]
        worth = gain[order, None] + gain[None, order] + self._relief(added)
        worth[self.unit[order, None] == self.unit[None, order]] = -np.inf
        one, two = np.unravel_index(int(worth.argmax()), worth.shape)
        if worth[one, two] <= self._least_gain():
            return False
        self._change(int(order[one]), rows)
        self._change(int(order[two]), rows)
        return True


def swapped(program: Program, choice: Array, totals: Array, units: Array, price: Array) -> Array:
    """Return a plan made better by changing few units, (all units,); it may still break a row.

    Args:
        program: without a consumer rule.
        choice: option of every unit, (all units,).
        totals: its measures, (cells, 7).
        units: those that may change, (units,).
        price: money per unit by which a row is short, above 0, (rows,).
    """
    table = program.options.tabulate(units)
    unit, option = np.nonzero(table.allowed)
    measures, cell = table.measures[unit, option], table.cell[unit]
    value = np.einsum("nm,nm->n", measures, program.objective[cell])
    rows = np.array([np.einsum("nm,nm->n", measures, row[cell]) for row in program.coefficients])
    few = max(OPTIONS, MOST // max(units.size, 1))
    kept = _best_options(unit, value + price @ rows, few) | (option == choice[units][unit])
    unit, option, value, rows = unit[kept], option[kept], value[kept], rows[:, kept]
    place = np.full(table.allowed.shape, -1)
    place[unit, option] = np.arange(unit.size)
    held = place[np.arange(units.size), choice[units]]
    slack = program.activity(totals) - program.least
    swaps = Swaps(unit, option, value, rows, held, slack, price)
    swaps.repair()
    plan = choice.copy()
    plan[units] = option[swaps.held]
    return plan


def _best_options(unit: Array, score: Array, few: int) -> Array:
    """Return whether each option is among so many best ones of its unit, (changes,)."""
    order = np.lexsort((-score, unit))
    first = np.searchsorted(unit, unit)
    rank = np.empty(unit.size, dtype=int)
    rank[order] = np.arange(unit.size) - first
    return rank < few


def nearest_by_cell(options: Options, choices: Choices, size: int) -> Array:
    """Return the units of each cell that would lose least by another option, rising.

    Money at stake differs by cell, and so do the rows: each needs some of its own.
    """
    some = least_sure(options, choices, SEARCHED * size * options.cells)
    if some.size > FEW * SEARCHED * size * options.cells:
        some = some[:: some.size // (SEARCHED * size * options.cells)]
    cell = options.cell[some]
    order = np.lexsort((np.asarray(choices.regret)[some], cell))
    rank = np.arange(some.size) - np.searchsorted(cell[order], cell[order])
    return np.sort(some[order[rank < size]])
