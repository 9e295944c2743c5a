"""Offers reckoned on the fly against all options written out in plain numpy."""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pytest
from scipy.special import expit, logit

from promo_kedro.errors import InputError
from promo_kedro.pipelines.optimization.knapsack import offers as offers_module
from promo_kedro.pipelines.optimization.knapsack.offers import (
    OfferColumns,
    OfferOptions,
    purchase_probability,
)
from promo_kedro.pipelines.optimization.knapsack.options import ConsumerRule

CELLS = 3
TIE = 1e-12


@dataclass(frozen=True)
class Menu:
    relative: bool
    values: np.ndarray


PAPER = Menu(True, 0.05 * np.arange(-19, 20))
EVEN = Menu(False, np.arange(0.0, 50, 5))
UNEVEN = Menu(False, np.array([0.0, 5, 10, 20, 33]))
MENUS = {"relative": PAPER, "even menu": EVEN, "uneven menu": UNEVEN}


def some_columns(n: int, seed: int = 0, **fixed) -> OfferColumns:
    """Return random units with the awkward ones among them."""
    draw = np.random.default_rng(seed)
    slope = draw.choice([0.0, -0.03, 0.02, 0.08, 40.0], n, p=[0.1, 0.1, 0.4, 0.3, 0.1])
    columns = {
        "price": draw.choice([0.0, 1.0, 3.7, 9.9], n, p=[0.1, 0.2, 0.4, 0.3]),
        "cost": draw.uniform(0, 3, n),
        "reference_offer": draw.choice([0.0, 10.0, 23.3, 40.0], n, p=[0.1, 0.2, 0.4, 0.3]),
        "offer_today": draw.choice([0.0, 10.0, 31.0], n),
        "probability": draw.choice([0.0, 1.0, 1e-40, 0.1, 0.37, 0.8], n),
        "slope": slope,
        "elasticity": draw.choice([0.0, -0.6, 0.4, 1.3, 6.0], n),
        "cutoff": draw.choice([0.0, 0.1, 0.3, 0.45, 1.0, np.inf], n),
        "offer_min": draw.choice([-1.0, 2.0, 8.0], n),
        "offer_max": draw.choice([30.0, 60.0], n),
        "permitted": draw.choice([1, 2, 3, 5, 6, 7], n),
        "cell": draw.integers(0, CELLS, n),
    }
    # A reference offer inside its range leaves a step open, so the steps alone will do.
    inside = (columns["reference_offer"] > columns["offer_min"]) & (columns["offer_min"] < 5)
    inside &= columns["reference_offer"] < columns["offer_max"]
    columns["permitted"][inside & (draw.random(n) < 0.5)] = 4
    return OfferColumns(**(columns | {k: np.broadcast_to(v, n).copy() for k, v in fixed.items()}))


def written_out(c: OfferColumns, mode: str, menu: Menu, indicator: bool):
    """Return (allowed, offers, measures) of every option: the definitions, word for word."""
    k, f = c.reference_offer[:, None], c.probability[:, None]
    step = k * (1 + menu.values) if menu.relative else np.tile(menu.values, (len(k), 1))
    offer = np.hstack([c.offer_today[:, None], np.zeros_like(k), step])
    inside = (step > c.offer_min[:, None]) & (step < c.offer_max[:, None])
    bit = c.permitted[:, None]
    allowed = np.hstack([bit & 1 > 0, bit & 2 > 0, inside & (bit & 4 > 0)])
    if mode == "exact":
        with np.errstate(divide="ignore"):
            p = expit(logit(f) + c.slope[:, None] * (offer - k))
    else:
        change = np.where(k > 0, offer / np.where(k > 0, k, 1), 1) - 1
        p = np.clip(f * (1 + change * c.elasticity[:, None]), 0, 1)
    clears = p >= c.cutoff[:, None]
    q = clears if mode == "paper" else p
    price, r = c.price[:, None], clears if indicator else p
    one = np.ones_like(p)
    parts = price * q, price * offer / 100 * q, c.cost[:, None] * q, r * one, p, offer, offer > 0
    return allowed, offer, np.stack([part * one for part in parts], axis=-1)


