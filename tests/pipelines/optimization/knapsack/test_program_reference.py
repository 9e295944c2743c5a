"""Plans against the same program stated otherwise: in CVXPY, in a MILP, and by trying all plans."""

from dataclasses import fields, replace

import cvxpy as cp
import numpy as np
import pytest
from pandas import DataFrame
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from promo_kedro.pipelines.optimization.knapsack.offers import OfferColumns
from promo_kedro.pipelines.optimization.knapsack.parameters import SolverParameters
from promo_kedro.pipelines.optimization.knapsack.program import Program, Row
from promo_kedro.pipelines.optimization.knapsack.route import solve
from promo_kedro.pipelines.optimization.parameters import OptimizationParameters
from promo_kedro.pipelines.optimization.planning import plan_programs

from .written_programs import MENUS, Menu, Written, items, lacking, weights

REVENUE, MARGIN = {"sales": 1, "spend": -1}, {"sales": 1, "spend": -1, "cost": -1}
PARAMETERS = SolverParameters(threads=1)
KINDS = ["retention", "many"]


def program_of(units: int, kind: str, seed: int = 0, mode: str = "exact") -> tuple[Written, tuple]:
    """Return consumer-items and rows: retention alone, or with a budget and two fairness rows."""
    draw = np.random.default_rng(seed)
    cells = 1 if kind == "retention" else 4
    columns = items(units, draw, awkward=False, cells=cells)
    menu = MENUS["even"] if kind == "retention" else MENUS["uneven"]
    written = Written(columns, mode, menu, indicator=False, cells=cells)
    margin = weights(cells, **MARGIN)
    count = np.bincount(columns.cell, minlength=cells)
    old = np.arange(cells) % 2 == 0
    fair = weights(cells, old, offer=units / max(count[old].sum(), 1))
    if cells > 1:
        fair += weights(cells, ~old, offer=-units / count[~old].sum())
    asked = {
        "retention": (weights(cells, retention=1), 2.0, False),
        "retention of the first": (weights(cells, 0, retention=1), 1.0, False),
        "budget": (weights(cells, spend=-1), 0.3, True),
        "fairness, up": (fair, 0.004, True),
        "fairness, down": (-fair, 0.0, True),
    }
    if kind == "retention":
        asked = {"retention": asked["retention"]}
    priced = margin + sum(price * row for row, price, _ in asked.values())
    reached = written.totals(written.best(priced))
    rows = tuple(
        Row(name, name, row, float((row * reached).sum()) - (price == 0) * units, at_most=at_most)
        for name, (row, price, at_most) in asked.items()
    )
    # Off the plan just found, so that the linear program splits units between options.
    draws = draw.uniform(0.0005, 0.001, len(rows)) * units
    rows = tuple(replace(row, least=row.least - by) for row, by in zip(rows, draws, strict=True))
    return written, rows


def open_options(written: Written, objective, rows):
    """Return unit, value and each row's weight of every open option: (options,), …, (rows, …)."""
    unit, column = np.nonzero(written.allowed)
    measures, cell = written.measures[unit, column], written.columns.cell[unit]
    value = (measures * objective[cell]).sum(axis=1)
    return unit, value, np.array([(measures * row.coefficients[cell]).sum(axis=1) for row in rows])


def choice_form(written: Written, objective, rows) -> tuple[float, np.ndarray, np.ndarray]:
    """Return optimum, duals of the rows, and shares of the linear program in choice form."""
    unit, value, weight = open_options(written, objective, rows)
    share = cp.Variable(len(unit), bounds=[0, 1])
    one_each = sparse.csr_array((np.ones(len(unit)), (unit, np.arange(len(unit)))))
    asks = [row @ share >= asked.least for row, asked in zip(weight, rows, strict=True)]
    problem = cp.Problem(cp.Maximize(value @ share), [one_each @ share == 1, *asks])
    problem.solve(solver=cp.HIGHS)
    duals = np.array([float(ask.dual_value) for ask in asks])
    return float(problem.value), duals, np.asarray(share.value)


