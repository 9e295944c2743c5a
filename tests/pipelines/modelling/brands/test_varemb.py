"""The networks: what they start from, what they are made of, and what comes back from a file."""

import json

import pytest
import torch
from brand_tables import BRANDS, encoder_of, favourites
from torch.distributions import Normal, kl_divergence

from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs
from promo_kedro.pipelines.modelling.brands.losses import make_loss
from promo_kedro.pipelines.modelling.brands.own_history import OwnHistory, frequency
from promo_kedro.pipelines.modelling.brands.parameters import (
    BrandNetworkParameters,
    LossParameters,
)
from promo_kedro.pipelines.modelling.brands.varemb import (
    Gaussian,
    Sizes,
    VarEmb,
    VarEmbModel,
    WeightedBag,
    build_varemb,
    divergence_from_standard_normal,
    first_scores,
    varemb_from_saved,
)

VERSIONS = ["varemb_v1", "varemb_v2"]
SMALL = BrandNetworkParameters(embedding_size=6, consumer_size=8, hidden_units=[10])
TABLES = favourites(60, seed=1)
ENCODER = encoder_of(TABLES)
SIZES = Sizes.of(ENCODER)
PREVALENCE = torch.linspace(0.01, 0.4, BRANDS)


@pytest.fixture
def inputs() -> BrandInputs:
    return TABLES.encoded(ENCODER)


def built(version: str, **changes: object) -> VarEmb:
    torch.manual_seed(0)
    bias = torch.logit(PREVALENCE)
    return build_varemb(version, SIZES, SMALL.model_copy(update=changes), bias)


def stirred(network: VarEmb) -> VarEmb:
    """Weights as training might leave them: nothing is zero by its start."""
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.randn_like(weight) * 0.3)
    return network.eval()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("weight_on", ["term", "positives"])
@pytest.mark.parametrize("name", ["bce", "weighted", "focal", "asymmetric", "logit_adjusted"])
def test_biases_stand_for_the_prior_whatever_the_loss(
    name: str, weight_on: str, version: str
) -> None:
    parameters = LossParameters.model_validate({"name": name, "weight_on": weight_on})
    loss = make_loss(parameters, torch.linspace(1, 5, BRANDS), PREVALENCE)
    network = build_varemb(version, SIZES, SMALL, first_scores(loss, PREVALENCE))
    nothing = torch.zeros(1, SMALL.consumer_size)
    meant = loss.logit(network.brand(nothing)).sigmoid()[0]
    assert torch.allclose(meant, PREVALENCE, rtol=1e-3)


@pytest.mark.parametrize("name", ["bce", "focal", "asymmetric", "logit_adjusted"])
def test_a_brand_that_no_one_bought_starts_very_low_but_finite(name: str) -> None:
    nobody = torch.zeros(BRANDS)
    loss = make_loss(LossParameters.model_validate({"name": name}), torch.ones(BRANDS), nobody)
    bias = first_scores(loss, nobody)
    assert torch.isfinite(bias).all()
    assert (loss.logit(bias) < -10).all()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("bottleneck", ["none", "gaussian"])
def test_gradients_reach_every_parameter(
    version: str, bottleneck: str, inputs: BrandInputs
) -> None:
    network = built(version, bottleneck=bottleneck)
    scores, divergence = network(inputs)
    (scores.square().mean() + divergence).backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize("version", VERSIONS)
def test_rows_do_not_depend_on_their_neighbours(version: str, inputs: BrandInputs) -> None:
    network = stirred(built(version))
    rows = torch.tensor([8, 3, 50, 3])
    whole = network(inputs).scores[rows]
    assert torch.allclose(network(inputs.rows(rows)).scores, whole, atol=1e-5)


