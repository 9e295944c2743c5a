import logging
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from promo_kedro.pipelines.optimization.knapsack.measures import Measure
from promo_kedro.pipelines.optimization.knapsack.options import ConsumerRule
from promo_kedro.pipelines.optimization.rule_tables import conflicts_table
from promo_kedro.pipelines.optimization.summary import (
    SUMMARY_COLUMNS,
    shortfall,
    summary_rows,
    warn_of_edges,
)

from .small_plans import (
    KEPT,
    PlainOptions,
    engine_options,
    make_items,
    plan_at,
    row_on,
    without_plan,
)


def retention_of(options, *prices, **known):
    """Return the plan with retention of the first categories at these prices."""
    categories = sorted(options.decisions["category"].unique())
    rows = [
        row_on(options, f"retention: {category}", Measure.RETENTION, [cell])
        for cell, category in enumerate(categories[: len(prices)])
    ]
    return plan_at(options, rows, list(prices), **known)


def with_outcome(planned, **changed):
    outcome = SimpleNamespace(**vars(planned.outcome) | changed)
    return SimpleNamespace(**vars(planned) | {"outcome": outcome})


def test_figures_of_a_joint_program_are_sums_over_its_categories():
    items = make_items(150, 1)
    planned = retention_of(PlainOptions(items), 8.0, 0.0)
    table = summary_rows(planned)
    assert list(table) == SUMMARY_COLUMNS
    assert table["category"].tolist() == ["Bakery", "Dairy"]
    measures = planned.options.measures(planned.offer)
    for at, line in enumerate(table.itertuples()):
        inside = (items["category"] == line.category).to_numpy()
        revenue = measures[inside, Measure.SALES] - measures[inside, Measure.SPEND]
        assert line.n == inside.sum()
        assert line.revenue == pytest.approx(revenue.sum())
        assert line.retention == pytest.approx(measures[inside, Measure.RETENTION].mean())
        required = planned.program.rows[at].least / inside.sum()
        assert line.retention_required == pytest.approx(required)
        # One more point of mean retention is n / 100 more units retained.
        price = planned.outcome.plan.prices[at] * inside.sum() / 100
        assert line.retention_shadow_price == pytest.approx(price)
    assert table["upper_bound"].isna().all()
    assert (table["gap"] <= 1e-9).all()
    assert (table["program"] == "All").all()


def test_a_category_of_its_own_carries_its_bound():
    planned = retention_of(PlainOptions(make_items(80, 2, ("Bakery",))), 8.0, name="Bakery")
    line = summary_rows(planned).iloc[0]
    assert line["upper_bound"] == pytest.approx(line["revenue"])
    assert line["status"] == "optimal"
    assert line["solver"] == "by price"
    worse = replace(planned.outcome.plan, value=planned.outcome.plan.value * 0.99)
    status = summary_rows(with_outcome(planned, plan=worse))["status"].iloc[0]
    assert status == "feasible: within 0.01 of the bound"


