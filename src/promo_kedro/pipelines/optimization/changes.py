"""What changed and why, consumer-item by consumer-item, in words a category manager reads.

Deeper and shallower are said of the planned offer against the reference offer. Why it is so is
found by asking what the consumer-item would do free of every price: its *free* offer is its best
among the options open to it by the objective alone. Where the plan differs, some row's price (or
the consumer's number of offers) moved it.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
from pandas import DataFrame

from promo_kedro.pipelines.optimization.edges import find_edges, same_offer
from promo_kedro.pipelines.optimization.rules.permitted import NO_OFFER, TODAY
from promo_kedro.pipelines.optimization.totals import (
    asks_for_retention,
    earned,
    item_measures,
    prices_by_row,
    revenue_of,
    scored,
)
from promo_kedro.types import Array

if TYPE_CHECKING:
    from promo_kedro.pipelines.optimization.knapsack.offers import OfferOptions
    from promo_kedro.pipelines.optimization.planning import Planned

CHANGE_COLUMNS = [
    "customer_id",
    "item_id",
    "category",
    "reference_offer",
    "offer_today",
    "offer_percent",
    "revenue_today",
    "revenue",
    "marginal_value",
    "binding_rule",
    "reason",
]
NO_PLAN = "no plan keeps every hard rule"
CONSUMER_CAP = "offers per consumer"


class Direction(IntEnum):
    """Where the planned offer lies against the reference offer; rows of ``REASONS``."""

    DROPPED = 0
    SHALLOWER = 1
    SAME = 2
    DEEPER = 3


class Cause(IntEnum):
    """Why it lies there; columns of ``REASONS``."""

    RETENTION_ASKS = 0
    RULE_ASKS = 1
    RETENTION_LIMITS = 2
    RULE_LIMITS = 3
    CONSUMER_CAP = 4
    EARNS_NOTHING = 5
    RANGE_ENDS = 6
    STEPS_END = 7
    EARNS_MORE = 8
    BEST_OPEN = 9
    WHOLE_PLAN = 10


_HEADS = [
    "dropped",
    "shallower than the reference offer",
    "as the reference offer",
    "deeper than the reference offer",
]
_EARNS_MORE = [
    "it earns more without an offer",
    "it earns more so",
    "no other offer open to it earns more",
    "the extra purchases pay for it",
]
_CAUSES = {
    Cause.RETENTION_ASKS: "retention asks for it",
    Cause.RULE_ASKS: "a rule asks for it",
    Cause.RETENTION_LIMITS: "it would go further, but retention limits it",
    Cause.RULE_LIMITS: "it would go further, but a rule limits it",
    Cause.CONSUMER_CAP: "other offers of the consumer are worth more",
    Cause.EARNS_NOTHING: "none of the offers open to it earns anything",
    Cause.RANGE_ENDS: "as far as the range allows",
    Cause.STEPS_END: "as far as the steps allow",
    Cause.BEST_OPEN: "the best of the offers open to it",
    Cause.WHOLE_PLAN: "the plan as a whole needs it",
}
REASONS = np.array(
    [
        [f"{head}: {_CAUSES.get(cause, earns_more)}" for cause in Cause]
        for head, earns_more in zip(_HEADS, _EARNS_MORE, strict=True)
    ],
    dtype=object,
)


def changes_table(planned: "Planned") -> DataFrame:
    """Return ``offer_changes`` of one program.

    ``marginal_value`` is what one more percentage point of offer would add to the objective at
    the planned offer, the program's prices left aside.
    """
    decisions, offer = planned.decisions, np.asarray(planned.offer, dtype=float)
    today = decisions["offer_today"].to_numpy(dtype=float)
    rule, reason = _rule_and_reason(planned, offer)
    names = ["customer_id", "item_id", "category", "reference_offer", "offer_today"]
    table = decisions[names].assign(
        offer_percent=offer,
        revenue_today=revenue_of(planned.options.measures(today)),
        revenue=revenue_of(planned.options.measures(offer)),
        marginal_value=marginal_value(planned),
        binding_rule=rule,
        reason=reason,
    )
    return table[CHANGE_COLUMNS].reset_index(drop=True)


def marginal_value(planned: "Planned") -> Array:
    """Return what one more percentage point of offer adds to the objective, (units,), money.

    At offers above 99 % it is what the last percentage point added.
    """
    deeper = np.minimum(planned.offer + 1, 100.0)
    value: Array = earned(planned, deeper) - earned(planned, deeper - 1)
    return value


@dataclass(frozen=True)
class Movers:
    """Which row moved each unit from its free offer.

    Attributes:
        row: index of the row whose price moved it most, −1 for none, (units,).
        names: of all rows.
        retention: whether each row asks for retention.
    """

    row: Array
    names: Array
    retention: Array


def free_offers(planned: "Planned") -> Array:
    """Return the offer each unit would have by itself, percent, free of every price.

    No number of offers per consumer holds it either.
    """
    return best_offers(_each_by_itself(planned), planned.program.objective)


def best_offers(options: "OfferOptions", weights: Array) -> Array:
    """Return the offers that do best at these weights, (cells, 7), percent, (units,)."""
    return options.offers(options.choose(weights).option)


def _each_by_itself(planned: "Planned") -> "OfferOptions":
    """Return the options of each unit as if it were its consumer's only one."""
    options = planned.options
    return options if options.consumer_rule is None else options.coupled_by(None)