def test_the_own_path_touches_only_brands_with_history(inputs: BrandInputs) -> None:
    network = stirred(built("varemb_v2"))
    with_path = network(inputs).scores
    network.register_module("own", None)
    moved = (with_path - network(inputs).scores).abs() > 1e-7
    expected = torch.zeros(len(inputs), BRANDS, dtype=torch.bool)
    expected[inputs.brands.row, inputs.brands.name - 1] = True
    assert torch.equal(moved, expected)
    assert not expected[0].any()


def test_the_own_path_leaves_unknown_brands_alone(inputs: BrandInputs) -> None:
    path = OwnHistory(BRANDS, SMALL.consumer_size, dropout=0.0).eval()
    unknown = inputs.rows(torch.tensor([1])).brands
    unknown.name.zero_()
    pairs, answer = path(unknown, inputs.tenure[1:2], torch.zeros(1, SMALL.consumer_size))
    assert len(pairs) == len(answer) == 0


def test_frequency_counts_against_the_steps_that_were_seen() -> None:
    bought, tenure = torch.tensor([3.0, 3.0, 26.0, 2.0]), torch.tensor([6.0, 60.0, 60.0, 1.0])
    odds = torch.tensor([3.5 / 3.5, 3.5 / 23.5, 26.5 / 0.5, 2.5 / 0.5])
    assert torch.allclose(frequency(bought, tenure, looked_back=26), odds.log())


def test_a_weighted_bag_is_the_sum_written_out(inputs: BrandInputs) -> None:
    bag = WeightedBag(SIZES.items, 5)
    torch.nn.init.normal_(bag.log_weight)
    got = bag(inputs.items)
    start = inputs.items.start.tolist()
    for row in (0, 1, 17, 59):
        at = slice(start[row], start[row + 1])
        weight = bag.log_weight[inputs.items.level[at]].exp()
        total = (weight[:, None] * bag.table.weight[inputs.items.name[at]]).sum(0)
        expected = total / (1 + weight.square().sum()).sqrt()
        assert torch.allclose(got[row], expected, atol=1e-6)
    assert (got[0] == 0).all()


def test_divergence_is_that_of_torch() -> None:
    torch.manual_seed(1)
    mean, log_variance = torch.randn(7, 4), torch.randn(7, 4)
    normal = Normal(mean, (0.5 * log_variance).exp())
    expected = kl_divergence(normal, Normal(0.0, 1.0)).sum(-1)
    got = divergence_from_standard_normal(mean, log_variance)
    assert torch.allclose(got, expected, atol=1e-5)


def test_the_bottleneck_draws_in_training_alone() -> None:
    torch.manual_seed(2)
    bottleneck, consumer = Gaussian(4), torch.randn(1, 4).expand(20_000, 4)
    drawn, _ = bottleneck(consumer)
    quiet, _ = bottleneck.eval()(consumer)
    assert torch.allclose(quiet, bottleneck.mean(consumer))
    expected = (0.5 * bottleneck.log_variance(consumer[:1])).exp()[0]
    assert torch.allclose(drawn.std(0), expected, rtol=0.05)
    assert torch.allclose(drawn.mean(0), quiet[0], atol=0.01)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["bce", "focal", "logit_adjusted"])
def test_a_saved_model_answers_as_before(version: str, name: str, inputs: BrandInputs) -> None:
    loss_parameters = LossParameters.model_validate({"name": name, "weight_on": "positives"})
    weights = torch.linspace(1, 5, BRANDS)
    loss = make_loss(loss_parameters, weights, PREVALENCE)
    network = stirred(built(version, bottleneck="gaussian"))
    parameters = SMALL.model_copy(update={"bottleneck": "gaussian"})
    model = VarEmbModel(version, SIZES, parameters, network, loss_parameters, loss)
    saved = model.to_saved()
    again = varemb_from_saved(json.loads(json.dumps(saved["card"])), saved["tensors"])
    scores = model.scores(inputs)
    assert scores.shape == (60, BRANDS)
    assert torch.equal(again.scores(inputs), scores)
    assert torch.equal(again.logit(scores), model.logit(scores))
