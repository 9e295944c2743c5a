"""The programs that are raced: what each maximises, its rows, and how much those ask for.

How much a row asks is found by passes over the drawn consumer-items, so that it is neither idle
nor out of reach; that is done before the clock starts.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from offer_programs.columns import (
    CATEGORIES,
    GRID,
    GROUPS,
    ITEMS,
    bytes_of,
    draw,
    in_one_cell,
    repeated,
)
from promo_kedro.pipelines.optimization.knapsack.measures import MEASURES, Measure
from promo_kedro.pipelines.optimization.knapsack.offers import Mode, OfferColumns, OfferOptions
from promo_kedro.pipelines.optimization.knapsack.options import ConsumerRule
from promo_kedro.pipelines.optimization.knapsack.program import Program, Row
from promo_kedro.types import Array

DISTINCT, MOST_OFFERS = 1_000, 3
BEYOND = 1.01  # of the attainable retention: what the infeasible program asks for
RETURN, EASED = 0.5, 1e-4


@dataclass(frozen=True)
class Instance:
    """A program in columns, before anything is built from them.

    Attributes:
        name: the kind of program.
        columns: of the consumer-items.
        mode: of the probability, ``exact`` or ``paper``.
        objective: weights, (cells, 7).
        rows: in the ≥ form.
        consumer_rule: what couples the items of a consumer, if anything.
        feasible: whether some plan meets every row.
    """

    name: str
    columns: OfferColumns
    mode: Mode
    objective: Array
    rows: tuple[Row, ...] = ()
    consumer_rule: ConsumerRule | None = None
    feasible: bool = True

    @property
    def input_bytes(self) -> int:
        """Return the memory of the columns, and of who is whose where that matters."""
        whose = self.consumer_rule.consumer.nbytes if self.consumer_rule else 0
        return bytes_of(self.columns) + whose

    def program(self, threads: int) -> Program:
        """Build the options and the program: the first part of what is timed."""
        options = OfferOptions(
            self.columns,
            self.mode,
            GRID,
            indicator_retention=self.mode == "paper",
            consumer_rule=self.consumer_rule,
            cells=len(self.objective),
            threads=threads,
        )
        return Program(options, self.objective, self.rows)

    def asking(self, rows: tuple[Row, ...], feasible: bool = True) -> "Instance":
        """Return the same with rows."""
        parts = (self.name, self.columns, self.mode, self.objective)
        return Instance(*parts, rows, self.consumer_rule, feasible)


def one_row(size: int, seed: int, threads: int) -> Instance:
    """Return revenue under one retention row, half way from the free plan's to the attainable."""
    columns = in_one_cell(draw(size, seed))
    return _half_way(Instance("one row", columns, "exact", revenue(1)), threads)


