"""A row holds exactly when the plan meets the rule by its plain definition."""

import re
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pytest
from pydantic import Field

from promo_kedro.pipelines.optimization.knapsack.measures import Measure
from promo_kedro.pipelines.optimization.rules import (
    Budget,
    Fairness,
    MarginFloor,
    Retention,
    ReturnOnSpend,
)
from promo_kedro.pipelines.optimization.rules.base import RowRule

CATEGORIES = ["Bakery", "Meat"]
DOCS = Path(__file__).parents[4] / "docs" / "offer-rules.md"


def holds(row, totals) -> bool:
    """Return whether a plan meets a row."""
    return bool((row.coefficients * totals).sum() >= row.least)


def agree(market, plans, rows, meets) -> None:
    """Check rows against ``meets(row, offer, probability)``; both outcomes must occur."""
    found = [
        (holds(row, market.totals(*plan)), bool(meets(row, *plan)))
        for row in rows
        for plan in plans
    ]
    assert len({outcome for outcome, _ in found}) == 2
    assert all(outcome == expected for outcome, expected in found)


def scopes(market, scope):
    """Return, per row name's ending, where its units are."""
    if scope == "whole":
        return {"": np.ones(len(market.category), dtype=bool)}
    return {f": {category}": market.category == category for category in CATEGORIES}


@pytest.mark.parametrize("scope", ["category", "whole"])
def test_retention_is_the_mean_over_what_can_be_retained(market, plans, scope):
    rule = Retention(scope=scope, at_least=0.48)
    rows = rule.rows("keep", market.standing)
    where = {f"keep{name}": units for name, units in scopes(market, scope).items()}
    assert [row.name for row in rows] == list(where)
    agree(market, plans, rows, lambda row, _, p: p[where[row.name]].mean() >= 0.48)
    for row in rows:
        totals = market.totals(*plans[0])
        shown = (row.coefficients * totals).sum() * row.scale
        assert shown == pytest.approx(100 * plans[0][1][where[row.name]].mean())
        assert row.least * row.scale == pytest.approx(48)


def test_retention_of_today_and_of_named_categories(market):
    standing = market.standing
    rows = Retention(categories={"Meat": 0.9}).rows("retention", standing)
    least = {row.name: row.least for row in rows}
    bakery = standing.cells["category"].to_numpy() == "Bakery"
    assert least["retention: Bakery"] == standing.today[bakery, Measure.RETENTION].sum()
    assert least["retention: Meat"] == pytest.approx(0.9 * (market.category == "Meat").sum())


def test_levels_hold_only_where_retention_is_measured_as_set(market):
    set_otherwise = type(market.standing)(**{**vars(market.standing), "retention_as_set": False})
    levels = Retention(at_least=0.9, categories={"Meat": 0.8}).rows("retention", set_otherwise)
    today = Retention().rows("retention", market.standing)
    assert [row.least for row in levels] == [row.least for row in today]


def test_retention_where_nothing_can_be_retained_asks_nothing(market):
    cells = market.standing.cells.assign(retainable=0)
    empty = type(market.standing)(**{**vars(market.standing), "cells": cells})
    assert Retention().rows("retention", empty) == []


@pytest.mark.parametrize("scope", ["category", "whole"])
def test_budget_is_the_money_given_up(market, plans, scope):
    spent = [(market.price * offer / 100 * p) for offer, p in plans]
    most = float(np.median([money.sum() for money in spent])) / (2 if scope == "category" else 1)
    rows = Budget(scope=scope, at_most=most).rows("budget", market.standing)
    where = {f"budget{name}": units for name, units in scopes(market, scope).items()}
    assert all(row.at_most and row.unit == "money" and row.least == -most for row in rows)

    def within(row, offer, p):
        return (market.price * offer / 100 * p)[where[row.name]].sum() <= most

    agree(market, plans, rows, within)


def test_budget_of_today_or_of_some_categories(market):
    today = Budget(at_most="today").rows("budget", market.standing)
    assert [row.least for row in today] == [-market.standing.today[:, Measure.SPEND].sum()]
    some = Budget(scope="category", categories={"Meat": 5}).rows("budget", market.standing)
    assert [(row.name, row.least) for row in some] == [("budget: Meat", -5)]


