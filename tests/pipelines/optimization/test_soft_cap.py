"""A soft cap on a consumer's offers is kept whole, or given up whole for the hard rules."""

import pytest

from promo_kedro.pipelines.optimization.parameters import OptimizationParameters
from promo_kedro.pipelines.optimization.planning import plan_programs
from promo_kedro.pipelines.optimization.rules import narrowed
from promo_kedro.pipelines.optimization.what_if import WhatIf

from .small_plans import make_items


def rules(retention: float, **cap: object) -> dict[str, object]:
    """Return a hard retention over all, and a soft cap of one offer per consumer."""
    return {
        "rules": {
            "keep": {"rule": "Retention", "scope": "whole", "at_least": retention},
            "few": {"rule": "MaxOffersPerConsumer", "at_most": 1, "hard": False} | cap,
        }
    }


@pytest.fixture(scope="module")
def items():
    """Return consumer-items; each consumer has up to three."""
    return make_items(60, seed=3).assign(excluded="", cost_known=True)


@pytest.fixture(scope="module")
def attainable(items) -> dict[str, float]:
    """Return a little less than the retention that offers can reach, without and with the cap."""
    level = {}
    for name, cap in {"without": {"at_most": 99}, "with": {}}.items():
        plan = planned(items, rules(0, **cap))
        best = plan.options.choose(plan.standing.weights(retention=1)).score
        level[name] = 0.999 * best / len(items)
    return level


def planned(items, given):
    """Return the program with its plan."""
    parameters = OptimizationParameters.model_validate(given)
    (plan,) = plan_programs(narrowed(items, parameters.rules), "exact", parameters)
    return plan


def most_offers(plan) -> int:
    """Return how many offers the consumer with the most gets."""
    consumers = plan.decisions["customer_id"]
    return int(consumers[plan.offer > 0].value_counts().max())


def test_it_is_kept_where_the_hard_rules_can_be_met_with_it(items, attainable):
    plan = planned(items, rules(attainable["with"]))
    assert most_offers(plan) == 1
    assert plan.outcome.message == ""


def test_it_is_given_up_whole_where_they_cannot(items, attainable):
    plan = planned(items, rules(attainable["without"]))
    assert plan.outcome.plan.choice is not None
    assert plan.outcome.message == "few given up: the hard rules cannot be met with it"
    assert most_offers(plan) > 1
    hard = planned(items, rules(attainable["without"], hard=True))
    assert hard.outcome.plan.choice is None


def test_what_if_takes_it_up_again_where_it_can_be_met(items, attainable):
    as_set = OptimizationParameters.model_validate(rules(attainable["without"]))
    planner = WhatIf(narrowed(items, as_set.rules), as_set)
    (given_up,) = planner.plan().plans
    assert most_offers(given_up) > 1
    (kept,) = planner.plan(keep=attainable["with"]).plans
    assert most_offers(kept) == 1
