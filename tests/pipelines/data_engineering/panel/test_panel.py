"""Offers and prices of cells: by hand, and against the rule spelled out one cell at a time."""

from collections.abc import Callable
from dataclasses import replace

import ibis
import numpy as np
import pandas as pd
import pytest

from data_engineering.shop import (
    CELL,
    N_STEPS,
    OFFER_TYPES,
    TRANSACTION_TYPES,
    Shop,
    chance_shop,
    fit,
    panel_of,
    transactions_of,
)
from promo_kedro.errors import InputError
from promo_kedro.pipelines.data_engineering.panel.panel import panel_of as build_panel
from promo_kedro.pipelines.data_engineering.panel.relevance import relevant_consumer_items
from promo_kedro.pipelines.data_engineering.whole_numbers import rounded_mean

ITEMS = pd.DataFrame({"item_id": [1, 2, 3], "category": ["Deli", "Deli", "Meat"]})
RECEIPTS = [
    {"customer_id": 1, "item_id": 1, "step": 0, "list_price": 10, "offer_percent": 20},
    {"customer_id": 2, "item_id": 1, "step": 0, "list_price": 11, "offer_percent": 10},
    {"customer_id": 3, "item_id": 1, "step": 0, "list_price": 10, "offer_percent": 15},
    {"customer_id": 3, "item_id": 1, "step": 0, "list_price": 12, "offer_percent": 25},
    {"customer_id": 1, "item_id": 1, "step": 1, "list_price": 9, "offer_percent": 50},
    {"customer_id": 2, "item_id": 2, "step": 1, "list_price": 3, "offer_percent": 5},
    {"customer_id": 3, "item_id": 2, "step": 2, "list_price": 4, "offer_percent": 30},
    {"customer_id": 1, "item_id": 3, "step": 1, "list_price": 7, "offer_percent": 40},
    {"customer_id": 9, "item_id": 1, "step": -1, "list_price": 99, "offer_percent": 99},
]
# Offers and prices of steps 0 to 3, the last of them ``next``.
BY_HAND = {
    # Others' mean of 10, 15 and 25; then its only buyer is the consumer: the last one stays.
    (1, 1): ([16.67, 16.67, 16.67, 16.67], [11.0, 11.0, 11.0, 11.0]),
    (2, 1): ([20.0, 50.0, 50.0, 50.0], [10.67, 9.0, 9.0, 9.0]),
    # Nobody bought item 2 yet: the category without consumer 2, then others' item again.
    (2, 2): ([20.0, 50.0, 30.0, 30.0], [10.67, 9.0, 4.0, 4.0]),
    (3, 2): ([15.0, 5.0, 5.0, 5.0], [10.5, 3.0, 3.0, 3.0]),
    # Nobody else ever bought in the category.
    (1, 3): ([0.0] * 4, [np.nan] * 4),
}


def small_panel(offers: list[tuple[int, int, int, float]] = ()) -> pd.DataFrame:
    log = pd.DataFrame(list(offers), columns=list(OFFER_TYPES))
    pairs = pd.DataFrame(list(BY_HAND), columns=["customer_id", "item_id"]).merge(ITEMS)
    panel = build_panel(
        ibis.memtable(transactions_of(RECEIPTS), schema=TRANSACTION_TYPES),
        ibis.memtable(ITEMS),
        ibis.memtable(log, schema=OFFER_TYPES),
        ibis.memtable(pd.concat([pairs.assign(window=w) for w in (0, 1)])),
        range(4),
    )
    return panel.to_pandas().sort_values(CELL).set_index(CELL)


@pytest.fixture(scope="module")
def by_hand() -> pd.DataFrame:
    return small_panel()


@pytest.mark.parametrize("pair", BY_HAND)
def test_offers_and_prices_by_hand(by_hand, pair):
    offers, prices = BY_HAND[pair]
    cells = by_hand.loc[pair]
    assert list(cells["offer_percent"]) == offers
    np.testing.assert_array_equal(cells["list_price"].astype(float), prices)


def test_each_cell_stands_once(by_hand):
    assert by_hand.index.is_unique
    assert len(by_hand) == len(BY_HAND) * 4


def test_an_offer_is_known_when_others_bought_the_item_in_that_step(by_hand):
    known = by_hand["offer_known"]
    assert list(known[known].index) == [(1, 1, 0), (2, 1, 0), (2, 1, 1), (2, 2, 2), (3, 2, 1)]


def test_purchases_and_quantities_are_empty_at_next_and_only_there(by_hand):
    bought = by_hand["purchased"].unstack("step")
    assert bought[3].isna().all()
    assert by_hand["quantity"].unstack("step")[3].isna().all()
    assert bought.loc[(1, 1), [0, 1, 2]].tolist() == [1, 1, 0]
    assert bought.loc[(3, 2), [0, 1, 2]].tolist() == [0, 0, 1]


