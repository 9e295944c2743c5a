"""What people may see: no figures of groups that are too small to hide a consumer in."""

from typing import Any

from promo_kedro.types import DataFrame

TOTAL = "All"  # the row over all categories

Row = dict[str, Any]

_ALWAYS_SHOWN = frozenset(
    {"window", "category", "policy", "horizon", "seed", "draws", "candidate", "method", "metric"}
)


def small_categories(rows: list[Row], min_consumers: int) -> set[str]:
    """Categories that are not shown.

    They have fewer consumers than that in any window of `model_results`. Where one alone would be
    hidden in a window, the next smallest there is hidden as well: the total minus the categories
    that are shown would give the one back.
    """
    hidden = {row["category"] for row in rows if row["consumers"] < min_consumers}
    windows: dict[int, dict[str, int]] = {}
    for row in rows:
        if row["category"] != TOTAL:
            windows.setdefault(row["window"], {})[row["category"]] = row["consumers"]
    while alone := [sizes for sizes in windows.values() if _one_alone(sizes, hidden)]:
        shown = set(alone[0]) - hidden
        hidden.add(min(shown, key=lambda category: (alone[0][category], category)))
    return hidden


def _one_alone(sizes: dict[str, int], hidden: set[str]) -> bool:
    """Whether exactly one category is hidden, and others are not."""
    return len(sizes) > 1 and len(hidden & set(sizes)) == 1


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