def some_weights(seed: int, kind: str) -> np.ndarray:
    draw = np.random.default_rng(seed)
    weights = np.zeros((CELLS, 7))
    weights[:, 0], weights[:, 1] = 1, -draw.uniform(0.5, 1.5, CELLS)
    if kind != "revenue":
        weights[:, 2], weights[:, 3] = -1, draw.uniform(0, 3, CELLS)
    if kind == "everything":
        weights[:, 4:] = draw.normal(0, 0.1, (CELLS, 3))
    return weights


def best_of(allowed, offer, measures, scores):
    """Return the best option of each unit: score, then retention, then the lower offer."""
    choice = np.empty(len(scores), dtype=int)
    for unit, rated in enumerate(scores):
        score = np.where(allowed[unit], rated, -np.inf)
        top = score >= score.max() - TIE * abs(score.max())
        retention = np.where(top, measures[unit, :, 3], -np.inf)
        top &= retention >= retention.max() - TIE
        choice[unit] = np.where(top, offer[unit], np.inf).argmin()
    return choice


@pytest.mark.parametrize("menu", MENUS)
@pytest.mark.parametrize("mode", ["exact", "linear", "paper"])
@pytest.mark.parametrize("indicator", [False, True])
@pytest.mark.parametrize("kind", ["revenue", "margin", "everything", "nothing"])
def test_every_unit_takes_its_best_option(menu, mode, indicator, kind):
    columns = some_columns(600, seed=len(menu))
    options = OfferOptions(
        columns, mode, MENUS[menu], indicator_retention=indicator, cells=CELLS, threads=1
    )
    weights = some_weights(5, kind) * (kind != "nothing")
    allowed, offer, measures = written_out(columns, mode, MENUS[menu], indicator)
    scores = (measures * weights[columns.cell][:, None]).sum(axis=-1)
    best = best_of(allowed, offer, measures, scores)

    for regret in (False, True):
        chosen = options.choose(weights, regret=regret)
        unit = np.arange(len(columns))
        assert allowed[unit, chosen.option].all()
        np.testing.assert_allclose(scores[unit, chosen.option], scores[unit, best], atol=1e-11)
        same = chosen.option == best
        assert same[~_near_tie(allowed, scores, measures, best)].all()
        assert same.mean() > 0.98
        totals = [
            measures[unit, chosen.option][columns.cell == cell].sum(axis=0) for cell in range(CELLS)
        ]
        np.testing.assert_allclose(chosen.totals, totals, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(options.totals(chosen.option), totals, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(chosen.score, scores[unit, best].sum(), rtol=1e-10, atol=1e-9)
    others = np.where(allowed, scores, -np.inf)
    others[np.abs(offer - offer[unit, chosen.option][:, None]) < 1e-9] = -np.inf
    regret = np.maximum(scores[unit, chosen.option] - others.max(axis=1), 0)
    np.testing.assert_allclose(chosen.regret, regret, rtol=1e-5, atol=1e-6)
    values = options.values(chosen.option, weights)
    np.testing.assert_allclose(values, scores[unit, chosen.option], rtol=1e-10, atol=1e-10)


def _near_tie(allowed, scores, measures, best):
    """Return units where rounding may settle a tie: another option as good within 1e-9."""
    unit = np.arange(len(scores))
    close = np.abs(scores - scores[unit, best][:, None]) < 1e-9
    retention = np.abs(measures[:, :, 3] - measures[unit, best, 3][:, None])
    return (close & allowed & (retention > 0) & (retention < 1e-9)).any(axis=1)


@pytest.mark.parametrize("mode", ["exact", "linear", "paper"])
def test_probabilities_and_measures_are_those_of_the_definitions(mode):
    columns = some_columns(400, 3)
    options = OfferOptions(columns, mode, PAPER, indicator_retention=False, cells=CELLS)
    _, offer, measures = written_out(columns, mode, PAPER, indicator=False)
    for column in (0, 1, 5, 21, 40):
        p = options.probabilities(offer[:, column])
        np.testing.assert_allclose(p, measures[:, column, 4], rtol=0, atol=1e-12)
        np.testing.assert_allclose(
            options.measures(offer[:, column]), measures[:, column], rtol=0, atol=1e-10
        )
    c = columns
    at_reference = purchase_probability(
        c.reference_offer, c.reference_offer, c.probability, c.slope, c.elasticity, mode
    )
    np.testing.assert_array_equal(at_reference, c.probability)


@pytest.mark.parametrize("mode", ["exact", "paper"])
def test_a_table_holds_what_the_passes_choose_from(mode):
    columns = some_columns(200, 4)
    options = OfferOptions(columns, mode, UNEVEN, indicator_retention=mode == "paper", cells=CELLS)
    units = np.array([3, 77, 150])
    table = options.tabulate(units)
    allowed, offer, measures = written_out(columns, mode, UNEVEN, indicator=mode == "paper")
    np.testing.assert_array_equal(table.allowed, allowed[units])
    np.testing.assert_allclose(
        table.measures, np.where(allowed[..., None], measures, 0)[units], atol=1e-10
    )
    np.testing.assert_array_equal(table.cell, columns.cell[units])
    choice = options.choose(some_weights(0, "margin")).option
    np.testing.assert_array_equal(options.offers(choice), offer[np.arange(200), choice])
    taken = options.take(units)
    np.testing.assert_array_equal(taken.choose(some_weights(0, "margin")).option, choice[units])


@pytest.mark.parametrize("rule", [None, "cap", "any"])
def test_threads_and_order_change_nothing(rule, monkeypatch):
    monkeypatch.setattr(offers_module, "CHUNK", 300)
    columns = some_columns(2000, 6)
    columns = replace(columns, permitted=columns.permitted | 2)
    consumer = np.repeat(np.arange(500), 4)
    coupled = None if rule is None else ConsumerRule(consumer, 1, rule == "any")
    weights = some_weights(2, "everything")
    setting = {"indicator_retention": False, "consumer_rule": coupled, "cells": CELLS}
    one = OfferOptions(columns, "exact", PAPER, threads=1, **setting).choose(weights, regret=True)
    two = OfferOptions(columns, "exact", PAPER, threads=2, **setting).choose(weights, regret=True)
    np.testing.assert_array_equal(one.option, two.option)
    np.testing.assert_array_equal(one.regret, two.regret)
    assert one.totals.tobytes() == two.totals.tobytes()
    order = np.random.default_rng(0).permutation(500)
    order = (4 * order[:, None] + np.arange(4)).ravel()
    moved = OfferOptions(columns.take(order), "exact", PAPER, threads=2, **setting)
    np.testing.assert_array_equal(moved.choose(weights).option, one.option[order])


COUPLED = {
    "relative": Menu(True, np.array([-0.4, 0, 0.3])),
    "absolute": Menu(False, np.array([0.0, 10, 30])),
    "even": Menu(True, np.array([-0.8, -0.4, 0, 0.4, 0.8])),
}


def of_one_consumer(measures, weights, cell, counted):
    """Return the score of one choice of a consumer's units, measures (units, 7)."""
    own = weights[cell].copy()
    reward = own[0, 3] * measures[:, 3].max() if counted else 0.0
    own[:, 3] *= not counted
    return (measures * own).sum() + reward


@pytest.mark.parametrize("cap", [None, 0, 1, 2])
@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize("mode", ["exact", "linear", "paper"])
@pytest.mark.parametrize("menu", COUPLED)
def test_a_consumer_chooses_the_best_of_all_joint_choices(cap, counted, mode, menu):
    even, menu = menu == "even", COUPLED[menu]
    least = 2.0 if menu.relative else -1.0
    columns = some_columns(60, seed=2, offer_min=least, offer_max=60.0)
    columns = replace(columns, permitted=columns.permitted | 2)
    if even:  # no curve too steep to be followed along the steps
        columns = replace(columns, slope=np.minimum(columns.slope, 0.08))
    if cap == 2:  # offers that cannot be left out take their slots
        columns.permitted[::3] = np.where(columns.offer_today[::3] > 0, 1, 2)
    consumer = np.repeat(np.arange(20), 3)
    weights = some_weights(8, "everything")
    weights[:, 3] = [2.5, -1.0, 0.7]
    weights[:, 5] *= not even
    rule = ConsumerRule(consumer, cap, counted)
    options = OfferOptions(
        columns, mode, menu, indicator_retention=False, consumer_rule=rule, cells=CELLS
    )
    chosen = options.choose(weights, regret=True)
    allowed, offer, measures = written_out(columns, mode, menu, counted)
    score = 0.0
    for low in range(0, 60, 3):
        us = np.arange(low, low + 3)
        values = {
            joint: of_one_consumer(measures[us, joint], weights, columns.cell[us], counted)
            for joint in product(*(np.flatnonzero(allowed[u]) for u in us))
            if cap is None or (offer[us, joint] > 0).sum() <= cap
        }
        best = max(values.values())
        assert values[tuple(chosen.option[us])] == pytest.approx(best, abs=1e-9)
        score += best
    assert chosen.score == pytest.approx(score, abs=1e-8)
    assert (chosen.regret >= 0).all()
    np.testing.assert_allclose(options.totals(chosen.option), chosen.totals, atol=1e-9)
    assert options.values(chosen.option, weights).sum() == pytest.approx(score, abs=1e-8)
    third = options.take(us)
    np.testing.assert_array_equal(third.choose(weights).option, chosen.option[us])


def test_offers_that_cannot_be_left_out_must_fit_the_cap():
    columns = some_columns(4, permitted=1, offer_today=10.0, cell=0)
    rule = ConsumerRule(np.array([0, 0, 1, 1]), most_offers=1)
    with pytest.raises(InputError, match=r"2 consumers must get more than 1 offers.*NoOffer"):
        OfferOptions(columns, "exact", PAPER, indicator_retention=False, consumer_rule=rule)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("price", np.nan, "price must be a finite amount.*1 rows, such as nan in row 2"),
        ("price", -1.0, "price"),
        ("cost", np.inf, "cost"),
        ("reference_offer", 101.0, "reference_offer must be a percentage"),
        ("probability", 1.5, "probability"),
        ("slope", np.nan, "slope"),
        ("cutoff", np.nan, "cutoff"),
        ("permitted", 0, "permitted"),
        ("offer_max", -0.5, "1 consumer-items have no option, such as that of row 2"),
    ],
)
def test_what_cannot_be_reckoned_with_is_refused(column, value, message):
    columns = some_columns(5, permitted=4, offer_min=-1.0)
    getattr(columns, column)[2] = value
    with pytest.raises(InputError, match=message):
        OfferOptions(columns, "exact", PAPER, indicator_retention=False, cells=CELLS)


