"""Every damaged file is refused with its table, column, rows, an example and what to do."""

import logging

import pytest

from promo_kedro.errors import InputError
from promo_kedro.pipelines.data_engineering.cleaning import nodes

from .retailer import (
    CAMPAIGNS,
    DEMOGRAPHICS,
    GOOD_ROWS,
    HEADERS,
    ITEMS,
    OFFER_LOG,
    REDEMPTIONS,
    TRANSACTIONS,
    lenient,
    raw_table,
    raw_tables,
    transactions_with,
)


def read(raw, parameters=None):
    return nodes.read_raw_tables(parameters or lenient(), **raw)


def refusal(raw, parameters=None):
    with pytest.raises(InputError) as refused:
        read(raw, parameters)
    return str(refused.value)


def test_good_tables_are_read():
    typed = read(raw_tables())
    sizes = {name: table.count().execute() for name, table in typed.items()}
    assert sizes == {name: len(rows) for name, rows in GOOD_ROWS.items()}


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"selling_price": "8,50"}, "decimal point, not a comma"),
        ({"selling_price": "1,008.50"}, "without thousands separators"),
        ({"selling_price": "eight"}, "not a number"),
        ({"quantity": "one"}, "not a number"),
        ({"quantity": "1\x00"}, "not a number"),
        ({"customer_id": "2.0"}, "write ids without decimals"),
        ({"customer_id": "12345678901234567890"}, "renumber the ids"),
        ({"item_id": "A10"}, "not a whole number of at most 18 digits"),
        ({"customer_id": ""}, "empty in 1 row (first: row 3)"),
        ({"date": ""}, "empty in 1 row (first: row 3)"),
        ({"date": "16/01/2013"}, "not a date written %Y-%m-%d"),
        ({"date": "2013-13-01"}, "not a date written %Y-%m-%d"),
        ({"date": "2099-01-01"}, "outside 1990-01-01 to"),
        ({"date": "1970-01-01"}, "outside 1990-01-01 to"),
    ],
)
def test_a_cell_that_does_not_spell_its_value_is_refused(cells, said):
    message = refusal(raw_tables(**transactions_with(**cells)))
    (column,) = cells
    assert f"{TRANSACTIONS}, column {column}: " in message
    assert "in 1 row (first: " in message
    assert "row 3)" in message
    assert said in message


def test_every_bad_column_of_every_table_is_listed_at_once():
    lines = transactions_with(selling_price="8,50", date="16/01/2013")
    message = refusal(raw_tables(**lines, **{CAMPAIGNS: [["7", "X", "2013-01-01", "20/01/13"]]}))
    assert "3 problems" in message
    assert f"{CAMPAIGNS}, column start_date: not a date written %d/%m/%y in 1 row " in message


def test_the_number_of_rows_and_the_first_of_them_are_named():
    lines = [[*line[:4], "8,5", *line[5:]] for line in GOOD_ROWS[TRANSACTIONS]]
    message = refusal(raw_tables(**{TRANSACTIONS: lines}))
    assert "not a number in 4 rows (first: '8,5' in row 1)" in message


def test_headers_of_all_tables_are_checked_before_anything_else():
    header = ["Item_ID", *HEADERS[ITEMS][1:]]
    renamed = raw_table(ITEMS, GOOD_ROWS[ITEMS], header)
    narrow = raw_table(DEMOGRAPHICS, [["1"]], ["customer_id"])
    message = refusal(raw_tables(**{ITEMS: renamed, DEMOGRAPHICS: narrow}))
    assert "7 problems" in message
    assert "'Item_ID' must be called 'item_id'" in message
    assert "'age_range' is missing" in message


@pytest.mark.parametrize("name", [TRANSACTIONS, ITEMS])
def test_required_tables_must_have_rows(name):
    assert f"{name}: the file has a header but no rows" in refusal(raw_tables(**{name: []}))
    assert f"{name}: the file is missing" in refusal(raw_tables(**{name: None}))