@pytest.mark.parametrize("scope", ["category", "whole"])
@pytest.mark.parametrize("ratio", [0.0, 3.0])
def test_return_is_what_offers_add_per_money_spent(market, plans, scope, ratio):
    # Plans that sell less than no offers would are among them.
    plans = [(offer, p * offer.mean() / 20) for offer, p in plans]
    rows = ReturnOnSpend(scope=scope, at_least=ratio).rows("return", market.standing)
    where = {f"return{name}": units for name, units in scopes(market, scope).items()}
    without = market.standing.without_offers[:, Measure.SALES]
    cell = market.standing.cells["category"].to_numpy()

    def earns(row, offer, p):
        units = where[row.name]
        cells = np.isin(cell, market.category[units])
        revenue = (market.price * (1 - offer / 100) * p)[units].sum()
        spend = (market.price * offer / 100 * p)[units].sum()
        return (revenue - without[cells].sum()) / spend >= ratio

    agree(market, plans, rows, earns)


@pytest.mark.parametrize("scope", ["category", "whole"])
def test_margin_floor_is_a_share_of_revenue(market, plans, scope):
    rows = MarginFloor(scope=scope, at_least=0.4).rows("margin", market.standing)
    where = {f"margin{name}": units for name, units in scopes(market, scope).items()}

    def stays(row, offer, p):
        units = where[row.name]
        revenue = (market.price * (1 - offer / 100) * p)[units].sum()
        margin = revenue - (market.cost * p)[units].sum()
        return margin / revenue >= 0.4

    agree(market, plans, rows, stays)


@pytest.mark.parametrize("scope", ["category", "whole"])
@pytest.mark.parametrize(("of", "most"), [("probability", 2), ("offer", 1)])
def test_fairness_is_the_difference_of_group_means(market, plans, scope, of, most):
    rule = Fairness(
        scope=scope, by="age", of=of, at_most=most, min_consumer_items=10, compare_unknown=True
    )
    rows = rule.rows("fair", market.standing)
    where = {
        f"fair{name}, {high} above {low}": (units, high, low)
        for name, units in scopes(market, scope).items()
        for high, low in permutations(["old", "unknown", "young"], 2)
    }
    assert [row.name for row in rows] == list(where)

    def difference(row, offer, p):
        units, high, low = where[row.name]
        value = offer if of == "offer" else 100 * p
        return (
            value[units & (market.age == high)].mean() - value[units & (market.age == low)].mean()
        )

    agree(market, plans, rows, lambda row, *plan: difference(row, *plan) <= most)
    shown = -(rows[0].coefficients * market.totals(*plans[0])).sum() * rows[0].scale
    assert shown == pytest.approx(difference(rows[0], *plans[0]))
    assert -rows[0].least * rows[0].scale == pytest.approx(most)


def test_fairness_leaves_out_the_unknown_and_the_small(market, caplog):
    rule = {"by": "age", "at_most": 1}
    rows = Fairness(**rule, min_consumer_items=1).rows("fair", market.standing)
    assert [row.name for row in rows] == ["fair, old above young", "fair, young above old"]
    assert not caplog.messages
    assert Fairness(**rule, min_consumer_items=1_000).rows("fair", market.standing) == []
    assert "compares nothing" in caplog.text


def test_rows_know_how_important_their_rule_is(market):
    rules = [
        Retention(hard=False, priority=3),
        Budget(at_most=1, hard=False, priority=3),
        ReturnOnSpend(at_least=1, hard=False, priority=3),
        MarginFloor(at_least=0.1, hard=False, priority=3),
        Fairness(by="age", at_most=1, min_consumer_items=1, hard=False, priority=3),
    ]
    for rule in rules:
        rows = rule.rows("name", market.standing)
        assert rows
        assert all((row.rule, row.hard, row.priority) == ("name", False, 3) for row in rows)


def test_the_new_rule_in_the_page_works(market, plans):
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    names = {"RowRule": RowRule, "Literal": Literal, "Annotated": Annotated, "Field": Field}
    names |= {"replace": replace, "Standing": object, "Row": object}
    exec(code, names)  # our own page
    rows = names["MinimumOffers"](at_least=90).rows("many", market.standing)
    where = {f"many{name}": units for name, units in scopes(market, "category").items()}
    agree(market, plans, rows, lambda row, o, _: (o[where[row.name]] > 0).sum() >= 90)
