"""The list of those who get no offer, as retailers write it."""

import io

import ibis
import pandas as pd
import pytest
from pandas import DataFrame

from promo_kedro.errors import InputError
from promo_kedro.pipelines.optimization.exclusion_list import as_text, reasons_of

UNITS = DataFrame({"customer_id": [1, 1, 2, 2, 3], "item_id": [10, 11, 10, 11, 12]})


def listed(rows: str) -> DataFrame:
    """Return a list as it is read from a file."""
    return pd.read_csv(io.StringIO("customer_id,item_id,reason\n" + rows))


def test_a_row_is_for_a_pair_a_consumer_or_an_item():
    reasons = reasons_of(UNITS, listed("1,,opted out\n,11,tobacco\n3,12,complaint\n"))
    assert reasons.tolist() == ["opted out", "opted out", "", "tobacco", "complaint"]


def test_the_more_particular_reason_is_told_whatever_the_order():
    rows = listed("2,,opted out\n,11,tobacco\n2,11,complaint\n2,11,broken\n1,11,\n")
    expected = ["", "no reason given", "opted out", "broken", ""]
    assert reasons_of(UNITS, rows).tolist() == expected
    assert reasons_of(UNITS, rows.sample(frac=1, random_state=1)).tolist() == expected


def test_an_empty_list_excludes_nothing():
    assert reasons_of(UNITS, listed("")).tolist() == [""] * 5


def test_text_ids_and_blanks_are_read():
    rows = DataFrame({"customer_id": ["1", " "], "item_id": ["", "12"], "reason": [" ", "x"]})
    assert reasons_of(UNITS, rows).tolist() == ["no reason given"] * 2 + ["", "", "x"]


def test_rows_that_are_about_nothing_are_warned_of(caplog):
    # Consumer 3 and item 10 are known, but not as a pair.
    reasons_of(UNITS, listed("1,,z\n9,,opted out\n1,99,x\n3,10,x\n1,10,y\n"))
    assert "3 of 5 exclusions, for example row 2, are about no consumer-item" in caplog.text
    assert caplog.records[0].levelname == "WARNING"


def test_a_list_without_mistakes_says_nothing(caplog):
    reasons_of(UNITS, listed("1,,opted out\n,11,tobacco\n3,12,complaint\n"))
    assert not caplog.messages


def test_long_ids_are_those_of_nobody_else():
    units = DataFrame({"customer_id": [9007199254740993, 9007199254740992], "item_id": [1, 1]})
    rows = DataFrame({"customer_id": ["9007199254740993"], "item_id": [None], "reason": ["x"]})
    assert reasons_of(units, rows).tolist() == ["x", ""]


def test_whole_numbers_of_any_file_become_text_digit_by_digit():
    ids = pd.array([9007199254740993, None], dtype="Int64")
    table = ibis.memtable(DataFrame({"customer_id": ids, "item_id": [1.0, 2.0]}))
    read = as_text(table)
    assert read["customer_id"].iloc[0] == "9007199254740993"
    assert read["customer_id"].isna().tolist() == [False, True]
    assert read["item_id"].tolist() == ["1.0", "2.0"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,10,x\n,,y\n", r"1 of 2 rows have neither .* row 2"),
        ("1,10,y\nA7,10,x\n", r"customer_id: 1 of 2 rows are not whole numbers .* row 2\."),
        ("1,10.5,x\n", r"item_id: 1 of 1 rows are not whole numbers .* row 1\."),
        ("99999999999999999999,1,x\n", r"customer_id: 1 of 1 .* at most 18 digits"),
    ],
)
def test_rows_that_say_nothing_clear_are_refused(rows, message):
    with pytest.raises(InputError, match=message):
        reasons_of(UNITS, listed(rows))


def test_columns_are_asked_for_by_name():
    with pytest.raises(InputError, match="no column item_id; did you mean 'items_id'"):
        reasons_of(UNITS, listed("1,10,x").rename(columns={"item_id": "items_id"}))
    with pytest.raises(InputError, match="no column reason; add it"):
        reasons_of(UNITS, listed("1,10,x").drop(columns="reason"))
