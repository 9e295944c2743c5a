"""What the program chooses from: the options of each unit, however they are stored.

A unit is a consumer-item, or a segment in a category. Units of one cell share their weights; a
cell is a category, or a category within a group of consumers.
"""

from dataclasses import dataclass
from typing import Protocol

from promo_kedro.types import Array


@dataclass(frozen=True)
class ConsumerRule:
    """What couples the units of one consumer, besides rows.

    Attributes:
        consumer: consumer of each unit, rising from 0, units of one consumer side by side,
            (units,).
        most_offers: offers above 0 that a consumer may get; none for any number.
        any_retained: retention counts consumers, each once if any of its units is retained, in
            the cell of its first unit; else it is summed over the units.
    """

    consumer: Array
    most_offers: int | None = None
    any_retained: bool = False


@dataclass(frozen=True)
class OptionTable:
    """Options of some units written out, for the solver and for tests.

    Attributes:
        allowed: whether an option may be chosen, (units, options); at least one per unit.
        measures: see ``measures``, finite wherever allowed, (units, options, 7).
        cell: cell of each unit, (units,).
        cells: number of cells, of all units, not just these.
        consumer_rule: what couples these units; none where nothing does. Consumers are numbered
            anew from 0.
    """

    allowed: Array
    measures: Array
    cell: Array
    cells: int
    consumer_rule: ConsumerRule | None = None


@dataclass(frozen=True)
class Choices:
    """What each unit (each consumer, under a consumer rule) does best at some weights.

    Attributes:
        option: column of the option, (units,) int8.
        score: Σ of the best scores: the Lagrangian at these weights.
        totals: measures of the chosen options, summed per cell, (cells, 7).
        regret: what the unit's next best different option would lose, ≥ 0, (units,) float32;
            +∞ where there is no other. None where it was not asked for.
    """

    option: Array
    score: float
    totals: Array
    regret: Array | None = None


class Options(Protocol):
    """Options of all units. Ties go to the option that retains more, then to the lower offer.

    Attributes:
        cell: cell of each unit, (units,).
        cells: number of cells.
        consumer_rule: what couples the units of a consumer, or none.
    """

    @property
    def cell(self) -> Array:
        """Return the cell of each unit, (units,)."""
        ...

    @property
    def cells(self) -> int:
        """Return the number of cells."""
        ...

    @property
    def consumer_rule(self) -> ConsumerRule | None:
        """Return what couples the units of a consumer, or none."""
        ...

    def __len__(self) -> int: ...

    def choose(self, weights: Array, *, regret: bool = False) -> Choices:
        """Return what every unit does best at these weights, (cells, 7): one pass over all."""
        ...

    def totals(self, choice: Array) -> Array:
        """Return the measures of these options, (units,), summed per cell: (cells, 7)."""
        ...

    def take(self, units: Array) -> "Options":
        """Return these units as options of their own; under a consumer rule, whole consumers."""
        ...

    def tabulate(self, units: Array) -> OptionTable:
        """Write out the options of these units, same columns for all."""
        ...
