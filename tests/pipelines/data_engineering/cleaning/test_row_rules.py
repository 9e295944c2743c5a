"""The rules that rows must follow, one by one, and what becomes of the rows that do not."""

import json
import logging
import random
from fractions import Fraction

import pandas as pd
import pytest

from promo_kedro import schemas
from promo_kedro.errors import InputError
from promo_kedro.pipelines.data_engineering.cleaning import row_rules
from promo_kedro.pipelines.data_engineering.parameters import DataEngineeringParameters

from .retailer import (
    CAMPAIGNS,
    COUPON_ITEMS,
    GOOD_ROWS,
    HEADERS,
    ITEMS,
    OFFER_LOG,
    REDEMPTIONS,
    TRANSACTIONS,
    accept,
    clean,
    lenient,
    raw_table,
    raw_tables,
    transactions_with,
)


def test_money_is_reckoned_as_the_method_says():
    _, tables = clean(raw_tables())
    lines = tables["transactions"].to_pandas()
    assert len(lines) == len(GOOD_ROWS[TRANSACTIONS])
    for line, cells in zip(lines.to_dict("records"), GOOD_ROWS[TRANSACTIONS], strict=True):
        quantity, price, other, coupon = (Fraction(cell or "0") for cell in cells[3:7])
        list_price = (price - other) / quantity
        offer = 100 * -(other + coupon) / (list_price * quantity)
        assert line["list_price"] == pytest.approx(float(list_price), abs=0.005)
        assert line["offer_percent"] == pytest.approx(float(offer), abs=0.005)
        assert line["selling_price"] == float(price)
    cents = lines[["list_price", "offer_percent", "selling_price"]] * 100
    assert ((cents - cents.round()).abs() < 1e-9).all(axis=None)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"selling_price": "nan"}, row_rules.NOT_A_NUMBER),
        ({"selling_price": "inf"}, row_rules.NOT_A_NUMBER),
        ({"selling_price": ""}, row_rules.NOT_A_NUMBER),
        ({"selling_price": "1e300"}, row_rules.NOT_A_NUMBER),
        ({"other_discount": "NaN"}, row_rules.NOT_A_NUMBER),
        ({"quantity": ""}, row_rules.NOT_A_NUMBER),
        ({"quantity": "-1"}, row_rules.RETURNED),
        ({"quantity": "0"}, row_rules.RETURNED),
        ({"quantity": "1.5"}, row_rules.PART_OF_A_PIECE),
        ({"selling_price": "0"}, row_rules.FREE),
        ({"selling_price": "-8"}, row_rules.FREE),
        ({"other_discount": "0.5"}, row_rules.POSITIVE_DISCOUNT),
        ({"coupon_discount": "0.5"}, row_rules.POSITIVE_DISCOUNT),
        ({"coupon_discount": "-8.51"}, row_rules.TOO_MUCH_DISCOUNT),
        ({"quantity": "150", "selling_price": "0.2", "other_discount": "0", "coupon_discount": "0"},
         row_rules.UNDER_A_CENT),
        ({"selling_price": "9.9e8", "other_discount": "-9.9e8"}, row_rules.TOO_DEAR),
        ({"item_id": "999"}, row_rules.UNKNOWN_ITEM),
    ],
)  # fmt: skip
def test_each_broken_rule_sets_the_line_aside_with_its_reason(cells, reason):
    manifest, rejected = accept(raw_tables(**transactions_with(**cells)))
    (row,) = rejected.to_pandas().to_dict("records")
    assert (row["table"], row["row"], row["reason"]) == (TRANSACTIONS, 3, reason)
    assert json.loads(row["values"])["customer_id"] == "2"
    assert manifest["rows_set_aside"][TRANSACTIONS] == {reason: 1}


@pytest.mark.parametrize("price", ["1.2e7", "9.9e8"])
def test_a_dear_line_is_kept_whole(price):
    """Cents may be a hundred times as many as the largest number of the currency."""
    _, tables = clean(raw_tables(**transactions_with(selling_price=price)))
    schemas.Transactions.validate(tables["transactions"])
    line = tables["transactions"].to_pandas().set_index("row").loc[3]
    list_price = float(price) + 1.5
    assert line["list_price"] == list_price
    assert line["offer_percent"] == pytest.approx(100 * 4 / list_price, abs=0.005)


