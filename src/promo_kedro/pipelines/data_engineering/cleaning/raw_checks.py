"""Whole raw tables checked: headers, contents, keys and lines that stand twice."""

import logging
from collections.abc import Mapping
from datetime import date, timedelta

from ibis.expr.types import Table

from promo_kedro.errors import InputError
from promo_kedro.pipelines.data_engineering.cleaning.raw_headers import header_faults
from promo_kedro.pipelines.data_engineering.cleaning.raw_tables import (
    RAW_TABLES,
    TRANSACTIONS,
    RawTable,
)
from promo_kedro.pipelines.data_engineering.cleaning.raw_types import (
    DateRule,
    empty_table,
    read_table,
    type_faults,
    typed_table,
)
from promo_kedro.pipelines.data_engineering.parameters import (
    CleaningParameters,
    DataEngineeringParameters,
    DateParameters,
)
from promo_kedro.pipelines.data_engineering.wording import counted

logger = logging.getLogger(__name__)

YEARS_AHEAD = 3
DAYS_PER_YEAR = 365


def check_raw_tables(
    raw: Mapping[str, Table | None], parameters: DataEngineeringParameters
) -> dict[str, Table]:
    """Type all raw tables, or refuse them with everything that is wrong at once.

    Args:
        raw: The raw tables by file name, every column as text, plus ``row``; None where a
            table is absent.
        parameters: Date formats and the policy for lines that stand twice.

    Returns:
        The typed tables by file name; an absent one has 0 rows.

    Raises:
        InputError: When a required table is absent or empty, a header is wrong, a cell does
            not spell what it must, a key stands twice or the same lines were appended twice.
    """
    _refuse(
        [
            fault
            for table in RAW_TABLES
            if (brought := raw[table.name]) is not None
            for fault in header_faults(table, [name for name in brought.columns if name != "row"])
        ]
        + [
            f"{table.name}: the file is missing: put {table.name}.csv, .csv.gz or .parquet "
            "into the raw folder"
            for table in RAW_TABLES
            if table.without is None and raw[table.name] is None
        ]
    )
    dates = {table.name: _date_rule(table, parameters.dates) for table in RAW_TABLES}
    read = {
        table: read_table(raw_table, table, dates[table.name])
        for table in RAW_TABLES
        if (raw_table := raw[table.name]) is not None
    }
    _refuse(
        [
            fault
            for table, rows in read.items()
            for fault in _size_faults(rows, table) or type_faults(rows, table, dates[table.name])
        ]
    )
    typed = {table.name: typed_table(rows, table) for table, rows in read.items()}
    _refuse([fault for table in read for fault in key_faults(typed[table.name], table)])
    report_duplicate_lines(typed[TRANSACTIONS.name], parameters.cleaning)
    beside = typed[TRANSACTIONS.name]
    return {table.name: typed.get(table.name, empty_table(table, beside)) for table in RAW_TABLES}


def key_faults(typed: Table, table: RawTable) -> list[str]:
    """Describe the keys that stand more than once in a typed table."""
    if not table.key:
        return []
    repeated = typed.group_by(*table.key).aggregate(rows=typed.count(), row=typed.row.min())
    repeated = repeated.filter(repeated.rows > 1).order_by("row")
    first = repeated.limit(1).to_pyarrow().to_pylist()
    if not first:
        return []
    n_rows = repeated.rows.sum().to_pyarrow().as_py()
    shown = [column.name for column in table.columns if not column.personal]
    example = ", ".join(f"{name} {first[0][name]}" for name in table.key if name in shown)
    example = f"{example} in row {first[0]['row']:,}".removeprefix(" in ")
    return [
        f"{table.name}, column {' + '.join(table.key)}: {n_rows:,} rows share a key with another "
        f"(first: {example}, {first[0]['rows']:,} times); keep one row of each"
    ]


def report_duplicate_lines(transactions: Table, cleaning: CleaningParameters) -> None:
    """Say how many receipt lines are exact copies of another one, and refuse a doubled file.

    Raises:
        InputError: When copies are to be refused, or when they are kept and so many that the
            same receipts were appended twice.
    """
    content = [name for name in transactions.columns if name != "row"]
    lines = transactions.group_by(*content).aggregate(copies=transactions.count())
    counts = lines.aggregate(
        copies=(lines.copies - 1).sum(), all=lines.copies.sum(), first=lines.date.count()
    )
    found = counts.to_pyarrow().to_pylist()[0]
    n_copies = found["copies"] or 0
    if not n_copies:
        return
    share = n_copies / found["all"]
    said = (
        f"{TRANSACTIONS.name}: {n_copies:,} of {found['all']:,} lines ({share:.1%}) are exact "
        "copies of another line"
    )
    if cleaning.duplicate_lines == "refuse":
        raise InputError(f"{said}; remove them, or set cleaning.duplicate_lines to keep or drop")
    if cleaning.duplicate_lines == "keep" and share >= cleaning.max_duplicate_share:
        raise InputError(
            f"{said}: the same receipts seem to stand in the file twice; remove the copies, or "
            "set cleaning.duplicate_lines to drop"
        )
    done = (
        "they are kept, since an item can be scanned twice"
        if cleaning.duplicate_lines == "keep"
        else "one of each is kept"
    )
    logger.warning("%s: %s (cleaning.duplicate_lines)", said, done)


def _size_faults(rows: Table, table: RawTable) -> list[str]:
    if rows.limit(1).count().to_pyarrow().as_py():
        return []
    if table.without is None:
        return [f"{table.name}: the file has a header but no rows: it needs data"]
    return []


def _date_rule(table: RawTable, dates: DateParameters) -> DateRule | None:
    if table.date_format is None:
        return None
    latest = dates.latest or date.today()
    if table.dates_may_follow_today:
        latest += timedelta(days=YEARS_AHEAD * DAYS_PER_YEAR)
    return DateRule(getattr(dates, table.date_format), dates.earliest, latest)


def report_absent_tables(typed: Mapping[str, Table]) -> None:
    """Say what the run does without each optional table that is absent or empty."""
    for table in RAW_TABLES:
        if table.without and not typed[table.name].limit(1).count().to_pyarrow().as_py():
            logger.warning("No rows of %s: %s", table.name, table.without)


def _refuse(faults: list[str]) -> None:
    if faults:
        listed = "\n".join(f"- {fault}" for fault in faults)
        raise InputError(f"{counted(len(faults), 'problem')} in the raw tables:\n{listed}")
