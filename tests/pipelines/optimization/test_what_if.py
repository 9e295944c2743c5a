"""What if: the same plans as a run from scratch, found from an earlier one, told as tables."""

import numpy as np
import pytest
from pandas import DataFrame
from pandas.testing import assert_frame_equal
from pydantic import ValidationError

from promo_kedro.errors import InputError
from promo_kedro.pipelines.optimization import what_if
from promo_kedro.pipelines.optimization.parameters import OptimizationParameters
from promo_kedro.pipelines.optimization.planning import plan_programs
from promo_kedro.pipelines.optimization.rules import Budget, narrowed
from promo_kedro.pipelines.optimization.what_if import WhatIf
from promo_kedro.pipelines.optimization.what_if_parameters import with_changes

AS_SET = OptimizationParameters(
    rules={"retention": {"rule": "Retention", "categories": {"Meat": 0.2}}}, frontier_points=8
)


def make_decisions(n=60, seed=4):
    """Return ``offer_decisions`` of two categories: Bakery first, then Meat."""
    rng = np.random.default_rng(seed)
    reference, probability = rng.uniform(10, 35, n), rng.uniform(0.05, 0.4, n)
    decisions = DataFrame(
        {
            "category": np.repeat(["Bakery", "Meat"], n // 2),
            "customer_id": np.tile(np.arange(n // 2), 2),
            "item_id": np.repeat([1, 2], n // 2),
            "price": rng.uniform(1, 20, n),
            "quantity": 1.0,
            "cost": 0.0,
            "reference_offer": reference,
            "offer_today": reference * rng.uniform(0.2, 1, n),
            "probability": probability,
            "elasticity": 0.04 * reference * (1 - probability),
            "slope": 0.04,
            "cutoff": rng.uniform(0.05, 0.4, n),
            "range_min": 4.0,
            "range_max": 60.0,
            "cost_known": False,
            "excluded": "",
            "permitted": np.int8(4),
            "adjustable": True,
            "kept": "",
        }
    )
    return narrowed(decisions, {})


@pytest.fixture(scope="module")
def decisions():
    return make_decisions()


@pytest.fixture(scope="module")
def planner(decisions):
    return WhatIf(decisions, AS_SET)


def revenue(plan):
    return plan.kpis.set_index("category")["revenue_after"]


def reachable(planner, category):
    """Return a retention half of the way from the best plan's to the largest there is."""
    frontier = planner.frontier(category)
    return float(frontier["retention"].iloc[[0, -1]].mean())


def test_the_plan_as_set_is_that_of_a_run(planner, decisions):
    fresh = plan_programs(decisions, AS_SET.mode, AS_SET)
    offers = np.concatenate([each.offer for each in fresh])
    planned = planner.plan()
    assert np.sort(planned.offers["offer_percent"]) == pytest.approx(np.sort(offers))
    assert planned.kpis["category"].tolist()[0] == "All"
    assert set(planned.rules["row"]) == {"retention: Bakery", "retention: Meat"}
    assert planned.conflicts.empty


@pytest.mark.parametrize("budgets", [(60.0, 45.0, 30.0), (30.0, 60.0)])
def test_another_level_gives_the_plan_that_starting_anew_would(decisions, budgets):
    planner = WhatIf(decisions, AS_SET)
    spend = planner.plan().kpis.set_index("category").loc["All", "spend_after"]
    for share in budgets:
        level = spend * share / 100
        warm = planner.plan(retention=0.0, budget=level)
        cold = WhatIf(decisions, AS_SET).plan(retention=0.0, budget=level)
        assert revenue(warm).to_numpy() == pytest.approx(revenue(cold).to_numpy(), rel=1e-6)
        assert warm.rules["required"].to_numpy() == pytest.approx(cold.rules["required"])
        assert warm.rules.set_index("row").loc["budget", "achieved"] <= level * (1 + 1e-9)


def test_options_are_built_once_where_only_levels_differ(decisions, monkeypatch):
    planner, built = WhatIf(decisions, AS_SET), []

    def counted(*given, **named):
        built.append(given)
        return plan_programs(*given, **named)

    monkeypatch.setattr(what_if, "plan_programs", counted)
    for share in (0.05, 0.1, 0.12):
        planner.plan(retention={"Bakery": share})
    assert len(built) == 1
    planner.plan(no_offer={})
    planner.plan(retention=0.1)
    assert len(built) == 2


def test_more_retention_in_one_category_leaves_the_other_alone(planner):
    as_set = planner.plan()
    kinder = reachable(planner, "Bakery")
    asked = planner.plan(retention={"Bakery": kinder})
    assert set(asked.changed(against=as_set)["category"]) == {"Bakery"}
    kpis = asked.kpis.set_index("category")
    assert kpis.loc["Bakery", "retention_after"] >= kinder - 1e-9
    assert revenue(asked)["Meat"] == revenue(as_set)["Meat"]
    assert revenue(asked)["Bakery"] < revenue(as_set)["Bakery"]


def test_what_changed_adds_up_to_what_it_costs(planner):
    as_set = planner.plan()
    asked = planner.plan(retention={"Bakery": reachable(planner, "Bakery")})
    changed, compared = asked.changed(as_set), asked.compared(as_set).set_index("category")
    assert len(changed) == compared.loc["All", "offers_changed"] > 0
    assert (changed["offer_percent"] != changed["offer_percent_against"]).all()
    lost = changed["revenue_difference"].sum()
    for category in ("All", "Bakery"):
        assert compared.loc[category, "revenue_difference"] == pytest.approx(lost)
    assert compared.loc["Meat", "offers_changed"] == 0
    assert as_set.changed(as_set).empty


def test_the_frontier_holds_the_plans(planner):
    frontier = planner.frontier("Bakery")
    assert frontier["retention"].between(0, 1).all()
    assert (np.diff(frontier["revenue"]) <= 1e-9).all()
    share = reachable(planner, "Bakery")
    most = np.interp(share, frontier["retention"], frontier["revenue"])
    bound = np.interp(share, frontier["retention"], frontier["shadow_price"])
    earned = revenue(planner.plan(retention={"Bakery": share}))["Bakery"]
    # One consumer-item, of thirty, cannot be split.
    assert earned == pytest.approx(most, abs=bound * 100 / 30 + 0.02 * most)
    with pytest.raises(InputError, match="Bakery, Meat"):
        planner.frontier("Fish")


def test_contradictions_are_told(planner):
    asked = planner.plan(retention={"Bakery": 1.0})
    assert not asked.conflicts.empty
    assert set(asked.conflicts["row"]) == {"retention: Bakery"}
    bakery = asked.offers.query("category == 'Bakery'")
    assert bakery["revenue_after"].to_numpy() == pytest.approx(bakery["revenue_before"])


def test_a_category_that_cannot_be_met_is_set_aside_as_in_a_run(decisions):
    planner, asked = WhatIf(decisions, AS_SET), {"Bakery": 1.0}
    as_set = planner.plan(budget=1e6)
    warm = planner.plan(budget=1e6, retention=asked)
    cold = WhatIf(decisions, AS_SET).plan(budget=1e6, retention=asked)
    assert_frame_equal(warm.kpis, cold.kpis)
    assert revenue(warm)["Meat"] == pytest.approx(revenue(as_set)["Meat"], rel=1e-6)
    bakery = warm.offers.query("category == 'Bakery'")
    assert bakery["revenue_after"].to_numpy() == pytest.approx(bakery["revenue_before"])
    assert_frame_equal(planner.plan(budget=1e6).kpis, as_set.kpis, rtol=1e-6)


COUNTED = {
    "rules": {"retention": {"rule": "Retention", "at_least": 0.2}},
    "retention_measure": "consumer_indicator",
}
CAPPED = {
    "rules": {
        "retention": {"rule": "Retention", "at_least": 0.05, "scope": "whole"},
        "cap": {"rule": "MaxOffersPerConsumer", "at_most": 1},
    }
}
SOFT = {
    "rules": {
        "retention": {"rule": "Retention", "at_least": 0.1},
        "budget": {"rule": "Budget", "at_most": 20.0, "hard": False},
    },
    "solver": {"max_nodes": 1},  # proofs for programs that are hardly feasible take long
}
WHOLE, BY_CATEGORY = ({"retention": {"scope": scope}} for scope in ("whole", "category"))
QUESTIONS = {
    "consumers counted": (COUNTED, [{}, {"retention": 0.3}, {"retention": 0.1}]),
    "scope of consumers counted": (
        COUNTED,
        [{"budget": 60.0}, {"budget": 60.0, **WHOLE}, {"budget": 60.0, **BY_CATEGORY}],
    ),
    "scope": ({"rules": {"retention": {"rule": "Retention"}}}, [{}, WHOLE, BY_CATEGORY]),
    "cap": (CAPPED, [{}, {"retention": 0.1}, {"cap": 2}, {"cap": None}, {"cap": 1}]),
    "soft rules": (SOFT, [{}, {"budget": 0.01}, {"budget": 1e6}, {"budget": 0.01}]),
    "soft cap": (
        CAPPED,
        [{"cap": {"hard": False}}, {"cap": {"hard": False}, "retention": 0.3}, {}],
    ),
}


@pytest.mark.parametrize("which", QUESTIONS)
def test_one_question_after_another_is_answered_as_by_itself(decisions, which):
    as_set, questions = QUESTIONS[which]
    ranged = narrowed(decisions, OptimizationParameters.model_validate(as_set).rules)
    planner = WhatIf(ranged, as_set)
    for question in questions:
        warm, cold = planner.plan(**question), WhatIf(ranged, as_set).plan(**question)
        assert_frame_equal(warm.kpis, cold.kpis, rtol=1e-6)
        told = ["program", "row", "required", "achieved", "status"]
        assert_frame_equal(warm.rules[told], cold.rules[told], rtol=1e-6)


def test_what_a_tighter_rule_costs_is_reckoned_anew(planner):
    rules = planner.plan(retention={"Bakery": reachable(planner, "Bakery")}).rules
    binding = rules[rules["status"] == "binding"]
    assert not binding.empty
    assert (binding["finite_difference"] > 0).all()


def test_the_frontier_stands_beside_soft_rules_as_far_as_they_are_kept(decisions):
    planner = WhatIf(decisions, SOFT)
    broken = planner.plan(retention=0.25, budget=0.01)
    assert "given up" in set(broken.rules["status"])
    assert len(broken.frontier("Bakery", points=5)) > 0


def test_a_frontier_has_as_many_points_as_are_asked_for(planner):
    assert 2 <= len(planner.frontier("Meat", points=3)) <= 3
    for points in (1, 0, -3):
        with pytest.raises(InputError, match="2 points or more"):
            planner.frontier("Meat", points=points)


def test_where_consumers_count_over_all_categories_none_has_a_frontier(decisions):
    planner = WhatIf(decisions, COUNTED)
    assert planner.frontier("Meat", points=3)["retention"].between(0, 1).all()
    with pytest.raises(InputError, match="name none"):
        planner.frontier("Meat", **WHOLE)
    assert planner.frontier(points=3, **WHOLE)["retention"].between(0, 1).all()


def test_the_order_of_questions_changes_nothing(decisions):
    questions = [{}, {"retention": {"Bakery": 0.2}}, {"budget": 30.0}]
    there, back = (
        [WhatIf(decisions, AS_SET), order] for order in (questions, list(reversed(questions)))
    )
    answers = [[planner.plan(**each) for each in order] for planner, order in (there, back)]
    for one, other in zip(answers[0], reversed(answers[1]), strict=True):
        assert_frame_equal(one.kpis, other.kpis, rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"retention": 0.3}, {"at_least": 0.3, "categories": {"Meat": 0.2}}),
        ({"retention": {"Bakery": 0.4}}, {"categories": {"Meat": 0.2, "Bakery": 0.4}}),
        ({"retention": {"Meat": 0.4}}, {"at_least": "today", "categories": {"Meat": 0.4}}),
        ({"retention": {"categories": {}, "hard": False}}, {"categories": {}, "hard": False}),
    ],
)
def test_a_level_is_changed_by_the_name_of_its_rule(changes, expected):
    rule = with_changes(AS_SET, changes).rules["retention"].model_dump()
    assert {name: rule[name] for name in expected} == expected


def test_a_kind_in_small_letters_makes_a_new_rule_or_means_the_one_there_is():
    assert with_changes(AS_SET, {"budget": 400}).rules["budget"] == Budget(at_most=400)
    by_category = with_changes(AS_SET, {"budget": {"Meat": 40}}).rules["budget"]
    assert by_category == Budget(scope="category", categories={"Meat": 40})
    spring = with_changes(AS_SET, {"spring": {"rule": "Budget", "at_most": 9}})
    assert with_changes(spring, {"budget": 400}).rules["spring"] == Budget(at_most=400)
    both = with_changes(spring, {"summer": {"rule": "Budget", "at_most": 5}})
    with pytest.raises(InputError, match="several rules that 'budget' may mean: spring, summer"):
        with_changes(both, {"budget": 400})
    assert set(with_changes(spring, {"spring": None}).rules) == {"retention"}


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"retenton": 0.2}, InputError, "did you mean 'retention'"),
        ({"relation": "observed"}, InputError, "run the pipeline again"),
        ({"no_offer": 3}, InputError, "give its fields"),
        ({"budget": None}, InputError, "no rule 'budget' that could be left out"),
        ({"rounding": {"step": 5}}, InputError, "decides how offers are sent"),
        ({"retention": {"at_lest": 0.1}}, InputError, "did you mean 'at_least'"),
        ({"retention": 2}, ValidationError, "less than or equal to 1"),
        ({"spring": {"rule": "Budgt", "at_most": 9}}, ValidationError, "did you mean 'Budget'"),
        ({"mode": "best"}, ValidationError, "exact"),
    ],
)
def test_what_the_parameters_file_may_not_hold_is_refused_here_too(changes, error, said):
    with pytest.raises(error, match=said):
        with_changes(AS_SET, changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"objective": "margin"}, "unit_cost"),
        ({"margin_floor": 0.1}, "unit_cost"),
        ({"fair": {"rule": "Fairness", "by": "age", "at_most": 0.1}}, "groups age"),
        ({"exclusions": {}}, "add the list offer_exclusions"),
        ({"retention": {"at_lest": 0.1}}, "did you mean 'at_least'"),
    ],
)
def test_what_the_decisions_do_not_know_is_refused(planner, changes, said):
    with pytest.raises(InputError, match=said):
        planner.plan(**changes)


def test_a_category_that_does_not_exist_is_refused(planner):
    with pytest.raises(InputError, match="did you mean 'Bakery'"):
        planner.plan(retention={"Bakry": 0.2})


def test_a_range_that_is_taken_out_leaves_that_of_the_receipts(decisions):
    ranged = with_changes(AS_SET, {"range": {"rule": "OfferRange", "highest": 12}})
    found = WhatIf(narrowed(decisions, ranged.rules), ranged).plan(range=None)
    expected = WhatIf(decisions, AS_SET).plan()
    assert found.offers["offer_percent"].tolist() == expected.offers["offer_percent"].tolist()
    assert found.offers["offer_percent"].max() > 12