def test_an_offer_of_a_dear_line_is_exact():
    cells = {"selling_price": "1.2e7", "other_discount": "-4e6", "coupon_discount": "-4e6"}
    _, tables = clean(raw_tables(**transactions_with(**cells)))
    line = tables["transactions"].to_pandas().set_index("row").loc[3]
    assert (line["list_price"], line["offer_percent"]) == (1.6e7, 50.0)


def test_an_offer_of_exactly_100_percent_is_kept():
    _, tables = clean(raw_tables(**transactions_with(coupon_discount="-8.5")))
    assert tables["transactions"].offer_percent.max().execute() == 100


def test_bulk_is_measured_against_the_category():
    lines = [["2013-01-01", who, "11", "500", "900", "0", "0"] for who in "123"]
    lines += [["2013-01-14", "1", "10", "100", "90", "0", "0"]]
    lines += [["2013-01-14", who, "10", "1", "9", "0", "0"] for who in "123"]
    raw = raw_tables(**{TRANSACTIONS: lines, OFFER_LOG: None})
    _, rejected = accept(raw)
    assert rejected.count().execute() == 0
    _, rejected = accept(raw, lenient(max_quantity_ratio=99))
    assert rejected.to_pandas()[["row", "reason"]].values.tolist() == [[4, row_rules.BULK]]
    own = lenient(max_quantity_ratio=99, max_quantity_ratio_by_category={"Bakery": 1000})
    assert accept(raw, own)[1].count().execute() == 0


def test_an_item_without_category_is_set_aside_with_its_lines():
    items = [*GOOD_ROWS[ITEMS][:2], ["12", "5", "Local", " "]]
    manifest, tables = clean(raw_tables(**{ITEMS: items, OFFER_LOG: None}))
    rejected = tables["rejected_rows"].to_pandas()
    assert set(rejected["reason"]) == {row_rules.NO_CATEGORY}
    assert rejected["table"].value_counts().to_dict() == {
        TRANSACTIONS: 1,
        ITEMS: 1,
        COUPON_ITEMS: 1,
    }
    assert manifest["categories"] == ["Bakery", "Meat"]
    assert set(tables["items"].to_pandas()["item_id"]) == {10, 11}


def test_copies_are_dropped_where_asked_without_counting_as_faults():
    raw = raw_tables(**{TRANSACTIONS: GOOD_ROWS[TRANSACTIONS] * 2})
    strict = DataEngineeringParameters(
        cleaning={"duplicate_lines": "drop", "max_rejected_share": 0.0}
    )
    _, tables = clean(raw, strict)
    assert tables["transactions"].row.to_pyarrow().to_pylist() == [1, 2, 3, 4]
    rejected = tables["rejected_rows"].to_pandas()
    assert (rejected["reason"] == row_rules.COPY).all()
    assert sorted(rejected["row"]) == [5, 6, 7, 8]


def test_other_tables_have_rules_too():
    raw = raw_tables(
        **{
            CAMPAIGNS: [*GOOD_ROWS[CAMPAIGNS], ["8", "Y", "20/01/13", "01/01/13"]],
            REDEMPTIONS: [*GOOD_ROWS[REDEMPTIONS], ["3", "99", "100", "2", "0"]],
            COUPON_ITEMS: [*GOOD_ROWS[COUPON_ITEMS], ["100", "999"]],
            OFFER_LOG: [
                *GOOD_ROWS[OFFER_LOG],
                ["2013-01-15", "1", "10", "101", "false", ""],
                ["2013-01-15", "1", "12", "-1", "false", ""],
                ["2013-01-15", "2", "11", "", "false", ""],
                ["2013-01-15", "2", "12", "10", "true", "1.5"],
                ["2013-01-15", "3", "999", "10", "false", ""],
            ],
        }
    )
    _, rejected = accept(raw)
    found = rejected.to_pandas()[["table", "row", "reason"]].values.tolist()
    assert found == [
        [CAMPAIGNS, 2, row_rules.ENDS_BEFORE_START],
        [COUPON_ITEMS, 4, row_rules.UNKNOWN_ITEM],
        [OFFER_LOG, 3, row_rules.OFFER_OUTSIDE],
        [OFFER_LOG, 4, row_rules.OFFER_OUTSIDE],
        [OFFER_LOG, 5, row_rules.OFFER_OUTSIDE],
        [OFFER_LOG, 6, row_rules.PROPENSITY_OUTSIDE],
        [OFFER_LOG, 7, row_rules.UNKNOWN_ITEM],
        [REDEMPTIONS, 3, row_rules.UNKNOWN_CAMPAIGN],
    ]


