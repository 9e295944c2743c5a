"""Losses against torch, float64 formulas of their papers, and minima found by searching."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from torch.nn.functional import binary_cross_entropy_with_logits

from promo_kedro.pipelines.modelling.brands.losses import Asymmetric, make_loss
from promo_kedro.pipelines.modelling.brands.parameters import LossParameters

BRANDS = 6
PREVALENCE = torch.tensor([0.3, 0.1, 0.02, 0.005, 0.001, 0.0])
WEIGHTS = torch.tensor([1.0, 1.0, 2.0, 5.0, 20.0, 20.0])
EQUAL = torch.ones(BRANDS)
VARIANTS = [
    {"name": "bce"},
    {"name": "weighted"},
    {"name": "focal", "gamma": 0.0},
    {"name": "focal", "gamma": 0.5},
    {"name": "focal", "gamma": 2.0},
    {"name": "focal", "gamma": 5.0},
    {"name": "asymmetric"},
    {"name": "asymmetric", "margin": 0.0, "gamma_positive": 1.0, "gamma_negative": 3.0},
    {"name": "asymmetric", "margin": 0.2, "gamma_positive": 0.5, "gamma_negative": 1.0},
    {"name": "asymmetric", "margin": 0.0, "gamma_negative": 0.0},
    {"name": "asymmetric", "gamma_negative": 0.0},
    {"name": "asymmetric", "gamma_negative": 0.5},
    {"name": "logit_adjusted"},
    {"name": "logit_adjusted", "tau": 0.5},
]


def loss_of(weights=EQUAL, **parameters):
    return make_loss(LossParameters(**parameters), weights, PREVALENCE)


def written_out(scores, bought, weight, parameters):
    """The loss of one cell as its paper writes it, in float64; fine for scores near 0."""
    parameters = LossParameters(**parameters)
    p = 1 / (1 + np.exp(-scores))
    match parameters.name:
        case "focal":
            if_bought = -((1 - p) ** parameters.gamma) * np.log(p)
            if_not = -(p**parameters.gamma) * np.log(1 - p)
        case "asymmetric":
            shifted = np.maximum(p - parameters.margin, 0)
            if_bought = -((1 - p) ** parameters.gamma_positive) * np.log(p)
            if_not = -(shifted**parameters.gamma_negative) * np.log(1 - shifted)
        case "logit_adjusted":
            prior = np.clip(PREVALENCE.numpy().astype(np.float64), 1e-6, 1)
            odds = np.exp(scores) * (prior / (1 - prior)) ** parameters.tau
            if_bought, if_not = np.log(1 + 1 / odds), np.log(1 + odds)
        case _:
            if_bought, if_not = -np.log(p), -np.log(1 - p)
    on_positives = parameters.weight_on == "positives"
    term = 1.0 if on_positives else weight / weight.mean()
    return term * np.where(bought > 0, (weight if on_positives else 1.0) * if_bought, if_not)


def odds_without_optimum(loss):
    """From these odds on, more is always better: the derivation's limit of p towards 1."""
    if not isinstance(loss, Asymmetric) or loss.margin == 0 or loss.gamma_positive > 0:
        return np.inf
    m, gamma = loss.margin, loss.gamma_negative
    return (1 - m) ** gamma * (gamma * -np.log(m) / (1 - m) + 1 / m)


def random_batch(rows=50, seed=0):
    rng = np.random.default_rng(seed)
    scores = rng.normal(scale=3, size=(rows, BRANDS))
    return scores, (rng.random((rows, BRANDS)) < 0.3).astype(np.float64)


@pytest.mark.parametrize("weight_on", ["term", "positives"])
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_every_cell_follows_the_formula(variant, weight_on):
    scores, bought = random_batch()
    parameters = {**variant, "weight_on": weight_on}
    terms = loss_of(WEIGHTS, **parameters).terms(
        torch.tensor(scores, dtype=torch.float32), torch.tensor(bought)
    )
    expected = written_out(scores, bought, WEIGHTS.numpy().astype(np.float64), parameters)
    assert np.allclose(terms.numpy(), expected, rtol=2e-5, atol=2e-6)


