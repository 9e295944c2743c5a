from datetime import date, datetime

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promo_kedro.pipelines.data_engineering.cleaning.raw_tables import Column
from promo_kedro.pipelines.data_engineering.cleaning.raw_types import (
    DateRule,
    parsed_date,
    typed_column,
)


def values_of(texts, expression):
    table = ibis.memtable({"text": texts}, schema={"text": "string"})
    column = table.select(value=expression(table.text)).value.to_pyarrow()
    return column.to_pylist()


@pytest.mark.parametrize(
    ("text_format", "text", "expected"),
    [
        ("%Y-%m-%d", "2013-02-28", date(2013, 2, 28)),
        ("%Y-%m-%d", "2013-02-29", None),
        ("%Y-%m-%d", "28/02/2013", None),
        ("%Y-%m-%d", "2013-02-28 00:00:00", None),
        ("%Y-%m-%d %H:%M:%S", "2013-02-28 23:59:59", date(2013, 2, 28)),
        ("%d/%m/%y", "21/10/13", date(2013, 10, 21)),
        ("%d/%m/%y", "10/21/13", None),
        ("%d/%m/%y", "1/2/99", date(1999, 2, 1)),
        ("%d/%m/%y", "01/02/68", date(2068, 2, 1)),
        ("%d/%m/%y", "01/02/2013", None),
        ("%d.%m.%Y", "01.02.2013", date(2013, 2, 1)),
        ("%d.%m.%Y", "01-02-2013", None),
    ],
)
def test_dates_follow_their_format_exactly(text_format, text, expected):
    assert values_of([text], lambda cell: parsed_date(cell, text_format)) == [expected]


@given(st.dates(date(1990, 1, 1), date(2060, 1, 1)))
@settings(max_examples=15, deadline=None)
def test_dates_agree_with_strptime(day):
    for text_format in ("%Y-%m-%d", "%d/%m/%y", "%m|%d|%Y"):
        text = day.strftime(text_format)
        expected = datetime.strptime(text, text_format).date()
        assert values_of([text], lambda cell, how=text_format: parsed_date(cell, how)) == [expected]


def test_ids_are_whole_numbers_of_at_most_18_digits():
    texts = ["1", " 42 ", "007", "9" * 18, "9" * 19, "12.0", "1e3", "-5", "x", "", None]
    read = values_of(texts, lambda cell: typed_column(cell, Column("id", "id"), None))
    assert read == [1, 42, 7, 10**18 - 1, *[None] * 7]


def test_numbers_have_a_decimal_point_and_nothing_else():
    texts = ["1", "-2.50", ".5", "3.", "1e-2", "12,5", "1,234.5", "1 000", "£3", "0x1", "1_000", ""]
    read = values_of(texts, lambda cell: typed_column(cell, Column("n", "number"), None))
    assert read == [1, -2.5, 0.5, 3, 0.01, *[None] * 7]


def test_flags():
    texts = ["true", "False", "1", "0", "yes", None]
    read = values_of(texts, lambda cell: typed_column(cell, Column("f", "flag"), None))
    assert read == [True, False, True, False, None, None]


def test_a_parquet_file_brings_its_own_types():
    read = ibis.memtable(
        pa.table(
            {
                "day": pa.array([date(2013, 7, 3), None]),
                "id": pa.array([7, -7], pa.int32()),
                "huge": pa.array([2**64 - 1, 1], pa.uint64()),
                "n": pa.array([2.5, float("nan")], pa.float32()),
                "flag": pa.array([True, None]),
                "id_with_decimals": pa.array([7.0, 8.0]),
            }
        )
    )
    kinds = {"day": "date", "huge": "id", "n": "number", "id_with_decimals": "id"}
    columns = [Column(name, kinds.get(name, name)) for name in read.columns]
    rule = DateRule("%d/%m/%y", date(1990, 1, 1), date(2030, 1, 1))
    typed = read.select(**{c.name: typed_column(read[c.name], c, rule) for c in columns})
    assert typed.to_pyarrow().to_pylist() == [
        {"day": date(2013, 7, 3), "id": 7, "huge": None, "n": 2.5, "flag": True}
        | {"id_with_decimals": None},
        {"day": None, "id": None, "huge": 1, "n": pytest.approx(float("nan"), nan_ok=True)}
        | {"flag": None, "id_with_decimals": None},
    ]
