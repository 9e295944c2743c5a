"""Fairness: how far apart groups of consumers may be treated."""

import logging
from dataclasses import replace
from itertools import permutations
from typing import Annotated, Literal

from pydantic import Field

from promo_kedro.pipelines.optimization.knapsack.program import Row
from promo_kedro.pipelines.optimization.rules.base import (
    Count,
    Number,
    Part,
    RowRule,
    Scope,
    Standing,
)
from promo_kedro.types import Array

logger = logging.getLogger(__name__)

UNKNOWN = "unknown"
"""The group of consumers whose attribute is not known."""


class Fairness(RowRule):
    """Group means may differ by so much: no group is sold to, or discounted, much more.

    mean_g − mean_h ≤ d for every two groups g, h, either way round, over their consumer-items;
    means of the purchase probability under the plan, or of the offer. Group sizes are fixed, so
    the row is linear: −(N/n_g) Σ_g + (N/n_h) Σ_h ≥ −N · d with N = n_g + n_h, which only scales
    it. There are two rows for every two groups.

    Attributes:
        scope: ``whole`` compares groups over all categories, ``category`` in each.
        by: column of the consumers table that groups them, such as age_range.
        of: ``probability`` or ``offer``.
        at_most: the difference d, in percentage points of probability or in offer percent.
        min_consumer_items: groups with fewer are left out; their means say little.
        compare_unknown: whether consumers without the attribute are a group; else they are left
            out.

    Example:
        ::

            by_age: {rule: Fairness, by: age_range, of: offer, at_most: 2}
    """

    rule: Literal["Fairness"] = "Fairness"
    scope: Scope = "whole"
    by: Annotated[str, Field(min_length=1)]
    of: Literal["probability", "offer"] = "probability"
    at_most: Annotated[Number, Field(ge=0, le=100)]
    min_consumer_items: Annotated[Count, Field(ge=1)] = 100
    compare_unknown: bool = False

    @property
    def consumer_columns(self) -> tuple[str, ...]:
        """Return the column that consumers are grouped by."""
        return (self.by,)

    def rows(self, name: str, standing: Standing) -> list[Row]:
        """Return, for every two groups, how much higher the first may be than the second."""
        rows = []
        for part in self.parts(name, standing):
            groups = self._groups(part, standing)
            if len(groups) < 2:
                logger.warning(
                    "%s compares nothing: under two groups of %s have %d consumer-items",
                    part.name,
                    self.by,
                    self.min_consumer_items,
                )
            for high, low in permutations(sorted(groups), 2):
                named = replace(part, name=f"{part.name}, {high} above {low}")
                rows.append(self._row(named, name, standing, groups[high], groups[low]))
        return rows

    def _groups(self, part: Part, standing: Standing) -> dict[str, Array]:
        """Return the cells of each group that is compared, (cells,) bool."""
        group = standing.cells[self.by].to_numpy(dtype=object)
        units = standing.cells["units"].to_numpy()
        cells = {value: part.where & (group == value) for value in set(group[part.where])}
        return {
            value: where
            for value, where in cells.items()
            if units[where].sum() >= self.min_consumer_items
            and (self.compare_unknown or value != UNKNOWN)
        }

    def _row(self, part: Part, rule: str, standing: Standing, high: Array, low: Array) -> Row:
        units = standing.cells["units"].to_numpy(dtype=float)
        both = units[high].sum() + units[low].sum()
        per_share = 100 if self.of == "probability" else 1
        coefficients = standing.weights(high, **{self.of: -both / units[high].sum()})
        coefficients += standing.weights(low, **{self.of: both / units[low].sum()})
        row = self.row(part, rule, coefficients, -both * self.at_most / per_share)
        probability = self.of == "probability"
        unit = "percentage points of probability" if probability else "offer percent"
        return replace(row, at_most=True, scale=per_share / both, unit=unit)