def test_cross_entropy_is_torchs():
    scores, bought = (torch.tensor(values, dtype=torch.float32) for values in random_batch())
    plain = loss_of(name="bce").mean(scores, bought)
    assert torch.isclose(plain, binary_cross_entropy_with_logits(scores, bought))
    term = loss_of(WEIGHTS, name="weighted").mean(scores, bought)
    scaled = WEIGHTS / WEIGHTS.mean()
    assert torch.isclose(term, binary_cross_entropy_with_logits(scores, bought, weight=scaled))
    positives = loss_of(WEIGHTS, name="weighted", weight_on="positives").mean(scores, bought)
    expected = binary_cross_entropy_with_logits(scores, bought, pos_weight=WEIGHTS)
    assert torch.isclose(positives, expected)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_is_torchvisions(gamma):
    ops = pytest.importorskip("torchvision").ops
    scores, bought = (torch.tensor(values, dtype=torch.float32) for values in random_batch())
    expected = ops.sigmoid_focal_loss(scores, bought, alpha=-1, gamma=gamma)
    terms = loss_of(name="focal", gamma=gamma).terms(scores, bought)
    assert torch.allclose(terms, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "same",
    [
        {"name": "focal", "gamma": 0.0},
        {"name": "asymmetric", "gamma_positive": 0.0, "gamma_negative": 0.0, "margin": 0.0},
        {"name": "logit_adjusted", "tau": 0.0},
        {"name": "weighted"},
    ],
    ids=str,
)
def test_without_their_numbers_all_are_cross_entropy(same):
    scores, bought = (torch.tensor(values, dtype=torch.float32) for values in random_batch())
    loss = loss_of(**same)
    assert torch.allclose(loss.terms(scores, bought), loss_of(name="bce").terms(scores, bought))
    assert torch.allclose(loss.logit(scores), scores, atol=1e-5)


def test_asymmetric_with_one_gamma_and_no_margin_is_focal():
    scores, bought = (torch.tensor(values, dtype=torch.float32) for values in random_batch())
    asymmetric = loss_of(name="asymmetric", gamma_positive=2.0, gamma_negative=2.0, margin=0.0)
    focal = loss_of(name="focal", gamma=2.0)
    assert torch.allclose(asymmetric.terms(scores, bought), focal.terms(scores, bought), atol=1e-7)
    assert torch.allclose(asymmetric.logit(scores), focal.logit(scores), atol=1e-5)


@pytest.mark.parametrize("weight_on", ["term", "positives"])
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("q", [0.7, 0.3, 0.05, 0.003])
def test_the_score_of_least_expected_loss_stands_for_the_probability(variant, weight_on, q):
    parameters = {**variant, "weight_on": weight_on}
    loss = loss_of(WEIGHTS, **parameters)
    weight = WEIGHTS.numpy().astype(np.float64)
    floor = variant["name"] == "asymmetric" and variant.get("margin", 0.05) > 0
    for brand in range(BRANDS - 1):

        def expected(score, brand=brand):
            cells = [written_out(score, y, weight, parameters)[brand] for y in (1.0, 0.0)]
            return q * cells[0] + (1 - q) * cells[1]

        if odds_without_optimum(loss) * (1 - q) < q * loss.purchase_weight[brand]:
            continue
        best = minimize_scalar(expected, bounds=(-15, 20), options={"xatol": 1e-9}).x
        scores = torch.full((1, BRANDS), best, dtype=torch.float64)
        if floor and best < loss.lowest_score + 1e-3:
            continue  # at the margin the minimum is a kink, which stands for many probabilities
        found = torch.sigmoid(loss.double().logit(scores))[0, brand].item()
        assert found == pytest.approx(q, rel=2e-3)


def test_the_asymmetric_map_is_checked_above_its_floor():
    """Below it the map is ours; it must lie where no brand's probability does."""
    for variant in VARIANTS:
        loss = loss_of(**variant)
        if isinstance(loss, Asymmetric) and loss.margin > 0 and loss.gamma_negative >= 1:
            lowest = loss.logit(torch.tensor([[loss.lowest_score]]))
            assert lowest.max() < -13


