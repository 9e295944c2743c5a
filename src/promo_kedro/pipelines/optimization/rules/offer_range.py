"""Offer range: between which offers a plan may choose."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from promo_kedro.pipelines.optimization.rules.base import Number, OptionRule
from promo_kedro.types import DataFrame

Percent = Annotated[Number, Field(ge=0, le=100)]


class OfferRange(OptionRule):
    """Offers must lie strictly between two offers (o₁, o₂ of Eq. 13) that are set.

    o₁ < o < o₂, in place of the range read from the receipts. A bound that is not set stays as
    read; a category without a range of its own gets one only where both bounds are set. Strictly:
    between 5 and 15, of a menu 5/10/15 only 10 is left.

    Attributes:
        lowest: o₁ in percent, for every category that is not named.
        highest: o₂ likewise.
        categories: category → [o₁, o₂].

    Example:
        ::

            range: {rule: OfferRange, highest: 30, categories: {Bakery: [0, 15]}}
    """

    single: ClassVar[bool] = True

    rule: Literal["OfferRange"] = "OfferRange"
    lowest: Percent | None = None
    highest: Percent | None = None
    categories: dict[str, tuple[Percent, Percent]] = Field(default={})

    @model_validator(mode="after")
    def _refuse_empty(self) -> Self:
        everywhere = () if None in (self.lowest, self.highest) else (self.lowest, self.highest)
        for where, bounds in {"lowest and highest": everywhere, **self.categories}.items():
            if bounds and not bounds[0] < bounds[1]:  # type: ignore[operator]
                raise ValueError(f"OfferRange, {where}: no offer lies between {bounds}")
        if (self.lowest, self.highest, self.categories) == (None, None, {}):
            raise ValueError("OfferRange needs lowest, highest or categories")
        return self

    def narrow(self, decisions: DataFrame) -> DataFrame:
        """Put the bounds in place of those read from the receipts."""
        bounds = {"offer_min": self.lowest, "offer_max": self.highest}
        replaced = {}
        for position, (column, everywhere) in enumerate(bounds.items()):
            own = {category: pair[position] for category, pair in self.categories.items()}
            asked = decisions["category"].map(own).astype(float)
            if everywhere is not None:
                asked = asked.fillna(everywhere)
            replaced[column] = asked.fillna(decisions[column])
        return decisions.assign(**replaced)
