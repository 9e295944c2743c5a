"""Inputs with hardly anything to plan still give a plan, or say why there is none."""

import numpy as np
import pandas as pd
import pytest

from promo_kedro.pipelines.optimization.parameters import OptimizationParameters
from promo_kedro.pipelines.optimization.planning import plan_programs
from promo_kedro.pipelines.optimization.retention_frontier import retention_frontiers
from promo_kedro.pipelines.optimization.rule_tables import conflicts_table, rules_table
from promo_kedro.pipelines.optimization.rules import narrowed
from promo_kedro.pipelines.optimization.rules.base import OptionRule
from promo_kedro.pipelines.optimization.summary import summary_rows

from .small_plans import make_items

MODES = ["paper", "linear", "exact"]
RETENTION = {"rule": "Retention"}
CONSUMERS_CAPPED = {
    "retention": {"rule": "Retention", "scope": "whole"},
    "cap": {"rule": "MaxOffersPerConsumer", "at_most": 1},
}
MENU = {
    "retention": RETENTION,
    "menu": {"rule": "OfferSteps", "offers": [0, 5, 10]},
    "none": {"rule": "NoOffer"},
}


def options_left(items, parameters):
    """Return the items with the options that the rules leave, as they are where none is on them."""
    on_options = any(isinstance(rule, OptionRule) for rule in parameters.rules.values())
    ranged = items.assign(range_min=items["offer_min"], range_max=items["offer_max"])
    return narrowed(ranged, parameters.rules) if on_options else items


def planned_on(items, mode, rules=None, **others):
    """Return the programs of a mode, each written down as tables."""
    rules = {"retention": RETENTION} if rules is None else rules
    parameters = OptimizationParameters.model_validate({"rules": rules, **others})
    plans = plan_programs(options_left(items, parameters), mode, parameters)
    kinds = {name: rule.rule for name, rule in parameters.rules.items()}
    for planned in plans:
        assert planned.offer.shape == (len(planned.decisions),)
        assert np.isfinite(planned.offer).all()
        assert len(rules_table(planned, {}, kinds)) == len(planned.program.rows)
        assert len(summary_rows(planned)) == planned.decisions["category"].nunique()
        conflicts_table(planned)
        if planned.outcome.plan.choice is not None:
            plan = planned.outcome.plan
            assert plan.value <= plan.upper_bound + 1e-9 * (1 + abs(plan.value))
    return plans


def frontier_of(items, mode, rules=None, **others):
    rules = {"retention": RETENTION} if rules is None else rules
    parameters = OptimizationParameters.model_validate(
        {"rules": rules, "frontier_points": 8, **others}
    )
    return retention_frontiers(options_left(items, parameters), mode, parameters)


def all_kept(items):
    return items.assign(permitted=np.int8(1), adjustable=False, kept="not identified")


DEGENERATE = {
    "one consumer-item": lambda: make_items(1, 0, ("Bakery",)),
    "all identical": lambda: pd.concat([make_items(1, 1, ("Bakery",))] * 40, ignore_index=True),
    "price 0": lambda: make_items(30, 2).assign(price=0.0, cost=0.0),
    "reference 0": lambda: all_kept(make_items(30, 3).assign(reference_offer=0.0, offer_today=0.0)),
    "slope 0": lambda: make_items(30, 4).assign(slope=0.0, elasticity=0.0),
    "all kept": lambda: all_kept(make_items(30, 5)),
    "cut-off 0": lambda: make_items(30, 6).assign(cutoff=0.0),
    "cut-off 1": lambda: make_items(30, 7).assign(cutoff=1.0),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("rules", [{"retention": RETENTION}, MENU], ids=["steps", "menu"])
@pytest.mark.parametrize("which", DEGENERATE)
def test_a_degenerate_input_is_planned(which, rules, mode):
    items = DEGENERATE[which]()
    plans = planned_on(items, mode, rules)
    assert sum(len(planned.decisions) for planned in plans) == len(items)
    if which == "all kept" and rules is not MENU:
        for planned in plans:
            np.testing.assert_array_equal(planned.offer, planned.decisions["offer_today"])


@pytest.mark.parametrize("mode", ["linear", "exact"])
@pytest.mark.parametrize("which", DEGENERATE)
def test_a_degenerate_input_has_a_frontier_of_a_point_or_more(which, mode):
    frontier = frontier_of(DEGENERATE[which](), mode)
    assert (frontier.groupby("category").size() >= 1).all()
    assert np.isfinite(frontier[["retention", "objective", "revenue"]]).all(axis=None)
    unpriced = frontier["shadow_price"].isna().groupby(frontier["category"]).sum()
    assert (unpriced == 1).all()


@pytest.mark.parametrize("which", ["slope 0", "all kept"])
def test_where_nothing_can_be_traded_the_frontier_is_a_point(which):
    frontier = frontier_of(DEGENERATE[which](), "exact")
    assert (frontier.groupby("category").size() == 1).all()


@pytest.mark.parametrize("mode", MODES)
def test_a_category_whose_only_unit_is_excluded_gets_no_offer(mode):
    items = make_items(12, 8, ("Bakery",))
    lone = items.iloc[:1].assign(
        category="Wine", permitted=np.int8(2), adjustable=False, kept="must not be discounted"
    )
    items = pd.concat([items, lone], ignore_index=True)
    wine = planned_on(items, mode, {})[-1]
    assert wine.name == "Wine"
    assert wine.offer.tolist() == [0.0]


@pytest.mark.parametrize("mode", MODES)
def test_consumers_may_be_counted_and_capped_at_once(mode):
    items = make_items(15, 9)
    for planned in planned_on(
        items, mode, CONSUMERS_CAPPED, retention_measure="consumer_indicator"
    ):
        if planned.outcome.plan.choice is not None:
            offers = pd.Series(planned.offer > 0).groupby(
                planned.decisions["customer_id"].to_numpy()
            )
            assert offers.sum().max() <= 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scope", ["category", "whole"])
def test_no_consumer_items_are_no_work(mode, scope):
    items = make_items(5, 10).iloc[:0]
    for planned in planned_on(items, mode, {"retention": {"rule": "Retention", "scope": scope}}):
        assert planned.offer.size == 0


def test_rows_of_a_category_set_aside_are_told_as_infeasible():
    items = make_items(30, 11)
    rules = {
        "retention": {"rule": "Retention", "at_least": 0.0, "categories": {"Bakery": 1.0}},
        "budget": {"rule": "Budget", "at_most": 1e6},
    }
    parameters = OptimizationParameters.model_validate({"rules": rules})
    (planned,) = plan_programs(items, "exact", parameters)
    assert list(planned.set_aside) == ["Bakery"]
    table = rules_table(planned, {}, {}).set_index("row")
    assert table.loc["retention: Bakery", "status"] == "infeasible"
    assert table.loc["retention: Bakery", "required"] == pytest.approx(100)
    of_bakery = planned.decisions["category"] == "Bakery"
    today = planned.decisions.loc[of_bakery, "offer_today"]
    np.testing.assert_allclose(planned.offer[of_bakery], today)
    assert set(table["status"]) <= {"infeasible", "met", "binding"}
    assert table.loc["budget", "status"] == "met"
