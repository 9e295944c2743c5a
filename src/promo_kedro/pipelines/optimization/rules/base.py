"""What a business rule is: a name, a place in the order of importance, and what it asks.

A rule narrows the options (``narrow``), couples the units of a consumer (``consumer_rule`` of the
one class that does), or adds rows to the program (``rows``). A new rule is one class in one file.
"""

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from promo_kedro.parameters import Parameters
from promo_kedro.pipelines.optimization.knapsack.measures import Measure
from promo_kedro.pipelines.optimization.knapsack.program import Row
from promo_kedro.types import Array, DataFrame


@dataclass(frozen=True)
class Standing:
    """Where the units of a program stand before it, which rules compare with.

    Attributes:
        cells: one row per cell, (cells, …): category, units (count), retainable (what retention
            is a share of: units, or consumers where they are counted), and a column for every
            attribute that some rule groups consumers by.
        today: totals of the measures under the offers of today, (cells, 7).
        without_offers: totals with no offer to anybody, (cells, 7).
        objective: weights of the objective, (cells, 7).
        retention_as_set: whether the mode measures retention as the mode in use does, so that
            levels set for that one hold here; else today's level is required.
    """

    cells: DataFrame
    today: Array
    without_offers: Array
    objective: Array
    retention_as_set: bool = True

    @property
    def categories(self) -> list[str]:
        """Return the categories of the program, in order."""
        return sorted(self.cells["category"].unique())

    def weights(self, where: Array | None = None, **measures: float) -> Array:
        """Return coefficients, (cells, 7): the named measures in cells where ``where`` is true."""
        weights = np.zeros((len(self.cells), len(Measure)))
        chosen = slice(None) if where is None else where
        for name, weight in measures.items():
            weights[chosen, Measure[name.upper()]] = weight
        return weights


class Rule(Parameters):
    """A business rule, hard or soft.

    Attributes:
        hard: a plan that breaks a hard rule is no plan; a soft one is kept as far as it can be.
        priority: of a soft rule: 1 is given up last.
    """

    hard: bool = True
    priority: int = Field(default=1, ge=1)

    def narrow(self, decisions: DataFrame) -> DataFrame:
        """Return ``offer_decisions`` with the options that the rule leaves."""
        return decisions

    def rows(self, name: str, standing: Standing) -> list[Row]:
        """Return the rows that the rule adds to a program.

        Args:
            name: the rule's name in the parameters.
            standing: where the units of the program stand before it.
        """
        return []
