"""What people may see: no figures of groups that are too small to hide a consumer in."""

from typing import Any

Row = dict[str, Any]

_ALWAYS_SHOWN = frozenset({"window", "category"})


def small_categories(rows: list[Row], min_consumers: int) -> set[str]:
    """Categories with fewer consumers than that in any window of `model_results`."""
    return {row["category"] for row in rows if row["consumers"] < min_consumers}


def suppress(rows: list[Row], hidden: set[str]) -> list[Row]:
    """The same rows with every figure of the hidden categories blank."""
    return [
        {name: value if name in _ALWAYS_SHOWN else None for name, value in row.items()}
        if row["category"] in hidden
        else row
        for row in rows
    ]
