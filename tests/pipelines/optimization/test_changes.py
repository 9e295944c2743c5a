from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from promo_kedro.pipelines.optimization.changes import (
    CHANGE_COLUMNS,
    CONSUMER_CAP,
    NO_PLAN,
    REASONS,
    changes_table,
)
from promo_kedro.pipelines.optimization.knapsack.measures import Measure
from promo_kedro.pipelines.optimization.knapsack.options import ConsumerRule

from .small_plans import KEPT, MENU, PlainOptions, make_items, plan_at, row_on, without_plan

RETENTION, BUDGET = "retention: Bakery", "spring_budget"


def priced(items, *, retention=0.0, budget=0.0, **options):
    """Return a plan with retention of one category and a budget of all at these prices."""
    options = PlainOptions(items, **options)
    rows = [
        row_on(options, RETENTION, Measure.RETENTION, [0]),
        row_on(options, BUDGET, Measure.SPEND, at_most=True),
    ]
    return plan_at(options, rows, [retention, budget])


def per_unit(planned, offers):
    """Return revenue and measures of each unit at these offers."""
    measures = planned.options.measures(offers)
    return measures[:, Measure.SALES] - measures[:, Measure.SPEND], measures


def own_best(planned):
    """Return each unit's best open offer by revenue alone, and that revenue, by trying all."""
    offers, allowed = planned.options.columns()
    revenue = np.stack([per_unit(planned, column)[0] for column in offers.T], axis=1)
    revenue[~allowed] = -np.inf
    best = revenue.argmax(axis=1)[:, None]
    return np.take_along_axis(offers, best, 1)[:, 0], revenue.max(axis=1)


@pytest.fixture(
    params=[
        {"retention": 6.0},
        {"budget": 0.4},
        {"retention": 3.0, "budget": 0.5},
        {"budget": 0.3, "steps": MENU},
        {"budget": 0.2, "mode": "linear"},
        {"retention": 1.0, "budget": 0.5, "mode": "paper"},
        {},
    ],
    ids=str,
)
def case(request):
    items = make_items(400, 5)
    choosable = items["item_id"] == 1
    items.loc[choosable, "permitted"] |= 2
    planned = priced(items, **request.param)
    return planned, changes_table(planned)


def test_columns_and_figures(case):
    planned, table = case
    assert list(table) == CHANGE_COLUMNS
    np.testing.assert_array_equal(table["offer_percent"], planned.offer)
    today = planned.decisions["offer_today"].to_numpy()
    np.testing.assert_allclose(table["revenue_today"], per_unit(planned, today)[0])
    np.testing.assert_allclose(table["revenue"], per_unit(planned, planned.offer)[0])
    one_more = per_unit(planned, planned.offer + 1)[0] - per_unit(planned, planned.offer)[0]
    np.testing.assert_allclose(table["marginal_value"], one_more, atol=1e-12)
    made = set(REASONS.ravel()) | {f"kept: {KEPT}", f"dropped: {KEPT}"}
    assert set(table["reason"]) <= made


def test_direction_is_of_the_plan_against_the_reference(case):
    _, table = case
    head = table["reason"].str.split(":").str[0]
    offer, reference = table["offer_percent"], table["reference_offer"]
    assert (offer > reference)[head == "deeper than the reference offer"].all()
    assert (offer < reference)[head == "shallower than the reference offer"].all()
    assert (offer > 0)[head == "shallower than the reference offer"].all()
    assert (offer == 0)[head == "dropped"].all()
    np.testing.assert_allclose(
        offer[head == "as the reference offer"], reference[head == "as the reference offer"]
    )


def test_every_sentence_is_true(case):
    planned, table = case
    best, most = own_best(planned)
    offer, reference = planned.offer, table["reference_offer"].to_numpy()
    revenue, measures = per_unit(planned, offer)
    at_reference, reference_measures = per_unit(planned, reference)
    why = table["reason"].str.split(": ", n=1).str[1]
    pays = why == "the extra purchases pay for it"
    assert (revenue > at_reference)[pays].all()
    bought, bought_before = measures[:, Measure.SALES], reference_measures[:, Measure.SALES]
    assert (bought > bought_before)[pays].all()
    assert (revenue > at_reference)[why == "it earns more so"].all()
    alone = why.isin(
        [
            "no other offer open to it earns more",
            "it earns more without an offer",
            "the extra purchases pay for it",
            "the best of the offers open to it",
        ]
    )
    np.testing.assert_allclose(revenue[alone], most[alone], atol=1e-12)
    assert (most[why == "none of the offers open to it earns anything"] <= 0).all()
    # What a rule asks for, the consumer-item would not do by itself.
    asked = why.isin(["retention asks for it", "a rule asks for it"])
    assert (revenue < most + 1e-12)[asked].all()
    assert (np.abs(offer - best) > 1e-6)[asked].all()
    deeper = table["reason"] == "deeper than the reference offer: retention asks for it"
    assert (best < offer)[deeper].all()
    limited = why.str.startswith("it would go further")
    assert ((offer - reference) * (best - offer) > 0)[limited].all()


