"""Return on spend: what offers must add for the money that they give up."""

from typing import Annotated, Literal

from pydantic import Field

from promo_kedro.pipelines.optimization.knapsack.program import Row
from promo_kedro.pipelines.optimization.rules.base import Number, RowRule, Scope, Standing


class ReturnOnSpend(RowRule):
    """What the offers add to the objective, per money of spend, must reach a ratio.

    (V(plan) − V(no offers)) / Σ spend ≥ ρ. It is not linear, but times the spend it is:
    V(plan) − ρ · Σ spend ≥ V(no offers). V is the objective of the program and net of spend, so
    at ρ = 0 offers just pay for themselves. Shown figures are those two sides, in money.

    Attributes:
        scope: ``whole`` is one ratio for all categories, ``category`` one for each.
        at_least: the ratio ρ, money added per money spent.

    Example:
        ::

            offers_pay: {rule: ReturnOnSpend, at_least: 0.5}
    """

    rule: Literal["ReturnOnSpend"] = "ReturnOnSpend"
    scope: Scope = "whole"
    at_least: Annotated[Number, Field(ge=-1, allow_inf_nan=False)]

    def rows(self, name: str, standing: Standing) -> list[Row]:
        """Return V(plan) − ρ · Σ spend ≥ V(no offers), in money."""
        rows = []
        for part in self.parts(name, standing):
            objective = standing.objective * part.where[:, None]
            without = (objective * standing.without_offers).sum()
            spend = standing.weights(part.where, spend=self.at_least)
            rows.append(self.row(part, name, objective - spend, without))
        return rows
