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
        recent_steps: steps before the offers' own that count as recent (2 steps = 4 weeks).
    """

    relation: Literal["observed", "response"] = "response"
    bins: int = Field(default=20, ge=3)
    min_points: int = Field(default=40, ge=3)
    recent_steps: int = Field(default=2, ge=1)
