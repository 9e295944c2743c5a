import numpy as np
import pytest

from promo_kedro.pipelines.optimization.knapsack.measures import Measure
from promo_kedro.pipelines.optimization.knapsack.options import ConsumerRule
from promo_kedro.pipelines.optimization.kpis import KPI_COLUMNS, plan_kpis

from .small_plans import PlainOptions, make_items, plan_at, row_on


def line_by_hand(planned, inside):
    """Return figures before and after of the units inside, one unit at a time."""
    items, figures = planned.decisions, {}
    today = items["offer_today"].to_numpy()
    for when, offers in {"before": today, "after": planned.offer}.items():
        measures = planned.options.measures(offers)
        figures[when] = dict.fromkeys(["offer", "offered", "revenue", "margin", "spend", "kept"], 0)
        for unit in np.flatnonzero(inside):
            sales, spend, cost, retained = measures[unit, :4]
            figures[when]["offer"] += offers[unit] / inside.sum()
            figures[when]["offered"] += (offers[unit] > 0) / inside.sum()
            figures[when]["revenue"] += sales - spend
            figures[when]["margin"] += sales - spend - cost
            figures[when]["spend"] += spend
            figures[when]["kept"] += retained / inside.sum()
    return figures


def test_kpis_add_up_unit_by_unit_overall_and_per_category():
    options = PlainOptions(make_items(150, 1, ("Bakery", "Dairy", "Fish")))
    planned = plan_at(options, [row_on(options, "b", Measure.SPEND, at_most=True)], [0.4])
    table = plan_kpis([planned])
    assert list(table) == KPI_COLUMNS
    assert table["category"].tolist() == ["All", "Bakery", "Dairy", "Fish"]
    offers, allowed = options.columns()
    steps = np.where(allowed, offers, np.nan)[:, 2:]
    for line in table.itertuples():
        inside = np.ones(150, dtype=bool)
        if line.category != "All":
            inside = (planned.decisions["category"] == line.category).to_numpy()
        figures = line_by_hand(planned, inside)
        for when, by_hand in figures.items():
            got = [
                getattr(line, f"{name}_{when}")
                for name in ("offer", "share_offered", "revenue", "margin", "spend", "retention")
            ]
            assert got == pytest.approx(list(by_hand.values()))
        assert line.consumer_items == inside.sum()
        changed = planned.offer[inside] != planned.decisions["offer_today"].to_numpy()[inside]
        assert line.offers_changed == changed.sum()
        open_to = inside & planned.decisions["adjustable"].to_numpy()
        ends = [
            planned.offer[unit] in (np.nanmin(steps[unit]), np.nanmax(steps[unit]))
            for unit in np.flatnonzero(open_to)
        ]
        assert line.share_at_edge == pytest.approx(np.mean(ends))


def test_programs_of_one_mode_make_up_all_and_modes_stay_apart():
    items = make_items(120, 2)
    whole = {mode: plan_at(PlainOptions(items, mode), [], []) for mode in ("linear", "exact")}
    apart = [
        plan_at(PlainOptions(part.reset_index(drop=True), mode), [], [], name=category)
        for mode in whole
        for category, part in items.groupby("category")
    ]
    together = plan_kpis(list(whole.values()))
    separate = plan_kpis(apart)
    assert together["mode"].tolist() == ["linear"] * 3 + ["exact"] * 3
    for column in KPI_COLUMNS:
        if column in ("mode", "category"):
            assert together[column].tolist() == separate[column].tolist()
        else:
            np.testing.assert_allclose(together[column], separate[column])


def test_consumers_counted_once_are_retained_if_any_of_their_items_is():
    items = make_items(90, 3, ("Bakery",))
    rule = ConsumerRule(np.arange(90) // 3, any_retained=True)
    planned = plan_at(PlainOptions(items, consumer_rule=rule), [], [])
    table = plan_kpis([planned])
    for when, offers in {"before": items["offer_today"], "after": planned.offer}.items():
        clears = planned.options.item_measures(offers)[:, Measure.RETENTION].reshape(30, 3)
        assert table[f"retention_{when}"].tolist() == pytest.approx([clears.any(axis=1).mean()] * 2)


@pytest.mark.parametrize("whole", [True, False])
def test_counted_consumers_are_counted_in_each_category_and_once_in_all(whole):
    """Most consumers buy in both categories; a program of all counts them in the first alone."""
    items = make_items(120, 7)
    items["customer_id"] = np.random.default_rng(7).integers(0, 25, len(items))
    by = ["customer_id", "category"] if whole else ["category", "customer_id"]
    items = items.sort_values([*by, "item_id"], ignore_index=True)
    parts = [items] if whole else [part for _, part in items.groupby("category")]
    planned = []
    for part in parts:
        units = part.reset_index(drop=True)
        rule = ConsumerRule(units.groupby("customer_id").ngroup().to_numpy(), any_retained=True)
        planned.append(plan_at(PlainOptions(units, consumer_rule=rule), [], []))
    table = plan_kpis(planned).set_index("category")
    kept: dict[str, dict[int, float]] = {"All": {}, "Bakery": {}, "Dairy": {}}
    for each in planned:
        clears = each.options.item_measures(each.offer)[:, Measure.RETENTION]
        for unit, clear in zip(each.decisions.itertuples(), clears, strict=True):
            for category in ("All", unit.category):
                known = kept[category].get(unit.customer_id, 0.0)
                kept[category][unit.customer_id] = max(known, clear)
    for category, consumers in kept.items():
        share = sum(consumers.values()) / len(consumers)
        assert table.loc[category, "retention_after"] == pytest.approx(share)
    assert len(kept["All"]) < len(kept["Bakery"]) + len(kept["Dairy"])


def test_margins_are_empty_where_costs_are_unknown_and_only_there():
    items = make_items(40, 4)
    items.loc[items[items["category"] == "Dairy"].index[0], "cost_known"] = False
    table = plan_kpis([plan_at(PlainOptions(items), [], [])]).set_index("category")
    margins = ["margin_before", "margin_after"]
    assert table.loc[["All", "Dairy"], margins].isna().all(axis=None)
    assert table.loc["Bakery", margins].notna().all()
    assert table.drop(columns=margins).notna().all(axis=None)


def test_a_category_that_cannot_be_changed_has_no_share_at_the_edge():
    items = make_items(50, 5)
    dairy = items["category"] == "Dairy"
    items.loc[dairy, "permitted"], items.loc[dairy, "adjustable"] = 1, False
    table = plan_kpis([plan_at(PlainOptions(items), [], [])])
    share = table.set_index("category")["share_at_edge"]
    assert np.isnan(share["Dairy"])
    assert share["All"] == share["Bakery"]
    assert table.set_index("category")["offers_changed"]["Dairy"] == 0


def test_an_offer_that_cannot_be_changed_is_at_no_edge():
    items = make_items(100, 6)
    before = plan_kpis([plan_at(PlainOptions(items), [], [])])
    offers, _ = PlainOptions(items.assign(permitted=np.int8(4))).columns()
    steps = np.where((offers > 4) & (offers < 45), offers, np.inf)[:, 2:]
    kept = ~items["adjustable"]
    items.loc[kept, "offer_today"] = steps.min(axis=1)[kept]
    after = plan_kpis([plan_at(PlainOptions(items), [], [])])
    assert after["share_at_edge"].tolist() == before["share_at_edge"].tolist()
