"""Permutation importance on planted models."""

import numpy as np
import pytest
import torch

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.importance import (
    Places,
    dealt,
    permutation_importance,
    places_by_family,
)
from promo_kedro.pipelines.modelling.inputs import Inputs
from promo_kedro.pipelines.modelling.tensors import FeatureGroups

GROUPS = FeatureGroups(
    static_categorical=["item", "age"],
    temporal_categorical=["coupon"],
    static_continuous=["income"],
    temporal_continuous=["trend", "offer", "habit"],
    offer_inputs=["offer"],
)
FAMILIES = {
    "trend": "datetime",
    "habit": "profile",
    "offer": "promotions",
    "coupon": "promotions",
    "lag": "lagged",  # which this model does not read
    "item": "item",
    "age": "consumer",
    "income": "consumer",
}


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    draw = torch.Generator().manual_seed(0)
    temporal = torch.randn(4000, 5, 3, generator=draw)
    temporal[..., 0] = torch.arange(5.0)  # the date is everyone's
    return Inputs(
        torch.randint(1, 5, (4000, 2), generator=draw, dtype=torch.int32),
        torch.randint(1, 3, (4000, 5, 1), generator=draw, dtype=torch.int32),
        torch.randn(4000, 1, generator=draw),
        temporal,
    )


def rows_of(answer, inputs: Inputs, purchased: np.ndarray, repeats: int = 2) -> dict[str, dict]:
    places = places_by_family(GROUPS, FAMILIES)
    draw = np.random.default_rng(1)
    rows = permutation_importance(answer, inputs, purchased, places, repeats, draw)
    return {row["group"]: row for row in rows}


def test_families_are_found_in_the_four_tensors():
    places = places_by_family(GROUPS, FAMILIES)
    assert places == {
        "datetime": Places([], [], [], [0]),
        "profile": Places([], [], [], [2]),
        "promotions": Places([], [0], [], [1]),
        "item": Places([0], [], [], []),
        "consumer": Places([1], [], [0], []),
    }
    assert places["promotions"].features == 2


def test_a_feature_without_a_family_is_named():
    families = {name: family for name, family in FAMILIES.items() if name != "habit"}
    with pytest.raises(InputError, match="'habit'"):
        places_by_family(GROUPS, families)


@pytest.mark.parametrize(
    ("family", "answer"),
    [
        ("profile", lambda x: 2 * x.temporal_continuous[:, -1, 2] - 1),
        ("promotions", lambda x: x.temporal_continuous[:, 0, 1] * x.temporal_categorical[:, 3, 0]),
        ("item", lambda x: x.static_categorical[:, 0] - 2.5),
        ("consumer", lambda x: x.static_continuous[:, 0] * (x.static_categorical[:, 1] - 2)),
    ],
)
def test_only_the_family_that_the_model_reads_is_missed(inputs, family, answer):
    def logits(x: Inputs) -> np.ndarray:
        return answer(x).double().numpy()

    truth = 1 / (1 + np.exp(-logits(inputs)))
    purchased = (np.random.default_rng(2).random(4000) < truth).astype(float)
    rows = rows_of(logits, inputs, purchased)
    for name, row in rows.items():
        assert row["log_loss"] == rows[family]["log_loss"]
        if name == family:
            assert row["increase"] > 0.1
        else:
            assert row["increase"] == 0


def test_increase_is_the_closed_form(inputs):
    """Dealing a feature anew costs the covariance of logit and purchase, on average."""

    def logits(x: Inputs) -> np.ndarray:
        return 1.5 * x.temporal_continuous[:, -1, 2].double().numpy()

    z = logits(inputs)
    purchased = (np.random.default_rng(2).random(4000) < 1 / (1 + np.exp(-z))).astype(float)
    expected = np.cov(z, purchased, ddof=0)[0, 1]
    row = rows_of(logits, inputs, purchased, repeats=20)["profile"]
    assert row["increase"] == pytest.approx(expected, rel=0.03)
    assert row["log_loss_permuted"] == pytest.approx(row["log_loss"] + row["increase"])


def test_dealt_together_over_steps_and_tensors_and_the_original_stays(inputs):
    before = inputs.temporal_continuous.clone()
    deal = torch.from_numpy(np.random.default_rng(3).permutation(4000))
    mixed = dealt(inputs, Places([], [0], [], [1]), deal)
    for row in (0, 17, 3999):
        other = int(deal[row])
        assert torch.equal(
            mixed.temporal_continuous[row, :, 1], inputs.temporal_continuous[other, :, 1]
        )
        assert torch.equal(mixed.temporal_categorical[row], inputs.temporal_categorical[other])
        assert torch.equal(
            mixed.temporal_continuous[row, :, [0, 2]], inputs.temporal_continuous[row, :, [0, 2]]
        )
    assert mixed.static_continuous is inputs.static_continuous
    assert torch.equal(inputs.temporal_continuous, before)
