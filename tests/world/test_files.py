from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd
import pytest

from promo_kedro.world import History, files
from promo_kedro.world.categories import CATEGORY_NAMES


@pytest.fixture(scope="module")
def receipts(observed: History) -> pd.DataFrame:
    table = pd.concat(files.transactions(observed), ignore_index=True)
    return table.assign(date=pd.to_datetime(table["date"].astype(str), format="%Y-%m-%d"))


def test_a_lines_money_gives_its_offer_back(observed: History, receipts: pd.DataFrame) -> None:
    assert (receipts[["other_discount", "coupon_discount"]] <= 0).all(axis=None)
    assert (receipts["selling_price"] > 0).all()
    for column in ("selling_price", "other_discount", "coupon_discount"):
        assert np.allclose(receipts[column] * 100, np.round(receipts[column] * 100))
    gross = receipts["selling_price"] - receipts["other_discount"]
    discount = -(receipts["other_discount"] + receipts["coupon_discount"])
    lines = observed.chunks[0].lines
    offers = lines.item_percent.astype(int) + lines.coupon_percent
    # The whole discount is rounded to the cent once.
    assert (np.abs(discount - gross * offers / 100) <= 0.005 + 1e-9).all()
    per_unit = np.round(gross * 100 / receipts["quantity"])
    assert np.allclose(per_unit * receipts["quantity"], gross * 100)


def test_dates_cover_whole_steps_up_to_the_last(receipts: pd.DataFrame) -> None:
    assert receipts["date"].min() == pd.Timestamp("2012-01-05")
    assert receipts["date"].max() == pd.Timestamp("2013-07-03")
    assert receipts["date"].nunique() == 78 * 7
    baskets = receipts.groupby("basket_id")
    assert (baskets["date"].nunique() == 1).all()
    assert (baskets["customer_id"].nunique() == 1).all()


def test_items_are_named_as_in_table_1(observed: History) -> None:
    table = files.items(observed)
    assert list(dict.fromkeys(table["category"])) == list(CATEGORY_NAMES)
    assert table["item_id"].is_unique
    assert set(table["brand_type"]) == {"Established", "Local"}
    assert (table.groupby("brand")["brand_type"].nunique() == 1).all()
    price = observed.market.shop.list_price / 100
    assert ((table["unit_cost"] > 0) & (table["unit_cost"] < price)).all()


def test_demographics_are_partly_missing_and_show_taste(observed: History) -> None:
    table = files.demographics(observed)
    assert 0.5 < len(table) / 400 < 0.7
    assert 0.15 < table["marital_status"].isna().mean() < 0.45
    assert 0.3 < table["no_of_children"].isna().mean() < 0.9
    assert table["customer_id"].is_unique
    # A visible trait tells something of a lasting taste.
    sensitivity = observed.chunks[0].consumers.sensitivity[table["customer_id"] - 1]
    assert np.corrcoef(table["income_bracket"], sensitivity)[0, 1] < -0.25


def test_coupons_belong_together(observed: History, receipts: pd.DataFrame) -> None:
    issued, covered = files.redemptions(observed), files.coupon_items(observed)
    campaigns = files.campaigns(observed)
    assert set(issued["campaign_id"]) <= set(campaigns["campaign_id"])
    assert set(issued["coupon_id"]) <= set(covered["coupon_id"])
    assert not issued.duplicated(["coupon_id", "customer_id"]).any()
    assert 0.01 < issued["redemption_status"].mean() < 0.05
    start = pd.to_datetime(campaigns["start_date"], format="%d/%m/%y")
    end = pd.to_datetime(campaigns["end_date"], format="%d/%m/%y")
    assert ((end - start).dt.days == 13).all()
    # Every line with a coupon discount is a redeemed coupon in force, and the other way round.
    used = receipts[receipts["coupon_discount"] < 0].merge(covered, on="item_id")
    used = used.merge(issued, on=["coupon_id", "customer_id"])
    used = used.merge(campaigns.assign(start=start, end=end), on="campaign_id")
    used = used[(used["date"] >= used["start"]) & (used["date"] <= used["end"])]
    assert (used["redemption_status"] == 1).all()
    lines = used.drop_duplicates(["basket_id", "item_id"])
    assert len(lines) == (receipts["coupon_discount"] < 0).sum()
    redeemed = issued[issued["redemption_status"] == 1]
    assert len(redeemed) == len(used.drop_duplicates(["coupon_id", "customer_id"]))


def test_offer_log_holds_every_cell(observed: History) -> None:
    first = next(iter(files.offer_log(observed)))
    assert len(first) == 400 * 120
    assert set(first["date"]) == {date(2012, 1, 5)}
    assert not first.duplicated(["customer_id", "item_id"]).any()
    assert (first["propensity"].notna() == first["explored"]).all()
    assert first["propensity"].dropna().between(0, 1, inclusive="right").all()
    assert (first["offer_percent"] == 0).any()
    assert sum(1 for _ in files.offer_log(observed)) == 39


def test_a_log_of_part_of_the_consumers(make: Callable[..., History]) -> None:
    history = make(weeks=4, log_share_of_consumers=0.25, consumers_per_chunk=100)
    log = pd.concat(files.offer_log(history))
    assert 0.15 < log["customer_id"].nunique() / 400 < 0.35
    assert (log.groupby(["date", "customer_id"], observed=True).size() == 120).all()
