"""Programs and what stands where there is no plan: who is excluded, who has too many offers."""

import datetime

import numpy as np
import pandas as pd
import pytest

from promo_kedro.pipelines.optimization.changes import changes_table
from promo_kedro.pipelines.optimization.parameters import OptimizationParameters
from promo_kedro.pipelines.optimization.planning import offers_without_plan, plan_programs
from promo_kedro.pipelines.optimization.retention_frontier import retention_frontiers
from promo_kedro.pipelines.optimization.rounding import send_offers
from promo_kedro.pipelines.optimization.rule_tables import rules_table
from promo_kedro.pipelines.optimization.rules import MaxOffersPerConsumer, narrowed

from .small_plans import make_items

DAY = datetime.date(2026, 1, 5)
OUT_OF_REACH = {"rule": "Retention", "at_least": 0.0, "categories": {"Bakery": 1.0}}
ONE_PROGRAM = {"budget": {"rule": "Budget", "at_most": 1e6}}
APART_OR_TOGETHER = pytest.mark.parametrize("others", [{}, ONE_PROGRAM], ids=["apart", "together"])


def parameters_of(rules, **others):
    return OptimizationParameters.model_validate({"rules": rules, **others})


def units_under(parameters, n=40, excluded=()):
    """Return units with the options that rules leave, all of which have an offer today."""
    items = make_items(n, 3)
    today = items["reference_offer"].clip(5, 40)
    reason = np.where(np.isin(np.arange(n), excluded), "opted out", "")
    ranges = {"range_min": items["offer_min"], "range_max": items["offer_max"]}
    units = items.assign(offer_today=today, excluded=reason, **ranges)
    return narrowed(units, parameters.rules)


def sent_by(plans, parameters):
    """Return the offers that are sent, percent, by consumer and item."""
    offers, _ = send_offers(plans, DAY, DAY, 1.0, parameters.solver)
    return offers.set_index(["customer_id", "item_id"])["offer_percent"]


def keys_of(units):
    return pd.MultiIndex.from_frame(units[["customer_id", "item_id"]])


@APART_OR_TOGETHER
def test_who_is_excluded_is_sent_nothing_where_there_is_no_plan(others):
    rules = {"retention": OUT_OF_REACH, "opted_out": {"rule": "Exclusions"}, **others}
    parameters = parameters_of(rules)
    excluded = range(0, 40, 7)
    units = units_under(parameters, excluded=excluded)
    sent = sent_by(plan_programs(units, "exact", parameters), parameters)
    assert not keys_of(units.iloc[list(excluded)]).isin(sent.index).any()
    of_bakery = units[(units["category"] == "Bakery") & (units["excluded"] == "")]
    np.testing.assert_allclose(sent[keys_of(of_bakery)], of_bakery["offer_today"].round(), atol=1)


@pytest.mark.parametrize("scope", ["category", "whole"])
@pytest.mark.parametrize("others", [{}, ONE_PROGRAM], ids=["cap alone", "with a budget"])
@pytest.mark.parametrize("at_most", [0, 1, 2])
def test_a_cap_holds_for_categories_without_a_plan(at_most, scope, others):
    cap = {"rule": "MaxOffersPerConsumer", "at_most": at_most, "scope": scope}
    parameters = parameters_of({"retention": OUT_OF_REACH, "cap": cap, **others})
    units = units_under(parameters)
    plans = plan_programs(units, "exact", parameters)
    by = parameters.rules["cap"].consumer_key
    table = pd.concat([each.decisions.assign(offer=each.offer) for each in plans])
    assert (table["offer"] > 0).groupby([table[column] for column in by]).sum().max() <= at_most
    dropped = table[(table["offer"] == 0) & (table["category"] == "Bakery")]
    reasons = pd.concat(map(changes_table, plans)).set_index(["customer_id", "item_id"])["reason"]
    assert reasons[keys_of(dropped)].str.startswith("dropped: ").all()
    if scope == "whole":
        assert list(plans[0].set_aside) == ["Bakery"]
        rows = rules_table(plans[0], {}, {}).set_index("row")
        assert rows.loc["retention: Bakery", "status"] == "infeasible"


def test_without_a_plan_a_consumer_keeps_its_largest_offers():
    units = make_items(4, 1, ("Bakery",)).assign(
        customer_id=[1, 1, 1, 2],
        offer_today=[10.0, 30.0, 20.0, 5.0],
        permitted=np.array([4, 4, 4, 2], dtype=np.int8),
    )
    cap = MaxOffersPerConsumer(at_most=2)
    assert offers_without_plan(units, cap).tolist() == [0, 30, 20, 0]
    assert offers_without_plan(units, None).tolist() == [10, 30, 20, 0]
    soft = MaxOffersPerConsumer(at_most=2, hard=False)
    assert offers_without_plan(units, soft).tolist() == [10, 30, 20, 0]


@pytest.mark.parametrize(("mode", "level"), [("exact", "WARNING"), ("linear", "INFO")])
def test_each_mode_is_announced_and_what_would_help_is_told_with_its_mode(mode, level, caplog):
    parameters = parameters_of({"retention": OUT_OF_REACH})
    units = units_under(parameters)
    with caplog.at_level("INFO"):
        plan_programs(units, mode, parameters)
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert told[0] == ("INFO", f"Planning {mode}: 2 programs, 40 consumer-items, 2 rows")
    helps = [each for each in told if "if relaxed" in each[1]]
    assert [each[0] for each in helps] == [level]
    assert helps[0][1].startswith(f"Offers by {mode}, Bakery: ")


@pytest.mark.parametrize("scope", ["category", "whole"])
@pytest.mark.parametrize("mode", ["linear", "exact"])
def test_the_frontier_counts_each_consumer_once_as_the_plan_does(mode, scope):
    parameters = parameters_of(
        {"retention": {"rule": "Retention", "scope": scope, "at_least": 0.0}},
        retention_measure="consumer_indicator",
        frontier_points=10,
    )
    units = units_under(parameters)
    frontier = retention_frontiers(units, mode, parameters).groupby("category")["retention"].max()
    tables = []
    for each in plan_programs(units, mode, parameters):
        most = each.options.coupled_by(None).choose(each.standing.weights(probability=1.0)).option
        reached = each.options.probabilities(each.options.offers(most))
        clears = reached >= each.decisions["cutoff"].to_numpy()
        tables.append(each.decisions[["category", "customer_id"]].assign(clears=clears))
    table = pd.concat(tables)
    assert frontier["All"] == pytest.approx(table.groupby("customer_id")["clears"].any().mean())
    for category, rows in table.groupby("category"):
        retainable = rows.groupby("customer_id")["clears"].any().mean()
        assert frontier[category] == pytest.approx(retainable)