@pytest.mark.parametrize("counted", [False, True])
def test_attainable_retention_is_each_best_at_its_best(counted):
    items = make_items(90, 3, ("Bakery",))
    rule = ConsumerRule(np.arange(90) // 3, any_retained=True) if counted else None
    options = PlainOptions(items, consumer_rule=rule)
    offers, allowed = options.columns()
    retained = np.stack([options.item_measures(o)[:, Measure.RETENTION] for o in offers.T], axis=1)
    most = np.where(allowed, retained, 0).max(axis=1)
    if counted:
        most = most.reshape(30, 3).max(axis=1)
    attainable = summary_rows(retention_of(options))["retention_attainable"].iloc[0]
    assert attainable == pytest.approx(most.mean())


@pytest.mark.parametrize("make", [lambda options: options, engine_options])
def test_consumers_counted_over_categories_are_told_category_by_category(make):
    items = make_items(90, 12)
    items["customer_id"] = np.random.default_rng(12).integers(0, 20, len(items))
    items = items.sort_values(["customer_id", "category", "item_id"], ignore_index=True)
    rule = ConsumerRule(items.groupby("customer_id").ngroup().to_numpy(), any_retained=True)
    options = PlainOptions(items, consumer_rule=rule)
    planned = plan_at(options, [], [])
    planned.options = make(options)
    table = summary_rows(planned).set_index("category")
    offers, allowed = options.columns()
    clears = np.stack([options.item_measures(o)[:, Measure.RETENTION] for o in offers.T], axis=1)
    items["most"] = np.where(allowed, clears, 0).max(axis=1)
    items["kept"] = options.item_measures(planned.offer)[:, Measure.RETENTION]
    shares = items.groupby(["category", "customer_id"])[["most", "kept"]].max()
    shares = shares.groupby("category").mean()
    np.testing.assert_allclose(table["retention_attainable"], shares["most"])
    np.testing.assert_allclose(table["retention"], shares["kept"])


def test_messages_say_whether_retention_costs_and_what_else_binds():
    options = PlainOptions(make_items(150, 4))
    rows = [
        row_on(options, "retention: Bakery", Measure.RETENTION, [0]),
        row_on(options, "retention: Dairy", Measure.RETENTION, [1]),
        row_on(options, "spring_budget: Dairy", Measure.SPEND, [1], at_most=True),
    ]
    bakery, dairy = summary_rows(plan_at(options, rows, [9.0, 0.0, 0.4]))["message"]
    assert "retention costs revenue" in bakery
    assert "spring_budget" not in bakery
    assert "retention row not restrictive" in dairy
    assert "revenue is held down by spring_budget: Dairy" in dairy
    margin = summary_rows(plan_at(options, rows, [9.0, 0.0, 0.4], margin=True))["message"]
    assert "retention costs margin" in margin[0]
    kept = ~options.decisions["adjustable"] & (options.decisions["category"] == "Bakery")
    count = (options.decisions["category"] == "Bakery").sum()
    said = f"{kept.sum()} of {count} consumer-items cannot be changed ({kept.sum()} {KEPT})"
    assert said in bakery


def test_an_infeasible_category_says_what_is_attainable():
    planned = retention_of(PlainOptions(make_items(80, 5, ("Bakery",))), 8.0)
    asked = replace(planned.program.rows[0], least=79.0)
    planned.program = replace(planned.program, rows=(asked,))
    line = summary_rows(without_plan(planned, "no plan keeps this rule: …")).iloc[0]
    assert line["status"] == f"infeasible: at most {100 * line['retention_attainable']:.6g} %"
    assert line[["upper_bound", "gap", "retention_shadow_price"]].isna().all()
    assert "offers stay as today; no plan keeps this rule" in line["message"]
    today = planned.options.measures(planned.decisions["offer_today"])
    assert line["retention"] == pytest.approx(today[:, Measure.RETENTION].mean())
    asked = replace(asked, least=1.0)
    planned.program = replace(planned.program, rows=(asked,))
    status = summary_rows(without_plan(planned))["status"].iloc[0]
    assert status == "infeasible: the rules contradict each other"


def test_a_category_set_aside_is_infeasible_by_itself():
    items = make_items(90, 9)
    dairy = items["category"] == "Dairy"
    items.loc[dairy, "permitted"], items.loc[dairy, "adjustable"] = 1, False
    options = PlainOptions(items)
    row = row_on(options, "retention: Dairy", Measure.RETENTION, [1], scale=100 / dairy.sum())
    planned = plan_at(options, [], [])
    relaxations = pd.DataFrame(
        {
            "rule": "retention",
            "row": ["retention: Dairy"],
            "sense": "at least",
            "required": 60.0,
            "attainable_alone": 45.0,
            "attainable_with_others": 45.0,
            "smallest_relaxation": 15.0,
            "unit": "percentage points of retention",
            "in_conflict": True,
        }
    )
    alone = retention_of(PlainOptions(items[dairy].reset_index(drop=True)), 0.0).outcome
    alone.plan, alone.rows = replace(alone.plan, choice=None), (row,)
    alone.relaxations, alone.message = relaxations, "no plan keeps this rule: retention: Dairy"
    planned.set_aside = {"Dairy": alone}
    bakery, dairy_line = summary_rows(planned).itertuples()
    assert bakery.status == "optimal"
    assert dairy_line.status == "infeasible: at most 45 %"
    assert dairy_line.retention_required == 0.6
    assert dairy_line.message.startswith("offers stay as today; no plan keeps this rule")
    conflicts = conflicts_table(planned)
    assert conflicts["program"].tolist() == ["Dairy"]
    assert conflicts["smallest_relaxation"].tolist() == [15.0]


def test_a_category_whose_offers_are_all_kept_says_why():
    items = make_items(60, 6)
    dairy = items["category"] == "Dairy"
    items.loc[dairy, "permitted"], items.loc[dairy, "adjustable"] = 1, False
    items.loc[dairy, "kept"] = "too few offers for a range"
    line = summary_rows(retention_of(PlainOptions(items))).iloc[1]
    assert line["status"] == "offers kept: too few offers for a range"
    assert np.isnan(line["share_at_edge"])


def test_a_category_that_may_not_be_discounted_has_no_offers_rather_than_kept_ones():
    items = make_items(60, 6)
    dairy = items["category"] == "Dairy"
    items.loc[dairy, "permitted"], items.loc[dairy, "adjustable"] = 2, False
    items.loc[dairy, "kept"] = "excluded: tobacco"
    options = PlainOptions(items)
    assert summary_rows(retention_of(options))["status"].iloc[1] == "no offers: excluded: tobacco"
    one = items[dairy].index[0]
    items.loc[one, ["permitted", "kept"]] = [1, KEPT]
    status = summary_rows(retention_of(PlainOptions(items)))["status"].iloc[1]
    assert status == f"offers kept: {KEPT}"


def test_rules_given_up_are_said():
    planned = retention_of(PlainOptions(make_items(60, 7)), 4.0)
    message = "given up: budget, missed by 3 money"
    table = summary_rows(with_outcome(planned, message=message, broken={"budget": 3.0}))
    assert table["message"].str.contains(message).all()


@pytest.mark.parametrize(("after", "said"), [(9.0, True), (10.0, False), (11.0, False)])
def test_a_plan_that_promises_less_than_today_says_so(after, said):
    lines = shortfall(10.0, after)
    assert bool(lines) == said
    assert all("9.00 against 10.00" in line for line in lines)


def test_edges_are_warned_of_from_more_than_half(caplog):
    narrow = make_items(80, 8)
    narrow["slope"] = np.where(narrow["category"] == "Dairy", -0.05, narrow["slope"])
    table = summary_rows(retention_of(PlainOptions(narrow)))
    assert table["share_at_edge"].iloc[1] == 1  # nothing speaks for an offer: all at the lowest
    said = "WARNING: 100% of adjustable offers are the deepest or shallowest"
    assert said in table["message"].iloc[1]
    both = pd.concat([table, table.assign(mode="paper", share_at_edge=0.5)])
    with caplog.at_level(logging.WARNING):
        warn_of_edges(both.assign(share_at_edge=[0.2, 1.0, 0.5, 0.5]))
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("Offers by exact: in 1 of 2 categories")
    assert caplog.messages[0].endswith("Dairy")
