"""The core: the program over the few units still undecided, all others as they are.

What the settled units contribute is taken off the right-hand sides. Identical units (same cell,
same options) are one variable with a count, so that a million of them cost as much as one, and
are then dealt their options in the order of the units.
"""

from dataclasses import dataclass, replace

import numpy as np

from promo_kedro.pipelines.optimization.knapsack.measures import MEASURES, Measure
from promo_kedro.pipelines.optimization.knapsack.options import OptionTable
from promo_kedro.pipelines.optimization.knapsack.program import Program
from promo_kedro.pipelines.optimization.knapsack.statement import Solution, solve_statement
from promo_kedro.pipelines.optimization.knapsack.tabulated import table_rows, table_totals
from promo_kedro.types import Array

ROW_TOLERANCE = 1e-9
CHUNK = 8_192
OPTIONS_OF_REOPENED = 6
WIDER = 5
MOST_NUMBERS = 20_000


@dataclass(frozen=True)
class Narrowing:
    """Which options of an open unit are worth considering; a pass over all certifies the rest.

    Under a consumer rule a unit may have to do with less than its best, so the best of each kind
    (with or without an offer, retained or not) stays, and options are compared within their kind.

    Attributes:
        prices: of the rows, at which options are compared, (rows,).
        options_kept: best options to keep per unit.
        tolerance: money by which a kept option may fall behind the best of its kind. No plan
            that is better than one whose distance from the bound at these prices is the
            tolerance has an option that falls further behind.
    """

    prices: Array
    options_kept: int = 4
    tolerance: float = np.inf