def test_coupons_are_kept_where_no_campaigns_are_brought():
    assert accept(raw_tables(**{CAMPAIGNS: None}))[1].count().execute() == 0


def test_what_is_set_aside_is_said_and_too_much_is_refused(caplog):
    raw = raw_tables(**transactions_with(quantity="-1"))
    with caplog.at_level(logging.WARNING):
        accept(raw, DataEngineeringParameters(cleaning={"max_rejected_share": 0.25}))
    assert "1 of 4 rows (25.00%) set aside: 1 × returned" in caplog.text
    with pytest.raises(InputError, match=r"1 of 4 rows .*returned[^$]*more than 24%"):
        accept(raw, DataEngineeringParameters(cleaning={"max_rejected_share": 0.24}))


@pytest.mark.parametrize(
    "brand",
    ['say "hi"\\ now', "Petit\tBrand", "two\nlines\r\nhere", "é \u2028 \U0001f35e \x7f"]
    + [f"a{chr(code)}b" for code in (1, 8, 12, 27, 31)],
)
def test_awkward_text_survives_as_json(brand):
    items = [*GOOD_ROWS[ITEMS], ["13", brand, "Local", ""]]
    _, rejected = accept(raw_tables(**{ITEMS: items}))
    (row,) = rejected.to_pandas().to_dict("records")
    assert json.loads(row["values"]) == {
        "item_id": "13",
        "brand": brand,
        "brand_type": "Local",
        "category": None,
        "unit_cost": None,
    }


def _random_lines(rng):
    days = [f"2013-{month:02}-{day:02}" for month in (1, 2, 3) for day in range(1, 29)]
    lines = []
    for _ in range(300):
        quantity = rng.choice(["1", "2", "3", "-1", "0", "900"])
        price = rng.choice(["9.99", "0.1", "7.35", "nan", "0"])
        discounts = [rng.choice(["", "0", "-0.07", "-2.4", "0.3"]) for _ in "ab"]
        item = rng.choice(["10", "11", "12", "999"])
        lines.append([rng.choice(days), str(rng.randint(1, 30)), item, quantity, price, *discounts])
    return lines


def test_the_order_of_rows_never_changes_a_result():
    rng = random.Random(7)
    rows = GOOD_ROWS | {TRANSACTIONS: _random_lines(rng), OFFER_LOG: []}
    shuffled = {name: rng.sample(table, len(table)) for name, table in rows.items()}

    def without_row(tables):
        frames = {name: table.to_pandas() for name, table in tables.items()}
        frames = {
            name: frame.drop(columns="row", errors="ignore") for name, frame in frames.items()
        }
        return {name: frame.sort_values(list(frame.columns)).reset_index(drop=True)
                for name, frame in frames.items()}  # fmt: skip

    manifest, tables = clean(raw_tables(**rows))
    manifest_shuffled, tables_shuffled = clean(raw_tables(**shuffled))
    assert manifest == manifest_shuffled
    expected, found = without_row(tables), without_row(tables_shuffled)
    assert 0 < len(expected["transactions"]) < 300
    for name, frame in expected.items():
        pd.testing.assert_frame_equal(frame, found[name], check_exact=True)


def test_nothing_is_lost():
    rows = {TRANSACTIONS: _random_lines(random.Random(3)), OFFER_LOG: []}
    _, tables = clean(raw_tables(**rows))
    kept = set(tables["transactions"].to_pandas()["row"])
    set_aside = tables["rejected_rows"].to_pandas()["row"].tolist()
    assert sorted([*kept, *set_aside]) == list(range(1, 301))


def test_blank_brand_is_unknown_and_optional_columns_may_come():
    lines = [[*line, "77", "3"] for line in GOOD_ROWS[TRANSACTIONS]]
    header = [*HEADERS[TRANSACTIONS], "basket_id", "cart_position"]
    raw = raw_tables(**{TRANSACTIONS: raw_table(TRANSACTIONS, lines, header)})
    _, tables = clean(raw)
    assert tables["items"].to_pandas()["brand"].tolist() == ["56", "57", "unknown"]
    assert set(tables["transactions"].to_pandas()["cart_position"]) == {3}
    assert clean(raw_tables())[1]["transactions"].to_pandas()["basket_id"].isna().all()
