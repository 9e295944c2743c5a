"""Margin floor: the share of revenue that must remain once goods are paid for."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from promo_kedro.pipelines.optimization.knapsack.program import Row
from promo_kedro.pipelines.optimization.rules.base import Number, RowRule, Scope, Standing


class MarginFloor(RowRule):
    """Margin must be a share of revenue.

    margin / revenue ≥ s, with revenue = sales − spend and margin = revenue − cost. Times the
    revenue it is linear: (1 − s) · (sales − spend) − cost ≥ 0. Shown figures are that left-hand
    side, the margin beyond the floor, in money. Every item's cost must be known.

    Attributes:
        scope: ``category`` binds in each category, ``whole`` in all of them together.
        at_least: the share s of revenue.

    Example:
        ::

            margin: {rule: MarginFloor, at_least: 0.22}
    """

    needs_cost: ClassVar[bool] = True

    rule: Literal["MarginFloor"] = "MarginFloor"
    scope: Scope = "category"
    at_least: Annotated[Number, Field(ge=0, le=1)]

    def rows(self, name: str, standing: Standing) -> list[Row]:
        """Return (1 − s) · (sales − spend) − cost ≥ 0, in money."""
        kept = 1 - self.at_least
        return [
            self.row(part, name, standing.weights(part.where, sales=kept, spend=-kept, cost=-1), 0)
            for part in self.parts(name, standing)
        ]
