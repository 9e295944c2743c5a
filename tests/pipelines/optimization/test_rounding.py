"""Rounding is the best there is, stays in the range, and says what it costs and what it breaks."""

from dataclasses import dataclass, replace
from datetime import date
from itertools import product

import numpy as np
import pytest
from pandas import DataFrame
from scipy.special import expit, logit

from promo_kedro.pipelines.optimization.knapsack.measures import MEASURES, Measure
from promo_kedro.pipelines.optimization.knapsack.options import ConsumerRule
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.program import Plan, Program, Row
from promo_kedro.pipelines.optimization.rounding import round_offers, roundings, send_offers
from promo_kedro.pipelines.optimization.rules.base import Standing

SOLVER = SolverParameters()
FROM, TO = date(2026, 1, 5), date(2026, 1, 18)


@dataclass
class Curve:
    """Measures of any offers along the exact curve, as the program's options give them."""

    decisions: DataFrame
    cell: np.ndarray
    cells: int
    consumer_rule: ConsumerRule | None = None

    def __len__(self):
        return len(self.cell)

    def measures(self, offer):
        known = self.decisions
        shift = known["slope"] * (offer - known["reference_offer"])
        p = expit(logit(known["probability"]) + shift).to_numpy()
        price = known["price"].to_numpy()
        r = (p >= known["cutoff"]) * 1.0 if self.consumer_rule is not None else p
        columns = [price * p, price * offer / 100 * p, 0 * p, r, p, offer, offer > 0]
        return np.stack(columns, axis=1).astype(float)


@dataclass
class Outcome:
    plan: Plan
    rows: tuple


@dataclass
class Planned:
    """What rounding reads of a planned program."""

    name: str
    decisions: DataFrame
    options: Curve
    program: Program
    standing: Standing
    outcome: Outcome
    offer: np.ndarray
    left_out: tuple = ()