@pytest.mark.parametrize(
    ("fixed", "consumer", "message"),
    [
        ({}, [0, 1, 0, 1], "side by side"),
        ({}, [-1, 0, 1, 2], "rising order from 0"),
        ({}, [0.0, 0.5, 1.0, 1.5], "rising order from 0"),
        ({}, [0, 1, 2], r"consumer is of shape \(3,\).*each of 4"),
        ({"cell": [0, 3, 0, 0]}, None, "cell must be a whole number, 0–2, but is 0–3"),
        ({"cell": [0, -1, 0, 0]}, None, "but is -1–0"),
        ({"cell": [0.0, np.nan, 0, 0]}, None, "cell must be a whole number"),
        ({"cutoff": [0.5] * 3}, None, r"cutoff is of shape \(3,\)"),
        ({"offer_max": 60.0}, None, r"offer_max is of shape \(\)"),
    ],
)
def test_units_that_are_not_laid_out_as_they_are_indexed_are_refused(fixed, consumer, message):
    columns = some_columns(4, permitted=7)
    columns = replace(columns, **{name: np.array(value) for name, value in fixed.items()})
    rule = None if consumer is None else ConsumerRule(np.array(consumer), most_offers=3)
    setting = {"indicator_retention": False, "consumer_rule": rule, "cells": CELLS}
    with pytest.raises(InputError, match=message):
        OfferOptions(columns, "exact", PAPER, **setting)


