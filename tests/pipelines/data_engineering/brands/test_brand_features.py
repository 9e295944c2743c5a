"""Features and history against the rules spelled out one consumer at a time, and what they read.

Deleting purchases shows what has been read of them: equal means equal bit for bit.
"""

import ibis
import numpy as np
import pandas as pd
import pytest
from brand_market import DEMOGRAPHICS, N_STEPS, PARAMETERS, SNAPSHOTS, Market, chance_market

from promo_kedro.pipelines.data_engineering.brands.nodes import (
    make_brand_features,
    make_brand_history,
)
from promo_kedro.schemas import BrandFeatures, BrandHistory

KEYS = ["snapshot", "customer_id"]
HISTORY_KEYS = [*KEYS, "kind", "name"]
YEAR, QUARTER, RECENT = 5, 3, 1


def features(market: Market) -> ibis.Table:
    return make_brand_features(*market.tables, SNAPSHOTS, PARAMETERS)


def history(market: Market) -> ibis.Table:
    lines, items, _ = market.tables
    parts = make_brand_history(lines, items, SNAPSHOTS, PARAMETERS)
    whole = (
        rows.mutate(snapshot=ibis.literal(int(values["snapshot"]), "int64"))
        for values, rows in parts
    )
    return ibis.union(*whole).relocate("snapshot", before="customer_id").order_by(HISTORY_KEYS)


@pytest.fixture(scope="module")
def market() -> Market:
    return chance_market()


@pytest.fixture(scope="module")
def whole(market) -> tuple[pd.DataFrame, pd.DataFrame]:
    described, bought = features(market).cache(), history(market).cache()
    BrandFeatures.validate(described)
    BrandHistory.validate(bought)
    return described.to_pandas(), bought.to_pandas()


def last_steps(lines: pd.DataFrame, snapshot: int, steps: int) -> pd.DataFrame:
    return lines[(lines["step"] >= max(0, snapshot - steps)) & (lines["step"] < snapshot)]


def row_by_hand(market: Market, snapshot: int, customer: int) -> dict[str, object] | None:
    own = market.lines[market.lines["customer_id"] == customer]
    ever = own[own["step"] < snapshot]
    person = market.people.set_index("customer_id").loc[customer]
    if ever.empty and person.isna().all():
        return None
    year, quarter, recent = (last_steps(own, snapshot, n) for n in (YEAR, QUARTER, RECENT))
    named = year.merge(market.items, on="item_id")
    days = year["date"].nunique()
    return {
        "snapshot": snapshot,
        "customer_id": customer,
        **person,
        "tenure_steps": 0 if ever.empty else snapshot - ever["step"].min(),
        "steps_since_purchase": np.nan if ever.empty else snapshot - ever["step"].max(),
        "active_steps": year["step"].nunique(),
        "lines_recent": len(recent),
        "lines_quarter": len(quarter),
        "lines_year": len(year),
        "spend_quarter": sum(round(100 * price) for price in quarter["selling_price"]) / 100,
        "spend_year": sum(round(100 * price) for price in year["selling_price"]) / 100,
        "brands_year": named["brand"].nunique(),
        "categories_year": named["category"].nunique(),
        "basket_lines": len(year) / days if days else np.nan,
        "offer_share_year": (year["offer_percent"] > 0).mean(),
    }


def test_features_are_those_counted_by_hand(market, whole):
    rows = [
        row_by_hand(market, snapshot, customer)
        for snapshot in SNAPSHOTS["snapshot"]
        for customer in market.people["customer_id"]
    ]
    expected = pd.DataFrame([row for row in rows if row])
    found = whole[0]
    assert list(found.columns) == list(expected.columns)
    texts = found.columns[2:8]
    words, expected_words = (table[texts].astype(object).fillna("-") for table in (found, expected))
    pd.testing.assert_frame_equal(words, expected_words)
    pd.testing.assert_frame_equal(
        found.drop(columns=texts), expected.drop(columns=texts), check_dtype=False, rtol=1e-15
    )
    # All sorts of consumers are there: left out, without a past, gone for longer than a year.
    assert len(found) < len(rows)
    assert (found["tenure_steps"] == 0).any()
    assert ((found["tenure_steps"] > 0) & (found["lines_year"] == 0)).any()


