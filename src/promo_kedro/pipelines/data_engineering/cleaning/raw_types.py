"""The text of the raw tables turned into numbers, dates and ids, by explicit rules.

Every rule is an Ibis expression that gives null where the text does not spell the value. One
pass over the text keeps, beside the values, the text that could not be read; counting faults
then needs no second look at the file. Columns that come with the right type are taken as they
are.
"""

import re
from dataclasses import dataclass
from datetime import date

import ibis
from ibis.expr.types import BooleanValue, DateValue, StringValue, Table, Value

from promo_kedro.pipelines.data_engineering.cleaning.raw_tables import IBIS_TYPES, Column, RawTable
from promo_kedro.pipelines.data_engineering.wording import counted

ID_PATTERN = r"^[0-9]{1,18}$"
NUMBER_PATTERN = (
    r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$|^[+-]?([nN][aA][nN]|[iI][nN][fF])$"
)
FLAGS = {"true": True, "1": True, "false": False, "0": False}

_DATE_PARTS = {
    "Y": r"([0-9]{4})",
    "y": r"([0-9]{2})",
    "m": r"([0-9]{1,2})",
    "d": r"([0-9]{1,2})",
    "H": r"[0-9]{1,2}",
    "M": r"[0-9]{1,2}",
    "S": r"[0-9]{1,2}(?:\.[0-9]+)?",
}


@dataclass(frozen=True)
class DateRule:
    """How the dates of one table are written and between which days they must lie."""

    text_format: str
    earliest: date
    latest: date


def typed_column(raw: Value, column: Column, dates: DateRule | None) -> Value:
    """Return a raw column's values, null where a cell is blank or does not spell one."""
    if _is_typed(raw, column):
        value = raw.try_cast(IBIS_TYPES[column.kind])
        return ibis.cases((value >= 0, value)) if column.kind == "id" else value
    text = trimmed(raw)
    if column.kind == "text":
        return text
    if column.kind == "date":
        assert dates is not None, f"{column.name} needs a date format"
        return parsed_date(text, dates.text_format)
    if column.kind == "flag":
        spelling = text.lower()
        return ibis.cases(
            (spelling.isin(["true", "1"]), True), (spelling.isin(["false", "0"]), False)
        )
    pattern = ID_PATTERN if column.kind == "id" else NUMBER_PATTERN
    spelled = ibis.ifelse(text.re_search(pattern), text, ibis.null("string"))
    return spelled.try_cast(IBIS_TYPES[column.kind])


def _is_typed(raw: Value, column: Column) -> bool:
    """Tell whether a column of a typed file needs no reading."""
    kind = raw.type()
    return {
        "id": kind.is_integer(),
        "number": kind.is_numeric(),
        "date": kind.is_date(),
        "flag": kind.is_boolean(),
        "text": False,
    }[column.kind]


def trimmed(raw: Value) -> StringValue:
    """Return a cell's text without surrounding blanks, null where nothing is left."""
    return raw.cast("string").strip().nullif("")


def parsed_date(text: StringValue, text_format: str) -> DateValue:
    """Return the dates that follow one format exactly, null for all other text.

    Two-digit years 69–99 are 1969–1999 and 00–68 are 2000–2068, as in POSIX.
    """
    pattern, order = date_pattern(text_format)
    part = {letter: text.re_extract(pattern, at + 1) for at, letter in enumerate(order)}
    if "y" in part:
        year = ibis.ifelse(part["y"] >= "69", "19", "20").concat(part["y"])
    else:
        year = part["Y"]
    iso = year.concat("-", part["m"].lpad(2, "0"), "-", part["d"].lpad(2, "0"))
    return ibis.ifelse(text.re_search(pattern), iso, ibis.null("string")).try_cast("date")


def date_pattern(text_format: str) -> tuple[str, str]:
    """Return a date format as a regular expression and the order of its parts, as in "Ymd"."""
    pattern, order = "", ""
    for letter, literal in re.findall(r"%(.)|([^%])", text_format):
        pattern += _DATE_PARTS[letter] if letter else re.escape(literal)
        order += letter if letter in "Yymd" else ""
    return f"^{pattern}$", order


