"""Everything about the simulated retailer that can be turned.

The models hold no default worth knowing beyond the default world; the control panel with units
and reasons is `conf/base/simulation/parameters.yml`.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from promo_kedro.parameters import Parameters

Share = Annotated[float, Field(ge=0.0, le=1.0)]
OpenShare = Annotated[float, Field(gt=0.0, lt=1.0)]
Amount = Annotated[float, Field(ge=0.0)]


class DemandParameters(Parameters):
    """How consumers buy."""

    visit: OpenShare = 0.62
    incidence: OpenShare = 0.085
    interest_spread: Amount = 1.1
    taste_spread: Amount = 0.8
    idiosyncrasy_spread: Amount = 0.7
    familiar_share: OpenShare = 0.35
    unfamiliar_penalty: Amount = 5.0
    habit_pull: Amount = 1.2
    habit_memory: OpenShare = 0.85
    price_sensitivity: Amount = 1.0
    popularity_spread: Amount = 0.7
    popularity_drift: Amount = 0.4
    item_shock: Amount = 0.5
    shelf_shock: Amount = 0.35
    shock_memory: Share = 0.5
    pantry_memory: OpenShare = 0.7
    pantry_fullness: Amount = 0.5
    extra_unit: OpenShare = 0.08


class ResponseParameters(Parameters):
    """How consumers answer offers."""

    choice: Amount = 1.8
    expansion_strong: Amount = 0.45
    expansion_weak: Amount = 0.03
    stock_up_strong: Amount = 0.8
    stock_up_weak: Amount = 0.05
    sensitivity_spread: Amount = 0.5


class ChurnParameters(Parameters):
    """How consumers leave and come back; a step is 14 days."""

    leave: OpenShare = 0.02
    come_back: OpenShare = 0.04
    experience_pull: Amount = 2.0
    usual_experience: Share = 0.3
    experience_memory: OpenShare = 0.8


class PolicyParameters(Parameters):
    """The retailer's own offers in the past."""

    promoted_share: OpenShare = 0.17
    depths: dict[Annotated[int, Field(ge=1, le=90)], Annotated[float, Field(gt=0.0)]] = {
        5: 12.0,
        10: 14.0,
        15: 14.0,
        20: 14.0,
        25: 13.0,
        30: 11.0,
        35: 8.0,
        40: 6.0,
        45: 4.0,
        50: 5.0,
        60: 3.0,
    }
    follow: Amount = 0.8
    explored_share: Share = 0.12
    explored_none_share: Share = 0.4
    campaign_share: Share = 0.9
    coupons_per_campaign: Annotated[int, Field(ge=1)] = 10
    items_per_coupon: Annotated[int, Field(ge=1)] = 1
    coupon_reach: OpenShare = 0.25
    coupon_depths: tuple[Annotated[int, Field(ge=1, le=90)], ...] = (25, 30, 40, 50)


class SimulationParameters(Parameters):
    """The simulated retailer."""

    consumers: Annotated[int, Field(ge=1)] = 2000
    items: Annotated[int, Field(ge=12)] = 250
    weeks: Annotated[int, Field(ge=2)] = 78
    end_date: date = date(2013, 7, 3)
    items_at_least: Annotated[int, Field(ge=1)] = 8
    shelf_size: Annotated[int, Field(ge=2)] = 8
    brands: Annotated[int, Field(ge=2)] = 60
    brand_items_at_least: Annotated[int, Field(ge=0)] = 0
    regime: Literal["strong", "weak"] = "strong"
    offer_kind: Literal["randomised", "observed", "hidden"] = "observed"
    demographics_missing_share: Share = 0.4
    demographics_blank_share: Share = 0.3
    log_share_of_consumers: Share = 1.0
    consumers_per_chunk: Annotated[int, Field(ge=1)] = 2500
    demand: DemandParameters = DemandParameters()
    response: ResponseParameters = ResponseParameters()
    churn: ChurnParameters = ChurnParameters()
    policy: PolicyParameters = PolicyParameters()

    @model_validator(mode="after")
    def _whole_steps_and_shelves(self) -> SimulationParameters:
        if self.weeks % 2:
            raise ValueError(f"weeks = {self.weeks}: a step is two weeks, so weeks must be even.")
        if self.items < 12 * self.items_at_least:
            raise ValueError(
                f"items = {self.items}: the twelve categories need at least "
                f"{12 * self.items_at_least} (items_at_least = {self.items_at_least})."
            )
        if self.items < self.brands * self.brand_items_at_least:
            raise ValueError(
                f"items = {self.items}: {self.brands} brands need at least "
                f"{self.brands * self.brand_items_at_least} "
                f"(brand_items_at_least = {self.brand_items_at_least})."
            )
        return self

    @property
    def steps(self) -> int:
        """Number of 14-day steps in the data."""
        return self.weeks // 2

    @property
    def expansion(self) -> float:
        """How much of an offer's pull becomes new purchases of the shelf, by regime."""
        strong = self.regime == "strong"
        return self.response.expansion_strong if strong else self.response.expansion_weak

    @property
    def stock_up(self) -> float:
        """How much more of further units an offer sells, by regime."""
        strong = self.regime == "strong"
        return self.response.stock_up_strong if strong else self.response.stock_up_weak
