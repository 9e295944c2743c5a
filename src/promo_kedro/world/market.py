"""What all consumers share: items, brands, prices, season, popularity, and the hidden shock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from promo_kedro.types import Array
from promo_kedro.world.categories import Layout, make_layout, values_of
from promo_kedro.world.parameters import DemandParameters, SimulationParameters
from promo_kedro.world.randomness import Seed, Stream, shared_generator

TRAITS = 6  # three that demographics show, three hidden
WEEKS_A_YEAR = 365.25 / 7
_POPULARITY_MEMORY = 0.95


@dataclass(frozen=True)
class Assortment:
    """The shop's items, which do not change.

    Attributes:
        layout: Where items stand.
        brand: (items,) brand number, 1 = the largest.
        popularity: (items,) lasting popularity, in utility.
        list_price: (items,) list price in cents at the start.
        item_appeal: (TRAITS, items) what each trait finds in an item and its brand.
        shelf_appeal: (TRAITS, shelves) what each trait finds in a shelf.
        shelf_level: (shelves,) how often the shelf is bought, in logits.
    """

    layout: Layout
    brand: Array
    popularity: Array
    list_price: Array
    item_appeal: Array
    shelf_appeal: Array
    shelf_level: Array


@dataclass(frozen=True)
class Path:
    """What moves from step to step; row s is step s.

    Attributes:
        popularity: (steps, items) drift around the lasting popularity.
        item_shock: (steps, items) hidden shock of demand for the item.
        shelf_shock: (steps, shelves) hidden shock of demand for the whole shelf.
        list_price: (steps, items) in cents.
    """

    popularity: Array
    item_shock: Array
    shelf_shock: Array
    list_price: Array

    def rows(self, start: int, stop: int) -> Path:
        """The steps start … stop − 1."""
        return Path(
            self.popularity[start:stop],
            self.item_shock[start:stop],
            self.shelf_shock[start:stop],
            self.list_price[start:stop],
        )


def open_shop(parameters: SimulationParameters, seed: Seed) -> Assortment:
    """Draw the assortment."""
    rng = shared_generator(seed, Stream.MARKET, 0)
    layout = make_layout(parameters.items, parameters.items_at_least, parameters.shelf_size)
    brand_weight = 1.0 / np.arange(1, parameters.brands + 1) ** 1.1
    brand = rng.choice(parameters.brands, layout.items, p=brand_weight / brand_weight.sum())
    _stock_every_brand(brand, parameters, seed)
    brand_appeal = rng.normal(0.0, 0.7, (TRAITS, parameters.brands))
    own_appeal = rng.normal(0.0, 0.7, (TRAITS, layout.items))
    demand = parameters.demand
    price = values_of("price")[layout.category_of_item] * np.exp(rng.normal(0, 0.4, layout.items))
    level = np.log(demand.incidence / (1.0 - demand.incidence))
    return Assortment(
        layout=layout,
        brand=brand + 1,
        popularity=_f32(rng.normal(0.0, demand.popularity_spread, layout.items)),
        list_price=np.maximum(25, np.round(price * 20) * 5).astype(np.int64),
        item_appeal=_f32((brand_appeal[:, brand] + own_appeal) / np.sqrt(TRAITS)),
        shelf_appeal=_f32(rng.normal(0.0, 1.0 / np.sqrt(TRAITS), (TRAITS, layout.shelves))),
        shelf_level=_f32(level + rng.normal(0.0, 0.4, layout.shelves)),
    )


def _stock_every_brand(brand: Array, parameters: SimulationParameters, seed: Seed) -> None:
    """Give items to every brand, in place; the other items keep the brand they drew.

    Chance of its own: without such items nothing else of the world is drawn differently.
    """
    rng = shared_generator(seed, Stream.MARKET, 4)
    given = parameters.brands * parameters.brand_items_at_least
    items = rng.choice(len(brand), given, replace=False)
    brand[items] = np.tile(np.arange(parameters.brands), parameters.brand_items_at_least)


def first_path(shop: Assortment, demand: DemandParameters, steps: int, seed: Seed) -> Path:
    """Popularity, shock and prices of the first `steps` steps."""
    rng = shared_generator(seed, Stream.MARKET, 1)
    items, shelves = shop.layout.items, shop.layout.shelves
    before = Path(
        popularity=_f32(rng.normal(0.0, demand.popularity_drift, (1, items))),
        item_shock=_f32(rng.normal(0.0, demand.item_shock, (1, items))),
        shelf_shock=_f32(rng.normal(0.0, demand.shelf_shock, (1, shelves))),
        list_price=shop.list_price[None, :],
    )
    return continued(before, demand, steps, rng)


def continued(path: Path, demand: DemandParameters, steps: int, rng: Generator) -> Path:
    """The next `steps` steps after the path's last one."""
    memory = demand.shock_memory
    return Path(
        popularity=_autoregression(
            path.popularity[-1], _POPULARITY_MEMORY, demand.popularity_drift, steps, rng
        ),
        item_shock=_autoregression(path.item_shock[-1], memory, demand.item_shock, steps, rng),
        shelf_shock=_autoregression(path.shelf_shock[-1], memory, demand.shelf_shock, steps, rng),
        list_price=_price_path(path.list_price[-1], steps, rng),
    )


def appeal(shop: Assortment, path: Path, demand: DemandParameters) -> Array:
    """Utility of the items that all consumers share, (steps, items)."""
    dearer = np.log(path.list_price / shop.list_price).astype(np.float32)
    shared = shop.popularity + path.popularity + path.item_shock
    return _f32(shared - demand.price_sensitivity * dearer)


def season(layout: Layout, first_week: float, weeks: int) -> Array:
    """Season of each shelf in logits, (weeks, shelves), from a week of the year on."""
    week = first_week + np.arange(weeks)[:, None]
    angle = 2.0 * np.pi * (week - values_of("peak_week")) / WEEKS_A_YEAR
    return _f32(values_of("season") * np.cos(angle))[:, layout.category_of_shelf]


def _autoregression(
    start: Array, memory: float, spread: float, steps: int, rng: Generator
) -> Array:
    news = rng.normal(0.0, spread * np.sqrt(1.0 - memory**2), (steps, len(start)))
    path = np.empty((steps, len(start)), dtype=np.float32)
    for step in range(steps):
        start = path[step] = memory * start + news[step]
    return path


def _price_path(start: Array, steps: int, rng: Generator) -> Array:
    """List prices change seldom, by a few percent, mostly upwards; cents end in 5 or 0."""
    changes = rng.random((steps, len(start))) < 0.03
    ratio = np.exp(np.cumsum(changes * rng.normal(0.01, 0.04, changes.shape), axis=0))
    return np.maximum(25, np.round(start * ratio / 5) * 5).astype(np.int64)


def _f32(values: Array) -> Array:
    return np.asarray(values, dtype=np.float32)
