"""Parameters of the evaluation."""

from typing import Annotated, Literal

from pydantic import Field

from promo_kedro.parameters import Parameters

OfferPercent = Annotated[float, Field(ge=0, lt=100)]


class Horizon(Parameters):
    """How far ahead offers are played out on the simulated retailer, and how often."""

    weeks: int = Field(ge=2, le=104, multiple_of=2)
    draws: int = Field(ge=2, le=1000)


class EvaluationParameters(Parameters):
    """What is reported, and how hard the value of the offers is looked at."""

    mode: Literal["paper", "linear", "exact"] = "exact"
    objective: Literal["revenue", "margin"] = "revenue"
    relation: Literal["observed", "response"] = "response"
    calibration_bins: int = Field(default=15, ge=2, le=100)
    cutoff_method: Literal["expected_f1", "ratio", "empirical", "global", "shrunk"] = "expected_f1"
    zero_division: Literal[0, 1] = 0
    truth_draws: int = Field(default=20, ge=1, le=10_000)
    min_group_consumers: int = Field(default=10, ge=1)
    horizons: list[Horizon] = Field(
        default=[Horizon(weeks=2, draws=20), Horizon(weeks=26, draws=6)], min_length=1
    )
    uniform_offers: list[OfferPercent] = Field(default=[0, 5, 10, 15, 20, 25, 30, 40], min_length=1)
    selection_draws: int = Field(default=2, ge=2, le=1000)
    confidence: float = Field(default=0.95, gt=0, lt=1)
