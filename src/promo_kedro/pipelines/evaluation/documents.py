"""Tables as JSON documents that say which data they came from."""

from datetime import date
from typing import Any

import pandas as pd

Document = dict[str, Any]


def json_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The table's rows as plain values; what is missing is None, never NaN."""
    return table.astype(object).where(table.notna(), None).to_dict("records")


def windows(calendar: pd.DataFrame) -> list[Document]:
    """First and last day of every part of every window."""
    parts = calendar.groupby(["window", "split"], sort=True).agg(
        steps=("step", "size"), first=("start_date", "min"), last=("end_date", "max")
    )
    return [
        {
            "window": int(window),
            "split": split,
            "steps": int(part["steps"]),
            "start_date": _day(part["first"]),
            "end_date": _day(part["last"]),
        }
        for (window, split), part in parts.sort_values(["window", "first"]).iterrows()
    ]


def _day(value: Any) -> str:
    day: date = pd.Timestamp(value).date()
    return day.isoformat()
