"""The parameters of the optimization pipeline."""

from typing import Annotated, Literal

from pydantic import Field

from promo_kedro.parameters import Parameters
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.rules import Rules

Mode = Literal["paper", "linear", "exact"]
Objective = Literal["revenue", "margin"]
RetentionMeasure = Literal["default", "expected", "item_indicator", "consumer_indicator"]
Share = Annotated[float, Field(ge=0, le=1)]


class OfferRangeParameters(Parameters):
    """How a category's offer range (o₁, o₂) is read from its receipts.

    Attributes:
        lower_quantile: o₁ as a quantile of the category's non-zero receipt offers.
        upper_quantile: o₂ likewise.
        min_offers: receipt lines with an offer that a period must hold to be used.
    """

    lower_quantile: float = Field(default=0.01, ge=0, le=0.5)
    upper_quantile: float = Field(default=0.99, ge=0.5, le=1)
    min_offers: int = Field(default=20, ge=1)


class RoundingParameters(Parameters):
    """How offers are rounded before they are sent.

    Attributes:
        step: offers become multiples of it, percent.
    """

    step: float = Field(default=1.0, gt=0, le=50)


class OptimizationParameters(Parameters):
    """What the offer program may choose from, what it maximises and what it must keep.

    Attributes:
        mode: the plan in use; the others stand beside it.
        relation: the offer–probability curve in use; the one the elasticities come from.
        objective: what a plan maximises.
        margin_share: category → margin as a share of the price, for items without a unit cost.
        retention_measure: what counts as retained; by default the indicator of Eq. 13 in
            ``paper`` and the expected share in the other modes.
        rules: name → business rule.
        offer_range: how (o₁, o₂) is found.
        frontier_points: points of the revenue–retention frontier per category and mode.
        solver: sizes that decide the route.
        rounding: of the offers that are sent.
    """

    mode: Mode = "exact"
    relation: Literal["observed", "response"] = "response"
    objective: Objective = "revenue"
    margin_share: dict[str, Share] = {}
    retention_measure: RetentionMeasure = "default"
    rules: Rules = {}
    offer_range: OfferRangeParameters = OfferRangeParameters()
    frontier_points: int = Field(default=50, ge=2, le=1_000)
    solver: SolverParameters = SolverParameters()
    rounding: RoundingParameters = RoundingParameters()

    def measure_of(self, mode: Mode) -> str:
        """Return how a mode measures retention."""
        if self.retention_measure != "default":
            return self.retention_measure
        return "item_indicator" if mode == "paper" else "expected"
