"""Options written out as a table: any response, any unit; clear rather than fast.

What a consumer does best is found from what each of its units does best:

- at most K offers: each unit's best option with an offer and its best without; the K units that
  gain most by theirs get it. A unit that has no option without takes one of the K by force.
- retained once, if any unit is: the best with no unit retained, against the best with the first
  unit retained, with the second …, which earn the consumer's retention.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from promo_kedro.errors import InputError
from promo_kedro.pipelines.optimization.knapsack.measures import MEASURES, Measure
from promo_kedro.pipelines.optimization.knapsack.options import (
    Choices,
    ConsumerRule,
    OptionTable,
)
from promo_kedro.types import Array

TIE = 1e-12
CHUNK = 4_096


@dataclass(frozen=True)
class TabulatedOptions:
    """``Options`` over a table.

    Attributes:
        table: the options of all units.

    Raises:
        InputError: if a unit has no option, a measure of an allowed option is not finite,
            or the units of a consumer do not lie side by side; or, on choosing, if more units
            of a consumer than may get an offer have no option without.
    """

    table: OptionTable

    def __post_init__(self) -> None:
        _check(self.table)

    @property
    def cell(self) -> Array:
        """Return the cell of each unit, (units,)."""
        return self.table.cell

    @property
    def cells(self) -> int:
        """Return the number of cells."""
        return self.table.cells

    @property
    def consumer_rule(self) -> ConsumerRule | None:
        """Return what couples the units of a consumer."""
        return self.table.consumer_rule

    def __len__(self) -> int:
        return len(self.table.cell)

    def choose(self, weights: Array, *, regret: bool = False) -> Choices:
        """Return what every unit does best at these weights, (cells, 7)."""
        option, lost = np.zeros(len(self), np.int8), np.zeros(len(self), np.float32)
        score, totals = 0.0, np.zeros((self.cells, MEASURES))
        for chunk in self._chunks():
            part = _Part.of(table_rows(self.table, chunk), weights)
            option[chunk], scores = part.best(part.scores)
            if not np.isfinite(scores).all():
                raise InputError(_too_many_forced(int((~np.isfinite(scores)).sum())))
            score += float(scores.sum())
            totals += table_totals(part.table, option[chunk])
            if regret:
                lost[chunk] = part.regret(option[chunk], scores)
        return Choices(option, score, totals, lost if regret else None)

    def totals(self, choice: Array) -> Array:
        """Return the measures of these options, (units,), summed per cell: (cells, 7)."""
        totals = np.zeros((self.cells, MEASURES))
        for chunk in self._chunks():
            totals += table_totals(table_rows(self.table, chunk), choice[chunk])
        return totals

    def take(self, units: Array) -> "TabulatedOptions":
        """Return these units as options of their own; under a consumer rule, whole consumers."""
        return TabulatedOptions(table_rows(self.table, units))

    def tabulate(self, units: Array) -> OptionTable:
        """Return the options of these units, the same columns for all."""
        return table_rows(self.table, units)

    def _chunks(self) -> Iterator[slice]:
        """Yield runs of units that hold whole consumers."""
        decider = deciders(self.table)
        first = np.flatnonzero(np.diff(decider, prepend=-1))
        start = 0
        while start < len(self):
            beyond = np.searchsorted(first, start + CHUNK)
            stop = int(first[beyond]) if beyond < len(first) else len(self)
            yield slice(start, stop)
            start = stop


def deciders(table: OptionTable) -> Array:
    """Return who decides for each unit, (units,): its consumer under a rule, else itself."""
    rule = table.consumer_rule
    return np.arange(len(table.cell)) if rule is None else rule.consumer


def counts_once(table: OptionTable) -> bool:
    """Return whether retention counts consumers, each once."""
    return table.consumer_rule is not None and table.consumer_rule.any_retained


def table_rows(table: OptionTable, units: Array | slice) -> OptionTable:
    """Return the options of these units; consumers are numbered anew."""
    rule = table.consumer_rule
    if rule is not None:
        consumer = np.unique(rule.consumer[units], return_inverse=True)[1]
        rule = ConsumerRule(consumer, rule.most_offers, rule.any_retained)
    measures = table.measures[units]
    return OptionTable(table.allowed[units], measures, table.cell[units], table.cells, rule)


def table_totals(table: OptionTable, choice: Array) -> Array:
    """Return the measures of one option per unit, (units,), summed per cell: (cells, 7)."""
    chosen = table.measures[np.arange(len(choice)), choice]
    if counts_once(table):
        decider = deciders(table)
        retained = np.bincount(decider, chosen[:, Measure.RETENTION] > 0) > 0
        is_first = np.diff(decider, prepend=-1) > 0
        chosen[:, Measure.RETENTION] = np.where(is_first, retained[decider], 0)
    sums = [np.bincount(table.cell, column, table.cells) for column in chosen.T]
    return np.stack(sums, axis=1)


@dataclass(frozen=True)
class _Part:
    """Some units, whole consumers, at some weights.

    Attributes:
        table: their options.
        scores: of each option at the weights, −∞ where it is not allowed, (units, options);
            without the retention that consumers earn once.
        worth: what a consumer earns if retained, (consumers,); 0 where each unit earns its own.
        decider: who decides for each unit, (units,).
        place: of a unit among those of its decider, from 0, (units,).
    """

    table: OptionTable
    scores: Array
    worth: Array
    decider: Array
    place: Array

    @classmethod
    def of(cls, table: OptionTable, weights: Array) -> "_Part":
        decider = deciders(table)
        first = np.flatnonzero(np.diff(decider, prepend=-1))
        worth = np.zeros(len(first))
        if counts_once(table):
            worth = weights[table.cell[first], Measure.RETENTION]
            weights = weights.copy()
            weights[:, Measure.RETENTION] = 0
        scores = np.einsum("uom,um->uo", table.measures, weights[table.cell])
        scores = np.where(table.allowed, scores, -np.inf)
        return cls(table, scores, worth, decider, np.arange(len(decider)) - first[decider])

    def best(self, scores: Array) -> tuple[Array, Array]:
        """Return each unit's option, (units,), and each decider's score; −∞ where none fits."""
        if not counts_once(self.table):
            return self._within_cap(scores)
        retained = self.table.measures[..., Measure.RETENTION] > 0
        option, score = self._within_cap(np.where(retained, -np.inf, scores))
        one_is_retained = np.zeros(len(score), bool)
        for place in range(self.place.max(initial=-1) + 1):
            here = self.place == place
            forced = np.where(here[:, None] & ~retained, -np.inf, scores)
            other, earned = self._within_cap(forced)
            earned = np.where(
                np.bincount(self.decider[here], minlength=len(score)), earned, -np.inf
            )
            earned += self.worth
            tied = _tied(earned, score)
            frugal = self._offers(other) < self._offers(option)
            better = np.where(tied, ~one_is_retained | frugal, earned > score)
            option = np.where(better[self.decider], other, option)
            score = np.where(better, earned, score)
            one_is_retained |= better
        return option, score

    def regret(self, option: Array, score: Array) -> Array:
        """Return what a unit's decider loses, (units,), if it must take a different option.

        Options that measure the same are not different.
        """
        table, units = self.table, np.arange(len(option))
        same = (table.measures == table.measures[units, option][:, None]).all(axis=2)
        lost = np.zeros(len(option))
        for place in range(self.place.max(initial=-1) + 1):
            here = self.place == place
            _, other = self.best(np.where(here[:, None] & same, -np.inf, self.scores))
            lost[here] = np.maximum(score - other, 0)[self.decider[here]]
        return lost

    def _within_cap(self, scores: Array) -> tuple[Array, Array]:
        rule = self.table.consumer_rule
        option = self._preferred(scores)
        if rule is not None and rule.most_offers is not None:
            offered = self.table.measures[..., Measure.OFFER] > 0
            with_offer = self._preferred(np.where(offered, scores, -np.inf))
            without = self._preferred(np.where(offered, -np.inf, scores))
            gets = self._gets(
                np.where(offered, scores, -np.inf)[_each(with_offer)],
                np.where(offered, -np.inf, scores)[_each(without)],
                self.table.measures[..., Measure.RETENTION][_each(with_offer)]
                - self.table.measures[..., Measure.RETENTION][_each(without)],
                rule.most_offers,
            )
            option = np.where(gets, with_offer, without)
            scores = np.where(offered == gets[:, None], scores, -np.inf)
        score = np.bincount(self.decider, scores[_each(option)], len(self.worth))
        return option, score

    def _gets(self, offered: Array, without: Array, retained_more: Array, most: int) -> Array:
        """Return which units get an offer: the most gainful of each consumer, (units,)."""
        with np.errstate(invalid="ignore"):  # −∞ less −∞: a unit that nothing is left to
            gain = np.nan_to_num(offered - without, nan=-np.inf, posinf=np.inf, neginf=-np.inf)
        tied = _tied(offered, without)
        wanted = np.where(tied, retained_more > 0, gain > 0)
        order = np.lexsort((-retained_more, -gain, ~wanted, self.decider))
        first = np.flatnonzero(np.diff(self.decider, prepend=-1))
        rank = np.zeros(len(order), dtype=int)
        rank[order] = np.arange(len(order)) - first[self.decider]
        return wanted & (rank < most)

    def _preferred(self, scores: Array) -> Array:
        """Return each unit's best column: of ties the most retention, then the lowest offer."""
        best = scores.max(axis=1, keepdims=True)
        tied = (scores >= best - TIE * np.abs(best)) & np.isfinite(scores)
        retention = np.where(tied, self.table.measures[..., Measure.RETENTION], -np.inf)
        tied &= retention == retention.max(axis=1, keepdims=True)
        return np.where(tied, self.table.measures[..., Measure.OFFER], np.inf).argmin(axis=1)

    def _offers(self, option: Array) -> Array:
        offer = self.table.measures[..., Measure.OFFER][_each(option)]
        return np.bincount(self.decider, np.nan_to_num(offer), len(self.worth))


def _each(option: Array) -> tuple[Array, Array]:
    """Return the index of one option per unit."""
    return np.arange(len(option)), option


def _tied(left: Array, right: Array) -> Array:
    both = np.isfinite(left) & np.isfinite(right)
    size = np.maximum(np.abs(left), np.abs(right))
    with np.errstate(invalid="ignore"):
        return both & (np.abs(left - right) <= TIE * size)


def _check(table: OptionTable) -> None:
    without = int((~table.allowed.any(axis=1)).sum())
    if without:
        raise InputError(f"Option table: {without} units have no option; give each at least one.")
    undefined = int((~np.isfinite(table.measures).all(axis=2) & table.allowed).sum())
    if undefined:
        raise InputError(
            f"Option table: {undefined} allowed options have measures that are not finite."
        )
    rule = table.consumer_rule
    if rule is not None and not np.isin(np.diff(rule.consumer, prepend=-1), (0, 1)).all():
        raise InputError("Option table: sort its units by consumer, numbered from 0.")


def _too_many_forced(consumers: int) -> str:
    return (
        f"Option table: {consumers} consumers have more units without an option of no offer than "
        "offers they may get; allow no offer there, or more offers per consumer."
    )
