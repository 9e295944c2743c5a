"""Private training: plain gradients without its bounds, noise as large as told, ε by hand."""

import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from brand_tables import BRANDS, brand_list, encoder_of, favourites
from scipy.special import logsumexp
from scipy.stats import norm
from sklearn.metrics import log_loss

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.brands.classroom import Classroom
from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs
from promo_kedro.pipelines.modelling.brands.latest_snapshot import classroom_of
from promo_kedro.pipelines.modelling.brands.lesson import Lesson
from promo_kedro.pipelines.modelling.brands.losses import make_loss
from promo_kedro.pipelines.modelling.brands.padded_varemb import PaddedVarEmb, padded
from promo_kedro.pipelines.modelling.brands.parameters import (
    BrandModellingParameters,
    BrandNetworkParameters,
    BrandTrainingParameters,
    LossParameters,
    PrivateParameters,
    RunParameters,
)
from promo_kedro.pipelines.modelling.brands.privacy_budget import PrivacyBudget
from promo_kedro.pipelines.modelling.brands.private_training import (
    COUNTED_UP_TO,
    PrivateCourse,
    fit_private_varemb,
    noisy_prevalence,
    one_row_each,
)
from promo_kedro.pipelines.modelling.brands.varemb import Sizes, build_varemb, varemb_from_saved

TABLES = favourites(300, seed=1)
ENCODER = encoder_of(TABLES)
TRAINING = TABLES.encoded(ENCODER)
VALIDATION = favourites(200, seed=2, first_id=1000).encoded(ENCODER)
SIZES = Sizes.of(ENCODER)
PREVALENCE = torch.linspace(0.02, 0.3, BRANDS)
HUGE_CLIP = 1e6
VERSIONS = [("varemb_v1", "none"), ("varemb_v2", "none"), ("varemb_v2", "gaussian")]


@dataclass
class Machine:
    threads: int | None = 1
    accelerator: Any = "cpu"
    precision: Any = "32-true"


def needs_opacus():
    return pytest.importorskip("opacus")


def small_network(**changes):
    return BrandNetworkParameters(
        embedding_size=6, consumer_size=8, hidden_units=[10], **{"dropout": 0.0} | changes
    )


def stirred(version="varemb_v2", **changes):
    """A network with nothing at its start, where many gradients are zero."""
    torch.manual_seed(0)
    network = build_varemb(version, SIZES, small_network(**changes), torch.logit(PREVALENCE))
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    return network


def loss_of(name="focal"):
    weights = torch.linspace(0.5, 2.0, BRANDS)
    return make_loss(LossParameters(name=name), weights, PREVALENCE)


def course_of(network, training=TRAINING, noise=0.0, clip=HUGE_CLIP, rate=1.0, loss=None):
    needs_opacus()
    budget = PrivacyBudget(1.0, noise, rate, 1, 1e-5)
    draws = np.random.default_rng(0)
    return PrivateCourse(network, training, loss or loss_of(), 0.1, budget, clip, 0.01, draws)


@pytest.mark.parametrize(("version", "bottleneck"), VERSIONS)
def test_the_padded_form_says_what_the_network_says(version, bottleneck):
    network = stirred(version, bottleneck=bottleneck).eval()
    expected = network(TRAINING)
    form = PaddedVarEmb(network)
    each = [form(*columns) for columns in zip(*padded(TRAINING), strict=True)]
    scores = torch.stack([answer.scores for answer in each])
    assert torch.allclose(scores, expected.scores, atol=1e-5)
    divergence = torch.stack([answer.divergence for answer in each]).mean()
    assert torch.allclose(divergence, expected.divergence, atol=1e-5)


@pytest.mark.parametrize("version", ["varemb_v1", "varemb_v2"])
def test_gradients_of_consumers_are_those_of_each_alone(version):
    network = stirred(version).train()
    rows = torch.tensor([0, 3, 8, 41, 77])
    gradients, _ = course_of(network).gradients(rows)
    for place, row in enumerate(rows.tolist()):
        alone = TRAINING.rows(torch.tensor([row]))
        network.zero_grad()
        scores = network(alone).scores
        (BRANDS * loss_of().mean(scores, alone.bought_matrix(BRANDS))).backward()
        for name, weight in network.named_parameters():
            assert torch.allclose(gradients[name][place], weight.grad, atol=1e-5), name