@pytest.mark.parametrize("mode", ["exact", "linear", "paper"])
def test_as_many_steps_as_a_choice_can_name(mode):
    columns = some_columns(2, permitted=4, price=3.0, cell=0, reference_offer=20.0)
    columns = replace(columns, offer_min=np.zeros(2), offer_max=np.full(2, 90.0))
    menu = Menu(False, np.linspace(1, 63, 125))
    options = OfferOptions(columns, mode, menu, indicator_retention=False)
    weights = np.array([[0.0, 0, 0, 0, 0, 1, 0]])
    np.testing.assert_allclose(options.offers(options.choose(weights).option), 63)
    many = Menu(False, np.linspace(1, 63, 126))
    with pytest.raises(InputError, match="126, but may be at most 125"):
        OfferOptions(columns, mode, many, indicator_retention=False)


@pytest.mark.parametrize("rule", [None, ConsumerRule(np.zeros(0, dtype=int), 1, True)])
def test_no_units_are_a_program_too(rule):
    columns = some_columns(0)
    options = OfferOptions(
        columns, "exact", PAPER, indicator_retention=False, consumer_rule=rule, cells=2
    )
    chosen = options.choose(np.zeros((2, 7)), regret=True)
    assert len(options) == len(chosen.option) == len(chosen.regret) == 0
    np.testing.assert_array_equal(chosen.totals, np.zeros((2, 7)))
    np.testing.assert_array_equal(options.totals(chosen.option), np.zeros((2, 7)))
    assert options.offers(chosen.option).shape == options.probabilities(np.zeros(0)).shape == (0,)
    assert options.measures(np.zeros(0)).shape == (0, 7)
    assert options.tabulate(np.zeros(0, dtype=int)).measures.shape == (0, 41, 7)
    assert len(options.take(np.zeros(0, dtype=int))) == 0


