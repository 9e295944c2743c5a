"""Both networks: causality, Eq. 3, receptive field, shapes; and what is special in ours."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from promo_kedro.pipelines.modelling.inputs import Inputs
from promo_kedro.pipelines.modelling.networks import NETWORKS, Architecture, PurchaseNetwork, build
from promo_kedro.pipelines.modelling.networks.layers import CausalConvolution, Standardise

both_networks = pytest.mark.parametrize("name", list(NETWORKS))


def architecture(
    name: str = "ours", kernel_size: int = 3, dilations: tuple[int, ...] = (1, 2, 4)
) -> Architecture:
    return Architecture(
        name=name,
        static_levels=[4, 3],
        temporal_levels=[5],
        static_continuous=2,
        temporal_continuous=3,
        offers=[1],
        kernel_size=kernel_size,
        dilations=list(dilations),
        channels=6,
        dense_units=[8, 8, 4],
        embedding_size=4,
        dropout=0.5,
        input_limit=5.0,
    )


def inputs(count: int, length: int, seed: int = 0) -> Inputs:
    draw = torch.Generator().manual_seed(seed)
    return Inputs(
        torch.randint(0, 3, (count, 2), generator=draw),
        torch.randint(0, 5, (count, length, 1), generator=draw),
        torch.randn(count, 2, generator=draw),
        torch.randn(count, length, 3, generator=draw),
    )


def network(drawn: Architecture, seed: int = 1) -> PurchaseNetwork:
    """As it might be after training: nothing is zero that training would move."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = build(drawn).eval()
        with torch.no_grad():
            for weights in made.parameters():
                if not weights.any():
                    weights.uniform_(-0.3, 0.3)
    return made


def positive(net: PurchaseNetwork) -> PurchaseNetwork:
    """Make all weights positive, so that no ReLU hides an influence."""
    with torch.no_grad():
        for weights in net.parameters():
            weights.abs_()
    return net


def changed_after(given: Inputs, step: int) -> Inputs:
    """Other temporal inputs from ``step`` on."""
    categorical, continuous = given.temporal_categorical.clone(), given.temporal_continuous.clone()
    categorical[:, step:] = (categorical[:, step:] + 1) % 5
    continuous[:, step:] += 3.0
    return Inputs(given.static_categorical, categorical, given.static_continuous, continuous)


@both_networks
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 5])
@pytest.mark.parametrize("dilations", [(1, 1, 1), (1, 2, 4), (2, 3, 5)])
@pytest.mark.parametrize("length", [1, 4, 26])
def test_nothing_later_reaches_an_output(name, kernel_size, dilations, length):
    net = positive(network(architecture(name, kernel_size, dilations)))
    given = inputs(3, length)
    with torch.inference_mode():
        before = net(given)
        assert before.shape == (3, length)
        for step in range(length):
            after = net(changed_after(given, step))
            torch.testing.assert_close(after[:, :step], before[:, :step], rtol=0, atol=0)
            assert (after[:, step] != before[:, step]).all()


@both_networks
@pytest.mark.parametrize("kernel_size", [1, 2, 3])
@pytest.mark.parametrize("dilations", [(1, 2, 4), (1, 3, 9)])
def test_receptive_field_is_what_the_gradient_reaches(name, kernel_size, dilations):
    drawn = architecture(name, kernel_size, dilations)
    given = inputs(1, 40)
    moving = given.temporal_continuous.clamp(-1, 1).requires_grad_()
    made = Inputs(
        given.static_categorical, given.temporal_categorical, given.static_continuous, moving
    )
    # Large biases keep every ReLU open.
    net = positive(network(drawn))
    with torch.no_grad():
        for convolution in net.modules():
            if isinstance(convolution, CausalConvolution):
                convolution.filter.bias.fill_(1e3)
    net(made)[0, -1].backward()
    reached = np.flatnonzero(moving.grad[0].abs().sum(-1).numpy())
    assert 40 - reached.min() == drawn.receptive_field == 1 + (kernel_size - 1) * sum(dilations)


