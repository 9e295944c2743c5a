"""Options of consumer-items from columns in memory: no table of units × steps is ever built.

Column 0 of the options is the offer of today, column 1 no offer, and from column 2 on stand the
steps in rising offers: o = k(1 + η) for relative steps, or a menu of offers.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np

from promo_kedro.errors import InputError
from promo_kedro.pipelines.optimization.knapsack import consumers, curves, kernels
from promo_kedro.pipelines.optimization.knapsack.measures import MEASURES, Measure
from promo_kedro.pipelines.optimization.knapsack.offer_columns import (
    Mode,
    OfferColumns,
    Steps,
    check_layout,
    purchase_probability,
    refuse_columns,
)
from promo_kedro.pipelines.optimization.knapsack.options import (
    Choices,
    ConsumerRule,
    Options,
    OptionTable,
)
from promo_kedro.types import Array

__all__ = ["OfferColumns", "OfferOptions", "Steps", "purchase_probability"]

CHUNK = 65_536
MOST_STEPS = 125  # columns of options are int8


def grid_of(
    steps: Steps, mode: Mode, *, indicator_retention: bool, any_retained: bool = False
) -> curves.Grid:
    """Return the steps and how probabilities count, as the compiled passes take them.

    Raises:
        InputError: the steps do not rise, or are more than a choice can name.
    """
    values = np.ascontiguousarray(steps.values, dtype=float)
    gaps = np.diff(values)
    if (gaps <= 0).any() or not np.isfinite(values).all():
        raise InputError("Offer steps must be finite numbers in rising order.")
    if len(values) > MOST_STEPS:
        raise InputError(f"Offer steps are {len(values):,}, but may be at most {MOST_STEPS}.")
    return curves.Grid(
        steps=values,
        relative=bool(steps.relative),
        even=bool(len(values) > 1 and np.allclose(gaps, gaps[:1], rtol=1e-9, atol=0)),
        exact=mode == "exact",
        worth_clears=mode == "paper",
        retention_clears=indicator_retention or any_retained,
        counts_consumers=any_retained,
    )


class OfferOptions(Options):
    """The offers open to each consumer-item, reckoned whenever they are asked about."""

    def __init__(
        self,
        columns: OfferColumns,
        mode: Mode,
        steps: Steps,
        *,
        indicator_retention: bool,
        consumer_rule: ConsumerRule | None = None,
        cells: int = 1,
        threads: int = 1,
    ) -> None:
        """Take the columns in.

        Args:
            columns: of all units.
            mode: ``paper`` values an offer by 1[p ≥ cut-off], the others by p; ``exact``
                follows the curve, the others the line.
            steps: what offers may become.
            indicator_retention: retention counts 1[p ≥ cut-off], else it is p.
            consumer_rule: what couples the units of a consumer; with ``any_retained``,
                retention is the indicator.
            cells: number of cells.
            threads: of a pass; results are the same for any number.

        Raises:
            InputError: a column holds what cannot be reckoned with, cells or consumers are not
                laid out as they must be, a unit has no option, or some consumer must get more
                offers than it may.
        """
        check_layout(columns, cells, None if consumer_rule is None else consumer_rule.consumer)
        self.columns, self.mode, self.steps = columns, mode, steps
        self.threads = threads
        self._cells, self._consumer_rule = cells, consumer_rule
        any_retained = consumer_rule is not None and consumer_rule.any_retained
        self._grid = grid_of(
            steps, mode, indicator_retention=indicator_retention, any_retained=any_retained
        )
        self._units = self._prepared()
        self._bounds = self._chunk_bounds()
        if consumer_rule is not None:
            self._check_cap()

    @property
    def cell(self) -> Array:
        """Return the cell of each unit, (units,)."""
        return self._units.cell

    @property
    def cells(self) -> int:
        """Return the number of cells."""
        return self._cells

    @property
    def consumer_rule(self) -> ConsumerRule | None:
        """Return what couples the units of a consumer."""
        return self._consumer_rule

    def __len__(self) -> int:
        """Return the number of units."""
        return len(self._units.price)

    def choose(self, weights: Array, *, regret: bool = False) -> Choices:
        """Return what every unit does best at these weights, (cells, 7): one pass over all.

        Under a consumer rule the choices of a consumer are best together, and a unit's regret is
        only near what another option would lose: its own score's difference, where an offer
        costs what the consumer's next best offer would have earned.
        """
        weights = np.ascontiguousarray(weights, dtype=float)
        option = np.empty(len(self), dtype=np.int8)
        losses = np.empty(len(self) if regret else 0, dtype=np.float32)
        kind = self._kind(weights, regret)
        beside = self._classes_beside(weights)

        def one(span: tuple[int, int]) -> Array:
            totals, scratch = np.zeros((self._cells, MEASURES)), np.ones(kernels.SCRATCH)
            if self._consumer_rule is None:
                kernels.choose_units(
                    self._units, self._grid, weights, span, kind, option, losses, totals, scratch
                )
            else:
                consumers.choose_consumers(
                    self._units,
                    self._grid,
                    weights,
                    span,
                    (self._cap, beside),
                    option,
                    losses,
                    totals,
                )
            return totals

        totals = self._summed(one)
        score = float((weights * totals).sum())
        return Choices(option, score, totals, losses if regret else None)

    def totals(self, choice: Array) -> Array:
        """Return the measures of these options, (units,), summed per cell: (cells, 7)."""

        def one(span: tuple[int, int]) -> Array:
            return self._per_cell(span, self._measured(span, self._offers(choice, span)))

        return self._summed(one)

    def values(self, choice: Array, weights: Array) -> Array:
        """Return the score of these options at weights (cells, 7): (units,).

        Where retention counts consumers, the first unit of each carries it.
        """
        values = np.empty(len(self))
        for low, high in self._spans():
            measures = self._measured((low, high), self._offers(choice, (low, high)))
            values[low:high] = (measures * weights[self.cell[low:high]]).sum(axis=1)
        return values

    def offers(self, choice: Array) -> Array:
        """Return the offers of these options, percent, (units,)."""
        return self._offers(choice, (0, len(self)))

    def probabilities(self, offers: Array) -> Array:
        """Return the probability of a purchase at these offers, (units,) percent."""
        u = self._units
        return purchase_probability(
            offers, u.reference, u.probability, u.slope, u.elasticity, self.mode
        )

    def measures(self, offers: Array) -> Array:
        """Return what any offers, (units,) percent, on the grid or off it, measure: (units, 7).

        Where retention counts consumers, the first unit of each carries it.
        """
        out = np.empty((len(self), MEASURES))
        for low, high in self._spans():
            out[low:high] = self._measured((low, high), offers[low:high])
        return out

    def take(self, units: Array) -> "OfferOptions":
        """Return these units as options of their own; under a consumer rule, whole consumers."""
        return OfferOptions(
            self.columns.take(units),
            self.mode,
            self.steps,
            indicator_retention=self._grid.retention_clears,
            consumer_rule=self._rule_of(units),
            cells=self._cells,
            threads=self.threads,
        )

    def coupled_by(self, rule: ConsumerRule | None) -> "OfferOptions":
        """Return the same options, each unit measured alike, under another consumer rule."""
        return OfferOptions(
            self.columns,
            self.mode,
            self.steps,
            indicator_retention=self._grid.retention_clears,
            consumer_rule=rule,
            cells=self._cells,
            threads=self.threads,
        )

    def tabulate(self, units: Array) -> OptionTable:
        """Write out the options of these units; retention is that of each unit by itself."""
        units = np.asarray(units)
        u, columns = self._units, self.columns.take(units)
        shape = len(units), curves.STEPS + len(self._grid.steps)
        offer, allowed = np.zeros(shape), np.zeros(shape, dtype=bool)
        offer[:, curves.TODAY] = columns.offer_today
        offer[:, curves.STEPS :] = self._step_offers(columns.reference_offer[:, None])
        permitted = columns.permitted
        allowed[:, curves.TODAY] = permitted & curves.MAY_STAY
        allowed[:, curves.NO_OFFER] = permitted & curves.MAY_GO_WITHOUT
        step = np.arange(len(self._grid.steps))
        inside = (step >= u.first[units, None]) & (step <= u.last[units, None])
        allowed[:, curves.STEPS :] = inside
        measures = self._tabulated(columns, offer)
        measures[~allowed] = 0
        return OptionTable(allowed, measures, columns.cell, self._cells, self._rule_of(units))

    def _tabulated(self, columns: OfferColumns, offer: Array) -> Array:
        k, f = columns.reference_offer[:, None], columns.probability[:, None]
        a, e = columns.slope[:, None], columns.elasticity[:, None]
        p = purchase_probability(offer, k, f, a, e, self.mode)
        clears = (p >= columns.cutoff[:, None]).astype(float)
        worth = clears if self._grid.worth_clears else p
        out = np.empty((*offer.shape, MEASURES))
        out[..., Measure.SALES] = columns.price[:, None] * worth
        out[..., Measure.SPEND] = out[..., Measure.SALES] * offer / 100
        out[..., Measure.COST] = columns.cost[:, None] * worth
        out[..., Measure.RETENTION] = clears if self._grid.retention_clears else p
        out[..., Measure.PROBABILITY] = p
        out[..., Measure.OFFER] = offer
        out[..., Measure.OFFERED] = offer > 0
        return out

    def _step_offers(self, reference: Array) -> Array:
        steps = self._grid.steps
        return (
            reference * (1 + steps)
            if self._grid.relative
            else np.broadcast_to(steps, (len(reference), len(steps)))
        )

    def _rule_of(self, units: Array) -> ConsumerRule | None:
        rule = self._consumer_rule
        if rule is None:
            return None
        consumer = np.unique(rule.consumer[units], return_inverse=True)[1]
        return ConsumerRule(consumer, rule.most_offers, rule.any_retained)

    def _kind(self, weights: Array, regret: bool) -> int:
        """Return how a pass can go: fast where every score is p·(A + B·o) + C·o."""
        grid = self._grid
        if not (grid.exact and grid.even) or grid.worth_clears or grid.retention_clears:
            return kernels.GENERAL
        if not grid.relative and grid.steps[0] <= 0 and weights[:, Measure.OFFERED].any():
            return kernels.GENERAL
        if not regret:
            return kernels.FAST
        return kernels.GENERAL if weights[:, Measure.OFFER].any() else kernels.BESIDE

    def _classes_beside(self, weights: Array) -> bool:
        """Return whether scores of units by themselves rise and then fall along the steps."""
        grid = self._grid
        follows = grid.exact and grid.even and not grid.worth_clears
        own = grid.counts_consumers or not grid.retention_clears
        return bool(follows and own and not weights[:, Measure.OFFER].any())

    def _offers(self, choice: Array, span: tuple[int, int]) -> Array:
        low, high = span
        column = choice[low:high]
        step = np.maximum(column.astype(np.intp) - curves.STEPS, 0)
        value = self._grid.steps[step] if len(self._grid.steps) else np.zeros(high - low)
        offer = self._units.reference[low:high] * (1 + value) if self._grid.relative else value
        today = self._units.today[low:high]
        return np.where(column == 0, today, np.where(column == curves.NO_OFFER, 0.0, offer))

    def _measured(self, span: tuple[int, int], offers: Array) -> Array:
        out = np.empty((span[1] - span[0], MEASURES))
        curves.measure(self._units, self._grid, np.asarray(offers, dtype=float), span[0], out)
        return out

    def _per_cell(self, span: tuple[int, int], measures: Array) -> Array:
        cell = self.cell[span[0] : span[1]]
        counts = [np.bincount(cell, column, self._cells) for column in measures.T]
        return np.stack(counts, axis=1)

    def _spans(self) -> list[tuple[int, int]]:
        return list(pairwise(self._bounds.tolist()))

    def _summed(self, one: Callable[[tuple[int, int]], Array]) -> Array:
        """Sum what every chunk gives, pairwise and always in the same order."""
        parts = [np.zeros((self._cells, MEASURES)), *self._mapped(one, self._spans())]
        return np.ascontiguousarray(np.moveaxis(np.array(parts), 0, -1)).sum(axis=-1)

    def _mapped(self, one: Callable[[tuple[int, int]], Any], spans: list) -> Iterator[Any]:
        if self.threads == 1 or len(spans) < 2:
            yield from map(one, spans)
            return
        with ThreadPoolExecutor(self.threads) as pool:
            yield from pool.map(one, spans)

    def _prepared(self) -> curves.Units:
        """Return the columns with what the passes need of them; refuse what they cannot take."""
        c, n = self.columns, len(self.columns)
        indicator = self._grid.worth_clears or self._grid.retention_clears
        rule = self._consumer_rule
        units = curves.Units(
            price=np.ascontiguousarray(c.price, dtype=float),
            cost=np.ascontiguousarray(c.cost, dtype=float),
            reference=np.ascontiguousarray(c.reference_offer, dtype=float),
            today=np.ascontiguousarray(c.offer_today, dtype=float),
            probability=np.ascontiguousarray(c.probability, dtype=float),
            slope=np.ascontiguousarray(c.slope, dtype=float),
            elasticity=np.ascontiguousarray(c.elasticity, dtype=float),
            cutoff=np.ascontiguousarray(c.cutoff, dtype=float),
            permitted=np.ascontiguousarray(c.permitted, dtype=np.int8),
            cell=np.ascontiguousarray(c.cell, dtype=np.int32),
            first=np.empty(n, dtype=np.int8),
            last=np.empty(n, dtype=np.int8),
            start=np.empty(n),
            ratio=np.empty(n),
            clear_low=np.empty(n if indicator else 0, dtype=np.int8),
            clear_high=np.empty(n if indicator else 0, dtype=np.int8),
            consumer=np.ascontiguousarray([] if rule is None else rule.consumer, dtype=np.int32),
        )
        low, high = (np.ascontiguousarray(x, dtype=float) for x in (c.offer_min, c.offer_max))
        starts = range(0, n, CHUNK)
        spans = [(start, min(start + CHUNK, n)) for start in starts]

        def one(span: tuple[int, int]) -> int:
            return int(curves.prepare(units, self._grid, low, high, *span))

        if sum(self._mapped(one, spans)):
            refuse_columns(c, units.first, units.last)
        return units

    def _chunk_bounds(self) -> Array:
        """Return where chunks start, and the end; under a consumer rule, between consumers."""
        n = len(self)
        bounds = np.append(np.arange(0, n, CHUNK), n)
        if self._consumer_rule is not None:
            consumer = self._consumer_rule.consumer
            inner = bounds[1:-1]
            bounds[1:-1] = np.searchsorted(consumer, consumer[inner])
        return np.unique(bounds) if n else np.zeros(1, dtype=int)

    @property
    def _cap(self) -> int:
        rule = self._consumer_rule
        return len(self) if rule is None or rule.most_offers is None else rule.most_offers

    def _check_cap(self) -> None:
        """Refuse a consumer who would get more offers than it may, whatever is chosen."""

        def one(span: tuple[int, int]) -> tuple[int, int]:
            return consumers.forced_offers(self._units, self._grid, span, self._cap)

        found = [(over, unit) for over, unit in self._mapped(one, self._spans()) if over]
        if found:
            raise InputError(
                f"offer_decisions: {sum(over for over, _ in found):,} consumers must get more than "
                f"{self._cap} offers (such as that of row {found[0][1]:,}), as these "
                "consumer-items have no option without one. Allow offers of 0: add a NoOffer rule."
            )
