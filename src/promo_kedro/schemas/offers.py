"""What optimization writes."""

from typing import Any, ClassVar

import numpy as np
import pandera.pandas as pp

from promo_kedro.schemas.base import (
    MODES,
    PandasTable,
    not_negative,
    percent,
    probability_field,
)


class OfferRanges(PandasTable):
    """The range of offers of each category, from the receipts of a period."""

    category: str = pp.Field(unique=True)
    offer_min: float = percent(nullable=True)
    offer_max: float = percent(nullable=True)
    n_offers: int = not_negative()
    period: str


class OfferDecisions(PandasTable):
    """What decides each consumer-item's offer; and the groups of consumers that rules name."""

    category: str
    customer_id: int
    item_id: int
    price: float = not_negative()
    quantity: float = not_negative()
    cost: float = not_negative()
    reference_offer: float = percent()
    offer_today: float = percent()
    probability: float = probability_field()
    elasticity: float
    slope: float = not_negative()
    cutoff: float
    offer_min: float = pp.Field(nullable=True)
    offer_max: float = pp.Field(nullable=True)
    range_min: float = percent(nullable=True)
    range_max: float = percent(nullable=True)
    permitted: np.int8 = pp.Field(in_range={"min_value": 1, "max_value": 7})
    adjustable: bool
    kept: str
    excluded: str
    cost_known: bool

    class Config:
        """One row per consumer-item, and a column more for each group."""

        strict = False
        unique: ClassVar[list[str]] = ["customer_id", "item_id"]


class OptimalOffers(PandasTable):
    """The plan: one offer per consumer-item for the step after the data."""

    mode: str = pp.Field(isin=MODES)
    customer_id: int
    item_id: int
    category: str
    price: float = not_negative()
    reference_offer: float = percent()
    change: float = pp.Field(nullable=True)
    offer_percent: float = percent()
    valid_from: Any
    valid_to: Any
    probability_before: float = probability_field()
    probability_after: float = probability_field()
    retained_before: float = probability_field()
    retained_after: float = probability_field()
    revenue_before: float = not_negative()
    revenue_after: float = not_negative()


class OffersToSend(PandasTable):
    """What is sent: the offers above 0 of the plan in use, as they are printed."""

    customer_id: int
    item_id: int
    offer_percent: float = pp.Field(gt=0, le=100)
    valid_from: Any
    valid_to: Any

    class Config:
        """One row per consumer-item."""

        unique: ClassVar[list[str]] = ["customer_id", "item_id"]


class RoundingCost(PandasTable):
    """What printable offers cost, per category and overall."""

    category: str = pp.Field(unique=True)
    rounding_step: float = pp.Field(gt=0)
    offers: int = not_negative()
    offers_rounded: int = not_negative()
    revenue_planned: float = not_negative()
    revenue_sent: float = not_negative()
    revenue_cost: float
    objective_planned: float
    objective_sent: float
    objective_cost: float
    retention_planned: float = probability_field()
    retention_sent: float = probability_field()
    rules_broken: str = pp.Field(nullable=True)


class OptimizationSummary(PandasTable):
    """How each category's program ended."""

    mode: str = pp.Field(isin=MODES)
    category: str
    program: str
    n: int
    status: str
    revenue: float = pp.Field(nullable=True)
    upper_bound: float = pp.Field(nullable=True)
    gap: float = pp.Field(nullable=True)
    retention: float = pp.Field(nullable=True)
    retention_required: float = pp.Field(nullable=True)
    retention_attainable: float = pp.Field(nullable=True)
    retention_shadow_price: float = pp.Field(nullable=True)
    offer_min: float = pp.Field(nullable=True)
    offer_max: float = pp.Field(nullable=True)
    share_at_edge: float = pp.Field(nullable=True)
    solver: str
    seconds: float
    message: str


class OptimizationRules(PandasTable):
    """Every row of every program: what was required, what was achieved, and its price."""

    mode: str = pp.Field(isin=MODES)
    program: str
    rule: str
    row: str
    kind: str
    hard: bool
    priority: int
    sense: str = pp.Field(isin=["at least", "at most"])
    required: float
    achieved: float = pp.Field(nullable=True)
    slack: float = pp.Field(nullable=True)
    unit: str
    shadow_price: float = pp.Field(nullable=True)
    finite_difference: float = pp.Field(nullable=True)
    status: str = pp.Field(isin=["met", "binding", "broken", "infeasible", "given up"])


class OptimizationConflicts(PandasTable):
    """Rules that cannot be met together, and how far each would have to give way."""

    mode: str = pp.Field(isin=MODES)
    program: str
    rule: str
    row: str
    sense: str = pp.Field(isin=["at least", "at most"])
    required: float
    attainable_alone: float = pp.Field(nullable=True)
    attainable_with_others: float = pp.Field(nullable=True)
    smallest_relaxation: float = pp.Field(nullable=True)
    unit: str
    in_conflict: bool


class KeptOffers(PandasTable):
    """Consumer-items whose offers cannot be changed, counted by reason."""

    category: str
    reason: str
    n: int = pp.Field(gt=0)


class OfferChanges(PandasTable):
    """What the plan in use changes for each consumer-item, and why."""

    customer_id: int
    item_id: int
    category: str
    reference_offer: float = percent()
    offer_today: float = percent()
    offer_percent: float = percent()
    revenue_today: float = not_negative()
    revenue: float = not_negative()
    marginal_value: float = pp.Field(nullable=True)
    binding_rule: str
    reason: str


class PlanKpis(PandasTable):
    """Each plan against the offers of today, overall and per category."""

    mode: str = pp.Field(isin=MODES)
    category: str
    consumer_items: int
    offers_changed: int
    offer_before: float = percent()
    offer_after: float = percent()
    share_offered_before: float = probability_field()
    share_offered_after: float = probability_field()
    revenue_before: float
    revenue_after: float
    margin_before: float = pp.Field(nullable=True)
    margin_after: float = pp.Field(nullable=True)
    spend_before: float
    spend_after: float
    retention_before: float = probability_field()
    retention_after: float = probability_field()
    share_at_edge: float = pp.Field(nullable=True)


class PlanComparison(PandasTable):
    """The plans side by side on the exact curve: what the linearisation costs."""

    mode: str = pp.Field(isin=MODES)
    category: str
    revenue_promised: float
    revenue_exact: float
    retention_promised: float = probability_field()
    retention_exact: float = probability_field()
    objective_lost: float = pp.Field(nullable=True)
    breaks_rules: str
    share_at_edge: float = pp.Field(nullable=True)


class RevenueRetentionFrontier(PandasTable):
    """The most of the objective for each retention that may be required; the last has no price."""

    mode: str = pp.Field(isin=MODES)
    category: str
    retention_required: float
    objective: float
    revenue: float
    retention: float
    shadow_price: float = pp.Field(nullable=True)