def read_table(raw: Table, table: RawTable, dates: DateRule | None) -> Table:
    """Read a raw table's text once, and hold the result on the engine.

    Returns:
        ``row``, the typed columns (absent optional ones are null), and per column the text that
        does not spell a value, null almost everywhere.
    """
    values, unread = {}, {}
    for column in table.columns:
        if column.name in raw.columns:
            text = trimmed(raw[column.name])
            values[column.name] = value = typed_column(raw[column.name], column, dates)
            unread[_unread(column)] = ibis.ifelse(value.isnull(), text, ibis.null("string"))
        else:
            values[column.name] = ibis.null(IBIS_TYPES[column.kind])
    return raw.select(raw.row.cast("int64").name("row"), **values, **unread).cache()


def typed_table(read: Table, table: RawTable) -> Table:
    """Return ``row`` and the typed columns of a table that was read."""
    return read.select("row", *(column.name for column in table.columns))


def empty_table(table: RawTable, beside: Table) -> Table:
    """Return a table of 0 rows, on the engine that holds the table ``beside``."""
    return beside.filter(ibis.literal(False)).select(
        row=ibis.null("int64"),
        **{column.name: ibis.null(IBIS_TYPES[column.kind]) for column in table.columns},
    )


def type_faults(read: Table, table: RawTable, dates: DateRule | None) -> list[str]:
    """Describe every column whose text does not spell what it must.

    Args:
        read: A table that :func:`read_table` returned.
        table: What the table must hold.
        dates: The rule for its dates, when it has any.

    Returns:
        One sentence per column and fault: table, column, number of rows, the first of them
        with its text (but for a consumer's id), and what to do.
    """
    checks = [
        (column, fault, wrong)
        for column in table.columns
        if _unread(column) in read.columns
        for fault, wrong in _wrong_cells(read, column, dates)
    ]
    measures = {}
    for at, (column, _, wrong) in enumerate(checks):
        text = read[column.name].cast("string").coalesce(read[_unread(column)]).fill_null("")
        measures[f"count_{at}"] = wrong.sum()
        measures[f"row_{at}"] = read.row.min(where=wrong)
        measures[f"text_{at}"] = text.argmin(read.row, where=wrong)
    found = read.aggregate(**measures).to_pyarrow().to_pylist()[0]
    return [
        f"{table.name}, column {column.name}: "
        + _explained(fault, column, dates, *(found[f"{name}_{at}"] for name in _FOUND))
        for at, (column, fault, _) in enumerate(checks)
        if found[f"count_{at}"]
    ]


_FOUND = ("count", "row", "text")


def _unread(column: Column) -> str:
    return f"unread text of {column.name}"


def _wrong_cells(
    read: Table, column: Column, dates: DateRule | None
) -> list[tuple[str, BooleanValue]]:
    value, unread = read[column.name], read[_unread(column)]
    faults = [("unreadable", unread.notnull())]
    if not column.blank:
        faults.append(("blank", value.isnull() & unread.isnull()))
    if column.kind == "date" and dates is not None:
        outside = (value < dates.earliest) | (value > dates.latest)
        faults.append(("unbelievable", outside.fill_null(False)))
    return faults


def _explained(
    fault: str, column: Column, dates: DateRule | None, count: int, row: int, text: str
) -> str:
    shown = "" if fault == "blank" or column.personal else f"{text[:40]!r} in "
    where = f"in {counted(count, 'row')} (first: {shown}row {row:,})"
    if fault == "blank":
        return f"empty {where}; fill in or remove what is empty"
    if fault == "unbelievable" and dates is not None:
        return (
            f"outside {dates.earliest} to {dates.latest} {where}; "
            "correct the dates, or set dates.latest in the parameters"
        )
    return f"{_must_be(column, dates)} {where}; {_remedy(column, text)}"


def _must_be(column: Column, dates: DateRule | None) -> str:
    if column.kind == "date" and dates is not None:
        return f"not a date written {dates.text_format}"
    return {
        "id": "not a whole number of at most 18 digits",
        "number": "not a number",
        "flag": "neither true nor false",
    }[column.kind]


def _remedy(column: Column, text: str) -> str:
    for kind, spelling, remedy in _REMEDIES:
        if column.kind == kind and re.fullmatch(spelling, text):
            return remedy
    return "correct or remove what is wrong"


_REMEDIES = (
    ("date", r".*", "write all dates of the file alike, or set their format under dates"),
    ("flag", r".*", "write true or false"),
    ("id", r"[0-9]+\.[0-9]*", "write ids without decimals"),
    ("id", r"[0-9]{19,}", "renumber the ids, here and in every other file"),
    (
        "number",
        r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?",
        "write numbers without thousands separators, and with a decimal point",
    ),
    ("number", r"[+-]?[0-9.]*,[0-9]*", "write numbers with a decimal point, not a comma"),
)
