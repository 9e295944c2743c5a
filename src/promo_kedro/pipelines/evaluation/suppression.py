"""What people may see: no figures of groups that are too small to hide a consumer in."""

from typing import Any

from promo_kedro.types import DataFrame

Row = dict[str, Any]

_ALWAYS_SHOWN = frozenset(
    {"window", "category", "policy", "horizon", "seed", "draws", "candidate", "method", "metric"}
)


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


def suppress_table(table: DataFrame, hidden: set[str]) -> DataFrame:
    """The same table with every figure of the hidden categories missing.

    Counts and marks become ones that may be missing, so that the others keep looking like them.
    """
    shown = ~table["category"].isin(hidden)
    figures = [name for name in table.columns if name not in _ALWAYS_SHOWN]
    counts = table[figures].select_dtypes("integer").columns
    marks = table[figures].select_dtypes("bool").columns
    kinds = {**dict.fromkeys(counts, "Int64"), **dict.fromkeys(marks, "boolean")}
    table = table.astype(kinds)
    return table.assign(**{name: table[name].where(shown) for name in figures})
