"""Retention: how much of today's purchases a plan must keep."""

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from promo_kedro.pipelines.optimization.knapsack.measures import Measure
from promo_kedro.pipelines.optimization.knapsack.program import Row
from promo_kedro.pipelines.optimization.rules.base import Number, Part, RowRule, Scope, Standing

Share = Annotated[Number, Field(ge=0, le=1)]


class Retention(RowRule):
    """Retention must reach a level (R_rc of Eq. 13).

    Σ r ≥ R · n, with r by the retention measure in use and n what it is a share of: consumer-items,
    or consumers where they are counted. A mode that measures retention otherwise than the mode in
    use cannot be held to the levels set: there today's level is required.

    Attributes:
        scope: ``category`` binds in each category, ``whole`` in all of them together.
        at_least: the share R, or ``today`` for what the offers of today retain.
        categories: category → share, in place of ``at_least``.

    Example:
        ::

            retention: {rule: Retention, at_least: today, categories: {Bakery: 0.30}}
    """

    rule: Literal["Retention"] = "Retention"
    scope: Scope = "category"
    at_least: Literal["today"] | Share = "today"
    categories: dict[str, Share] = Field(default={})

    def rows(self, name: str, standing: Standing) -> list[Row]:
        """Return Σ retention ≥ R · n, shown in percentage points."""
        retainable = standing.cells["retainable"].to_numpy(dtype=float)
        rows = []
        for part in self.parts(name, standing):
            count = retainable[part.where].sum()
            if count > 0:
                least = self._least(part, standing, count)
                weights = standing.weights(part.where, retention=1)
                row = self.row(part, name, weights, least)
                rows.append(replace(row, scale=100 / count, unit="percentage points of retention"))
        return rows

    def _least(self, part: Part, standing: Standing, count: float) -> float:
        share = self.categories.get(part.category or "", self.at_least)
        if share == "today" or not standing.retention_as_set:
            return float(standing.today[part.where, Measure.RETENTION].sum())
        return share * count
