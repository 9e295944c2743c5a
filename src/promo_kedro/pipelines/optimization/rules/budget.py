"""Budget: how much money offers may give up."""

from dataclasses import replace
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from promo_kedro.pipelines.optimization.knapsack.measures import Measure
from promo_kedro.pipelines.optimization.knapsack.program import Row
from promo_kedro.pipelines.optimization.rules.base import Number, Part, RowRule, Scope, Standing

Money = Annotated[Number, Field(ge=0, allow_inf_nan=False)]


class Budget(RowRule):
    """Expected promotion spend must stay within a budget.

    Σ price · (o/100) · q ≤ B, with q what a probability is worth in the mode: the money that
    offers give up on what they sell, those included that cannot be changed.

    Attributes:
        scope: ``whole`` is one budget for all categories, ``category`` one for each.
        at_most: money B, or ``today`` for what the offers of today spend; with none, only the
            named categories have a budget.
        categories: category → money, in place of ``at_most``.

    Example:
        ::

            spring_budget: {rule: Budget, at_most: 5000}
    """

    rule: Literal["Budget"] = "Budget"
    scope: Scope = "whole"
    at_most: Literal["today"] | Money | None = None
    categories: dict[str, Money] = Field(default={})

    @model_validator(mode="after")
    def _refuse_none(self) -> Self:
        if self.at_most is None and not self.categories:
            raise ValueError("Budget needs at_most: an amount of money, or today")
        return self

    def rows(self, name: str, standing: Standing) -> list[Row]:
        """Return −Σ spend ≥ −B, known as Σ spend ≤ B, in money."""
        rows = []
        for part in self.parts(name, standing):
            most = self._most(part, standing)
            if most is not None:
                weights = standing.weights(part.where, spend=-1)
                rows.append(replace(self.row(part, name, weights, -most), at_most=True))
        return rows

    def _most(self, part: Part, standing: Standing) -> float | None:
        most = self.categories.get(part.category or "", self.at_most)
        if most == "today":
            return float(standing.today[part.where, Measure.SPEND].sum())
        return most