class Core:
    """A program in which only some units are open.

    Attributes:
        open: units that are open, in rising order, (open,); under a consumer rule, all units of
            each consumer who has one among those asked for.
        group: of each open unit, (open,); identical ones share it.
        counts: open units in each group, (groups,).
        table: options of a unit of each group; columns as in the program's options.
    """

    def __init__(
        self,
        program: Program,
        choice: Array,
        units: Array,
        *,
        totals: Array | None = None,
        narrowing: Narrowing | None = None,
    ) -> None:
        """Open some units.

        Args:
            program: the whole of it.
            choice: option of every unit, (units,); those that stay closed keep it.
            units: the ones to open.
            totals: measures of ``choice`` per cell, (cells, 7), where they are known already.
            narrowing: to keep the linear program small; none keeps every option.
        """
        self._program, self._choice = program, choice
        self.open = _whole_consumers(program, _each_once(units))
        self.table, self.group, opened = _grouped(program, choice, self.open)
        self.counts = np.bincount(self.group, minlength=len(self.table.cell))
        closed = (program.options.totals(choice) if totals is None else totals) - opened
        self._value = program.value(closed)
        self._least = program.least - program.activity(closed)
        if narrowing is not None:
            self.table = _narrowed(self.table, program.weights(narrowing.prices), narrowing)

    def relaxed(self, spare: Array | float = 0.0) -> Solution | None:
        """Return the linear program's solution: shares per group, (groups, options).

        Value and slack are those of the whole program; slack is beyond what is to be spared in
        each row, (rows,). None where it is infeasible.
        """
        return self._solved(self.table, self.counts, self._least + spare)

    def integer(self, max_nodes: int, *, tolerance: float = 0.0) -> Array | None:
        """Return the best whole options found for all units, (units,).

        Args:
            max_nodes: branches that the search may explore.
            tolerance: money from the best that is close enough.

        Returns:
            Option of every unit; none where nothing meets the rows, or none was found in time.
        """
        found = self._solved(self.table, self.counts, self._least, max_nodes, tolerance)
        return None if found is None else self._plan(found.shares)

    def rounded(
        self,
        solution: Solution,
        max_nodes: int = 100,
        *,
        reopened: int = 20,
        gap: float = 1e-8,
    ) -> Array | None:
        """Return the linear solution made whole, (units,), with no row broken.

        A basic solution splits at most as many units as there are rows. They, and a few that lose
        least by another option at the solution's prices, are decided anew among whole options
        while the rest keep theirs; where that cannot be, more are, and among more options.

        Args:
            solution: what ``relaxed`` found.
            max_nodes: branches that each search may explore.
            reopened: units besides the split ones that are decided anew: more come closer to the
                linear solution and take longer.
            gap: distance from the linear solution, as a share of its value, that is close enough.

        Returns:
            Option of every unit; none where no whole options were found that meet the rows, or
            the search for them would be too large.
        """
        whole = np.floor(solution.shares + ROW_TOLERANCE)
        if (whole.sum(axis=1) == self.counts).all():
            return self._plan(whole)
        weights = self._program.weights(solution.prices)
        table = _narrowed(self.table, weights, Narrowing(solution.prices, OPTIONS_OF_REOPENED))
        while True:
            kept = self._kept(whole, solution.prices, reopened)
            left = self.counts - kept.sum(axis=1)
            again = np.flatnonzero(left > 0)
            least = self._least - self._program.activity(self._totals(kept))
            tolerance = gap * abs(solution.value)
            few = table_rows(table, again)
            if self._size(few) > MOST_NUMBERS:
                return None
            found = self._solved(few, left[again], least, max_nodes, tolerance)
            if found is not None:
                kept[again] += found.shares
                return self._plan(kept)
            if table is self.table and not kept.any():
                return None
            if not kept.any() or self._size(table_rows(self.table, again)) <= MOST_NUMBERS / WIDER:
                table = self.table
            reopened = WIDER * max(reopened, 1)

    def is_small(self) -> bool:
        """Return whether a search for whole options is bounded by more than its branches.

        What the solver does before the first branch grows with the numbers in the rows.
        """
        return self._size(self.table) <= MOST_NUMBERS

    def _size(self, table: OptionTable) -> float:
        """Return what the time before the first branch goes by: cuts take longer in more rows."""
        return float(table.allowed.sum()) * len(self._program.rows) ** 1.5

    def _solved(
        self,
        table: OptionTable,
        counts: Array,
        least: Array,
        max_nodes: int | None = None,
        tolerance: float = 0.0,
    ) -> Solution | None:
        """Solve for these units; with ``max_nodes``, in whole options."""
        found = solve_statement(
            table,
            self._program.objective,
            self._program.coefficients,
            least,
            self._program.penalties,
            integer=max_nodes is not None,
            max_nodes=max_nodes or 0,
            tolerance=tolerance,
            counts=counts,
        )
        return None if found is None else replace(found, value=found.value + self._value)

    def _kept(self, whole: Array, prices: Array, units: int) -> Array:
        """Return the whole options less those of split units and of so many easily swayed ones."""
        regret = _regret(self.table, self._program.weights(prices))
        order = np.argsort(regret, kind="stable")
        settled = whole.sum(axis=1)
        before = np.cumsum(settled[order]) - settled[order]
        taken = np.zeros(len(whole))
        taken[order] = np.clip(units - before, 0, settled[order])
        kept = np.maximum(whole - taken[:, None], 0)
        rule = self.table.consumer_rule
        if rule is not None:
            undecided = np.bincount(rule.consumer, kept.sum(axis=1) < self.counts) > 0
            kept[undecided[rule.consumer]] = 0
        return kept

    def _totals(self, shares: Array) -> Array:
        """Return measures per cell, (cells, 7), of whole options of the groups."""
        if self.table.consumer_rule is not None:
            units = np.flatnonzero(shares.any(axis=1))
            return table_totals(table_rows(self.table, units), shares[units].argmax(axis=1))
        measured = np.einsum("uo,uom->um", shares, self.table.measures)
        cells = self.table.cells
        return np.stack([np.bincount(self.table.cell, m, cells) for m in measured.T], axis=1)

    def _plan(self, shares: Array) -> Array | None:
        """Deal out whole options in the order of units, unless they break a row.

        A search that was cut short may leave shares that are not whole, or not one per unit.
        """
        shares = np.rint(shares).astype(int)
        if (shares < 0).any() or (shares.sum(axis=1) != self.counts).any():
            return None
        activity = self._program.activity(self._totals(shares))
        hard = ~np.isfinite(self._program.penalties)
        if (activity < self._least - self._row_tolerance())[hard].any():
            return None
        groups, options = shares.shape
        columns = np.tile(np.arange(options), groups)
        dealt = np.repeat(columns, shares.ravel())
        choice = self._choice.copy()
        choice[self.open[np.argsort(self.group, kind="stable")]] = dealt
        return choice

    def _row_tolerance(self) -> Array:
        """Return what a row may be short by: 1e-9 of itself, or of the most that a group adds."""
        most = np.abs(self.table.measures).max(axis=1, initial=0) * self.counts[:, None]
        largest = np.zeros((self.table.cells, MEASURES))
        np.maximum.at(largest, self.table.cell, most)
        of_a_group = (np.abs(self._program.coefficients) * largest).max(axis=(1, 2), initial=0)
        return ROW_TOLERANCE * np.maximum(np.abs(self._program.least), of_a_group)