def test_losses_told_are_those_of_the_probabilities():
    network = stirred()
    _, found = course_of(network).gradients(torch.arange(40))
    some = TRAINING.rows(torch.arange(40))
    with torch.no_grad():
        chance = loss_of().logit(network(some).scores).double().sigmoid().numpy()
    bought = some.bought_matrix(BRANDS).numpy()
    expected = [log_loss(b, p, labels=[0, 1]) for b, p in zip(bought, chance, strict=True)]
    assert found.tolist() == pytest.approx(expected, rel=1e-4)


def test_without_noise_and_clipping_a_step_is_the_plain_one():
    private, plain = stirred(), stirred()
    course_of(private, TRAINING).train(1)
    optimizer = torch.optim.Adam(plain.parameters(), lr=0.01)
    scores = plain.train()(TRAINING).scores
    (BRANDS * loss_of().mean(scores, TRAINING.bought_matrix(BRANDS))).backward()
    optimizer.step()
    for name, weight in plain.named_parameters():
        moved = dict(private.named_parameters())[name]
        # Adam's first step is the gradient's sign; where it is zero but for rounding, either
        settled = weight.grad.abs() > 1e-5
        assert torch.allclose(moved[settled], weight[settled], atol=1e-5), name


def test_no_consumer_counts_for_more_than_the_clip():
    """The step's gradient against clipping each consumer's own by hand."""
    clip, network = 0.7, stirred().train()
    course = course_of(network, clip=clip)
    gradients, _ = course.gradients(torch.arange(len(TRAINING)))
    flat = torch.cat([each.flatten(1) for each in gradients.values()], dim=1).double()
    lengths = flat.norm(dim=1)
    assert (lengths > clip).any()
    assert (lengths < clip).any()
    expected = (flat * (clip / lengths).clamp(max=1.0)[:, None]).sum(0) / len(TRAINING)
    found = step_gradient(course, network)
    assert torch.allclose(found.double(), expected, atol=1e-5)


def test_noise_has_the_spread_that_was_told():
    clip, noise, network = 0.5, 3.0, stirred().train()
    still = step_gradient(course_of(network, clip=clip), network)
    network = stirred().train()
    noisy = step_gradient(course_of(network, clip=clip, noise=noise), network)
    assert float((noisy - still).std()) == pytest.approx(noise * clip / len(TRAINING), rel=0.03)


def test_a_step_without_consumers_is_noise_alone():
    network = stirred().train()
    course = course_of(network, clip=1.0, noise=2.0, rate=1e-9)
    course.optimizer.expected_batch_size = 1
    spread = float(step_gradient(course, network).std())
    assert spread == pytest.approx(2.0, rel=0.03)
    assert math.isnan(course.train(1))


def test_consumers_are_drawn_each_with_the_same_chance():
    course = course_of(stirred(), rate=0.2)
    sizes = [sum(map(len, course._step())) for _ in range(60)]
    assert np.mean(sizes) == pytest.approx(60, abs=4)
    assert np.std(sizes) == pytest.approx(np.sqrt(300 * 0.2 * 0.8), rel=0.35)


