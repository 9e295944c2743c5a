"""Labels come from the steps of the horizon only, of consumers who are asked about."""

import logging

import ibis
import pytest
from brand_market import END, N_STEPS, PARAMETERS, SNAPSHOTS, chance_market

from promo_kedro.pipelines.data_engineering.brands.nodes import (
    make_brand_features,
    make_brand_purchases,
)
from promo_kedro.pipelines.data_engineering.brands.snapshots import snapshots_of
from promo_kedro.schemas import BrandPurchases


@pytest.mark.parametrize("horizon", [1, 2])
def test_purchases_are_those_of_the_horizon(horizon):
    market = chance_market()
    parameters = PARAMETERS.model_copy(update={"horizon_steps": horizon})
    snapshots = snapshots_of(END, N_STEPS, parameters)
    lines, items, people = market.tables
    features = make_brand_features(lines, items, people, snapshots, parameters).cache()
    found = make_brand_purchases(lines, items, features, snapshots, parameters).cache()
    BrandPurchases.validate(found)

    named = market.lines.merge(market.items, on="item_id")
    asked = set(features.to_pandas()[["snapshot", "customer_id"]].itertuples(index=False))
    expected = set()
    for snapshot, use in snapshots[["snapshot", "use"]].itertuples(index=False):
        if use != "next":
            ahead = named[named["step"].between(snapshot, snapshot + horizon - 1)]
            rows = ahead[["customer_id", "brand"]].itertuples(index=False)
            expected |= {(snapshot, c, b) for c, b in rows if (snapshot, c) in asked}
    assert list(found.to_pandas().itertuples(index=False, name=None)) == sorted(expected)


def test_newcomers_are_left_out_and_counted(caplog):
    market = chance_market()
    lines, items, people = market.tables
    features = make_brand_features(lines, items, people, SNAPSHOTS, PARAMETERS).to_pandas()
    known = ibis.memtable(features[features["customer_id"] != 3])
    with caplog.at_level(logging.INFO):
        found = make_brand_purchases(lines, items, known, SNAPSHOTS, PARAMETERS).to_pandas()
    assert 3 not in set(found["customer_id"])
    own = market.lines.query("customer_id == 3").merge(market.items)
    asked = SNAPSHOTS.loc[SNAPSHOTS["use"] != "next", "snapshot"]
    lost = own[own["step"].isin(asked)][["step", "brand"]].drop_duplicates()
    assert len(lost) > 0
    assert f"without {len(lost):,} of newcomers" in caplog.text
