"""Whether an offer is the lowest or the highest that is open to its consumer-item."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from promo_kedro.pipelines.optimization.rules.offer_steps import inside
from promo_kedro.pipelines.optimization.totals import category_sums
from promo_kedro.types import Array

if TYPE_CHECKING:
    from promo_kedro.pipelines.optimization.planning import Planned

EDGE_WARNING = 0.5  # share of adjustable offers at the edge above which the range decides


def same_offer(offer: Array, other: Array) -> Array:
    """Say where two offers, percent, are one and the same but for rounding."""
    return np.isclose(offer, other, rtol=1e-9, atol=1e-9)


@dataclass(frozen=True)
class Edges:
    """Where planned offers lie among the steps open to them, each (units,) of booleans.

    Attributes:
        lowest: the planned offer is the lowest step open to an adjustable unit.
        highest: it is the highest.
        first_step: the lowest step open is the first there is, so steps end before the range.
        last_step: the highest step open is the last there is.
    """

    lowest: Array
    highest: Array
    first_step: Array
    last_step: Array

    @property
    def any(self) -> Array:
        """Return where the planned offer is at either edge, (units,)."""
        edge: Array = self.lowest | self.highest
        return edge


def find_edges(planned: "Planned") -> Edges:
    """Find which planned offers are the lowest or highest step strictly inside their range."""
    decisions, steps = planned.decisions, planned.options.steps
    reference = decisions["reference_offer"].to_numpy()
    low, high = decisions["offer_min"].to_numpy(), decisions["offer_max"].to_numpy()
    lowest, highest = np.full(len(low), np.inf), np.full(len(low), -np.inf)
    first, last = lowest.copy(), highest.copy()
    # One step at a time: a table of all steps of all units would not fit in memory.
    for step in np.asarray(steps.values):
        offer = reference * (1 + step) if steps.relative else np.full(len(low), step)
        open_ = inside(offer, low, high)
        np.minimum(lowest, offer, out=lowest, where=open_)
        np.maximum(highest, offer, out=highest, where=open_)
        np.minimum(first, offer, out=first)
        np.maximum(last, offer, out=last)
    adjustable = decisions["adjustable"].to_numpy()
    return Edges(
        lowest=adjustable & same_offer(planned.offer, lowest),
        highest=adjustable & same_offer(planned.offer, highest),
        first_step=lowest == first,
        last_step=highest == last,
    )


def edge_counts(planned: "Planned") -> tuple[Array, Array]:
    """Return per category how many adjustable offers are at an edge, and of how many."""
    adjustable = planned.decisions["adjustable"].to_numpy()
    at_edge = category_sums(planned, find_edges(planned).any.astype(float))
    return at_edge, category_sums(planned, adjustable.astype(float))


def share_of(part: Array, whole: Array) -> Array:
    """Return part / whole, NaN where there is no whole."""
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
