"""Every table from the pipeline's own options and solver, held against the plain ones."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from promo_kedro.pipelines.optimization.changes import changes_table
from promo_kedro.pipelines.optimization.comparison import plan_comparison
from promo_kedro.pipelines.optimization.knapsack.measures import Measure
from promo_kedro.pipelines.optimization.knapsack.options import ConsumerRule
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.priorities import solve_by_priority
from promo_kedro.pipelines.optimization.knapsack.program import Program
from promo_kedro.pipelines.optimization.kpis import plan_kpis
from promo_kedro.pipelines.optimization.offer_tables import offers_table
from promo_kedro.pipelines.optimization.rule_tables import conflicts_table, rules_table
from promo_kedro.pipelines.optimization.summary import summary_rows

from .small_plans import MENU, PlainOptions, engine_options, make_items, plan_at, row_on


def with_engine(planned):
    """Return the same program and plan over the pipeline's options."""
    options = engine_options(planned.options)
    program = Program(options, planned.program.objective, planned.program.rows)
    return SimpleNamespace(**vars(planned) | {"options": options, "program": program})


def rows_on(options):
    return [
        row_on(options, "retention", Measure.RETENTION),
        row_on(options, "budget", Measure.SPEND, at_most=True),
    ]


def solved(planned):
    """Return the same program, solved."""
    outcome = solve_by_priority(planned.program, SolverParameters())
    choice = outcome.plan.choice
    today = planned.decisions["offer_today"].to_numpy()
    offer = today if choice is None else planned.options.offers(choice)
    return SimpleNamespace(**vars(planned) | {"outcome": outcome, "offer": offer})


@pytest.mark.parametrize(
    "known",
    [
        {},
        {"mode": "linear"},
        {"mode": "paper"},
        {"steps": MENU},
        {"consumer_rule": ConsumerRule(np.arange(150) // 3, most_offers=1)},
        {"consumer_rule": ConsumerRule(np.arange(150) // 3, any_retained=True)},
    ],
    ids=["exact", "linear", "paper", "menu", "cap", "counted once"],
)
def test_tables_are_the_same_from_either_options(known):
    items = make_items(150, 1)
    if known.get("consumer_rule"):
        items["permitted"] = np.where(items["adjustable"], 6, 2).astype(np.int8)
    options = PlainOptions(items, **known)
    plain = plan_at(options, rows_on(options), [2.0, 0.3])
    real = with_engine(plain)
    for table in (offers_table, summary_rows, changes_table):
        pd.testing.assert_frame_equal(table(plain), table(real), check_dtype=False, atol=1e-9)
    pd.testing.assert_frame_equal(rules_table(plain, {}, {}), rules_table(real, {}, {}))
    kpis = [plan_kpis([each]) for each in (plain, real)]
    pd.testing.assert_frame_equal(*kpis)


def test_tables_of_solved_programs_agree_with_one_another():
    items = make_items(400, 2)
    solves = {}
    for mode in ("paper", "linear", "exact"):
        options = PlainOptions(items, mode)
        at_prices = plan_at(options, rows_on(options), [0.2 if mode == "paper" else 3.0, 0.3])
        solves[mode] = [solved(with_engine(at_prices))]
    kpis = plan_kpis([each for plans in solves.values() for each in plans])
    kpis = kpis.set_index(["mode", "category"])
    comparison = plan_comparison(solves).set_index(["mode", "category"])
    for mode, (planned,) in solves.items():
        summary = summary_rows(planned).set_index("category")
        offers = offers_table(planned).groupby("category")
        rules = rules_table(planned, {}, {"budget": "Budget"}).set_index("row")
        assert planned.outcome.plan.choice is not None
        assert (rules["slack"] >= 0).all()
        assert conflicts_table(planned).empty
        assert rules.loc["budget", "achieved"] == pytest.approx(
            kpis.loc[mode, "All"]["spend_after"]
        )
        np.testing.assert_allclose(summary["revenue"], offers["revenue_after"].sum())
        np.testing.assert_allclose(summary["revenue"], kpis.loc[mode]["revenue_after"][1:])
        np.testing.assert_allclose(summary["revenue"], comparison.loc[mode]["revenue_promised"][1:])
        changes = changes_table(planned)
        np.testing.assert_allclose(changes["revenue"].sum(), summary["revenue"].sum())


def test_a_contradiction_is_told_in_every_table():
    items = make_items(80, 3, ("Bakery",))
    options = PlainOptions(items)
    planned = with_engine(plan_at(options, rows_on(options), [3.0, 0.3], name="Bakery"))
    retention, budget = planned.program.rows
    halved = replace(budget, least=budget.least / 2)
    tight = Program(planned.options, planned.program.objective, (retention, halved))
    failed = solved(SimpleNamespace(**vars(planned) | {"program": tight}))
    assert failed.outcome.plan.choice is None
    line = summary_rows(failed).iloc[0]
    assert line["status"] == "infeasible: the rules contradict each other"
    assert "no plan keeps these rules together" in line["message"]
    assert (rules_table(failed, {}, {})["status"] == "infeasible").all()
    assert conflicts_table(failed)["in_conflict"].all()
    assert (conflicts_table(failed)["program"] == "Bakery").all()
    assert changes_table(failed)["reason"].str.startswith("kept: ").all()
