"""The frontier: the most revenue for each retention that may be required."""

import numpy as np
from pandas import DataFrame

from promo_kedro.pipelines.optimization.dual import retention_price
from promo_kedro.pipelines.optimization.options import OptionTable


def trace_frontier(table: OptionTable, points: int) -> DataFrame:
    """Return points from the retention of the plan that ignores it to the largest attainable.

    Revenue is that of the linear program, the least upper bound on any plan; it falls, ever
    faster, as retention rises. Where nothing can be traded there is one point.

    Args:
        table: the options of one category.
        points: number of points, evenly spaced in retention.

    Returns:
        retention_required, revenue, retention, shadow_price (money per further percentage
        point of mean retention), rising in retention. The linear program's plan splits a unit to
        retain exactly what is required, so the two retentions are the same.
    """
    _, low = table.best_at(0.0)
    most = table.most_retention()
    count = len(table)
    start, end = (float(table.of(choice)[1].sum()) for choice in (low, most))
    wanted = np.unique(np.linspace(start, end, points)) if end > start else np.array([start])
    revenue, price = np.empty(len(wanted)), np.zeros(len(wanted))
    for point, needed in enumerate(wanted):
        if point > 0:
            price[point], low = retention_price(table, needed, low, most)
        revenue[point] = table.bound(price[point], needed)
    return DataFrame(
        {
            "retention_required": wanted / count,
            "revenue": revenue,
            "retention": wanted / count,
            "shadow_price": [per_point(each, count) for each in price],
        }
    )


def per_point(price: float, count: int) -> float:
    """Return money per percentage point of mean retention, from money per unit of its sum."""
    return price * count / 100
