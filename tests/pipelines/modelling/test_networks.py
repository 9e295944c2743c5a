"""The network of Figure 1: causality, Eq. 3, receptive field, shapes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from promo_kedro.pipelines.modelling.network import (
    Architecture,
    CausalConvolution,
    Inputs,
    PurchaseNetwork,
    Standardise,
)


def architecture(kernel_size: int = 3, dilations: tuple[int, ...] = (1, 2, 4)) -> Architecture:
    return Architecture(
        static_levels=[4, 3],
        temporal_levels=[5],
        static_continuous=2,
        temporal_continuous=3,
        unlimited=[1],
        kernel_size=kernel_size,
        dilations=list(dilations),
        channels=6,
        dense_units=[8, 8, 4],
        embedding_size=4,
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
    """Weights all positive, so that no ReLU hides an influence."""
    torch.manual_seed(seed)
    made = PurchaseNetwork(drawn).eval()
    with torch.no_grad():
        for weights in made.parameters():
            weights.abs_()
    return made


def changed_after(given: Inputs, step: int) -> Inputs:
    """Other temporal inputs from ``step`` on."""
    categorical, continuous = given.temporal_categorical.clone(), given.temporal_continuous.clone()
    categorical[:, step:] = (categorical[:, step:] + 1) % 5
    continuous[:, step:] += 3.0
    return Inputs(given.static_categorical, categorical, given.static_continuous, continuous)


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 5])
@pytest.mark.parametrize("dilations", [(1, 1, 1), (1, 2, 4), (2, 3, 5)])
@pytest.mark.parametrize("length", [1, 4, 26])
def test_nothing_later_reaches_an_output(kernel_size, dilations, length):
    net, given = network(architecture(kernel_size, dilations)), inputs(3, length)
    with torch.inference_mode():
        before = net(given)
        assert before.shape == (3, length)
        for step in range(length):
            after = net(changed_after(given, step))
            torch.testing.assert_close(after[:, :step], before[:, :step], rtol=0, atol=0)
            assert (after[:, step] != before[:, step]).all()


@pytest.mark.parametrize("kernel_size", [1, 2, 3])
@pytest.mark.parametrize("dilations", [(1, 2, 4), (1, 3, 9)])
def test_receptive_field_is_what_the_gradient_reaches(kernel_size, dilations):
    drawn = architecture(kernel_size, dilations)
    given = inputs(1, 40)
    moving = given.temporal_continuous.clamp(-1, 1).requires_grad_()
    made = Inputs(
        given.static_categorical, given.temporal_categorical, given.static_continuous, moving
    )
    # Large biases keep every ReLU open.
    net = network(drawn)
    with torch.no_grad():
        for convolution in net.convolutions:
            convolution.filter.bias.fill_(1e3)
    net(made)[0, -1].backward()
    reached = np.flatnonzero(moving.grad[0].abs().sum(-1).numpy())
    assert 40 - reached.min() == drawn.receptive_field
    assert architecture().receptive_field == 15


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


def test_last_steps_alone_equal_the_whole_sequence_and_need_only_the_receptive_field():
    drawn = architecture()
    net, given = network(drawn), inputs(4, 27)
    with torch.inference_mode():
        whole = net(given)
        torch.testing.assert_close(net(given, last=3), whole[:, -3:])
        tail = given.steps(27 - drawn.receptive_field, 27)
        torch.testing.assert_close(net(tail, last=1), whole[:, -1:])


@pytest.mark.parametrize("kernel_size", [1, 2, 3])
@pytest.mark.parametrize("length", [1, 5, 27])
def test_changing_the_last_step_alone_equals_asking_the_whole_network(kernel_size, length):
    torch.manual_seed(2)
    net, given = PurchaseNetwork(architecture(kernel_size)).eval(), inputs(4, length)
    values = [0.0, 15.0, 40.0]
    with torch.inference_mode():
        quick = net.at_last_step(given, [1], values)
        for column, value in enumerate(values):
            changed = given.temporal_continuous.clone()
            changed[:, -1, 1] = value
            whole = net(replace(given, temporal_continuous=changed))
            torch.testing.assert_close(quick[:, column], whole[:, -1])


def test_output_bias_starts_at_the_prior():
    net = PurchaseNetwork(architecture())
    net.start_at(0.03)
    assert torch.sigmoid(net.output.bias).item() == pytest.approx(0.03)


def test_unknown_level_adds_nothing():
    net = PurchaseNetwork(architecture())
    assert all((table.weight[0] == 0).all() for table in net.static_embeddings.tables)


def test_absurd_values_are_limited_but_offers_are_not():
    layer = Standardise(3, limit=5.0, unlimited=[1])
    scaled = layer(torch.tensor([[1e9, 1e9, -1e9]]))
    assert scaled.tolist() == [[5.0, 1e9, -5.0]]