def test_the_binding_rule_pulls_from_the_free_offer_to_the_plan(case):
    planned, table = case
    best, _ = own_best(planned)
    gained = planned.options.measures(planned.offer) - planned.options.measures(best)
    prices = planned.outcome.plan.prices
    bakery = planned.decisions["category"].to_numpy() == "Bakery"
    pulls = {
        RETENTION: prices[0] * gained[:, Measure.RETENTION] * bakery,
        BUDGET: -prices[1] * gained[:, Measure.SPEND],
    }
    for name, pull in pulls.items():
        named = (table["binding_rule"] == name).to_numpy()
        assert (pull[named] > 0).all()
        assert (pull[named] >= np.max(list(pulls.values()), axis=0)[named]).all()
    adjustable = planned.decisions["adjustable"]
    unnamed = adjustable & ~table["binding_rule"].isin(pulls)
    np.testing.assert_allclose(planned.offer[unnamed], best[unnamed])
    assert (table["binding_rule"] == planned.decisions["kept"])[~adjustable].all() or (
        planned.decisions["permitted"][~adjustable] == 3
    ).any()


def test_the_cases_together_say_nearly_everything():
    said = set()
    for known in ({"retention": 6.0}, {"budget": 0.4}, {"retention": 3.0, "budget": 0.5}):
        said |= set(changes_table(priced(make_items(400, 5), **known))["reason"])
    assert {
        "deeper than the reference offer: retention asks for it",
        "deeper than the reference offer: the extra purchases pay for it",
        "deeper than the reference offer: as far as the range allows",
        "shallower than the reference offer: a rule asks for it",
        "shallower than the reference offer: as far as the range allows",
        f"kept: {KEPT}",
    } <= said


def test_where_nothing_clears_nothing_is_earned():
    planned = priced(make_items(200, 11), mode="paper")
    table, (_, most) = changes_table(planned), own_best(planned)
    nothing = (most <= 0) & planned.decisions["adjustable"]
    assert nothing.any()
    said = table["reason"].str.endswith("none of the offers open to it earns anything")
    np.testing.assert_array_equal(said, nothing)


def test_the_edge_binds_where_a_step_further_out_would_be_worth_more():
    planned = priced(make_items(400, 6))
    table = changes_table(planned)
    offers, allowed = planned.options.columns()
    open_offers = np.where(allowed, offers, np.nan)[:, 2:]
    adjustable = planned.decisions["adjustable"].to_numpy()
    lowest, highest = np.full((2, 400), np.nan)
    lowest[adjustable] = np.nanmin(open_offers[adjustable], axis=1)
    highest[adjustable] = np.nanmax(open_offers[adjustable], axis=1)
    here = per_unit(planned, planned.offer)[0]
    down = (planned.offer == lowest) & (per_unit(planned, planned.offer - 1)[0] > here)
    up = (planned.offer == highest) & (per_unit(planned, planned.offer + 1)[0] > here)
    last = 1.95 * planned.decisions["reference_offer"].to_numpy()
    expected = np.where(down | up, "offer range", "").astype(object)
    expected[up & np.isclose(planned.offer, last)] = "offer steps"
    expected[~adjustable] = KEPT
    assert {"offer range", "offer steps", ""} <= set(expected)
    np.testing.assert_array_equal(table["binding_rule"], expected)


def test_without_a_plan_each_says_so_or_why_it_could_not_change_anyway():
    planned = without_plan(priced(make_items(90, 7)))
    table, adjustable = changes_table(planned), planned.decisions["adjustable"]
    assert (table.loc[adjustable, "binding_rule"] == NO_PLAN).all()
    assert (table.loc[adjustable, "reason"] == f"kept: {NO_PLAN}").all()
    assert (table.loc[~adjustable, "reason"] == f"kept: {KEPT}").all()
    np.testing.assert_array_equal(table["revenue"], table["revenue_today"])


def test_an_excluded_item_is_dropped_and_says_why():
    items = make_items(60, 8)
    items.loc[:29, ["permitted", "adjustable", "kept"]] = [2, False, "excluded"]
    items["adjustable"] = items["adjustable"].astype(bool)
    table = changes_table(priced(items))
    excluded = table[items["kept"] == "excluded"]
    had = excluded["offer_today"] > 0
    assert had.any()
    assert (~had).any()
    assert (excluded.loc[had, "reason"] == "dropped: excluded").all()
    assert (excluded.loc[~had, "reason"] == "kept: excluded").all()


def test_a_consumer_cap_is_named_where_it_takes_an_offer_away():
    items = make_items(90, 9)
    items["permitted"] = np.where(items["adjustable"], 6, 2).astype(np.int8)
    items = items.sort_values("customer_id", ignore_index=True)
    uncapped = priced(items)
    rule = ConsumerRule(np.arange(90) // 3, most_offers=1)
    capped = priced(items, consumer_rule=rule)
    table = changes_table(capped)
    taken = (uncapped.offer > 0) & (capped.offer == 0)
    assert taken.any()
    np.testing.assert_array_equal(table["binding_rule"] == CONSUMER_CAP, taken)
    said = "dropped: other offers of the consumer are worth more"
    assert (table.loc[taken, "reason"] == said).all()


def test_a_unit_moved_for_the_whole_plan_blames_no_rule():
    items = make_items(60, 10)
    planned = priced(items)
    choice = planned.outcome.plan.choice.copy()
    unit = np.flatnonzero(items["adjustable"])[0]
    allowed = np.flatnonzero(planned.options.columns()[1][unit])
    choice[unit] = next(option for option in allowed if option != choice[unit])
    outcome = SimpleNamespace(
        **vars(planned.outcome) | {"plan": replace(planned.outcome.plan, choice=choice)}
    )
    offer = planned.options.offers(choice)
    moved = SimpleNamespace(**vars(planned) | {"outcome": outcome, "offer": offer})
    line = changes_table(moved).iloc[unit]
    assert line["binding_rule"] == ""
    assert line["reason"].endswith("the plan as a whole needs it")
