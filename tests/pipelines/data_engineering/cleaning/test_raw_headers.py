import pytest

from promo_kedro.pipelines.data_engineering.cleaning.raw_headers import header_faults
from promo_kedro.pipelines.data_engineering.cleaning.raw_tables import ITEMS, TRANSACTIONS

GOOD = [column.name for column in TRANSACTIONS.columns if column.required]


def test_required_columns_are_enough_in_any_order():
    assert header_faults(TRANSACTIONS, GOOD[::-1]) == []
    assert header_faults(TRANSACTIONS, [*GOOD, "cart_position"]) == []


@pytest.mark.parametrize(
    ("spelt", "meant"),
    [
        ("Date", "date"),
        ("customer id", "customer_id"),
        ("qantity", "quantity"),
        ("SELLING_PRICE", "selling_price"),
        ("cupon_discount", "coupon_discount"),
    ],
)
def test_a_misspelt_column_is_named_with_its_right_name(spelt, meant):
    header = [spelt if name == meant else name for name in GOOD]
    (fault,) = header_faults(TRANSACTIONS, header)
    assert f"{spelt!r} must be called {meant!r}" in fault


def test_all_faults_are_listed_at_once():
    header = ["Date", "customer_id", "item_id", "quantity", "other_discount", "colour_xyz"]
    faults = header_faults(TRANSACTIONS, header)
    assert len(faults) == 4
    assert any("'Date' must be called 'date'" in fault for fault in faults)
    assert any("'colour_xyz' is not known" in fault for fault in faults)
    assert any("'selling_price' is missing" in fault for fault in faults)
    assert any("'coupon_discount' is missing" in fault for fault in faults)


def test_two_columns_are_never_taken_for_the_same_one():
    faults = header_faults(ITEMS, ["item_id", "brand", "brand_type", "Category", "categori"])
    assert sum("must be called 'category'" in fault for fault in faults) == 1
    assert len(faults) == 2


def test_a_repeated_column_is_refused():
    (fault,) = header_faults(ITEMS, ["item_id", "brand", "brand_type", "category", "brand"])
    assert "'brand' stands twice" in fault


@pytest.mark.parametrize(("mark", "called"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_another_separator_is_named(mark, called):
    (fault,) = header_faults(TRANSACTIONS, [mark.join(GOOD)])
    assert called in fault
