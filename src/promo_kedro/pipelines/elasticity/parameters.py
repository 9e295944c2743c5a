"""The parameters of the elasticity pipeline."""

from typing import Literal

from pydantic import Field

from promo_kedro.parameters import Parameters


class ElasticityParameters(Parameters):
    """How curves are fitted and reference offers found.

    Attributes:
        relation: the relation whose slope enters the elasticities.
        bins: equal-count bins that R² is computed on.
        min_points: a category with fewer points has no curve.
        range_quantile: a category's offer range ends at this quantile of its past offers.
        min_odds_ratio: over that range an offer must multiply the odds of buying at least so.
        recent_steps: steps before the offers' own that count as recent (2 steps = 4 weeks).
    """

    relation: Literal["observed", "response"] = "response"
    bins: int = Field(default=20, ge=3)
    min_points: int = Field(default=40, ge=3)
    range_quantile: float = Field(default=0.99, gt=0, le=1)
    min_odds_ratio: float = Field(default=1.05, ge=1)
    recent_steps: int = Field(default=2, ge=1)