@pytest.mark.parametrize("units", [2_000, 10_000])
@pytest.mark.parametrize("kind", KINDS)
def test_bound_and_prices_are_those_of_the_linear_program(units, kind):
    written, rows = program_of(units, kind)
    objective = weights(written.cells, **MARGIN)
    best, duals, shares = choice_form(written, objective, rows)

    plan = solve(Program(written.options(), objective, rows), PARAMETERS)

    assert (duals > 1e-6).any()
    assert plan.upper_bound == pytest.approx(best, rel=1e-9)
    # As many units split as rows bind: the optimum is not degenerate, its duals are unique.
    unit = np.nonzero(written.allowed)[0]
    split = len(np.unique(unit[(shares > 1e-7) & (shares < 1 - 1e-7)]))
    assert split == (duals > 1e-9).sum()
    np.testing.assert_allclose(plan.prices, duals, rtol=1e-6, atol=1e-8)
    assert plan.value == pytest.approx(best, rel=1e-4)
    totals = written.totals(plan.choice)
    assert all(lacking(row, totals) <= 0 for row in rows)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_whole_plans_are_those_of_an_integer_program(kind, seed):
    written, rows = program_of(120 + 40 * (seed - 1), kind, seed)
    objective = weights(written.cells, **MARGIN)
    unit, value, weight = open_options(written, objective, rows)
    one_each = sparse.csr_array((np.ones(len(unit)), (unit, np.arange(len(unit)))))
    found = milp(
        -value,
        integrality=np.ones(len(unit)),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(one_each, 1, 1),
            LinearConstraint(weight, [row.least for row in rows], np.inf),
        ],
        options={"mip_rel_gap": 1e-6, "node_limit": 20_000},
    )
    best, none_above = -found.fun, -found.mip_dual_bound

    close = 1e-6 * abs(best)
    for size in (0, 300):  # by prices, whole
        parameters = PARAMETERS.model_copy(update={"whole_program_size": size})
        plan = solve(Program(written.options(), objective, rows), parameters)
        assert plan.value <= none_above + close
        assert plan.upper_bound >= best - close
        assert plan.value >= best * (1 - plan.gap) - close
        assert plan.value == pytest.approx(best, rel=1e-5)


# Every rule by its definition, on all plans of a few consumer-items.

CHANGES = [-0.5, 0.0, 0.5]
STEPS = {"rule": "OfferSteps", "changes": CHANGES}


def decisions_of(seed: int) -> DataFrame:
    """Return five consumer-items of two consumers and two age groups, in one category."""
    draw = np.random.default_rng(seed)
    columns = items(5, draw, awkward=False)
    frame = DataFrame({name: getattr(columns, name) for name in columns.__dataclass_fields__})
    frame = frame.drop(columns="cell").assign(
        category="Bakery",
        customer_id=[1, 1, 2, 2, 2],
        item_id=range(5),
        quantity=1.0,
        permitted=np.array([7, 7, 7, 7, 3], dtype=np.int8),
        age_range=["18-25", "18-25", "26-35", "26-35", "26-35"],
        offer_today=draw.uniform(10, 30, 5),
        probability=draw.uniform(0.2, 0.7, 5),
        cutoff=draw.uniform(0.3, 0.7, 5),
        slope=draw.uniform(0.02, 0.1, 5),
        kept="",
    )
    frame["elasticity"] = frame["slope"] * frame["reference_offer"] * (1 - frame["probability"])
    return frame.assign(adjustable=frame["permitted"] >= 4)


def plans_of(frame: DataFrame, mode: str) -> dict[str, np.ndarray]:
    """Return what all plans come to, figure by figure, (plans,) or (plans, units)."""
    names = [each.name for each in fields(OfferColumns) if each.name != "cell"]
    named = {name: frame[name].to_numpy() for name in names}
    columns = OfferColumns(**named, cell=np.zeros(len(frame), dtype=int))
    written = Written(columns, mode, Menu(True, np.array(CHANGES)), indicator=mode == "paper")
    open_ = [np.flatnonzero(unit) for unit in written.allowed]
    choice = np.stack(np.meshgrid(*open_, indexing="ij"), axis=-1).reshape(-1, len(frame))
    each = np.arange(len(frame))
    offer, probability = written.offer[each, choice], written.probability[each, choice]
    clears = probability >= columns.cutoff
    worth = clears if mode == "paper" else probability
    price = columns.price
    return {
        "offer": offer,
        "probability": probability,
        "clears": clears,
        "retention": (clears if mode == "paper" else probability).mean(axis=1),
        "revenue": (price * (1 - offer / 100) * worth).sum(axis=1),
        "spend": (price * offer / 100 * worth).sum(axis=1),
        "cost": (columns.cost * worth).sum(axis=1),
        "without": float(written.measures[:, 1, 0].sum()),
    }


def retention_rule(plans, level):
    return {"rule": "Retention", "at_least": level}, plans["retention"] >= level - 1e-12


def budget_rule(plans, level):
    return {"rule": "Budget", "at_most": level}, plans["spend"] <= level * (1 + 1e-12)


def return_rule(plans, level):
    added = plans["revenue"] - plans["without"]
    kept = added >= level * plans["spend"] - 1e-10
    return {"rule": "ReturnOnSpend", "at_least": level}, kept


def margin_rule(plans, level):
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (plans["revenue"] - plans["cost"]) / plans["revenue"]
    kept = (share >= level - 1e-12) | (plans["revenue"] == 0)
    return {"rule": "MarginFloor", "at_least": level}, kept