@pytest.mark.parametrize(("epsilon", "rate", "steps"), [(1.0, 0.05, 200), (8.0, 0.3, 30)])
def test_epsilon_stays_within_the_target_by_an_accountant_of_our_own(epsilon, rate, steps):
    needs_opacus()
    budget = PrivacyBudget.for_target(PrivateParameters(epsilon=epsilon), rate, steps)
    ours = epsilon_by_hand(budget, steps)
    assert budget.spent(steps) <= epsilon
    assert ours == pytest.approx(budget.spent(steps), rel=0.01)
    assert ours > 0.95 * epsilon  # no noise is wasted
    assert budget.spent(0) < budget.spent(steps // 2) < budget.spent(steps)
    assert budget.spent(0) == pytest.approx(epsilon / 4, rel=0.02)


def test_less_epsilon_takes_more_noise():
    needs_opacus()
    found = [PrivacyBudget.for_target(PrivateParameters(epsilon=e), 0.1, 50) for e in (0.5, 2, 8)]
    assert found[0].training_noise > found[1].training_noise > found[2].training_noise
    assert found[0].counting_noise > found[1].counting_noise > found[2].counting_noise


def test_counts_change_by_no_more_than_told_for_one_consumer():
    everything = torch.cartesian_prod(torch.arange(20), torch.arange(BRANDS))
    crowd = with_purchases(TRAINING.rows(torch.arange(20)), everything)
    counts = 20 * noisy_prevalence(crowd, BRANDS, 0.0, np.random.default_rng(0))
    assert torch.allclose(
        counts, torch.full((BRANDS,), 20 * COUNTED_UP_TO / math.sqrt(BRANDS)).double()
    )
    assert float((counts / 20).norm()) == pytest.approx(COUNTED_UP_TO)
    plain = noisy_prevalence(TRAINING, BRANDS, 0.0, np.random.default_rng(0))
    assert torch.allclose(plain, TRAINING.bought_matrix(BRANDS).double().mean(0), atol=1e-12)


def test_counts_have_the_noise_that_was_told():
    draws = np.random.default_rng(0)
    drawn = torch.stack([noisy_prevalence(TRAINING, BRANDS, 0.5, draws) for _ in range(600)])
    spread = len(TRAINING) * drawn.std(0)
    assert spread.mean() == pytest.approx(0.5 * COUNTED_UP_TO, rel=0.05)


def fit(epsilon=8.0, training=TRAINING, **changes):
    needs_opacus()
    private = PrivateParameters(
        epsilon=epsilon,
        delta=1e-4,
        epochs=changes.pop("epochs", 12),
        learning_rate=changes.pop("learning_rate", 0.02),
        repeatable=changes.pop("repeatable", True),
    )
    run = RunParameters(model="varemb_v2", loss=LossParameters(name="bce"), private=private)
    recipe = BrandTrainingParameters(batch_size=100)
    loss = make_loss(run.loss, torch.ones(BRANDS), PREVALENCE)
    listed = brand_list().assign(prevalence=TRAINING.bought_matrix(BRANDS).mean(0).numpy())
    lesson = Lesson(
        training=training,
        validation=VALIDATION,
        brand_list=listed,
        encoder=ENCODER,
        run=run,
        network=small_network(),
        recipe=recipe,
        loss=loss,
        prior_shift=torch.zeros(BRANDS),
        machine=Machine(),
        seed=changes.pop("seed", 3),
    )
    return fit_private_varemb(lesson)


def test_with_much_epsilon_it_learns_and_tells_what_it_spent():
    model, history = fit(epsilon=500.0)
    assert history[-1]["validation_loss"] < 0.9 * history[0]["validation_loss"]
    assert history[-1]["f1"] > 0.4
    spent = [record["epsilon"] for record in history]
    assert spent == sorted(spent)
    assert spent[-1] <= 500.0
    saved = model.to_saved()
    restored = varemb_from_saved(saved["card"], saved["tensors"])
    assert torch.equal(restored.scores(VALIDATION), model.scores(VALIDATION))


def test_the_same_seed_gives_the_same_model_and_another_another():
    (first, _), (again, _), (other, _) = fit(epochs=2), fit(epochs=2), fit(epochs=2, seed=4)
    assert torch.equal(first.scores(VALIDATION), again.scores(VALIDATION))
    assert not torch.equal(first.scores(VALIDATION), other.scores(VALIDATION))


def test_without_leave_to_repeat_no_seed_gives_the_noise_away(monkeypatch):
    (first, _), (again, _) = fit(epochs=1, repeatable=False), fit(epochs=1, repeatable=False)
    assert not torch.equal(first.scores(VALIDATION), again.scores(VALIDATION))
    monkeypatch.setattr("secrets.randbits", lambda bits: 7)
    (first, _), (again, _) = fit(epochs=1, repeatable=False), fit(epochs=1, repeatable=False)
    assert torch.equal(first.scores(VALIDATION), again.scores(VALIDATION))


def test_leave_to_repeat_is_warned_of(caplog):
    fit(epochs=1)
    assert "ε does not hold" in caplog.text
    caplog.clear()
    fit(epochs=1, repeatable=False)
    assert "ε does not hold" not in caplog.text


def test_validation_losses_are_those_of_the_model_as_it_is():
    model, history = fit(epochs=2)
    chance = model.logit(model.scores(VALIDATION)).double().sigmoid().numpy()
    bought = VALIDATION.bought_matrix(BRANDS).numpy()
    expected = np.mean([log_loss(b, p, labels=[0, 1]) for b, p in zip(bought, chance, strict=True)])
    assert history[-1]["validation_loss"] == pytest.approx(expected, rel=1e-4)


def test_a_loss_that_runs_away_is_refused():
    with pytest.raises(InputError, match=r"private\.learning_rate"):
        fit(epochs=3, learning_rate=1e30)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"loss": {"name": "logit_adjusted"}}, "exact prevalence"),
        ({"loss": {"weights": "inverse"}}, "exact counts"),
        ({"loss": {"weights": "effective_number"}}, "exact counts"),
        ({"resampling": "over"}, "each consumer once"),
    ],
)
def test_what_would_tell_exact_counts_is_refused(changes, said):
    run = {"private": {"epsilon": 3}}
    BrandModellingParameters(runs={"a": run | {"loss": {"weights": "allowlist"}}}, in_use="a")
    with pytest.raises(ValueError, match=said):
        BrandModellingParameters(runs={"a": run | changes}, in_use="a")


