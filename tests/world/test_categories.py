import numpy as np
import pytest

from promo_kedro.world.categories import CATEGORIES, items_per_category, make_layout


@pytest.mark.parametrize(("items", "at_least"), [(96, 8), (250, 8), (1000, 8), (12, 1), (400, 20)])
def test_items_follow_table_1_above_the_floor(items: int, at_least: int) -> None:
    counts = items_per_category(items, at_least)
    assert counts.sum() == items
    assert counts.min() >= at_least
    sizes = np.array([category.sample_size for category in CATEGORIES])
    above = counts > at_least
    share = sizes[above] / sizes[above].sum() * counts[above].sum()
    assert np.abs(counts[above] - share).max(initial=0.0) <= 1.0
    # Whoever is at the floor would not get more by joining those above it.
    left = items - at_least * ((~above).sum() - 1)
    joining = sizes[~above] / (sizes[above].sum() + sizes[~above]) * left
    assert (joining <= at_least + 1).all()


def test_too_few_items_are_refused() -> None:
    with pytest.raises(ValueError, match="95 items cannot give 12 categories 8 each"):
        items_per_category(95, 8)


def test_every_item_stands_on_one_shelf_of_its_category() -> None:
    layout = make_layout(250, 8, 8)
    for shelf in range(layout.shelves):
        on_shelf = np.flatnonzero(layout.shelf_of_item == shelf)
        assert on_shelf[0] == layout.shelf_start[shelf]
        assert set(layout.slots[shelf]) == set(on_shelf)
        assert set(layout.category_of_item[on_shelf]) == {layout.category_of_shelf[shelf]}
    values = np.random.default_rng(0).random((3, layout.items))
    by_hand = [values[:, layout.shelf_of_item == shelf].sum(axis=1) for shelf in range(3)]
    assert np.allclose(layout.shelf_sum(values)[:, :3], np.transpose(by_hand))