def make_decisions(n, seed, categories=("Bakery",)):
    rng = np.random.default_rng(seed)
    return DataFrame(
        {
            "category": np.repeat(categories, -(-n // len(categories)))[:n],
            "customer_id": np.arange(n) // 2,
            "item_id": 100 + np.arange(n) % 2,
            "price": rng.uniform(1, 20, n),
            "reference_offer": rng.uniform(5, 35, n),
            "offer_today": rng.uniform(0, 30, n),
            "probability": rng.uniform(0.05, 0.5, n),
            "cutoff": rng.uniform(0.05, 0.5, n),
            "slope": 0.06,
            "offer_min": 3.0,
            "offer_max": 50.0,
            "permitted": np.full(n, 4, dtype=np.int8),
        }
    )


def retention_row(standing, least, name="retention"):
    count = standing.cells["retainable"].sum()
    return Row(name, name, standing.weights(retention=1), least, scale=100 / count, unit="points")


def budget_row(standing, most):
    return Row("budget", "budget", standing.weights(spend=-1), -most, at_most=True)


def make_planned(decisions, offer, *, rows=(), counted=False, solved=True):
    """Return a program whose plan is these offers, held to the rows that ``rows`` names."""
    names, cell = np.unique(decisions["category"], return_inverse=True)
    rule = None
    retainable = np.bincount(cell)
    if counted:
        consumer = np.unique(decisions["customer_id"], return_inverse=True)[1]
        rule = ConsumerRule(consumer, any_retained=True)
        first = np.flatnonzero(np.diff(consumer, prepend=-1))
        retainable = np.bincount(cell[first], minlength=len(names))
    options = Curve(decisions, cell, len(names), rule)
    objective = np.zeros((len(names), MEASURES))
    objective[:, Measure.SALES], objective[:, Measure.SPEND] = 1, -1
    cells = DataFrame({"category": names, "units": np.bincount(cell), "retainable": retainable})
    nothing = np.zeros((len(names), MEASURES))
    standing = Standing(cells, nothing, nothing, objective)
    made = tuple(make(standing) for make in rows)
    unknown = np.nan
    plan = Plan(
        np.zeros(len(offer), dtype=int) if solved else None,
        *(unknown, unknown, nothing, np.zeros(len(made)), np.zeros(len(made))),
        *(np.zeros(len(made)), "", 0.0),
    )
    program = Program(options, objective, made)
    return Planned("All", decisions, options, program, standing, Outcome(plan, made), offer)


def totals_of(planned, offer):
    """Return retention (consumers where they are counted), revenue and spend, by hand."""
    measures = planned.options.measures(offer)
    revenue = measures[:, Measure.SALES] - measures[:, Measure.SPEND]
    retention = measures[:, Measure.RETENTION]
    if planned.options.consumer_rule is not None:
        consumer = planned.options.consumer_rule.consumer
        retention = [retention[consumer == each].max() for each in np.unique(consumer)]
    return np.sum(retention), revenue.sum(), measures[:, Measure.SPEND].sum()


def best_by_hand(planned, step, keeps):
    """Return the most revenue of any rounding that keeps the rows; −∞ where none does."""
    best = -np.inf
    for ways in product((np.floor, np.ceil), repeat=len(planned.offer)):
        rounded = [way(each / step) * step for way, each in zip(ways, planned.offer, strict=True)]
        offer = np.array(rounded)
        inside = (offer > planned.decisions["offer_min"]) & (offer < planned.decisions["offer_max"])
        retention, revenue, spend = totals_of(planned, offer)
        if inside.all() and keeps(retention, spend):
            best = max(best, revenue)
    return best


@pytest.mark.parametrize("step", [1.0, 2.5, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_no_rounding_is_worth_more(seed, step):
    decisions = make_decisions(8, seed)
    offer = np.random.default_rng(seed + 50).uniform(6, 45, 8)
    measured = totals_of(make_planned(decisions, offer), offer)
    least, most = measured[0] * 0.999, measured[2] * 1.005
    planned = make_planned(
        decisions,
        offer,
        rows=(lambda s: retention_row(s, least), lambda s: budget_row(s, most)),
    )
    rounded = round_offers(planned, step, SOLVER)
    best = best_by_hand(planned, step, lambda kept, spend: kept >= least and spend <= most)
    assert np.allclose(rounded.offer / step, np.round(rounded.offer / step))
    retention, revenue, spend = totals_of(planned, rounded.offer)
    if np.isfinite(best):
        assert revenue == pytest.approx(best, rel=1e-9)
        assert retention >= least * (1 - 1e-9)
        assert spend <= most * (1 + 1e-9)
        assert rounded.broken == ()
    else:
        assert rounded.broken


@pytest.mark.parametrize("seed", range(3))
def test_consumers_that_count_once_are_counted_once(seed):
    decisions = make_decisions(8, seed)
    offer = np.random.default_rng(seed + 80).uniform(6, 45, 8)
    least = totals_of(make_planned(decisions, offer, counted=True), offer)[0]
    planned = make_planned(
        decisions, offer, rows=(lambda s: retention_row(s, least),), counted=True
    )
    rounded = round_offers(planned, 1.0, SOLVER)
    best = best_by_hand(planned, 1.0, lambda kept, _: kept >= least)
    assert totals_of(planned, rounded.offer)[1] == pytest.approx(best, rel=1e-9)
    assert rounded.broken == ()


def test_where_no_rounding_keeps_every_rule_the_nearest_is_sent_and_the_rule_named():
    decisions = make_decisions(6, 3)
    offer = np.array([10.2, 10.7, 20.0, 30.4, 44.9, 12.1])
    most = 0.9 * totals_of(make_planned(decisions, offer), np.floor(offer))[2]
    planned = make_planned(decisions, offer, rows=(lambda s: budget_row(s, most),))
    rounded = round_offers(planned, 1.0, SOLVER)
    assert rounded.offer.tolist() == [10, 11, 20, 30, 45, 12]
    assert rounded.broken == ("budget",)


def test_offers_never_leave_the_range():
    rng = np.random.default_rng(5)
    decisions = make_decisions(400, 5)
    decisions["offer_min"] = rng.uniform(0, 20, 400)
    decisions["offer_max"] = decisions["offer_min"] + rng.uniform(0.2, 9, 400)
    offer = rng.uniform(decisions["offer_min"], decisions["offer_max"])
    sent = round_offers(make_planned(decisions, offer), 1.0, SOLVER).offer
    assert (sent > decisions["offer_min"]).all()
    assert (sent < decisions["offer_max"]).all()
    whole = np.floor(decisions["offer_min"]) + 1 < decisions["offer_max"]
    assert (sent[whole] == np.round(sent[whole])).all()
    # A range that holds no whole percent sends what was planned.
    assert (sent[~whole] == offer[~whole]).all()
    assert 0 < whole.sum() < 400


@pytest.mark.parametrize(
    ("offer", "changes", "expected"),
    [
        (7.3, {}, {7, 8}),
        (7.0, {}, {7}),
        (15 * 1.05 * 4, {"offer_max": 90}, {63}),  # 63.00000000000001 in floating point
        (3.4, {}, {4}),  # 3 is the edge of the range
        (49.6, {}, {49}),
        (50 - 4e-9, {}, {49}),  # as good as the edge of the range, and not on it
        (3 + 4e-9, {}, {4}),
        (20.0 + 1e-13, {"offer_min": 20 - 1e-13, "offer_max": 22.0}, {20}),  # on it: not bound
        (0.4, {"offer_min": 0.0, "offer_max": 0.9}, {0.4}),  # nothing to round to
        (0.4, {"offer_min": -1.0}, {1}),  # an offer is not rounded away
        (0.4, {"offer_min": -1.0, "permitted": 6}, {0, 1}),
        (0.4, {"offer_min": 0.2, "permitted": 6}, {0, 1}),
        (0.4, {"offer_min": 0.2, "offer_max": 0.9, "permitted": 6}, {0}),
        (4.4, {"permitted": 6}, {4, 5}),
        (3.4, {"permitted": 6}, {4}),
        (0.0, {"permitted": 2}, {0}),
        (60.7, {"permitted": 1}, {60, 61}),  # stays as today, outside the range
        (7.3, {"permitted": 1, "offer_min": np.nan, "offer_max": np.nan}, {7, 8}),
        (99.6, {"permitted": 1}, {99, 100}),
    ],
)
def test_an_offer_goes_up_or_down(offer, changes, expected):
    decisions = make_decisions(1, 0).assign(**changes)
    offers, allowed = roundings(np.array([offer]), decisions, 1.0)
    assert set(offers[allowed]) == expected


def test_what_is_sent_and_what_it_costs():
    decisions = make_decisions(8, 2, ("Bakery", "Meat"))
    offer = np.array([10.4, 0.0, 20.0, 30.6, 12.5, 0.0, 14.2, 40.1])
    planned = make_planned(decisions, offer)
    offers, cost = send_offers([planned], FROM, TO, 1.0, SOLVER)
    assert list(offers) == ["customer_id", "item_id", "offer_percent", "valid_from", "valid_to"]
    assert len(offers) == 6
    assert (offers["offer_percent"] > 0).all()
    assert set(offers["valid_to"]) == {TO}
    assert cost["category"].tolist() == ["Bakery", "Meat", "All"]
    assert cost["offers"].tolist() == [3, 3, 6]
    assert cost["offers_rounded"].tolist() == [2, 3, 5]
    sent = round_offers(planned, 1.0, SOLVER).offer
    for what, given in {"planned": offer, "sent": sent}.items():
        retention, revenue, _ = totals_of(planned, given)
        assert cost[f"revenue_{what}"].iloc[-1] == pytest.approx(revenue)
        assert cost[f"revenue_{what}"].iloc[:2].sum() == pytest.approx(revenue)
        assert cost[f"retention_{what}"].iloc[-1] == pytest.approx(retention / 8)
    assert cost["revenue_cost"].to_numpy() == pytest.approx(
        cost["revenue_planned"] - cost["revenue_sent"]
    )
    assert (cost["rules_broken"] == "").all()


def test_what_rounding_costs_the_objective_stands_beside_what_it_costs_in_revenue():
    decisions = make_decisions(8, 2, ("Bakery", "Meat"))
    offer = np.random.default_rng(1).uniform(6, 45, 8)
    planned = make_planned(decisions, offer)
    margin = planned.program.objective.copy()
    margin[:, Measure.SALES] = 0.4  # 60 % of the price is paid for the goods
    planned.program = replace(planned.program, objective=margin)
    _, cost = send_offers([planned], FROM, TO, 5.0, SOLVER)
    sent = round_offers(planned, 5.0, SOLVER).offer
    for what, given in {"planned": offer, "sent": sent}.items():
        measures = planned.options.measures(given)
        earned = 0.4 * measures[:, Measure.SALES] - measures[:, Measure.SPEND]
        assert cost[f"objective_{what}"].tolist() == pytest.approx(
            [earned[:4].sum(), earned[4:].sum(), earned.sum()]
        )
    assert cost["objective_cost"].to_numpy() == pytest.approx(
        cost["objective_planned"] - cost["objective_sent"]
    )
    assert cost["objective_cost"].iloc[-1] != pytest.approx(cost["revenue_cost"].iloc[-1])


def test_rules_broken_are_named_where_they_bind():
    decisions = make_decisions(4, 2, ("Bakery", "Meat"))
    offer = np.array([10.4, 11.3, 20.2, 30.6])

    def too_much(standing):
        where = standing.cells["category"].to_numpy() == "Meat"
        return Row("retention: Meat", "retention", standing.weights(where, retention=1), 3.0)

    _, cost = send_offers([make_planned(decisions, offer, rows=(too_much,))], FROM, TO, 1.0, SOLVER)
    assert cost["rules_broken"].tolist() == ["", "retention: Meat", "retention: Meat"]


def test_rules_of_a_category_set_aside_are_named():
    decisions = make_decisions(4, 2, ("Bakery", "Meat"))
    planned = make_planned(decisions, np.array([10.4, 11.3, 20.2, 30.6]))
    meat = planned.standing.weights(np.array([False, True]), retention=1)
    planned.left_out = (Row("retention: Meat", "retention", meat, 3.0),)
    _, cost = send_offers([planned], FROM, TO, 1.0, SOLVER)
    assert cost["rules_broken"].tolist() == ["", "retention: Meat", "retention: Meat"]


def test_without_a_plan_the_offers_of_today_are_sent_rounded():
    decisions = make_decisions(4, 2).assign(permitted=np.int8(4))
    offer = np.array([10.4, 0.0, 20.2, 60.6])
    planned = make_planned(decisions, offer, solved=False, rows=(lambda s: retention_row(s, 4.0),))
    offers, cost = send_offers([planned], FROM, TO, 1.0, SOLVER)
    assert offers["offer_percent"].tolist() == [10, 20, 61]
    assert cost["rules_broken"].iloc[-1] == "retention"


def test_programs_of_several_categories_are_one_list():
    plans = [
        make_planned(make_decisions(4, seed, (name,)), np.full(4, 10.4))
        for seed, name in enumerate(["Meat", "Bakery"])
    ]
    plans[1] = replace(plans[1], decisions=plans[1].decisions.assign(item_id=[7, 8, 9, 10]))
    offers, cost = send_offers(plans, FROM, TO, 1.0, SOLVER)
    assert cost["category"].tolist() == ["Bakery", "Meat", "All"]
    keys = offers[["customer_id", "item_id"]]
    assert keys.equals(keys.sort_values(["customer_id", "item_id"], ignore_index=True))


def test_a_large_plan_is_rounded_within_the_same_rules():
    decisions = make_decisions(100_000, 9)
    offer = np.random.default_rng(9).uniform(4, 49, 100_000)
    least = totals_of(make_planned(decisions, offer), offer)[0]
    planned = make_planned(decisions, offer, rows=(lambda s: retention_row(s, least),))
    rounded = round_offers(planned, 1.0, SOLVER)
    retention, revenue, _ = totals_of(planned, rounded.offer)
    assert rounded.broken == ()
    assert retention >= least * (1 - 1e-9)
    assert np.abs(rounded.offer - offer).max() < 1
    # Rounding at random would cost about as much as it gains; the program's way costs little.
    assert revenue > totals_of(planned, offer)[1] * (1 - 1e-3)
