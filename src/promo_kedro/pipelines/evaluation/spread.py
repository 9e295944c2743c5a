"""How the scores vary over windows."""

from typing import Any

import pandas as pd

COLUMNS = ["category", "metric", "windows", "mean", "spread", "lowest", "highest"]


def spread_over_windows(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Mean and spread of every figure of the results table over the windows.

    Args:
        rows: Rows of ``model_results``, all windows.

    Returns:
        Columns :data:`COLUMNS`, categories and figures in the order of the results.
        ``windows``: how many have the figure. ``spread``: standard deviation over windows, NaN
        where there is one only.
    """
    table = pd.DataFrame(rows).drop(columns="window")
    figures = table.melt("category", var_name="metric").astype({"value": float})
    groups = figures.groupby(["category", "metric"], sort=False)["value"]
    spread = groups.agg(
        windows="count", mean="mean", spread=lambda values: values.std(ddof=1),
        lowest="min", highest="max",
    )  # fmt: skip
    # melt goes figure by figure; people read category by category
    order = list(dict.fromkeys(table["category"]))
    spread = spread.reset_index()[COLUMNS]
    place = spread["category"].map(order.index)
    return spread.iloc[place.argsort(kind="stable")].reset_index(drop=True)
