"""Consumer-items of a retailer, drawn in the size asked for: what the programs start from.

Prices are log-normal, reference offers 5–45 %, purchase probabilities logistic-normal around 0.1
with consumers who differ, the slope of each category's curve .01–.06 per percentage point, offers
allowed between 3 and 60 %. Three in a hundred cannot be changed and keep the offer of today.
"""

from dataclasses import dataclass, fields

import numpy as np

from promo_kedro.pipelines.optimization.knapsack.offers import OfferColumns
from promo_kedro.types import Array

CATEGORIES, ITEMS, GROUPS = 12, 20, 2
LOWEST, HIGHEST = 3.0, 60.0
TODAY, NO_OFFER, STEPS = 1, 2, 4  # bits of ``permitted``
KEPT_EVERY = 33


@dataclass(frozen=True)
class OfferSteps:
    """The paper's grid: changes of the reference offer in steps of 5 %."""

    relative: bool
    values: Array


GRID = OfferSteps(True, 0.05 * np.arange(-19, 20))


def draw(
    size: int, seed: int, *, by_consumer: bool = False, no_offer: bool = False
) -> OfferColumns:
    """Draw consumer-items; their cell is category · 2 + group of the consumer.

    Args:
        size: consumer-items; about 20 of each consumer.
        seed: of the draw; the same for the same size.
        by_consumer: sort by consumer, then category, instead of by category, then consumer.
        no_offer: whether no offer at all is an option of those that can be changed.
    """
    rng = np.random.default_rng([seed, size])
    consumer, category = _consumers_and_categories(size, by_consumer)
    consumers = int(consumer[-1]) + 1
    slopes = rng.permutation(np.linspace(0.01, 0.06, CATEGORIES))
    cost_shares = rng.permutation(np.linspace(0.5, 0.85, CATEGORIES))
    habits = 0.6 * rng.standard_normal(consumers) - 2.2
    cutoffs = rng.uniform(0.04, 0.3, consumers)

    price = _normal(rng, size, 1.2, 0.7)
    np.exp(price, out=price)
    reference = rng.uniform(5.0, 45.0, size)
    probability = _normal(rng, size, 0.0, 0.9)
    probability += habits[consumer]
    _logistic(probability)
    slope = slopes[category]
    elasticity = 1 - probability  # ε = a · k · (1 − f)
    elasticity *= slope
    elasticity *= reference
    permitted = np.full(size, STEPS + NO_OFFER * no_offer, dtype=np.int8)
    permitted[::KEPT_EVERY] = TODAY
    cell = category * GROUPS
    cell += consumer % GROUPS
    return OfferColumns(
        price=price,
        cost=cost_shares[category] * price,
        reference_offer=reference,
        offer_today=reference.copy(),
        probability=probability,
        slope=slope,
        elasticity=elasticity,
        cutoff=cutoffs[consumer],
        offer_min=np.full(size, LOWEST),
        offer_max=np.full(size, HIGHEST),
        permitted=permitted,
        cell=cell,
    )


def repeated(columns: OfferColumns, size: int) -> OfferColumns:
    """Return the same few consumer-items again and again, up to a size."""
    times = -(-size // len(columns.price))
    return _each(columns, lambda values: np.tile(values, times)[:size])


def in_one_cell(columns: OfferColumns) -> OfferColumns:
    """Return the same consumer-items, all of one cell."""
    values = {one.name: getattr(columns, one.name) for one in fields(columns)}
    return OfferColumns(**{**values, "cell": np.zeros_like(columns.cell)})


def bytes_of(columns: OfferColumns) -> int:
    """Return the memory that the columns take."""
    return sum(getattr(columns, one.name).nbytes for one in fields(columns))


def _each(columns, change) -> OfferColumns:
    changed = {one.name: change(getattr(columns, one.name)) for one in fields(columns)}
    return OfferColumns(**changed)


def _consumers_and_categories(size: int, by_consumer: bool) -> tuple[Array, Array]:
    """Who each consumer-item belongs to: consumers rising within a category, or the reverse."""
    unit = np.arange(size)
    if by_consumer:
        return (unit // ITEMS).astype(np.int32), (unit % ITEMS * CATEGORIES // ITEMS).astype(
            np.int32
        )
    consumers = max(size // ITEMS, 1)
    category = unit * CATEGORIES // size
    unit *= CATEGORIES
    unit -= category * size  # now size · place within the category, in [0, 1)
    unit *= consumers
    unit //= size
    return unit.astype(np.int32), category.astype(np.int32)


def _normal(rng: np.random.Generator, size: int, mean: float, deviation: float) -> Array:
    values = rng.standard_normal(size)
    values *= deviation
    values += mean
    return values


def _logistic(values: Array) -> None:
    """Turn logits into probabilities where they stand."""
    np.negative(values, out=values)
    np.exp(values, out=values)
    values += 1
    np.reciprocal(values, out=values)
