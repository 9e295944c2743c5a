"""Offer steps: the offers that a plan may choose from, and whose offers stay as they are."""

from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from promo_kedro.pipelines.optimization.rules.base import Number, OptionRule
from promo_kedro.pipelines.optimization.rules.permitted import NO_OFFER, STEPS, TODAY, permit
from promo_kedro.types import Array, DataFrame

Change = Annotated[Number, Field(gt=-1, allow_inf_nan=False)]
Offer = Annotated[Number, Field(ge=0, le=100)]

MOST_STEPS = 100
HAIR = 1e-9
"""An offer no further from a bound, percentage points, is the bound."""


def inside(offer: Array, lowest: Array, highest: Array) -> Array:
    """Return where offers lie strictly inside a range, whatever rounding did to them."""
    strictly: Array = (offer > lowest + HAIR) & (offer < highest - HAIR)
    return strictly


class OfferSteps(OptionRule):
    """Offers are steps around the reference offer, or a menu that is the same for all.

    o = k(1 + η) for the changes η, or o from the menu; either way strictly inside the range. By
    default η = −0.95 … 0.95 by 0.05 (Eq. 13). A menu with 0 opens going without an offer, as
    ``NoOffer`` does. A reference offer of 0 cannot be changed in steps, but by a menu it can.

    Attributes:
        changes: η, shares of the reference offer, above −1.
        offers: the menu, percent.

    Example:
        ::

            menu: {rule: OfferSteps, offers: [0, 5, 10, 15, 20, 30]}
    """

    single: ClassVar[bool] = True

    rule: Literal["OfferSteps"] = "OfferSteps"
    changes: list[Change] | None = Field(default=None, min_length=1, max_length=MOST_STEPS)
    offers: list[Offer] | None = Field(default=None, min_length=1, max_length=MOST_STEPS)

    @model_validator(mode="after")
    def _refuse_both_and_none(self) -> Self:
        if self.changes is not None and self.offers is not None:
            raise ValueError("OfferSteps takes changes or offers, not both")
        if not len(self.values):
            raise ValueError("OfferSteps, offers: there is no offer above 0 in the menu")
        return self

    @property
    def relative(self) -> bool:
        """Return whether the steps are changes of the reference offer."""
        return self.offers is None

    @property
    def values(self) -> Array:
        """Return η, or the offers above 0 in percent, rising: (steps,)."""
        if self.offers is not None:
            offers = np.unique(self.offers)
            return offers[offers > 0]
        if self.changes is not None:
            return np.unique(self.changes)
        return 0.05 * np.arange(-19, 20)

    def any_inside(self, reference: Array, lowest: Array, highest: Array) -> Array:
        """Return where some step lies strictly inside the range, (units,)."""
        some = np.zeros(len(reference), dtype=bool)
        for value in self.values:  # step by step: no table of units × steps
            offer = reference * (1 + value) if self.relative else value
            some |= inside(offer, lowest, highest)
        return some

    def narrow(self, decisions: DataFrame) -> DataFrame:
        """Permit the steps, or today's offer alone, and say why.

        Anew from what is known of each consumer-item: its response, its range, its reference offer.
        """
        reference = decisions["reference_offer"].to_numpy()
        lowest, highest = decisions["offer_min"].to_numpy(), decisions["offer_max"].to_numpy()
        reasons = {
            "response to offers not identified": ~(decisions["slope"].to_numpy() > 0),
            "too few offers for a range": np.isnan(lowest) | np.isnan(highest),
            "reference offer is 0": (reference == 0) & self.relative,
            "no change stays inside the range": ~self.any_inside(reference, lowest, highest),
        }
        kept = np.select(list(reasons.values()), list(reasons), default="")
        steps = STEPS | (NO_OFFER if 0 in (self.offers or ()) else 0)
        return permit(decisions, np.where(kept == "", steps, TODAY), kept)
