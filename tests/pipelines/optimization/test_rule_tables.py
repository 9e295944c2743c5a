from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from promo_kedro.pipelines.optimization.knapsack.measures import Measure
from promo_kedro.pipelines.optimization.rule_tables import (
    CONFLICT_COLUMNS,
    RULE_COLUMNS,
    conflicts_table,
    rules_table,
)

from .small_plans import PlainOptions, make_items, plan_at, row_on, without_plan

KINDS = {"retention": "Retention", "budget": "Budget"}


@pytest.fixture
def planned():
    options = PlainOptions(make_items(150, 1))
    bakery = (options.decisions["category"] == "Bakery").sum()
    points = {"scale": 100 / bakery, "unit": "percentage points of retention"}
    rows = [
        row_on(options, "retention: Bakery", Measure.RETENTION, [0], **points),
        row_on(options, "budget", Measure.SPEND, at_most=True, hard=False, priority=2),
        row_on(options, "retention: Dairy", Measure.RETENTION, [1]),
    ]
    return plan_at(options, rows, [7.0, 0.25, 0.0])


def test_rows_are_shown_in_the_units_people_know(planned):
    table = rules_table(planned, {"budget": 0.2}, KINDS).set_index("row")
    assert list(table.reset_index()[RULE_COLUMNS]) == RULE_COLUMNS
    measures = planned.options.measures(planned.offer)
    bakery = (planned.decisions["category"] == "Bakery").to_numpy()
    retention, budget, dairy = (table.loc[row.name] for row in planned.program.rows)
    share = measures[bakery, Measure.RETENTION].mean()
    assert retention["achieved"] == pytest.approx(100 * share)
    assert retention["sense"] == "at least"
    # A price is per unit retained; a percentage point is n / 100 of them.
    assert retention["shadow_price"] == pytest.approx(7.0 * bakery.sum() / 100)
    assert np.isnan(retention["finite_difference"])
    assert budget["achieved"] == pytest.approx(measures[:, Measure.SPEND].sum())
    assert budget["required"] == pytest.approx(budget["achieved"])
    assert budget[["sense", "kind", "hard", "priority"]].tolist() == ["at most", "Budget", False, 2]
    assert budget["shadow_price"] == 0.25
    assert budget["finite_difference"] == 0.2
    assert table["status"].tolist() == ["binding", "binding", "met"]
    assert dairy["slack"] == pytest.approx(dairy["achieved"] - dairy["required"])
    assert dairy["slack"] > 0


def test_the_shadow_price_is_near_what_a_tighter_row_costs():
    """Plans at two near prices are each optimal for what they reach; between them lies the cost."""
    options = PlainOptions(make_items(4000, 2, ("Bakery",)))
    row = row_on(options, "budget", Measure.SPEND, at_most=True)
    loose, tight = (plan_at(options, [row], [price]) for price in (0.30, 0.31))
    by_row = rules_table(loose, {}, KINDS).iloc[0], rules_table(tight, {}, KINDS).iloc[0]
    tighter = by_row[0]["achieved"] - by_row[1]["achieved"]
    cost = loose.outcome.plan.value - tight.outcome.plan.value
    assert tighter > 0
    assert by_row[0]["shadow_price"] <= cost / tighter <= by_row[1]["shadow_price"]


def test_missed_rows_are_given_up_where_soft_and_broken_where_bought_out(planned):
    rows = tuple(replace(row, least=row.least + 1) for row in planned.program.rows)
    planned.program = replace(planned.program, rows=rows)
    planned.outcome.broken = {"retention: Bakery": 1.0, "budget": 1.0}
    table = rules_table(planned, {}, KINDS)
    assert table["status"].tolist() == ["broken", "given up", "met"]
    assert table["slack"].tolist()[1] == pytest.approx(-1)
    assert table["achieved"][1] - table["required"][1] == pytest.approx(1)  # spent above the budget


def test_without_a_plan_rows_are_held_against_today(planned):
    relaxations = pd.DataFrame(
        {
            "rule": ["retention", "budget", "retention"],
            "row": [row.name for row in planned.program.rows],
            "sense": ["at least", "at most", "at least"],
            "required": 1.0,
            "attainable_alone": 2.0,
            "attainable_with_others": 3.0,
            "smallest_relaxation": 4.0,
            "unit": "money",
            "in_conflict": [True, False, False],
        }
    )
    rows = list(planned.program.rows)
    rows[1] = replace(rows[1], least=0.0)
    rows[2] = replace(rows[2], least=0.0)
    planned.program = replace(planned.program, rows=tuple(rows))
    failed = without_plan(planned)
    failed.outcome = SimpleNamespace(**vars(failed.outcome) | {"relaxations": relaxations})
    table = rules_table(failed, {}, KINDS)
    assert table["status"].tolist() == ["infeasible", "broken", "met"]
    assert table["shadow_price"].isna().all()
    today = failed.options.measures(failed.decisions["offer_today"])
    assert table["achieved"][1] == pytest.approx(today[:, Measure.SPEND].sum())
    conflicts = conflicts_table(failed)
    assert list(conflicts) == CONFLICT_COLUMNS
    assert (conflicts["mode"] == "exact").all()
    pd.testing.assert_frame_equal(
        conflicts[relaxations.columns], relaxations, check_column_type=False
    )


def test_a_program_without_rows_or_conflicts_has_empty_tables():
    planned = plan_at(PlainOptions(make_items(20, 3)), [], [])
    assert list(rules_table(planned, {}, KINDS)) == RULE_COLUMNS
    assert rules_table(planned, {}, KINDS).empty
    assert list(conflicts_table(planned)) == CONFLICT_COLUMNS
    assert conflicts_table(planned).empty
