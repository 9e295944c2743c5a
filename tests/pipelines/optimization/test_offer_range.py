"""Offer ranges read by the table engine, against numpy on the same receipts."""

import ibis
import numpy as np
import pandas as pd
import pytest

from promo_kedro.pipelines.optimization.offer_range import offer_ranges_of
from promo_kedro.pipelines.optimization.parameters import OfferRangeParameters

NEXT = 30
CATEGORIES = ["Bakery", "Meat", "Seafood", "Flowers"]


@pytest.fixture
def receipts() -> pd.DataFrame:
    """Return lines with many, few, old and no offers in the four categories."""
    rng = np.random.default_rng(0)
    parts = [("Bakery", 29, 200), ("Bakery", 20, 300), ("Meat", 29, 10), ("Meat", 28, 30)]
    parts += [("Seafood", 29, 3), ("Seafood", 28, 4), ("Seafood", -1, 60), ("Flowers", 29, 12)]
    lines = [
        pd.DataFrame({"category": c, "step": s, "offer_percent": rng.uniform(1, 60, n).round(2)})
        for c, s, n in parts
    ]
    lines.append(pd.DataFrame({"category": CATEGORIES, "step": 29, "offer_percent": 0.0}))
    lines.append(pd.DataFrame({"category": CATEGORIES * 9, "step": NEXT, "offer_percent": 99.0}))
    return pd.concat(lines, ignore_index=True)


def ranges(receipts: pd.DataFrame, parameters: OfferRangeParameters) -> pd.DataFrame:
    items = pd.DataFrame({"item_id": range(4), "category": CATEGORIES, "brand": "b"})
    lines = receipts.merge(items[["item_id", "category"]]).drop(columns="category")
    connection = ibis.duckdb.connect()
    tables = (
        connection.create_table(name, frame)
        for name, frame in {"transactions": lines, "items": items}.items()
    )
    return offer_ranges_of(*tables, NEXT, parameters).set_index("category")


def test_first_period_with_enough_offers_gives_the_range(receipts):
    found = ranges(receipts, OfferRangeParameters())
    periods = {
        "Bakery": ("latest two weeks", receipts["step"] == 29),
        "Meat": ("latest four weeks", receipts["step"].isin([28, 29])),
        "Seafood": ("history", receipts["step"] < NEXT),
    }
    for category, (period, rows) in periods.items():
        offers = receipts.loc[rows & (receipts["category"] == category), "offer_percent"]
        offers = offers[offers > 0]
        assert found.loc[category, "period"] == period
        assert found.loc[category, "n_offers"] == len(offers)
        assert found.loc[category, "offer_min"] == pytest.approx(np.quantile(offers, 0.01))
        assert found.loc[category, "offer_max"] == pytest.approx(np.quantile(offers, 0.99))


def test_too_few_offers_make_no_range(receipts):
    found = ranges(receipts, OfferRangeParameters())
    assert found.loc["Flowers", "period"] == "too few offers"
    assert found.loc["Flowers", ["offer_min", "offer_max"]].isna().all()
    assert found.loc["Flowers", "n_offers"] == 12


def test_quantiles_and_least_number_are_parameters(receipts):
    parameters = OfferRangeParameters(lower_quantile=0.25, upper_quantile=0.75, min_offers=10)
    found = ranges(receipts, parameters)
    flowers = receipts.query("category == 'Flowers' and step == 29 and offer_percent > 0")
    assert found.loc["Flowers", "offer_max"] == pytest.approx(
        flowers["offer_percent"].quantile(0.75)
    )
    assert found.loc["Meat", "period"] == "latest two weeks"


def test_no_offers_at_all(receipts):
    found = ranges(receipts.assign(offer_percent=0.0), OfferRangeParameters())
    assert (found["period"] == "too few offers").all()
    assert (found["n_offers"] == 0).all()