def ties(size: int, seed: int, threads: int) -> Instance:
    """Return the same with 1,000 distinct consumer-items, repeated; each ten times or more."""
    distinct = max(min(DISTINCT, size // 10), 1)
    columns = repeated(in_one_cell(draw(distinct, seed)), size)
    return _half_way(Instance("massive ties", columns, "exact", revenue(1)), threads)


def offers_cap(size: int, seed: int, threads: int) -> Instance:
    """Return the same with at most three offers per consumer, no offer being an option."""
    columns = in_one_cell(draw(size, seed, by_consumer=True, no_offer=True))
    rule = ConsumerRule(np.arange(size) // ITEMS, MOST_OFFERS)
    free = Instance("offers cap", columns, "exact", revenue(1), consumer_rule=rule)
    return _half_way(free, threads)


def infeasible(size: int, seed: int, threads: int) -> Instance:
    """Return a program whose retention row asks for 1 % more than there is."""
    columns = in_one_cell(draw(size, seed))
    instance = Instance("infeasible", columns, "exact", revenue(1))
    _, attainable = _retention_span(instance, threads)
    return instance.asking((_retention(size, BEYOND * attainable),), feasible=False)


def printed(size: int, seed: int, threads: int) -> Instance:
    """Return Eq. 13 as printed, asking for nine tenths of the attainable share that clears."""
    columns = in_one_cell(draw(size, seed))
    instance = Instance("Eq. 13 as printed", columns, "paper", revenue(1))
    _, attainable = _retention_span(instance, threads)
    return instance.asking((_retention(size, 0.9 * attainable),))


def sixteen_rows(size: int, seed: int, threads: int) -> Instance:
    """Return revenue under the retention of 12 categories and four rows about money and groups.

    The levels are those of the best plan at set prices of the rows, eased by up to 0.01 % each at
    random. So a plan exists, nearly every row costs something, and none is met exactly by
    construction.
    """
    columns = draw(size, seed)
    cells = CATEGORIES * GROUPS
    instance = Instance("sixteen rows", columns, "exact", revenue(cells))
    rng = np.random.default_rng([seed, size, cells])
    rows = [_retention_of(each, columns) for each in range(CATEGORIES)]
    rows += [_row("budget", _weights(cells, spend=-1), at_most=True)]
    rows += [_row("margin floor", _weights(cells, sales=1, cost=-1, spend=-1))]
    rows += [_row("return on spend", _weights(cells, sales=1, cost=-1, spend=-1 - RETURN))]
    rows += [_fairness(columns)]
    price = columns.price.mean()
    prices = np.array([*(price * rng.uniform(0.2, 1.5, CATEGORIES)), 0.1, 0.3, 0.1, 0.0])
    prices[-1] = 0.1 * price * size
    at_prices = Program(instance.program(threads).options, instance.objective, tuple(rows))
    reached = at_prices.activity(at_prices.options.choose(at_prices.weights(prices)).totals)
    least = reached - EASED * rng.random(len(rows)) * np.abs(reached)
    return instance.asking(
        tuple(
            _row(row.name, row.coefficients, level, row.at_most)
            for row, level in zip(rows, least, strict=True)
        )
    )


INSTANCES: dict[str, Callable[[int, int, int], Instance]] = {
    "one_row": one_row,
    "sixteen_rows": sixteen_rows,
    "offers_cap": offers_cap,
    "ties": ties,
    "infeasible": infeasible,
    "printed": printed,
}


def revenue(cells: int) -> Array:
    """Return the objective: money at list price less money given up, in every cell."""
    return _weights(cells, sales=1, spend=-1)


def _weights(cells: int, where: Array | None = None, **measures: float) -> Array:
    weights = np.zeros((cells, MEASURES))
    for name, weight in measures.items():
        weights[slice(None) if where is None else where, Measure[name.upper()]] = weight
    return weights


def _row(name: str, coefficients: Array, least: float = 0.0, at_most: bool = False) -> Row:
    return Row(name, name, coefficients, float(least), at_most)


def _retention(size: int, least: float) -> Row:
    return Row(
        "retention",
        "retention",
        _weights(1, retention=1),
        float(least),
        scale=100 / size,
        unit="percentage points of retention",
    )


def _retention_of(category: int, columns: OfferColumns) -> Row:
    cells = CATEGORIES * GROUPS
    its = np.arange(cells) // GROUPS == category
    return _row(f"retention: {category}", _weights(cells, its, retention=1))


def _fairness(columns: OfferColumns) -> Row:
    """Mean probability of the second group of consumers, less that of the first."""
    cells = CATEGORIES * GROUPS
    second = np.arange(cells) % GROUPS == 1
    count = np.bincount(columns.cell, minlength=cells)
    weights = _weights(cells, second, probability=1 / count[second].sum())
    weights += _weights(cells, ~second, probability=-1 / count[~second].sum())
    return _row("fairness", weights)


def _half_way(instance: Instance, threads: int) -> Instance:
    free, attainable = _retention_span(instance, threads)
    row = _retention(len(instance.columns.price), (free + attainable) / 2)
    return instance.asking((row,))


def _retention_span(instance: Instance, threads: int) -> tuple[float, float]:
    """Retention of the plan that ignores it, and of the one that looks at nothing else."""
    options = instance.program(threads).options
    plans = (instance.objective, _weights(len(instance.objective), retention=1))
    free, most = (options.choose(weights).totals[:, Measure.RETENTION].sum() for weights in plans)
    return float(free), float(most)