@pytest.mark.parametrize("kernel_size", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_convolution_is_equation_3(kernel_size, dilation):
    torch.manual_seed(3)
    layer = CausalConvolution(2, 4, kernel_size, dilation)
    values = torch.randn(3, 2, 9)
    weights, bias = layer.filter.weight.detach().numpy(), layer.filter.bias.detach().numpy()
    expected = np.tile(bias[None, :, None], (3, 1, 9)).astype(float)
    for step in range(9):
        for tap in range(kernel_size):  # torch stores the present step's tap last
            source = step - dilation * tap
            if source >= 0:
                taps = weights[:, :, kernel_size - 1 - tap]
                expected[:, :, step] += values[:, :, source].numpy() @ taps.T
    np.testing.assert_allclose(layer(values).detach().numpy(), expected, rtol=1e-4, atol=1e-5)


@both_networks
def test_last_steps_alone_equal_the_whole_sequence_and_need_only_the_receptive_field(name):
    drawn = architecture(name)
    net, given = network(drawn), inputs(4, 27)
    with torch.inference_mode():
        whole = net(given)
        torch.testing.assert_close(net(given, last=3), whole[:, -3:])
        tail = given.steps(27 - drawn.receptive_field, 27)
        torch.testing.assert_close(net(tail, last=1), whole[:, -1:])


@both_networks
@pytest.mark.parametrize("kernel_size", [1, 2, 3])
@pytest.mark.parametrize("length", [1, 5, 27])
def test_changing_the_last_step_alone_equals_asking_the_whole_network(name, kernel_size, length):
    net, given = network(architecture(name, kernel_size), seed=2), inputs(4, length)
    values = [0.0, 15.0, 40.0]
    with torch.inference_mode():
        quick = net.at_last_step(given, [1], values)
        for column, value in enumerate(values):
            changed = given.temporal_continuous.clone()
            changed[:, -1, 1] = value
            whole = net(replace(given, temporal_continuous=changed))
            torch.testing.assert_close(quick[:, column], whole[:, -1])


@both_networks
def test_output_bias_starts_at_the_prior(name):
    net = build(architecture(name))
    net.start_at(0.03)
    assert torch.sigmoid(net.output.bias).item() == pytest.approx(0.03)


@both_networks
def test_unknown_level_adds_nothing(name):
    net = build(architecture(name))
    tables = [*net.static_embeddings.tables, *net.temporal_embeddings.tables]
    assert len(tables) == 3
    assert all((table.weight[0] == 0).all() and table.weight[1:].any() for table in tables)


def test_absurd_values_are_limited_but_offers_are_not():
    layer = Standardise(3, limit=5.0, unlimited=[1])
    scaled = layer(torch.tensor([[1e9, 1e9, -1e9]]))
    assert scaled.tolist() == [[5.0, 1e9, -5.0]]


def test_dropout_draws_in_training_alone():
    net, given = network(architecture()), inputs(4, 9)
    assert torch.equal(net(given), net(given))
    net.train()
    assert not torch.equal(net(given), net(given))


def test_ours_written_out_step_by_step():
    """One consumer-item, every step, with loops over taps instead of convolutions."""
    drawn = architecture(kernel_size=2, dilations=(1, 3))
    net, given = network(drawn).double(), inputs(1, 7)
    given = replace(
        given,
        static_continuous=given.static_continuous.double(),
        temporal_continuous=given.temporal_continuous.double(),
    )
    made = {name: value.detach().numpy() for name, value in net.state_dict().items()}

    def layer(name, values):
        return made[f"{name}.weight"] @ values + made.get(f"{name}.bias", 0.0)

    def relu(values):
        return np.maximum(values, 0)

    def embedded(part, indices):
        tables = [made[f"{part}_embeddings.tables.{at}.weight"] for at in range(len(indices))]
        return [table[index] for table, index in zip(tables, indices, strict=True)]

    profile = embedded("static", given.static_categorical[0].tolist())
    context = relu(layer("embed", np.concatenate([*profile, given.static_continuous[0].numpy()])))
    present = [
        np.concatenate(
            [*embedded("temporal", levels), np.clip(values, [-5, -1e9, -5], [5, 1e9, 5])]
        )
        for levels, values in zip(
            given.temporal_categorical[0].tolist(),
            given.temporal_continuous[0].numpy(),
            strict=True,
        )
    ]
    hidden = [layer("enter", values) + context for values in present]
    for place, dilation in enumerate(drawn.dilations):
        filters = made[f"blocks.{place}.convolution.filter.weight"]
        bias = made[f"blocks.{place}.convolution.filter.bias"]
        conditions = layer(f"blocks.{place}.conditions", context)
        scale, shift = conditions[: drawn.channels], conditions[drawn.channels :]
        found = []
        for step in range(len(hidden)):
            earlier = hidden[step - dilation] if step >= dilation else 0 * hidden[step]
            convolved = filters[:, :, 1] @ hidden[step] + filters[:, :, 0] @ earlier + bias
            found.append(relu((1 + scale) * convolved + shift))
        hidden = [old + new for old, new in zip(hidden, found, strict=True)]
    expected = []
    for past, now in zip(hidden, present, strict=True):
        joint = layer("dense_past", past) + layer("dense_present", now)
        joint = relu(joint + layer("dense_context", context))
        for place in range(len(drawn.dense_units) - 1):
            joint = relu(layer(f"dense.{place}", joint))
        offer = now[net.temporal_embeddings.width + drawn.offers[0]]
        slope = layer("offer_slopes", context)[0]
        expected.append(layer("output", joint)[0] + layer("direct", now)[0] + offer * slope)
    np.testing.assert_allclose(net(given)[0].detach().numpy(), expected, rtol=1e-9)


def test_ours_starts_without_a_response_to_offers_of_its_own():
    net = build(architecture())
    added = [net.offer_slopes, net.direct, *(block.conditions for block in net.blocks)]
    assert not any(weights.any() for layer in added for weights in layer.parameters())