def find_movers(planned: "Planned", free: Array) -> Movers:
    """Find the row whose price speaks most for the planned offer against the free one."""
    rows, prices = planned.program.rows, prices_by_row(planned)
    moved = np.flatnonzero(~same_offer(planned.offer, free))
    cell = planned.options.cell[moved]
    gained = (item_measures(planned, planned.offer) - item_measures(planned, free))[moved]
    most, mover = np.zeros(len(moved)), np.full(len(planned.offer), -1)
    for index, row in enumerate(rows):
        price = prices.get(row.name, 0.0)
        if price <= 0:
            continue
        at = np.flatnonzero(np.any(row.coefficients != 0, axis=1)[cell])
        pull = price * np.einsum("um,um->u", row.coefficients[cell[at]], gained[at])
        stronger = pull > most[at]
        most[at[stronger]] = pull[stronger]
        mover[moved[at[stronger]]] = index
    return Movers(
        mover,
        np.array([row.name for row in rows], dtype=object),
        np.array([asks_for_retention(row) for row in rows], dtype=bool),
    )


def _rule_and_reason(planned: "Planned", offer: Array) -> tuple[Array, Array]:
    """Return what binds each unit and why its offer is what it is, both texts, (units,)."""
    decisions = planned.decisions
    today, kept_text = decisions["offer_today"].to_numpy(), decisions["kept"].to_numpy(dtype=object)
    as_today, permitted = same_offer(offer, today), decisions["permitted"].to_numpy()
    kept = ~decisions["adjustable"].to_numpy() & (as_today | (permitted != (TODAY | NO_OFFER)))
    if planned.outcome.plan.choice is None:
        # A cap on a consumer's offers holds without a plan, too.
        rule = np.where(as_today, NO_PLAN, CONSUMER_CAP).astype(object)
        reason = np.where(as_today, "kept: ", "dropped: ").astype(object) + rule
    else:
        rule, reason = _chosen(planned, offer)
    rule[kept] = kept_text[kept]
    reason[kept] = np.where(as_today[kept], "kept: ", "dropped: ").astype(object) + kept_text[kept]
    return rule, reason


def _chosen(planned: "Planned", offer: Array) -> tuple[Array, Array]:
    """Return the same for units that had a choice."""
    free = free_offers(planned)
    movers = find_movers(planned, free)
    capped, ends = _capped(planned, offer), _find_ends(planned, offer)
    at_free, moved = same_offer(offer, free), movers.row >= 0
    rule = np.full(len(offer), "", dtype=object)
    rule[at_free & (ends.down | ends.up)] = "offer steps"
    rule[at_free & ends.of_range] = "offer range"
    rule[moved] = movers.names[movers.row[moved]]
    rule[capped] = CONSUMER_CAP
    retention = np.zeros(len(offer), dtype=bool)
    retention[moved] = movers.retention[movers.row[moved]]
    reference = planned.decisions["reference_offer"].to_numpy(dtype=float)
    limited = (offer - reference) * (free - offer) > 0
    outward = at_free & ends.outward(offer, reference)
    causes = {
        Cause.CONSUMER_CAP: capped,
        Cause.RETENTION_LIMITS: moved & limited & retention,
        Cause.RULE_LIMITS: moved & limited,
        Cause.RETENTION_ASKS: moved & retention,
        Cause.RULE_ASKS: moved,
        Cause.EARNS_NOTHING: at_free & (earned(planned, offer) <= 0),
        Cause.RANGE_ENDS: outward & ends.of_range,
        Cause.STEPS_END: outward,
        Cause.EARNS_MORE: at_free & _pays(planned, offer, reference),
        Cause.BEST_OPEN: at_free,
    }
    cause = np.select(list(causes.values()), [*map(int, causes)], int(Cause.WHOLE_PLAN))
    direction = np.select(
        [same_offer(offer, reference), offer <= 0, offer < reference],
        [Direction.SAME, Direction.DROPPED, Direction.SHALLOWER],
        Direction.DEEPER,
    )
    return rule, REASONS[direction, cause]


def _capped(planned: "Planned", offer: Array) -> Array:
    """Say which units get no offer because others of their consumer do, (units,)."""
    rule = planned.options.consumer_rule
    if rule is None or rule.most_offers is None:
        return np.zeros(len(offer), dtype=bool)
    weights = planned.program.weights(planned.outcome.plan.prices)
    wanted = best_offers(_each_by_itself(planned), weights)
    return (offer <= 0) & (wanted > 0)


@dataclass(frozen=True)
class Ends:
    """Where a planned offer would go further, were there a step, (units,) of booleans.

    Attributes:
        down: it is the lowest open, and a point less would be worth more at the plan's prices.
        up: it is the highest open, and a point more would.
        of_range: the range ends there, rather than the steps.
    """

    down: Array
    up: Array
    of_range: Array

    def outward(self, offer: Array, reference: Array) -> Array:
        """Say where that is further away from the reference offer, (units,)."""
        further: Array = (self.down & (offer < reference)) | (self.up & (offer > reference))
        return further


def _find_ends(planned: "Planned", offer: Array) -> Ends:
    edges = find_edges(planned)
    weights = planned.program.weights(planned.outcome.plan.prices)
    below, here, above = (
        scored(planned, item_measures(planned, each), weights)
        for each in (np.maximum(offer - 1, 0.0), offer, np.minimum(offer + 1, 100.0))
    )
    down, up = edges.lowest & (below > here), edges.highest & (above > here)
    return Ends(down, up, (down & ~edges.first_step) | (up & ~edges.last_step))


def _pays(planned: "Planned", offer: Array, reference: Array) -> Array:
    """Say where the plan's offer earns more than the reference offer, as the sentence has it.

    A deeper one that does so sells more, for each sale earns less. That the reference offer itself,
    or no offer, earns most is what being the free choice means.
    """
    more = earned(planned, offer) > earned(planned, reference)
    pays: Array = more | same_offer(offer, reference) | (offer <= 0)
    return pays