@pytest.mark.parametrize("absent", [None, []])
def test_optional_tables_may_be_absent_or_empty_and_the_run_says_what_it_lacks(absent, caplog):
    optional = {name: absent for name in GOOD_ROWS if name not in (TRANSACTIONS, ITEMS)}
    with caplog.at_level(logging.WARNING):
        typed = read(raw_tables(**optional))
    for name in optional:
        assert typed[name].count().execute() == 0
        assert f"No rows of {name}: " in caplog.text
    columns = [column for column in typed[OFFER_LOG].columns if column != "row"]
    assert columns == HEADERS[OFFER_LOG]


@pytest.mark.parametrize(
    ("name", "key"),
    [(ITEMS, "first: item_id 10 in row 1, 2"), (DEMOGRAPHICS, "first: row 1, 2"), (CAMPAIGNS, "7")],
)
def test_duplicate_keys_are_refused(name, key):
    rows = [*GOOD_ROWS[name], GOOD_ROWS[name][0]]
    message = refusal(raw_tables(**{name: rows}))
    assert f"{name}, column" in message
    assert "2 rows share a key" in message
    assert key in message


def test_an_offer_made_twice_is_refused():
    rows = [*GOOD_ROWS[OFFER_LOG], ["2013-01-15", "1", "11", "10", "false", ""]]
    message = refusal(raw_tables(**{OFFER_LOG: rows}))
    assert "date + customer_id + item_id: 2 rows" in message
    assert "first: date 2013-01-15, item_id 11 in row 1, 2 times" in message


@pytest.mark.parametrize("text", ["7654321.5", "7654321X", "7654321000000000000"])
def test_no_message_shows_the_id_of_a_consumer(text):
    message = refusal(raw_tables(**transactions_with(customer_id=text)))
    assert "column customer_id: not a whole number of at most 18 digits in 1 row" in message
    assert "(first: row 3)" in message
    assert "7654321" not in message


def test_no_message_shows_the_id_of_a_consumer_that_stands_twice():
    person = ["7654321", *GOOD_ROWS[DEMOGRAPHICS][0][1:]]
    offer = ["2013-01-15", "7654321", "11", "10", "false", ""]
    message = refusal(raw_tables(**{DEMOGRAPHICS: [person] * 2, OFFER_LOG: [offer] * 3}))
    assert "(first: row 1, 2 times)" in message
    assert "(first: date 2013-01-15, item_id 11 in row 1, 3 times)" in message
    assert "7654321" not in message


def test_a_flag_must_be_one():
    rows = [["1", "7", "100", "2", "maybe"]]
    assert "neither true nor false" in refusal(raw_tables(**{REDEMPTIONS: rows}))


def test_campaigns_may_end_after_today_but_not_in_another_age():
    soon = [["7", "X", "01/01/13", "01/01/27"]]
    assert read(raw_tables(**{CAMPAIGNS: soon}))[CAMPAIGNS].count().execute() == 1
    late = [["7", "X", "01/01/13", "01/01/60"]]
    assert "outside" in refusal(raw_tables(**{CAMPAIGNS: late}))


def test_copies_of_lines_follow_the_policy(caplog):
    lines = [*GOOD_ROWS[TRANSACTIONS], GOOD_ROWS[TRANSACTIONS][1]]
    raw = raw_tables(**{TRANSACTIONS: lines})
    with caplog.at_level(logging.WARNING):
        assert read(raw)[TRANSACTIONS].count().execute() == 5
    assert "1 of 5 lines (20.0%) are exact copies" in caplog.text
    assert "1 of 5 lines" in refusal(raw, lenient(duplicate_lines="refuse"))


def test_the_same_file_appended_twice_is_refused():
    raw = raw_tables(**{TRANSACTIONS: GOOD_ROWS[TRANSACTIONS] * 2})
    assert "stand in the file twice" in refusal(raw)
    assert read(raw, lenient(duplicate_lines="drop"))[TRANSACTIONS].count().execute() == 8
