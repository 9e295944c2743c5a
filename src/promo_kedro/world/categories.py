"""The twelve categories of the paper's Table 1 and the shelves their items stand on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promo_kedro.types import Array


@dataclass(frozen=True)
class Category:
    """What the shop sells under one name.

    Attributes:
        name: As printed in Table 1.
        sample_size: Table 1's sample size; items are shared out in proportion.
        price: Median list price, in currency.
        peak_week: Week of the year with the strongest season.
        season: Amplitude of the season, in logits of a purchase.
        threshold: Offer percent at which half of the response has come.
        width: How sharply the response rises around it, in offer percent.
        gain: Strength of the response, 1 = usual.
    """

    name: str
    sample_size: int
    price: float
    peak_week: int
    season: float
    threshold: float
    width: float
    gain: float


# Thresholds and gains follow the order of Table 1's weighted offer percents and elasticities.
CATEGORIES = (
    Category("Grocery", 28_990, 3.0, 50, 0.10, 13.0, 3.5, 1.05),
    Category("Bakery", 1_628, 2.5, 48, 0.15, 12.0, 3.5, 1.00),
    Category("Pharmaceutical", 20_492, 6.0, 4, 0.25, 10.0, 3.0, 0.90),
    Category("Packaged Meat", 1_473, 4.5, 26, 0.15, 11.0, 3.0, 0.85),
    Category("Seafood", 539, 8.0, 51, 0.30, 9.0, 3.0, 0.95),
    Category("Natural Products", 2_399, 5.0, 2, 0.20, 12.0, 3.5, 0.95),
    Category("Dairy, Juices, Snacks", 2_060, 2.5, 28, 0.15, 12.0, 3.5, 1.00),
    Category("Prepared Food", 1_407, 5.5, 40, 0.10, 16.0, 4.0, 1.00),
    Category("Skin, Hair Care", 1_906, 7.0, 30, 0.15, 6.0, 2.0, 0.80),
    Category("Meat", 1_767, 7.5, 27, 0.20, 11.0, 3.0, 0.95),
    Category("Flowers, Plants", 491, 9.0, 19, 0.60, 18.0, 4.0, 1.20),
    Category("Vegetables (cut)", 124, 3.5, 24, 0.35, 22.0, 4.5, 1.25),
)
CATEGORY_NAMES = tuple(category.name for category in CATEGORIES)


def values_of(attribute: str) -> Array:
    """One attribute of all twelve categories, float32."""
    return np.array([getattr(category, attribute) for category in CATEGORIES], dtype=np.float32)


def items_per_category(items: int, at_least: int) -> Array:
    """Share items out in proportion to Table 1's sample sizes (largest remainder).

    Categories whose share is below `at_least` get `at_least`; the others share what is left.

    Raises:
        ValueError: Fewer items than `at_least` for each category.
    """
    sizes = np.array([category.sample_size for category in CATEGORIES], dtype=np.float64)
    if items < at_least * len(sizes):
        raise ValueError(f"{items} items cannot give {len(sizes)} categories {at_least} each.")
    floored = np.zeros(len(sizes), dtype=bool)
    while True:
        left = items - at_least * floored.sum()
        quota = np.where(floored, at_least, sizes / max(sizes[~floored].sum(), 1.0) * left)
        if not (quota < at_least).any():
            break
        floored |= quota < at_least
    counts = np.floor(quota).astype(np.int64)
    by_remainder = np.argsort(-(quota - counts), kind="stable")
    counts[by_remainder[: items - counts.sum()]] += 1
    return counts


@dataclass(frozen=True)
class Layout:
    """Which item stands where: items are sorted by category, then shelf.

    A shelf holds the substitutes among which a consumer chooses.

    Attributes:
        category_of_item: (items,) position in CATEGORIES.
        shelf_of_item: (items,) shelf.
        shelf_start: (shelves,) first item of each shelf.
        category_of_shelf: (shelves,) position in CATEGORIES.
        slots: (shelves, widest shelf) items of each shelf, the last one repeated to fill.
    """

    category_of_item: Array
    shelf_of_item: Array
    shelf_start: Array
    category_of_shelf: Array
    slots: Array

    @property
    def items(self) -> int:
        """Number of items."""
        return len(self.category_of_item)

    @property
    def shelves(self) -> int:
        """Number of shelves."""
        return len(self.shelf_start)

    def shelf_sum(self, per_item: Array) -> Array:
        """Sum (consumers, items) over each shelf -> (consumers, shelves)."""
        return np.add.reduceat(per_item, self.shelf_start, axis=1)

    def on_items(self, per_shelf: Array) -> Array:
        """Spread (consumers, shelves) over the shelves' items -> (consumers, items)."""
        return per_shelf[:, self.shelf_of_item]


def make_layout(items: int, at_least: int, shelf_size: int) -> Layout:
    """Put the items of every category on shelves of about `shelf_size`."""
    counts = items_per_category(items, at_least)
    shelves = np.maximum(1, np.round(counts / shelf_size).astype(np.int64))
    widths = [
        len(shelf)
        for count, n in zip(counts, shelves, strict=True)
        for shelf in np.array_split(np.arange(count), n)
    ]
    start = np.concatenate([[0], np.cumsum(widths)[:-1]])
    within = np.minimum(np.arange(max(widths)), np.array(widths)[:, None] - 1)
    return Layout(
        category_of_item=np.repeat(np.arange(len(CATEGORIES)), counts),
        shelf_of_item=np.repeat(np.arange(len(widths)), widths),
        shelf_start=start,
        category_of_shelf=np.repeat(np.arange(len(CATEGORIES)), shelves),
        slots=start[:, None] + within,
    )