def fairness_rule(plans, level, of="offer"):
    groups = plans[of][:, :2].mean(axis=1), plans[of][:, 2:].mean(axis=1)
    points = 100 if of == "probability" else 1
    kept = np.abs(groups[0] - groups[1]) * points <= level + 1e-10
    rule = {"rule": "Fairness", "by": "age_range", "of": of, "at_most": level}
    return rule | {"min_consumer_items": 1}, kept


def fair_probability_rule(plans, level):
    return fairness_rule(plans, level, "probability")


def cap_rule(plans, level):
    offered = plans["offer"] > 0
    counts = offered[:, :2].sum(axis=1), offered[:, 2:].sum(axis=1)
    kept = (counts[0] <= level) & (counts[1] <= level)
    return {"rule": "MaxOffersPerConsumer", "at_most": int(level)}, kept


RULES = {
    "Retention": (retention_rule, lambda plans: plans["retention"]),
    "Budget": (budget_rule, lambda plans: plans["spend"]),
    "ReturnOnSpend": (return_rule, lambda plans: np.linspace(-0.9, 0.6, 9)),
    "MarginFloor": (margin_rule, lambda plans: np.linspace(0.2, 0.5, 9)),
    "Fairness of offers": (fairness_rule, lambda plans: np.linspace(0, 12, 9)),
    "Fairness of probabilities": (fair_probability_rule, lambda plans: np.linspace(1, 30, 9)),
    "MaxOffersPerConsumer": (cap_rule, lambda plans: np.array([0, 1, 2])),
}


def planned_with(frame, mode, rules, **parameters):
    """Return the one program planned under these rules, and the offers in the order of items."""
    chosen = OptimizationParameters(rules={"steps": STEPS, **rules}, mode=mode, **parameters)
    (planned,) = plan_programs(frame, mode, chosen)
    order = planned.decisions["item_id"].to_numpy().argsort()
    return planned, planned.offer[order]


def assert_reaches_the_best(planned, offer, plans, kept, objective):
    if not kept.any():
        assert planned.outcome.plan.choice is None
        return
    assert planned.outcome.plan.choice is not None
    mine = np.abs(plans["offer"] - offer).max(axis=1) < 1e-9
    assert kept[mine].all()
    assert planned.outcome.plan.value == pytest.approx(objective[mine][0], rel=1e-9)
    assert planned.outcome.plan.value == pytest.approx(objective[kept].max(), rel=1e-6)
    assert planned.outcome.plan.upper_bound >= objective[kept].max() * (1 - 1e-9)


@pytest.mark.parametrize("mode", ["paper", "linear", "exact"])
@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("level", [0.2, 0.6, 0.95])
def test_each_rule_reaches_the_best_of_all_plans(mode, name, level):
    frame = decisions_of(len(name) + int(100 * level))
    plans = plans_of(frame, mode)
    rule_at, range_of = RULES[name]
    asked = float(np.quantile(range_of(plans), level, method="nearest"))
    rule, kept = rule_at(plans, asked)

    planned, offer = planned_with(frame, mode, {"the rule": rule})

    assert_reaches_the_best(planned, offer, plans, kept, plans["revenue"])


@pytest.mark.parametrize("mode", ["paper", "linear", "exact"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("capped", [False, True])
def test_consumers_counted_once_reach_the_best_of_all_plans(mode, seed, capped):
    frame = decisions_of(50 + seed)
    plans = plans_of(frame, mode)
    clears = plans["clears"]
    share = (clears[:, :2].any(axis=1).astype(float) + clears[:, 2:].any(axis=1)) / 2
    level = share.max()
    budget, within = budget_rule(plans, float(np.quantile(plans["spend"], 0.4, method="nearest")))
    rules = {"budget": budget | {"scope": "category"}}
    rules["retention"] = {"rule": "Retention", "at_least": float(level)}
    kept = within & (share >= level)
    if capped:
        rules["cap"], few = cap_rule(plans, 1)
        rules["cap"]["scope"] = "category"
        kept = kept & few

    measure = "consumer_indicator"
    planned, offer = planned_with(frame, mode, rules, retention_measure=measure)

    assert_reaches_the_best(planned, offer, plans, kept, plans["revenue"])


@pytest.mark.parametrize("mode", ["linear", "exact"])
@pytest.mark.parametrize("seed", range(4))
def test_all_rules_together_for_margin(mode, seed):
    frame = decisions_of(70 + seed)
    plans = plans_of(frame, mode)
    margin = plans["revenue"] - plans["cost"]
    rules = {
        "retention": retention_rule(plans, float(np.quantile(plans["retention"], 0.5))),
        "budget": budget_rule(plans, float(np.quantile(plans["spend"], 0.6))),
        "fairness": fairness_rule(plans, 10.0),
        "cap": cap_rule(plans, 2),
    }
    kept = np.all([keeps for _, keeps in rules.values()], axis=0)
    written = {name: rule for name, (rule, _) in rules.items()}

    planned, offer = planned_with(frame, mode, written, objective="margin")

    assert_reaches_the_best(planned, offer, plans, kept, margin)
