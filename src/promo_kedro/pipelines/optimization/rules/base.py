"""What a business rule is: a name, a place in the order of importance, and what it asks.

A rule narrows the options of consumer-items (``narrow``) or adds rows to the program (``rows``).
A new rule is one class in one file, named in the union of ``rules/__init__.py``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from promo_kedro.parameters import Parameters
from promo_kedro.pipelines.optimization.knapsack.measures import Measure
from promo_kedro.pipelines.optimization.knapsack.program import Row
from promo_kedro.types import Array, DataFrame

Scope = Literal["category", "whole"]


def _refuse_flag(given: Any) -> Any:
    """Refuse yes and no, which would else be read as 1 and 0."""
    if isinstance(given, bool):
        raise ValueError(f"a number is needed, not {str(given).lower()}")
    return given


Number = Annotated[float, BeforeValidator(_refuse_flag)]
Count = Annotated[int, BeforeValidator(_refuse_flag)]


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


@dataclass(frozen=True)
class Part:
    """What one row of a rule is about: one category, or all of them.

    Attributes:
        name: of the row, such as ``retention: Bakery``, or ``retention`` for all categories.
        category: the category; none for all.
        where: its cells, (cells,) bool.
    """

    name: str
    category: str | None
    where: Array


class Rule(Parameters):
    """A business rule, hard or soft.

    Attributes:
        rule: name of the class.
        hard: a plan that breaks a hard rule is no plan; a soft one is kept as far as it can be.
        priority: of a soft rule: 1 is given up last.
    """

    single: ClassVar[bool] = False
    """Whether a second rule of the kind would contradict the first."""
    needs_cost: ClassVar[bool] = False
    """Whether it means nothing where costs are unknown."""

    rule: str
    hard: bool = True
    priority: Annotated[Count, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _refuse_priority_that_nothing_reads(self) -> Self:
        if self.hard and self.priority != 1:
            raise ValueError(
                f"{self.rule} is hard and never given up, so priority {self.priority} says "
                "nothing: leave it out, or set hard to false"
            )
        return self

    @property
    def spans_categories(self) -> bool:
        """Return whether it ties categories together, so that they are one program."""
        return False

    @property
    def consumer_columns(self) -> tuple[str, ...]:
        """Return the columns of the consumers table that it groups by."""
        return ()

    @property
    def named_categories(self) -> list[str]:
        """Return the categories that it names: the keys of its ``categories``, if it has any."""
        return sorted(getattr(self, "categories", {}))

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


class OptionRule(Rule):
    """A rule about which options there are; it has no soft form unless it says so."""

    may_be_soft: ClassVar[bool] = False

    @model_validator(mode="after")
    def _refuse_soft(self) -> Self:
        if not self.hard and not self.may_be_soft:
            raise ValueError(
                f"{self.rule} decides which offers there are, so it cannot be soft: leave out "
                "hard, or leave out the rule"
            )
        return self


class RowRule(Rule):
    """A rule that adds rows, one per category or one for all.

    Attributes:
        scope: ``category`` binds in each category, ``whole`` in all of them together.
    """

    scope: Scope = "category"

    @property
    def spans_categories(self) -> bool:
        """Return whether one row covers all categories."""
        return self.scope == "whole"

    @model_validator(mode="after")
    def _refuse_levels_that_nothing_reads(self) -> Self:
        if self.spans_categories and self.named_categories:
            raise ValueError(
                f"{self.rule} with scope 'whole' is one row for all categories, so no category "
                "has a level of its own: set scope to 'category', or leave out categories"
            )
        return self

    def parts(self, name: str, standing: Standing) -> Iterator[Part]:
        """Yield what each row is about, in the order of categories."""
        category_of_cell = standing.cells["category"].to_numpy()
        if self.spans_categories:
            yield Part(name, None, np.ones(len(category_of_cell), dtype=bool))
            return
        for category in standing.categories:
            yield Part(f"{name}: {category}", category, category_of_cell == category)

    def row(self, part: Part, rule: str, coefficients: Array, least: float) -> Row:
        """Return the row Σ coefficients · totals ≥ least, in money, as people know it."""
        return Row(
            name=part.name,
            rule=rule,
            coefficients=coefficients,
            least=float(least),
            hard=self.hard,
            priority=self.priority,
        )
