"""The cascade of reference offers, each rule by hand. Steps 8 and 9 are recent, 10 is next."""

import ibis
import numpy as np
import pandas as pd
import pytest

from promo_kedro.pipelines.elasticity.nodes import find_reference_offers
from promo_kedro.pipelines.elasticity.parameters import ElasticityParameters

CALENDAR = pd.DataFrame(
    {
        "window": 0,
        "step": [8, 9, 10],
        "start_date": pd.date_range("2026-01-01", periods=3, freq="14D"),
        "end_date": pd.date_range("2026-01-14", periods=3, freq="14D"),
        "split": ["validation", "test", "next"],
    }
)
NO_OFFERS = pd.DataFrame(
    {"customer_id": [1], "item_id": [1], "step": [1], "offer_percent": [1.0], "explored": [False]}
)[:0]

# customer, item, category: 1 and 2 are 26-35, 3 is 46-55, 4 and 5 are of unknown age.
PAIRS = [
    (1, 10, "Bakery"),  # has recent offers
    (2, 10, "Bakery"),  # has old offers only
    (2, 11, "Bakery"),  # has none: takes those of its age range
    (3, 10, "Bakery"),  # none, and nobody of its age has recent ones: takes the category's
    (4, 10, "Bakery"),  # none, unknown age: takes the category's
    (4, 20, "Seafood"),  # none, the category has history only
    (5, 20, "Seafood"),  # that history
    (5, 30, "Salads"),  # a category that never had an offer
]
RECEIPTS = [
    (1, 10, 8, 10.0),
    (1, 10, 9, 0.0),
    (1, 10, 9, 20.0),
    (1, 10, 3, 50.0),
    (2, 10, 1, 30.0),
    (2, 10, -1, 40.0),
    (2, 10, 9, 0.0),
    (5, 20, 4, 12.34),
    (5, 30, 9, 0.0),
    (1, 99, 9, 90.0),  # a pair that is not relevant
    (1, 10, 10, 80.0),  # after the data's end
]


def table(rows, columns):
    return pd.DataFrame(rows, columns=columns)


def find(receipts=RECEIPTS, offers=NO_OFFERS, **parameters):
    columns = ["customer_id", "item_id", "step", "offer_percent"]
    pairs = table(PAIRS, ["customer_id", "item_id", "category"])
    ages = {1: "26-35", 2: "26-35", 3: "46-55", 4: None, 5: None}
    consumers = pd.DataFrame({"customer_id": list(ages), "age_range": list(ages.values())})
    panel = pairs.merge(pd.DataFrame({"step": [7, 8, 9, 10]}), how="cross")
    panel["offer_percent"] = panel["step"].map({7: 90.0, 8: 5.0, 9: 10.0, 10: 70.0})
    other_window = pairs.assign(window=1, item_id=pairs["item_id"] + 100)
    found = find_reference_offers(
        ibis.memtable(pd.concat([pairs.assign(window=0), other_window])),
        ibis.memtable(table(receipts, columns)),
        ibis.memtable(offers),
        ibis.memtable(consumers),
        ibis.memtable(panel),
        CALENDAR,
        ElasticityParameters(**parameters),
    )
    return found.set_index(["customer_id", "item_id"])


@pytest.mark.parametrize(
    ("pair", "offer", "source"),
    [
        ((1, 10), 15.0, "own_recent"),
        ((2, 10), 35.0, "own_history"),
        ((2, 11), 15.0, "same_age_recent"),
        ((3, 10), 15.0, "category_recent"),
        ((4, 10), 15.0, "category_recent"),
        ((4, 20), 12.34, "category_history"),
        ((5, 20), 12.34, "own_history"),
    ],
)
def test_the_first_rule_that_has_an_offer_gives_it(pair, offer, source):
    row = find().loc[pair]
    assert (row["reference_offer"], row["reference_source"]) == (offer, source)


def test_a_category_without_any_offer_has_no_reference():
    row = find().loc[(5, 30)]
    assert np.isnan(row["reference_offer"])
    assert row["reference_source"] == "not identified"


def test_every_relevant_consumer_item_has_one_row():
    found = find()
    assert len(found) == len(PAIRS)
    assert found.index.is_unique
    assert found["offer_today"].between(0, 100).all()


def test_unknown_age_is_no_age_range():
    """Consumer 5 of unknown age has a recent offer; consumer 4's reference must not follow it."""
    receipts = [*RECEIPTS, (5, 20, 9, 60.0), (3, 10, 9, 40.0)]
    found = find(receipts)
    assert found.loc[(4, 20), "reference_source"] == "category_recent"
    assert found.loc[(4, 10), "reference_source"] == "category_recent"
    assert found.loc[(4, 10), "reference_offer"] == pytest.approx(70 / 3, abs=0.005)
    assert found.loc[(2, 11), "reference_offer"] == 15.0  # its own age range only


def test_age_ranges_do_not_cross_categories():
    found = find([*RECEIPTS, (5, 20, 9, 60.0)])
    assert found.loc[(2, 11), "reference_offer"] == 15.0


def test_today_counts_zero_offers_and_falls_back_on_the_panel():
    today = find()["offer_today"]
    assert today[(1, 10)] == 10.0  # 10, 0, 20
    assert today[(2, 10)] == 0.0
    assert today[(3, 10)] == 7.5  # panel: 5 and 10


def test_the_offer_log_stands_in_for_receipts_where_there_is_one():
    log = table(
        [(2, 11, 9, 25.0, False), (2, 11, 8, 0.0, False), (1, 10, 3, 44.0, True)],
        ["customer_id", "item_id", "step", "offer_percent", "explored"],
    )
    found = find(offers=log)
    assert tuple(found.loc[(2, 11)][["reference_offer", "offer_today"]]) == (25.0, 12.5)
    assert tuple(found.loc[(1, 10)][["reference_offer", "reference_source"]]) == (
        44.0,
        "own_history",
    )


def test_how_long_recent_is_is_a_parameter():
    found = find(recent_steps=1)
    assert found.loc[(1, 10), "reference_offer"] == 20.0
    assert found.loc[(3, 10), "offer_today"] == 10.0


def test_all_offers_zero_leaves_every_reference_open():
    found = find([(*row[:3], 0.0) for row in RECEIPTS])
    assert set(found["reference_source"]) == {"not identified"}


def test_the_order_of_receipts_does_not_matter():
    pd.testing.assert_frame_equal(find(RECEIPTS[::-1]), find())
