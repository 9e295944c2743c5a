"""What an option earns and retains, against the formulas written out for one consumer-item."""

import math

import numpy as np
import pytest

from promo_kedro.pipelines.optimization.options import (
    CHANGES,
    OptionTable,
    build_options,
    in_range,
    purchase_probability,
)


def test_changes_are_those_of_eq_13():
    expected = [0.05 * j for j in range(-19, 20)]
    assert pytest.approx(expected) == CHANGES


@pytest.mark.parametrize("mode", ["paper", "linear", "exact"])
def test_every_option_follows_its_formula(decisions, mode):
    units = decisions(12, seed=3)
    table = build_options(units, mode)
    for i, unit in enumerate(units.itertuples()):
        for j, eta in enumerate(CHANGES, start=1):
            offer = unit.reference_offer * (1 + eta)
            if not unit.offer_min < offer < unit.offer_max:
                assert not table.allowed[i, j]
                continue
            f = unit.probability
            epsilon = unit.slope * unit.reference_offer * (1 - f)
            moved = min(max(f + eta * epsilon * f, 0), 1)
            odds = f / (1 - f) * math.exp(unit.slope * (offer - unit.reference_offer))
            retained = {
                "paper": float(moved >= unit.cutoff),
                "linear": moved,
                "exact": odds / (1 + odds),
            }[mode]
            assert table.offer[i, j] == pytest.approx(offer)
            assert table.retention[i, j] == pytest.approx(retained)
            assert table.value[i, j] == pytest.approx(unit.price * (1 - offer / 100) * retained)
            assert table.spend[i, j] == pytest.approx(unit.price * offer / 100 * retained)


def test_range_is_open(decisions):
    units = decisions(1, seed=0).assign(reference_offer=20.0, offer_min=10.0, offer_max=30.0)
    offers = 20.0 * (1 + CHANGES)[in_range(units)[0]]
    assert offers.min() > 10
    assert offers.max() < 30
    assert len(offers) == 19  # η strictly between −0.5 and 0.5


def test_exact_and_linear_agree_near_the_reference_offer(decisions):
    units = decisions(50, seed=1)
    reference = units[["reference_offer"]].to_numpy()
    small, smaller = (
        np.abs(
            purchase_probability(reference + step, units, "exact")
            - purchase_probability(reference + step, units, "linear")
        ).max()
        for step in (0.2, 0.1)
    )
    assert smaller == pytest.approx(small / 4, rel=0.1)  # the difference is of second order


def test_kept_units_have_the_offer_of_today_and_nothing_else(decisions):
    units = decisions(5, seed=2, lowest=90, highest=91)
    assert not units["adjustable"].any()
    table = build_options(units, "exact")
    assert table.allowed[:, 0].all()
    assert not table.allowed[:, 1:].any()
    assert table.offer[:, 0] == pytest.approx(units["offer_today"])


def test_infinite_cutoff_never_clears_and_certain_probabilities_stay(decisions):
    units = decisions(2, seed=2).assign(cutoff=np.inf, probability=[0.0, 1.0])
    assert not build_options(units, "paper").retention.any()
    retention = build_options(units, "exact").retention
    allowed = build_options(units, "exact").allowed
    assert (retention[0] == 0).all()
    assert (retention[1][allowed[1]] == 1).all()


def test_ties_prefer_retention_then_the_lower_offer():
    table = OptionTable(
        offer=np.array([[5.0, 10.0, 15.0, 20.0]]),
        value=np.zeros((1, 4)),
        retention=np.array([[0.0, 1.0, 1.0, 0.0]]),
        spend=np.zeros((1, 4)),
    )
    least, most = table.best_at(0.0)
    assert (least[0], most[0]) == (0, 1)
    assert table.most_retention()[0] == 1
