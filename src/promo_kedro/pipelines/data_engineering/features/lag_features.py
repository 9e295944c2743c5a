"""Lagged offsets: rolling statistics of the temporal regressors over several lag windows (§3.1.1).

Means, variances, skewness and kurtosis come from rolling sums of x, x², x³ and x⁴. The regressors
are whole numbers of at most 1,000, so that all of it up to the last division is exact in int64
for windows of up to 26 steps, whatever the order of the rows.
"""

from ibis.expr.types import FloatingValue, IntegerValue, Table, Value

from promo_kedro.pipelines.data_engineering.history import before, sum_before
from promo_kedro.pipelines.data_engineering.parameters import LagWindow, PanelParameters
from promo_kedro.pipelines.data_engineering.whole_numbers import at_most

KEYS = ("customer_id", "item_id")
LARGEST_VALUE = 1000
HIGHEST_POWER = {"mean": 1, "median": 0, "variance": 2, "skewness": 3, "kurtosis": 4}
# What a regressor is divided by to be in its own unit again: offers are summed in per mille.
UNITS = {"purchased": 1, "quantity": 1, "offer_percent": 10}
NAMES = {
    "purchased": "purchases (0 or 1)",
    "quantity": f"pieces bought (at most {LARGEST_VALUE:,} a step)",
    "offer_percent": "offer percent of the cell",
}


def statistics_of(regressor: str, lag: LagWindow) -> list[str]:
    """Return a regressor's statistics: a 0/1 variable's mean already tells all the others."""
    return ["mean"] if regressor == "purchased" else list(dict.fromkeys(lag.statistics))


def descriptions(parameters: PanelParameters) -> dict[str, str]:
    """Describe every lagged feature."""
    return {
        f"{regressor}_{statistic}_{lag.steps}": (
            f"Rolling {statistic} of {what} over the {lag.steps} steps before"
        )
        for regressor, what in NAMES.items()
        for lag in parameters.lag_windows
        for statistic in statistics_of(regressor, lag)
    }


def regressors_of(cells: Table) -> dict[str, IntegerValue]:
    """Return the temporal regressors as whole numbers of at most ``LARGEST_VALUE``."""
    return {
        "purchased": cells.purchased.cast("int64"),
        "quantity": at_most(cells.quantity, LARGEST_VALUE).cast("int64"),
        "offer_percent": (cells.offer_percent * UNITS["offer_percent"]).round().cast("int64"),
    }


def windows_of(cells: Table, parameters: PanelParameters) -> dict[str, Value]:
    """Return rolling power sums and medians of ``x_<regressor>`` columns, one window each."""
    found: dict[str, Value] = {}
    for lag in parameters.lag_windows:
        found[f"n_{lag.steps}"] = cells.count().over(before(*KEYS, steps=lag.steps))
        for regressor in UNITS:
            x = cells[f"x_{regressor}"]
            statistics = statistics_of(regressor, lag)
            power = x
            for exponent in range(1, max(HIGHEST_POWER[name] for name in statistics) + 1):
                power = power if exponent == 1 else power * x
                rolled = sum_before(power, *KEYS, steps=lag.steps)
                found[f"s{exponent}_{regressor}_{lag.steps}"] = rolled.cast("int64")
            if "median" in statistics:
                median = x.median().over(before(*KEYS, steps=lag.steps))
                found[f"median_{regressor}_{lag.steps}"] = median
    return found


def features_of(known: Table, parameters: PanelParameters) -> dict[str, Value]:
    """Return the features, named as in ``descriptions``, from what ``windows_of`` found.

    Variance is the population's; kurtosis is in excess of the normal's. Where the values do not
    vary, or there is no step before, a statistic is null.
    """
    features: dict[str, Value] = {}
    for regressor, unit in UNITS.items():
        for lag in parameters.lag_windows:
            end = f"{regressor}_{lag.steps}"
            for statistic in statistics_of(regressor, lag):
                if statistic == "median":
                    features[f"{regressor}_median_{lag.steps}"] = known[f"median_{end}"] / unit
                    continue
                sums = [known[f"s{k}_{end}"] for k in range(1, HIGHEST_POWER[statistic] + 1)]
                value = _moment(statistic, known[f"n_{lag.steps}"], sums)
                scale = {"mean": unit, "variance": unit**2}.get(statistic, 1)
                features[f"{regressor}_{statistic}_{lag.steps}"] = value / scale
    return features


def _moment(statistic: str, n: IntegerValue, sums: list[IntegerValue]) -> FloatingValue:
    """Return a moment from power sums; products, not powers, keep int64 exact."""
    n = n.nullif(0)
    s1 = sums[0]
    if statistic == "mean":
        return s1.cast("float64") / n
    s2 = sums[1]
    spread = (n * s2 - s1 * s1).nullif(0)
    if statistic == "variance":
        return spread.cast("float64") / (n * n)
    s3 = sums[2]
    if statistic == "skewness":
        third = n * n * s3 - 3 * n * s1 * s2 + 2 * s1 * s1 * s1
        deviation = spread.cast("float64").sqrt()
        return third.cast("float64") / (deviation * deviation * deviation)
    fourth = (
        n * n * n * sums[3] - 4 * n * n * s1 * s3 + 6 * n * s1 * s1 * s2 - 3 * s1 * s1 * s1 * s1
    )
    return fourth.cast("float64") / (spread.cast("float64") * spread.cast("float64")) - 3