def test_the_offer_log_comes_first_and_its_last_offer_is_carried_on():
    panel = small_panel([(1, 1, 0, 33.33), (1, 1, 1, 0.0), (2, 2, 2, 60.0)])["offer_percent"]
    assert panel.loc[(1, 1)].tolist() == [33.33, 0.0, 0.0, 0.0]
    assert panel.loc[(2, 2)].tolist() == [20.0, 50.0, 60.0, 60.0]
    assert panel.loc[(3, 2)].tolist() == BY_HAND[3, 2][0]


def test_means_are_rounded_half_up_and_empty_without_a_count():
    table = ibis.memtable(pd.DataFrame({"amount": [5, 7, 8, 0], "count": [2, 3, 3, 0]}))
    means = table.mutate(mean=rounded_mean(table.amount, table["count"])).to_pandas()["mean"]
    assert means[:3].tolist() == [3, 2, 3]
    assert means.isna().tolist() == [False, False, False, True]


def mean_or_none(lines: pd.DataFrame, column: str) -> float | None:
    if lines.empty:
        return None
    whole = (lines[column] * 100).round().astype(int)
    return int(np.floor(whole.sum() / len(whole) + 0.5)) / 100


def reference(shop: Shop, column: str) -> Callable[[int, int, int], float | None]:
    """Spell out the fallbacks for one cell, from the receipts of all other consumers."""
    lines = shop.transactions.merge(shop.items[["item_id", "category"]])
    category_of = shop.items.set_index("item_id")["category"]
    logged = dict(shop.offers.set_index(CELL)[column]) if column == "offer_percent" else {}

    def answer(consumer: int, item: int, step: int) -> float | None:
        others = lines[lines["customer_id"] != consumer]
        for earlier in range(step, -1, -1):
            if (consumer, item, earlier) in logged:
                return logged[consumer, item, earlier]
            at = others[(others["item_id"] == item) & (others["step"] == earlier)]
            if (mean := mean_or_none(at, column)) is not None:
                return mean
        alike = others["category"] == category_of[item]
        mean = mean_or_none(others[alike & (others["step"] == step)], column)
        return 0.0 if mean is None and column == "offer_percent" else mean

    return answer


@pytest.mark.parametrize("logged", [False, True])
@pytest.mark.parametrize("column", ["offer_percent", "list_price"])
def test_cells_follow_the_rule_spelled_out(logged, column):
    # Few consumers, so that every fallback is needed.
    shop = chance_shop(seed=2, n_consumers=6, logged=logged)
    panel = panel_of(shop, fit(shop))[column].astype(float)
    answer = reference(shop, column)
    assert panel.index.get_level_values("step").min() == 0
    cells = panel.sample(150, random_state=1)
    expected = [answer(*cell) for cell in cells.index]
    np.testing.assert_array_equal(cells, np.array(expected, dtype=float))


def test_only_training_steps_decide_on_relevance():
    calendar = pd.DataFrame(
        [(0, 0, "train"), (0, 1, "train"), (0, 2, "validation"), (0, 3, "test"), (0, 4, "next")],
        columns=["window", "step", "split"],
    )
    receipts = [
        {"customer_id": 1, "item_id": 1, "step": 0, "day": 1},
        {"customer_id": 1, "item_id": 1, "step": 0, "day": 1},
        {"customer_id": 2, "item_id": 1, "step": 0, "day": 1},
        {"customer_id": 2, "item_id": 1, "step": 1, "day": 2},
        {"customer_id": 3, "item_id": 1, "step": 2},
        {"customer_id": 4, "item_id": 1, "step": 3},
        {"customer_id": 5, "item_id": 1, "step": -1},
    ]
    tables = (
        ibis.memtable(transactions_of(receipts), schema=TRANSACTION_TYPES),
        ibis.memtable(ITEMS),
    )
    for min_orders, consumers in ((1, {1, 2}), (2, {2})):
        found = relevant_consumer_items(*tables, calendar, min_orders).to_pandas()
        assert set(found["customer_id"]) == consumers
        assert set(found["category"]) == {"Deli"}


def test_the_panel_covers_every_step_of_every_relevant_consumer_item():
    shop = chance_shop()
    frozen = fit(shop)
    panel = panel_of(shop, frozen)
    pairs = frozen.relevant[["customer_id", "item_id"]].drop_duplicates()
    assert len(panel) == len(pairs) * (N_STEPS + 1)
    assert panel["offer_percent"].between(0, 100).all()


def test_no_relevant_consumer_item_at_all_is_refused():
    shop = chance_shop()
    frozen = fit(shop)
    nobody = replace(frozen, relevant=frozen.relevant.iloc[:0])
    with pytest.raises(InputError, match=r"lower panel\.min_orders"):
        panel_of(shop, nobody)