def _each_once(units: Array) -> Array:
    """Sorted, which for a million units is far faster than numpy's hashing ``unique``."""
    units = np.sort(units).astype(int)
    return units[np.diff(units, prepend=-1) > 0]


def _whole_consumers(program: Program, units: Array) -> Array:
    rule = program.options.consumer_rule
    if rule is None or not len(units):
        return units
    opened = np.zeros(rule.consumer.max() + 1, dtype=bool)
    opened[rule.consumer[units]] = True
    return np.flatnonzero(opened[rule.consumer])


def _grouped(program: Program, choice: Array, units: Array) -> tuple[OptionTable, Array, Array]:
    """Return a table of distinct units, the row of each unit, and the totals of their choice.

    Written out in chunks, so that memory is that of the distinct units. Under a consumer rule
    every unit stays its own.
    """
    chunk = CHUNK if program.options.consumer_rule is None else max(len(units), 1)
    parts, groups, totals, rows = [], [], np.zeros((program.options.cells, MEASURES)), 0
    for start in range(0, max(len(units), 1), chunk):
        some = units[start : start + chunk]
        table = program.options.tabulate(some)
        totals += table_totals(table, choice[some])
        table = replace(table, measures=np.where(table.allowed[..., None], table.measures, 0.0))
        first, group = _distinct(table)
        parts.append(table_rows(table, first))
        groups.append(group + rows)
        rows += len(first)
    joined = parts[0] if len(parts) == 1 else _stacked(parts)
    first, group = _distinct(joined)
    return table_rows(joined, first), group[np.concatenate(groups)], totals


def _stacked(parts: list[OptionTable]) -> OptionTable:
    return replace(
        parts[0],
        allowed=np.concatenate([part.allowed for part in parts]),
        measures=np.concatenate([part.measures for part in parts]),
        cell=np.concatenate([part.cell for part in parts]),
    )


def _distinct(table: OptionTable) -> tuple[Array, Array]:
    """Return the first unit of each kind, in rising order, and the kind of each unit."""
    units = len(table.cell)
    if table.consumer_rule is not None or units == 0:
        return np.arange(units), np.arange(units)
    parts = table.allowed, table.measures.reshape(units, -1), table.cell[:, None]
    written = np.ascontiguousarray(np.hstack([part.astype(float) for part in parts]))
    kinds = written.view(np.dtype((np.void, written.itemsize * written.shape[1]))).ravel()
    _, first, kind = np.unique(kinds, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return first[order], np.argsort(order)[kind]


def _scores(table: OptionTable, weights: Array) -> Array:
    scores = np.einsum("uom,um->uo", table.measures, weights[table.cell])
    return np.where(table.allowed, scores, -np.inf)


def _regret(table: OptionTable, weights: Array) -> Array:
    """Return what each unit loses by its second best option; +∞ where there is none."""
    if table.allowed.shape[1] < 2 or not len(table.cell):
        return np.full(len(table.cell), np.inf)
    second, best = np.partition(_scores(table, weights), -2, axis=1)[:, -2:].T
    return best - second


def _narrowed(table: OptionTable, weights: Array, narrowing: Narrowing) -> OptionTable:
    if not len(table.cell):
        return table
    scores = _scores(table, weights)
    among_best = _rank(scores) < narrowing.options_kept
    kept = np.zeros_like(table.allowed)
    for kind in _kinds(table):
        of_kind = np.where(kind, scores, -np.inf)
        near = of_kind >= of_kind.max(axis=1, keepdims=True) - narrowing.tolerance
        kept |= kind & near & (among_best | (_rank(of_kind) == 0))
    return replace(table, allowed=table.allowed & kept)


def _kinds(table: OptionTable) -> list[Array]:
    """Return which options a consumer rule does not tell apart, (units, options) each."""
    if table.consumer_rule is None:
        return [table.allowed]
    offered = table.measures[..., Measure.OFFER] > 0
    retained = table.measures[..., Measure.RETENTION] > 0
    kinds = offered & retained, offered & ~retained, ~offered & retained, ~offered & ~retained
    return [table.allowed & kind for kind in kinds]


def _rank(scores: Array) -> Array:
    """Return the place of each option among the unit's, from 0 for the best."""
    return np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1)
