"""The judged rows weighed: what is set aside is counted and said, and too much is refused."""

import logging
from collections.abc import Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from typing import Any

import ibis
from ibis.expr.types import StringValue, Table

from promo_kedro.errors import InputError
from promo_kedro.pipelines.data_engineering.cleaning.raw_tables import (
    ITEMS,
    OFFER_LOG,
    RAW_TABLES,
    TRANSACTIONS,
)
from promo_kedro.pipelines.data_engineering.cleaning.row_rules import COPY
from promo_kedro.pipelines.data_engineering.parameters import DataEngineeringParameters
from promo_kedro.pipelines.data_engineering.steps import DAYS_PER_STEP, measured_calendar
from promo_kedro.pipelines.data_engineering.wording import counted

logger = logging.getLogger(__name__)


def rejected_rows(judged: Mapping[str, Table]) -> Table:
    """Return the rows that are set aside, each with the reason and what stood in the row.

    Args:
        judged: Tables with ``row`` and ``reason``, by raw table name.

    Returns:
        ``table``, ``row``, ``reason`` and ``values``, the row as JSON text.
    """
    columns = {table.name: [column.name for column in table.columns] for table in RAW_TABLES}
    parts = []
    for name, table in judged.items():
        bad = table.filter(table.reason.notnull())
        values = _as_json(bad, columns[name])
        parts.append(bad.select("row", "reason", table=ibis.literal(name), values=values))
    together = ibis.union(*parts).select("table", "row", "reason", "values")
    return together.order_by("table", "row")


def counted_reasons(judged: Mapping[str, Table]) -> dict[str, dict[str, int]]:
    """Return the number of rows of each table by reason; good rows under the empty reason."""
    counts = {}
    for name, table in judged.items():
        by_reason = table.group_by(reason=table.reason.fill_null("")).aggregate(n=table.count())
        found = by_reason.order_by(ibis.desc("n"), "reason").to_pyarrow().to_pylist()
        counts[name] = {row["reason"]: row["n"] for row in found}
    return counts


def weigh_rejections(
    counts: Mapping[str, Mapping[str, int]], max_share: float, excused: Sequence[str] = ()
) -> None:
    """Say how many rows are set aside and why; refuse the data when they are too many.

    Args:
        counts: Rows by table and reason.
        max_share: The largest share of a table's rows that may be set aside.
        excused: Reasons that a user asked for, which do not count towards the share.

    Raises:
        InputError: When more than ``max_share`` of a table would be set aside.
    """
    too_many = []
    for name, by_reason in counts.items():
        total = sum(by_reason.values())
        bad = {reason: n for reason, n in by_reason.items() if reason}
        if not bad:
            continue
        listed = "; ".join(f"{n:,} × {reason}" for reason, n in bad.items())
        n_bad = sum(bad.values())
        share = f"{n_bad:,} of {counted(total, 'row')} ({n_bad / total:.2%})"
        said = f"{name}: {share} set aside: {listed}"
        if sum(n for reason, n in bad.items() if reason not in excused) > max_share * total:
            too_many.append(said)
        else:
            logger.warning("%s. They are kept in rejected_rows", said)
    if too_many:
        raise InputError(
            "\n".join(too_many)
            + f"\nThat is more than {max_share:.0%} of a table: correct the files, or raise "
            "cleaning.max_rejected_share in the parameters"
        )


def chosen_categories(judged_items: Table, categories: Sequence[str] | None) -> list[str]:
    """Return the categories that offers are made in.

    Raises:
        InputError: When a chosen category has no items.
    """
    names = judged_items.filter(judged_items.reason.isnull()).select("category").distinct()
    known = sorted(names.category.to_pyarrow().to_pylist())
    for category in categories or []:
        if category not in known:
            nearest = get_close_matches(category, known, n=1, cutoff=0) or ["none"]
            raise InputError(
                f"item_data, column category: no item is in {category!r}, which the parameter "
                f"categories names; did you mean {nearest[0]!r}?"
            )
    return known if categories is None else sorted(set(categories))


def measured_history(judged_transactions: Table, calendar_end: date | None) -> dict[str, Any]:
    """Return the days that the good lines span, and say how many lines come too late.

    The lines of all categories count, so that categories run apart share their steps.

    Returns:
        ``first_date`` and ``calendar_end`` as ISO text and ``n_steps``, the whole steps between.

    Raises:
        InputError: When no line is left, or less than one whole step.
    """
    lines = judged_transactions.filter(judged_transactions.reason.isnull())
    in_time = lines.filter(lines.date <= calendar_end) if calendar_end else lines
    n_lines, n_in_time = (table.count().to_pyarrow().as_py() for table in (lines, in_time))
    if n_late := n_lines - n_in_time:
        logger.info("Left out: %s after %s", counted(n_late, "receipt line"), calendar_end)
    if not n_in_time:
        raise InputError(
            "customer_transaction_data: no good line is left up to the calendar's end; bring "
            "receipts, or set a later calendar.calendar_end"
        )
    first, last, n_steps = measured_calendar(in_time, calendar_end)
    return {"first_date": str(first), "calendar_end": str(last), "n_steps": n_steps}


def refuse_misplaced_offers(judged_offer_log: Table, calendar_end: date) -> None:
    """Refuse an offer log whose dates are not the first days of the calendar's steps.

    Raises:
        InputError: With the number of rows and what to set.
    """
    days_left = ibis.literal(calendar_end).delta(judged_offer_log.date, unit="day") + 1
    misplaced = judged_offer_log.filter(days_left % DAYS_PER_STEP != 0)
    found = misplaced.aggregate(n=misplaced.count(), first=misplaced.date.min())
    n_misplaced, first = found.to_pyarrow().to_pylist()[0].values()
    if n_misplaced:
        raise InputError(
            f"offer_log, column date: not the first day of a {DAYS_PER_STEP}-day step, counted "
            f"back from {calendar_end}, in {counted(n_misplaced, 'row')} (first: {first}); set "
            "calendar.calendar_end in the parameters to the last day of a step of the log"
        )


def accepted_input(
    judged: Mapping[str, Table], parameters: DataEngineeringParameters
) -> dict[str, Any]:
    """Refuse judged tables that cannot be used; return what the others amount to.

    Returns:
        ``calendar`` (``first_date``, ``calendar_end``, ``n_steps``), ``categories`` and
        ``rows_set_aside`` by table and reason.

    Raises:
        InputError: When too much is set aside, nothing is left, or offers do not fit the steps.
    """
    counts = counted_reasons(judged)
    weigh_rejections(counts, parameters.cleaning.max_rejected_share, excused=[COPY])
    categories = chosen_categories(judged[ITEMS.name], parameters.categories)
    history = measured_history(judged[TRANSACTIONS.name], parameters.calendar.calendar_end)
    refuse_misplaced_offers(judged[OFFER_LOG.name], date.fromisoformat(history["calendar_end"]))
    return {
        "calendar": history,
        "categories": categories,
        "rows_set_aside": {
            name: {reason: n for reason, n in by_reason.items() if reason}
            for name, by_reason in counts.items()
        },
    }


def _as_json(rows: Table, columns: Sequence[str]) -> StringValue:
    """Return rows as JSON text, every value that was read as a string or null."""
    values = {name: rows[name].cast("string") for name in columns}
    return ibis.struct(values).cast("json").cast("string")