def test_a_run_of_the_latest_snapshot_learns_from_it_and_its_prevalences():
    listed = brand_list().sample(frac=1, random_state=0)
    earlier = stacked(TRAINING, snapshot=10)
    classroom = Classroom(ENCODER, earlier, VALIDATION, listed, None)
    assert classroom_of(RunParameters(), classroom) is classroom
    expected = TRAINING.bought_matrix(BRANDS).mean(0).numpy()[listed["position"]]
    for run in (RunParameters(snapshots="latest"), RunParameters(private={"epsilon": 1})):
        found = classroom_of(run, classroom)
        assert set(found.training.snapshot) == {20}
        assert found.brand_list["prevalence"].tolist() == pytest.approx(expected.tolist())
        assert found.validation is VALIDATION


def test_only_the_latest_snapshot_is_learnt_from():
    earlier = stacked(TRAINING, snapshot=10)
    rows = one_row_each(earlier)
    assert set(rows.snapshot) == {20}
    assert len(rows) == len(TRAINING)


def test_a_consumer_with_several_rows_is_refused():
    with pytest.raises(InputError, match="`resampling` to none"):
        fit(training=TRAINING.rows(torch.tensor([0, 1, 1, 2])))


def test_without_opacus_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "opacus", None)
    with pytest.raises(InputError, match=r'pip install "promo_kedro\[privacy\]"'):
        PrivacyBudget.for_target(PrivateParameters(epsilon=1.0), 0.1, 10)


def step_gradient(course, network):
    """The gradient that a step hands to Adam, clipped and with noise."""
    kept = {}

    def keep(optimizer):
        kept["flat"] = torch.cat([weight.grad.flatten() for weight in network.parameters()])

    course.optimizer.attach_step_hook(keep)
    course.train(1)
    return kept["flat"]


def epsilon_by_hand(budget, steps):
    """Rényi divergences of the sampled Gaussian mechanism by integration over its outcome.

    Mironov et al. (2019), §3.3; to (ε, δ) by Balle et al. (2020), Theorem 21.
    """
    alpha = np.concatenate([np.arange(1.05, 8, 0.05), np.arange(8, 150)])
    training = np.array([_rdp(a, budget.sample_rate, budget.training_noise) for a in alpha])
    total = steps * training + alpha / (2 * budget.counting_noise**2)
    inverse = np.log1p(-1 / alpha) - (np.log(budget.delta) + np.log(alpha)) / (alpha - 1)
    return float((total + inverse).min())


def _rdp(alpha, rate, noise):
    outcome = np.linspace(-15 * noise, 15 * noise + alpha, 20_001)
    ratio = np.logaddexp(np.log1p(-rate), np.log(rate) + (2 * outcome - 1) / (2 * noise**2))
    terms = norm.logpdf(outcome, scale=noise) + alpha * ratio
    return (logsumexp(terms) + np.log(outcome[1] - outcome[0])) / (alpha - 1)


def with_purchases(inputs, bought):
    columns = {name: getattr(inputs, name) for name in BrandInputs.__dataclass_fields__}
    return BrandInputs(**columns | {"bought": bought})


def stacked(inputs, snapshot):
    """The same consumers at an earlier snapshot too."""
    twice = inputs.rows(torch.arange(len(inputs)).repeat(2))
    columns = {name: getattr(twice, name) for name in BrandInputs.__dataclass_fields__}
    earlier = np.concatenate([np.full(len(inputs), snapshot), inputs.snapshot])
    return BrandInputs(**columns | {"snapshot": earlier})
