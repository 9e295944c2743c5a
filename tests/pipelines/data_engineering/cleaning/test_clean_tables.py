import logging
from datetime import date

import pandas as pd
import pytest

from promo_kedro import schemas
from promo_kedro.errors import InputError
from promo_kedro.pipelines.data_engineering.parameters import DataEngineeringParameters

from .retailer import (
    CAMPAIGNS,
    COUPON_ITEMS,
    DEMOGRAPHICS,
    GOOD_ROWS,
    OFFER_LOG,
    REDEMPTIONS,
    TRANSACTIONS,
    accept,
    clean,
    raw_tables,
)

SCHEMAS = {
    "transactions": schemas.Transactions,
    "items": schemas.Items,
    "consumers": schemas.Consumers,
    "campaigns": schemas.Campaigns,
    "coupon_items": schemas.CouponItems,
    "issued_coupons": schemas.IssuedCoupons,
    "offers": schemas.Offers,
    "rejected_rows": schemas.RejectedRows,
}


def parameters(**options):
    return DataEngineeringParameters(**options)


@pytest.mark.parametrize("bare", [False, True])
def test_clean_tables_follow_their_schemas(bare):
    optional = (DEMOGRAPHICS, CAMPAIGNS, COUPON_ITEMS, REDEMPTIONS, OFFER_LOG)
    _, tables = clean(raw_tables(**dict.fromkeys(optional if bare else ())))
    assert set(tables) == set(SCHEMAS)
    for name, schema in SCHEMAS.items():
        schema.validate(tables[name])
    assert not bare or tables["offers"].count().execute() == 0


def test_steps_are_counted_back_from_the_last_day():
    _, tables = clean(raw_tables())
    assert tables["transactions"].to_pandas()["step"].tolist() == [0, 1, 1, 1]
    manifest, tables = clean(
        raw_tables(**{OFFER_LOG: None}), parameters(calendar={"calendar_end": "2013-01-29"})
    )
    assert manifest["calendar"] == {
        "first_date": "2013-01-01",
        "calendar_end": "2013-01-29",
        "n_steps": 2,
    }
    assert tables["transactions"].to_pandas()["step"].tolist() == [-1, 0, 1, 1]


def test_lines_after_the_calendars_end_are_left_out_and_counted(caplog):
    with caplog.at_level(logging.INFO):
        _, tables = clean(raw_tables(), parameters(calendar={"calendar_end": "2013-01-14"}))
    assert tables["transactions"].count().execute() == 1
    assert tables["offers"].count().execute() == 0
    assert "Left out: 3 receipt lines after 2013-01-14" in caplog.text


def test_a_history_of_less_than_a_step_is_refused():
    short = [[f"2013-01-{day:02}", *GOOD_ROWS[TRANSACTIONS][0][1:]] for day in (1, 13)]
    with pytest.raises(InputError, match="shorter than one step of 14 days"):
        accept(raw_tables(**{TRANSACTIONS: short, OFFER_LOG: None}))


def test_categories_narrow_neither_the_calendar_nor_the_clean_tables():
    everything, tables = clean(raw_tables())
    # The last purchase in Bakery is twelve days before the data end.
    narrowed, tables_narrowed = clean(raw_tables(), parameters(categories=["Bakery"]))
    assert narrowed == everything | {"categories": ["Bakery"]}
    for name, table in tables.items():
        pd.testing.assert_frame_equal(table.to_pandas(), tables_narrowed[name].to_pandas())


def test_an_unknown_category_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="did you mean 'Bakery'"):
        accept(raw_tables(), parameters(categories=["Bakry"]))


def test_consumers_are_everyone_seen_anywhere():
    _, tables = clean(raw_tables())
    consumers = tables["consumers"].to_pandas().set_index("customer_id")
    assert sorted(consumers.index) == [1, 2, 3, 8, 9]
    assert consumers.loc[1, "age_range"] == "26-35"
    assert consumers.loc[[2, 3, 8], "age_range"].isna().all()


def test_redemption_never_leaves_the_raw_table():
    _, tables = clean(raw_tables())
    assert tables["issued_coupons"].columns == ("campaign_id", "coupon_id", "customer_id")
    assert tables["coupon_items"].count().execute() == 2


def test_campaign_dates_are_read_day_first():
    _, tables = clean(raw_tables())
    (campaign,) = tables["campaigns"].to_pyarrow().to_pylist()
    assert (campaign["start_date"], campaign["end_date"]) == (date(2013, 1, 1), date(2013, 1, 20))


def test_offers_lie_in_the_step_that_they_begin():
    _, tables = clean(raw_tables())
    offers = tables["offers"].to_pyarrow().to_pylist()
    assert [(o["step"], o["offer_percent"], o["explored"], o["propensity"]) for o in offers] == [
        (1, 0.0, False, None),
        (1, 40.0, True, 0.25),
    ]


def test_an_offer_log_that_does_not_fit_the_steps_is_refused():
    rows = [["2013-01-14", "1", "11", "10", "false", ""]]
    with pytest.raises(
        InputError, match=r"not the first day of a 14-day step.*in 1 row .*calendar_end"
    ):
        accept(raw_tables(**{OFFER_LOG: rows}))