def test_a_margin_bounds_the_probability_that_a_score_can_stand_for():
    highest = loss_of(name="asymmetric").logit(torch.full((1, BRANDS), 40.0))
    assert torch.sigmoid(highest)[0].numpy() == pytest.approx(0.964, abs=1e-3)
    weighted = loss_of(EQUAL * 20, name="asymmetric", weight_on="positives")
    highest = weighted.logit(torch.full((1, BRANDS), 40.0))
    assert torch.sigmoid(highest)[0].numpy() == pytest.approx(0.571, abs=1e-3)


@pytest.mark.parametrize("weight_on", ["term", "positives"])
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_scores_come_back_from_what_they_stand_for(variant, weight_on):
    loss = loss_of(WEIGHTS, weight_on=weight_on, **variant)
    logit = torch.logit(torch.tensor([1e-5, 1e-3, 0.02, 0.1, 0.3]))[:, None].expand(-1, BRANDS)
    there = loss.score_of(logit)
    assert there.dtype == torch.float32
    # Right above a margin, float32 scores are one step apart where logits are not.
    assert torch.allclose(loss.logit(there), logit, atol=2e-3)
    assert torch.equal(loss.score_of(logit[0]), there[0])


def test_no_score_stands_for_more_than_a_margin_allows():
    loss = loss_of(EQUAL * 20, name="asymmetric", weight_on="positives")
    likely = torch.logit(torch.full((BRANDS,), 0.9))
    assert loss.score_of(likely).tolist() == [20.0] * BRANDS


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_logits_follow_the_order_of_scores(variant):
    grid = torch.linspace(-50, 50, 20_001)[:, None].expand(-1, BRANDS)
    loss = loss_of(**variant)
    logit = loss.logit(grid)
    assert torch.isfinite(logit).all()
    # Steps of the grid are 0.005; float32 rounds logits near 250 to 2e-5.
    bounded = isinstance(loss, Asymmetric) and loss.margin > 0
    grows = logit[:10_800] if bounded else logit  # up to a score of 4: p = 0.98
    assert (grows.diff(dim=0) > 0).all()
    assert (logit.diff(dim=0) > -1e-5).all()


@pytest.mark.parametrize("weight_on", ["term", "positives"])
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_extreme_scores_have_finite_losses_and_gradients(variant, weight_on):
    loss = loss_of(WEIGHTS, weight_on=weight_on, **variant)
    for extreme in (-200.0, -50.0, 0.0, 50.0, 200.0):
        for bought in (torch.zeros(2, BRANDS), torch.ones(2, BRANDS)):
            scores = torch.full((2, BRANDS), extreme, requires_grad=True)
            mean = loss.mean(scores, bought)
            mean.backward()
            assert torch.isfinite(mean)
            assert mean >= 0
            assert torch.isfinite(scores.grad).all()
            assert torch.isfinite(loss.logit(scores)).all()


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_gradients_vanish_where_the_logit_is_that_of_the_labels(variant):
    """Training by the loss's own gradient ends where its map says: one parameter per brand."""
    loss = loss_of(**variant)
    bought = torch.zeros(10, BRANDS)
    bought[:3] = 1.0
    scores = torch.zeros(1, BRANDS, requires_grad=True)
    optimiser = torch.optim.LBFGS([scores], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        mean = loss.mean(scores.expand(10, -1), bought)
        mean.backward()
        return mean

    optimiser.step(closure)
    share = torch.sigmoid(loss.logit(scores))
    assert torch.allclose(share, torch.tensor(0.3), atol=2e-3)


def test_weights_move_with_the_loss():
    assert set(loss_of(name="logit_adjusted").state_dict()) == {
        "term_weight",
        "purchase_weight",
        "prior",
    }


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_networks_may_run_in_half_precision(variant, dtype):
    loss = loss_of(**variant)
    scores = torch.linspace(-20, 20, 200)[:, None].repeat(1, BRANDS).to(dtype)
    scores[0] = torch.logit(torch.tensor(0.05)).to(dtype)  # the margin, as near as can be
    scores.requires_grad_()
    loss.mean(scores, torch.zeros(200, BRANDS)).backward()
    assert torch.isfinite(scores.grad).all()