def test_same_scores_go_to_more_retention_and_then_the_lower_offer():
    columns = some_columns(3, permitted=7, price=0.0, cost=0.0, reference_offer=20.0)
    for name, value in {
        "slope": [0.05, -0.05, 0.0],
        "probability": [0.3] * 3,
        "offer_min": [2.0] * 3,
        "offer_max": [30.0] * 3,
        "offer_today": [10.0] * 3,
    }.items():
        getattr(columns, name)[:] = value
    options = OfferOptions(columns, "exact", PAPER, indicator_retention=False, cells=CELLS)
    offers = options.offers(options.choose(some_weights(0, "revenue")).option)
    np.testing.assert_allclose(offers, [29, 0, 0])


@pytest.mark.parametrize("mode", ["exact", "linear"])
def test_an_offer_that_is_open_twice_is_one_option(mode):
    columns = some_columns(
        4, permitted=4, price=3.0, probability=0.3, slope=0.05, elasticity=0.8, reference_offer=20.0
    )
    weights = some_weights(0, "revenue")
    setting = {"indicator_retention": False, "cells": CELLS}
    once = OfferOptions(columns, mode, PAPER, **setting)
    best = once.choose(weights, regret=True)
    today = once.offers(best.option)
    again = replace(columns, permitted=columns.permitted | 1, offer_today=today)
    twice = OfferOptions(again, mode, PAPER, **setting).choose(weights, regret=True)
    assert (best.regret > 0).all()
    np.testing.assert_allclose(twice.regret, best.regret, rtol=1e-6)
    nothing = replace(columns, reference_offer=np.zeros(4))  # every step is no offer
    nothing = replace(nothing, permitted=columns.permitted | 2, offer_min=np.full(4, -1.0))
    assert np.isinf(
        OfferOptions(nothing, mode, PAPER, **setting).choose(weights, regret=True).regret
    ).all()
