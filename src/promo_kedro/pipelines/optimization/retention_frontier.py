"""The revenue–retention frontier of each category, and of all of them together."""

from pandas import DataFrame

from promo_kedro.pipelines.optimization.knapsack.frontier import trace_frontier
from promo_kedro.pipelines.optimization.knapsack.program import Program, Row
from promo_kedro.pipelines.optimization.parameters import Mode, OptimizationParameters
from promo_kedro.pipelines.optimization.planning import ALL, build_program, consumer_key_of
from promo_kedro.pipelines.optimization.rules import Standing, cap_of
from promo_kedro.pipelines.optimization.rules.base import OptionRule
from promo_kedro.pipelines.optimization.stacking import stacked
from promo_kedro.types import Array

COLUMNS = [
    "mode",
    "category",
    "retention_required",
    "objective",
    "revenue",
    "retention",
    "shadow_price",
]


def retention_frontiers(
    decisions: DataFrame, mode: Mode, parameters: OptimizationParameters
) -> DataFrame:
    """Return ``revenue_retention_frontier`` of one mode: retention alone, other rows left aside.

    Args:
        decisions: ``offer_decisions``.
        mode: how an offer moves the probability, and what a probability is worth.
        parameters: objective, the rules on options, sizes.
    """
    options_only = {
        name: rule for name, rule in parameters.rules.items() if isinstance(rule, OptionRule)
    }
    on_options = parameters.model_copy(update={"rules": options_only})
    counted = parameters.measure_of(mode) == "consumer_indicator"
    keys = {ALL: _key_over_all(parameters)}
    of_category = consumer_key_of(parameters.rules, counted=counted)
    parts = [(ALL, decisions), *decisions.groupby("category", sort=True)]
    return stacked(
        _frontier(units, mode, on_options, keys.get(name, of_category)).assign(
            mode=mode, category=name
        )[COLUMNS]
        for name, units in parts
    )


def retention_row(standing: Standing, where: Array | None = None) -> Row:
    """Return a row on the retention of some cells, (cells,) bool, or of all."""
    weights = standing.weights(where, retention=1)
    counted = standing.cells["retainable"].to_numpy()[slice(None) if where is None else where]
    unit = "percentage points of retention"
    return Row("retention", "retention", weights, 0.0, scale=100 / counted.sum(), unit=unit)


def traced(program: Program, parameters: OptimizationParameters, points: int) -> DataFrame:
    """Trace the frontier of a program's first row, retention as a share."""
    frontier = trace_frontier(program, 0, points, parameters.solver)
    shares = frontier[["retention_required", "retention"]] / 100
    return frontier.assign(**dict(shares.items()))


def _key_over_all(parameters: OptimizationParameters) -> list[str]:
    """Return what makes one consumer where retention is that of all categories together.

    A consumer counts once, unless a cap on its offers holds in each category by itself: one
    program couples its units in one way.
    """
    cap = cap_of(parameters.rules)
    return ["customer_id"] if cap is None else cap.consumer_key


def _frontier(
    units: DataFrame, mode: Mode, parameters: OptimizationParameters, consumer_key: list[str]
) -> DataFrame:
    stated = build_program(units, mode, parameters, parameters.rules, consumer_key=consumer_key)
    alone = Program(stated.options, stated.program.objective, (retention_row(stated.standing),))
    return traced(alone, parameters, parameters.frontier_points)
