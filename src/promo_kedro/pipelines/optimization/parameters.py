"""The parameters of the optimization pipeline."""

from typing import Annotated, Literal

from pydantic import Field

from promo_kedro.parameters import Parameters

Mode = Literal["paper", "linear", "exact"]
Share = Annotated[float, Field(ge=0, le=1)]


class RetentionRequired(Parameters):
    """The retention that a category's plan must reach (R_rc of Eq. 13), per mode.

    A category that is not named must keep the retention of today's offers.

    Attributes:
        paper: category → share of consumer-items whose probability clears the cut-off.
        linear: category → mean purchase probability.
        exact: category → mean purchase probability.
    """

    paper: dict[str, Share] = {}
    linear: dict[str, Share] = {}
    exact: dict[str, Share] = {}


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


class SolverParameters(Parameters):
    """Where the program is solved whole and where its dual narrows it first.

    Attributes:
        whole_program_size: categories of at most so many consumer-items go whole to the solver.
        core_size: consumer-items whose offers the integer program settles.
        max_nodes: branches that the integer program may explore before it is cut short; a
            count, not a time, so that a slower machine finds the same plan.
    """

    whole_program_size: int = Field(default=300, ge=0, le=20_000)
    core_size: int = Field(default=15, ge=1, le=500)
    max_nodes: int = Field(default=200, ge=1)


class OptimizationParameters(Parameters):
    """What the offer program may choose from, and what it must keep.

    Attributes:
        relation: the offer–probability curve in use; the one the elasticities come from.
        retention_required: R_rc of Eq. 13, per mode and category.
        offer_range: how (o₁, o₂) is found.
        frontier_points: points of the revenue–retention frontier per category and mode.
        solver: sizes that decide the route.
    """

    relation: Literal["observed", "response"] = "response"
    retention_required: RetentionRequired = RetentionRequired()
    offer_range: OfferRangeParameters = OfferRangeParameters()
    frontier_points: int = Field(default=20, ge=2, le=1_000)
    solver: SolverParameters = SolverParameters()
