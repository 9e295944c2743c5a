"""What is known of each consumer-item, and how an offer moves its probability of a purchase."""

from dataclasses import dataclass, fields
from typing import Literal, Protocol

import numpy as np

from promo_kedro.errors import InputError
from promo_kedro.types import Array

Mode = Literal["paper", "linear", "exact"]


class Steps(Protocol):
    """What offers may become.

    Attributes:
        relative: whether values are changes η of the reference offer, else offers in percent.
        values: in rising order, (steps,).
    """

    @property
    def relative(self) -> bool:
        """Return whether values are changes."""
        ...

    @property
    def values(self) -> Array:
        """Return the changes or the menu."""
        ...


@dataclass(frozen=True)
class OfferColumns:
    """What is known of each consumer-item, columns of shape (units,).

    Attributes:
        price: list price; money, ≥ 0.
        cost: paid for what is sold; money, 0 where unknown.
        reference_offer: k, percent.
        offer_today: percent.
        probability: f, of a purchase at k.
        slope: a of the exact curve, per percentage point of offer.
        elasticity: ε of the linear one.
        cutoff: probability from which the consumer counts as retained; +∞ for never.
        offer_min: o₁; steps lie strictly above it, percent.
        offer_max: o₂; steps lie strictly below it, percent.
        permitted: bits of the options that are open: 1 today's, 2 none, 4 the steps.
        cell: units of a cell share their weights.
    """

    price: Array
    cost: Array
    reference_offer: Array
    offer_today: Array
    probability: Array
    slope: Array
    elasticity: Array
    cutoff: Array
    offer_min: Array
    offer_max: Array
    permitted: Array
    cell: Array

    def __len__(self) -> int:
        """Return the number of units."""
        return len(self.price)

    def take(self, units: Array | slice) -> "OfferColumns":
        """Return these units."""
        return OfferColumns(**{f.name: getattr(self, f.name)[units] for f in fields(self)})


def purchase_probability(
    offer: Array, reference: Array, probability: Array, slope: Array, elasticity: Array, mode: Mode
) -> Array:
    """Return the probability of a purchase at these offers; all arguments broadcast.

    ``paper`` and ``linear`` follow the elasticity, f + η·ε·f with η = o/k − 1 (Eq. 12, 13),
    kept inside 0–1; ``exact`` follows the category's curve through the unit's own point,
    σ(logit f + a(o − k)) (Eq. 10), written x / (x + 1 − f) with x = f·exp(a(o − k)), which is f
    itself at k and needs no logit of 0 or 1.
    """
    if mode == "exact":
        x = probability * np.exp(np.clip(slope * (offer - reference), -700, 700))
        return x / (x + (1 - probability))
    shape = np.broadcast_shapes(np.shape(offer), np.shape(reference))
    share = np.divide(offer, reference, out=np.ones(shape), where=np.asarray(reference) > 0)
    return np.clip(probability * (1 + (share - 1) * elasticity), 0, 1)


def check_layout(columns: OfferColumns, cells: int | None, consumer: Array | None) -> None:
    """Check all that the compiled passes find units by, as they index without looking.

    Args:
        columns: of all units.
        cells: number of cells; none where they play no part.
        consumer: of each unit, (units,); none where nothing couples units.

    Raises:
        InputError: columns differ in length, a cell is not one of 0 … cells − 1, or the units of
            a consumer are not side by side, consumers rising from 0.
    """
    named = {field.name: getattr(columns, field.name) for field in fields(columns)}
    named |= {} if consumer is None else {"consumer": consumer}
    for name, column in named.items():
        if np.shape(column) != (len(columns),):
            raise InputError(
                f"offer_decisions: {name} is of shape {np.shape(column)}, but must hold one value "
                f"for each of {len(columns):,} consumer-items."
            )
    if not len(columns):
        return
    cell = np.asarray(columns.cell)
    if cells is not None and not (_whole(cell) and cell.min() >= 0 and cell.max() < cells):
        raise InputError(
            f"offer_decisions: cell must be a whole number, 0–{cells - 1}, but is "
            f"{cell.min()}–{cell.max()}."
        )
    if consumer is None:
        return
    consumer = np.asarray(consumer)
    most = np.iinfo(np.int32).max
    numbered = _whole(consumer) and consumer[0] >= 0 and consumer[-1] <= most
    if not (numbered and (consumer[1:] >= consumer[:-1]).all()):
        raise InputError(
            "offer_decisions: consumers must be numbered in rising order from 0, the "
            "consumer-items of each side by side. Sort the consumer-items by consumer."
        )


def refuse_columns(columns: OfferColumns, first: Array, last: Array) -> None:
    """Say what is wrong with the columns of some units.

    Args:
        columns: of all units, at least one of which cannot be used.
        first: first step inside each unit's range, (units,).
        last: last one; before the first where there is none.

    Raises:
        InputError: always.
    """
    c, stepping = columns, (columns.permitted.astype(int) & 4) > 0
    percent, number = "a percentage, 0–100", "a finite number"
    asked = {
        "price": ((c.price >= 0) & np.isfinite(c.price), "a finite amount, at least 0"),
        "cost": (np.isfinite(c.cost), number),
        "reference_offer": (_between(c.reference_offer, 0, 100), percent),
        "offer_today": (_between(c.offer_today, 0, 100), percent),
        "probability": (_between(c.probability, 0, 1), "a share, 0–1"),
        "slope": (np.isfinite(c.slope), number),
        "elasticity": (np.isfinite(c.elasticity), number),
        "cutoff": (~np.isnan(c.cutoff), "a number"),
        "offer_min": (np.isfinite(c.offer_min) | ~stepping, number),
        "offer_max": (np.isfinite(c.offer_max) | ~stepping, number),
        "permitted": (_between(c.permitted, 1, 7), "made of the bits 1, 2 and 4, and not 0"),
    }
    for name, (usable, needed) in asked.items():
        if not usable.all():
            row = int(np.flatnonzero(~usable)[0])
            raise InputError(
                f"offer_decisions: {name} must be {needed}, but is not in "
                f"{np.count_nonzero(~usable):,} rows, such as {getattr(c, name)[row]} in row "
                f"{row:,}. Correct or leave out these consumer-items."
            )
    closed = (last < first) & ((c.permitted & 3) == 0)
    raise InputError(
        f"offer_decisions: {np.count_nonzero(closed):,} consumer-items have no option, such as "
        f"that of row {int(np.flatnonzero(closed)[0]):,}: none of the steps lies between its "
        "offer_min and offer_max. Let them keep the offer of today, or widen the range."
    )


def _between(column: Array, least: float, most: float) -> Array:
    return (column >= least) & (column <= most)


def _whole(column: Array) -> bool:
    return bool(np.issubdtype(column.dtype, np.integer))