def test_history_is_that_counted_by_hand(market, whole):
    expected = []
    named = market.lines.merge(market.items, on="item_id")
    for snapshot in SNAPSHOTS["snapshot"]:
        year = last_steps(named, snapshot, YEAR)
        for kind, column in (("brand", "brand"), ("category", "category"), ("item", "item_id")):
            for (customer, name), lines in year.groupby(["customer_id", column]):
                expected.append(
                    {
                        "snapshot": snapshot,
                        "customer_id": customer,
                        "kind": kind,
                        "name": str(name),
                        "steps_bought": lines["step"].nunique(),
                        "steps_bought_year": lines["step"].nunique(),
                        "steps_bought_quarter": last_steps(lines, snapshot, QUARTER)[
                            "step"
                        ].nunique(),
                        "steps_since": snapshot - lines["step"].max(),
                        "lines": len(lines),
                    }
                )
    by_hand = pd.DataFrame(expected).sort_values(HISTORY_KEYS, ignore_index=True)
    pd.testing.assert_frame_equal(whole[1], by_hand)


def test_rows_come_in_order_and_each_once(whole):
    for table, keys in zip(whole, (KEYS, HISTORY_KEYS), strict=True):
        assert not table.duplicated(keys).any()
        assert table[keys].equals(table[keys].sort_values(keys, ignore_index=True))


@pytest.mark.parametrize("snapshot", [8, 10, N_STEPS - 1])
def test_deleting_all_that_follows_a_snapshot_leaves_it_bit_for_bit(market, whole, snapshot):
    cut = market.keeping(market.lines["step"] < snapshot)
    for table, made in zip(whole, (features(cut), history(cut)), strict=True):
        found = made.to_pandas()
        found = found[found["snapshot"] <= snapshot]
        assert_same_bits(table[table["snapshot"] <= snapshot], found)
        assert snapshot in set(found["snapshot"])


def test_deleting_what_one_consumer_buys_at_a_snapshot_leaves_it_bit_for_bit(market, whole):
    snapshot = 10
    at_snapshot = market.lines["step"] == snapshot
    buyer = market.lines.loc[at_snapshot, "customer_id"].mode()[0]
    cut = market.keeping(~(at_snapshot & (market.lines["customer_id"] == buyer)))
    for table, made in zip(whole, (features(cut), history(cut)), strict=True):
        found = made.to_pandas()
        is_past = table["snapshot"] <= snapshot
        assert_same_bits(table[is_past], found[found["snapshot"] <= snapshot])
        # The deletion is seen by later snapshots of that consumer, and by nobody else.
        assert not table.equals(found)
        others = table["customer_id"] != buyer
        assert_same_bits(table[others], found[found["customer_id"] != buyer])


def test_neither_threads_nor_the_order_of_lines_change_a_bit(market, whole):
    shuffled = Market(market.lines.sample(frac=1, random_state=1), market.items, market.people)
    used = ibis.get_backend()
    ibis.set_backend(ibis.duckdb.connect(threads=2))
    try:
        for table, made in zip(whole, (features(shuffled), history(shuffled)), strict=True):
            assert_same_bits(table, made.to_pandas())
    finally:
        ibis.set_backend(used)


def test_a_chunk_of_consumers_is_described_as_among_all(market, whole):
    chunk = market.people["customer_id"].iloc[5:15]
    part = Market(
        market.lines[market.lines["customer_id"].isin(chunk)],
        market.items,
        market.people[market.people["customer_id"].isin(chunk)],
    )
    for table, made in zip(whole, (features(part), history(part)), strict=True):
        assert_same_bits(table[table["customer_id"].isin(chunk)], made.to_pandas())


def test_consumers_known_by_nothing_are_not_asked_about(market):
    silent = market.people.assign(**dict.fromkeys(DEMOGRAPHICS, None))
    lines = market.lines[market.lines["step"] >= 8]
    found = features(Market(lines, market.items, silent)).to_pandas()
    assert found["snapshot"].min() == 9


def assert_same_bits(left: pd.DataFrame, right: pd.DataFrame) -> None:
    assert len(left) > 0
    # A column of whole numbers comes as floats where one of them is missing.
    left, right = (frame.reset_index(drop=True).convert_dtypes() for frame in (left, right))
    pd.testing.assert_frame_equal(left, right, check_exact=True)
    numbers = left.select_dtypes("number").columns
    left_bits, right_bits = (
        frame[numbers].to_numpy("float64", na_value=np.nan).tobytes() for frame in (left, right)
    )
    assert left_bits == right_bits
