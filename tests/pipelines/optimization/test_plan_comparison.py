from dataclasses import replace

import numpy as np
import pytest

from promo_kedro.pipelines.optimization.comparison import COMPARISON_COLUMNS, plan_comparison
from promo_kedro.pipelines.optimization.knapsack.measures import Measure

from .small_plans import PlainOptions, make_items, plan_at, revenue_weights, row_on


def planned_by_mode(items, prices=(5.0, 0.3)):
    """Return one program per mode, with retention of each category and a budget."""
    planned = {}
    for mode in ("paper", "linear", "exact"):
        options = PlainOptions(items, mode)
        rows = [
            row_on(options, f"retention: {category}", Measure.RETENTION, [cell])
            for cell, category in enumerate(sorted(items["category"].unique()))
        ]
        rows.append(row_on(options, "budget", Measure.SPEND, at_most=True))
        at = [prices[0]] * (len(rows) - 1) + [prices[1]]
        planned[mode] = [plan_at(options, rows, at)]
    return planned


def test_every_plan_is_weighed_on_the_exact_curve():
    items = make_items(200, 1)
    planned = planned_by_mode(items)
    table = plan_comparison(planned)
    assert list(table) == COMPARISON_COLUMNS
    assert table["category"].tolist() == ["All", "Bakery", "Dairy"] * 3
    exact = planned["exact"][0].options
    best = exact.measures(planned["exact"][0].offer)
    for line in table.itertuples():
        plan = planned[line.mode][0]
        inside = (items["category"] == line.category) | (line.category == "All")
        own, true = plan.options.measures(plan.offer)[inside], exact.measures(plan.offer)[inside]
        revenue = revenue_weights(1)[0]
        assert line.revenue_promised == pytest.approx((own @ revenue).sum())
        assert line.revenue_exact == pytest.approx((true @ revenue).sum())
        assert line.retention_promised == pytest.approx(own[:, Measure.RETENTION].mean())
        assert line.retention_exact == pytest.approx(true[:, Measure.RETENTION].mean())
        lost = ((best[inside] - true) @ revenue).sum()
        assert line.objective_lost == pytest.approx(lost, abs=1e-9)


def test_the_exact_plan_loses_nothing_breaks_nothing_and_promises_what_it_holds():
    table = plan_comparison(planned_by_mode(make_items(200, 2)))
    exact = table[table["mode"] == "exact"]
    assert (exact["objective_lost"] == 0).all()
    assert (exact["breaks_rules"] == "").all()
    np.testing.assert_allclose(exact["revenue_promised"], exact["revenue_exact"])
    np.testing.assert_allclose(exact["retention_promised"], exact["retention_exact"])


def test_free_of_rules_no_other_plan_beats_the_exact_one():
    table = plan_comparison(planned_by_mode(make_items(200, 3), prices=(0.0, 0.0)))
    assert (table["objective_lost"] >= -1e-9).all()
    assert (table.loc[table["mode"] == "linear", "objective_lost"] > 0).any()


def test_broken_rules_are_those_of_the_exact_program_where_they_bind():
    items = make_items(200, 4)
    planned = planned_by_mode(items)
    table = plan_comparison(planned).set_index(["mode", "category"])["breaks_rules"]
    program, exact = planned["exact"][0].program, planned["exact"][0].options
    found = False
    for mode in ("paper", "linear"):
        measures = exact.measures(planned[mode][0].offer)
        dairy = (items["category"] == "Dairy").to_numpy()
        retained = [measures[where, Measure.RETENTION].sum() for where in (~dairy, dairy)]
        short = [
            reached < row.least for reached, row in zip(retained, program.rows[:2], strict=True)
        ]
        over = measures[:, Measure.SPEND].sum() > -program.rows[2].least
        budget = ["budget"] if over else []
        for category, missed in zip(["Bakery", "Dairy"], short, strict=True):
            named = ([f"retention: {category}"] if missed else []) + budget
            assert table[mode, category] == "; ".join(named)
        both = [row.name for row, each in zip(program.rows, [*short, over], strict=True) if each]
        assert table[mode, "All"] == "; ".join(both)
        found = found or bool(both)
    assert found


def test_rules_of_a_category_set_aside_are_named_where_they_are_broken():
    planned = planned_by_mode(make_items(120, 8))
    exact = planned["exact"][0]
    asked = replace(exact.program.rows[1], least=1e6)
    exact.left_out, exact.program = (asked,), replace(exact.program, rows=exact.program.rows[:1])
    broken = plan_comparison(planned).set_index(["mode", "category"])["breaks_rules"]
    assert broken["exact", "Dairy"] == broken["exact", "All"] == "retention: Dairy"
    assert broken["exact", "Bakery"] == ""


def test_units_in_another_order_are_told_by_their_names():
    items = make_items(120, 5)
    planned = planned_by_mode(items)
    shuffled = items.sort_values(["item_id", "price"], ignore_index=True)
    mixed = planned | {"linear": planned_by_mode(shuffled)["linear"]}
    straight, turned = plan_comparison(planned), plan_comparison(mixed)
    figures = straight.columns.drop(["mode", "category", "breaks_rules"])
    np.testing.assert_allclose(straight[figures], turned[figures], atol=1e-9)


def test_many_broken_rules_are_counted_rather_than_named():
    categories = tuple(f"Category {number}" for number in range(9))
    planned = planned_by_mode(make_items(300, 6, categories), prices=(5.0, 0.0))
    for row in planned["exact"][0].program.rows:
        row.coefficients[:] *= 0.5  # none of the rows can then be kept
    text = plan_comparison(planned).set_index(["mode", "category"])["breaks_rules"]["exact", "All"]
    assert text.startswith("retention: Category 0; ")
    assert text.endswith("retention: Category 4 and 4 more")
