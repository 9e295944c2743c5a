"""The list of brands: counted by hand on the rows to train on, and who is approved."""

import logging

import ibis
import numpy as np
import pandas as pd
import pytest
from brand_market import N_STEPS, ODD_BRANDS, PARAMETERS, SNAPSHOTS, Market, chance_market

from promo_kedro.errors import InputError
from promo_kedro.pipelines.data_engineering.brands.brand_list import strata_of
from promo_kedro.pipelines.data_engineering.brands.history import history_of
from promo_kedro.pipelines.data_engineering.brands.nodes import (
    list_brands,
    make_brand_features,
    make_brand_purchases,
    split_brand_consumers,
)
from promo_kedro.pipelines.data_engineering.brands.parameters import (
    BrandDataParameters,
    StrataShares,
)
from promo_kedro.schemas import BrandList

NEVER_BOUGHT = "Nobody's"
SHELF_WARMER = pd.DataFrame({"item_id": [90], "brand": [NEVER_BOUGHT], "category": ["Aisle 9"]})


@pytest.fixture(scope="module")
def market() -> Market:
    drawn = chance_market()
    return Market(drawn.lines, pd.concat([drawn.items, SHELF_WARMER]), drawn.people)


def listed(
    market: Market,
    approved: list[str] | None = None,
    parameters: BrandDataParameters = PARAMETERS,
) -> pd.DataFrame:
    lines, items, people = market.tables
    features = make_brand_features(lines, items, people, SNAPSHOTS, parameters).cache()
    brands = list_brands(
        features,
        history_of(lines, items, SNAPSHOTS, parameters.quarter_steps),
        make_brand_purchases(lines, items, features, SNAPSHOTS, parameters),
        split_brand_consumers(people, parameters, seed=1),
        SNAPSHOTS,
        items,
        None if approved is None else ibis.memtable(pd.DataFrame({"brand": approved})),
        parameters,
    )
    return BrandList.validate(brands)


def test_support_is_counted_on_training_consumers_at_training_snapshots(market):
    found = listed(market)
    lines, items, people = market.tables
    roles = split_brand_consumers(people, PARAMETERS, seed=1)
    training = set(roles.loc[roles["role"] == "training", "customer_id"])
    rows = make_brand_features(lines, items, people, SNAPSHOTS, PARAMETERS).to_pandas()
    train = SNAPSHOTS.loc[SNAPSHOTS["use"] == "train", "snapshot"]
    rows = rows[rows["customer_id"].isin(training) & rows["snapshot"].isin(train)]
    labels = market.lines.merge(market.items, on="item_id").merge(
        rows[["snapshot", "customer_id"]],
        left_on=["step", "customer_id"],
        right_on=["snapshot", "customer_id"],
    )
    buyers = labels.drop_duplicates(["snapshot", "customer_id", "brand"])["brand"].value_counts()
    by_brand = found.set_index("brand")
    assert by_brand["buyers"].to_dict() == buyers.to_dict()
    np.testing.assert_allclose(by_brand["prevalence"], by_brand["buyers"] / len(rows))
    assert list(by_brand["items"]) == [3] * 5
    assert list(found["position"]) == list(range(5))
    assert found["buyers"].is_monotonic_decreasing
    assert set(found["brand"]) == set(ODD_BRANDS)
    assert found["approved"].equals(found["buyers"] >= PARAMETERS.min_buyers)


def test_neither_the_steps_of_the_test_nor_other_consumers_decide(market):
    found = listed(market)
    roles = split_brand_consumers(market.tables[2], PARAMETERS, seed=1)
    others = roles.loc[roles["role"] != "training", "customer_id"]
    before_test = market.lines["step"] < N_STEPS - 1
    pd.testing.assert_frame_equal(found, listed(market.keeping(before_test)))
    of_training = ~market.lines["customer_id"].isin(others)
    pd.testing.assert_frame_equal(found, listed(market.keeping(of_training)))


def test_an_approved_brand_that_no_one_bought_is_kept_and_counted(market, caplog):
    with caplog.at_level(logging.WARNING):
        found = listed(market, [NEVER_BOUGHT, ODD_BRANDS[0]]).set_index("brand")
    nobodys = found.loc[NEVER_BOUGHT]
    assert nobodys["approved"]
    assert (nobodys["buyers"], nobodys["prevalence"], nobodys["stratum"]) == (0, 0, "niche")
    assert nobodys["position"] == 5
    assert nobodys["items"] == 1
    assert set(found.index[found["approved"]]) == {NEVER_BOUGHT, ODD_BRANDS[0]}
    assert "1 brand of the approved without a buyer" in caplog.text


def test_a_brand_bought_only_before_the_horizons_is_known(market):
    items = market.items.replace({"brand": {ODD_BRANDS[4]: "Early"}})
    late = market.lines["item_id"].isin(items.loc[items["brand"] == "Early", "item_id"])
    lines = market.lines[~(late & (market.lines["step"] >= 8))]
    found = listed(Market(lines, items, market.people)).set_index("brand")
    assert found.loc["Early", "buyers"] == 0
    assert not found.loc["Early", "approved"]


def test_items_without_a_brand_are_not_approved_by_support(market):
    items = market.items.replace({"brand": {ODD_BRANDS[0]: "unknown"}})
    found = listed(Market(market.lines, items, market.people)).set_index("brand")
    assert found.loc["unknown", "buyers"] >= PARAMETERS.min_buyers
    assert not found.loc["unknown", "approved"]


def test_too_few_buyers_of_every_brand_are_refused_naming_the_parameter(market):
    demanding = PARAMETERS.model_copy(update={"min_buyers": 10_000})
    with pytest.raises(InputError, match=r"none of 5 brands.*10,000 training.*min_buyers"):
        listed(market, parameters=demanding)


def test_strata_by_hand():
    # Before each brand lie 0, 40, 60, 80, 90, 95 % of the purchases, and all of them.
    buyers = pd.Series([40, 20, 20, 10, 5, 5, 0])
    assert list(strata_of(buyers, StrataShares())) == [
        "head",
        "head",
        "mid",
        "mid",
        "niche",
        "niche",
        "niche",
    ]
    assert list(strata_of(pd.Series([9, 1]), StrataShares())) == ["head", "niche"]
    assert list(strata_of(pd.Series([0, 0]), StrataShares())) == ["niche", "niche"]
    assert list(strata_of(pd.Series([1, 1]), StrataShares(head=0.3, mid=0.7))) == ["head", "mid"]


def test_strata_of_more_than_everything_are_refused():
    with pytest.raises(ValueError, match="more than all purchases"):
        StrataShares(head=0.7)
