"""Scalers: moments of the training steps only."""

import numpy as np
import pytest

from promo_kedro.pipelines.modelling.scaling import ROWS_AT_ONCE, Scaler


def test_later_steps_and_constants():
    values = np.random.default_rng(0).normal(5, 2, (50, 6, 3)).astype(np.float32)
    values[:, :, 2] = 7.0
    poisoned = values.copy()
    poisoned[:, 4:] = 1e9
    scaler = Scaler.fit(poisoned, np.arange(4))
    np.testing.assert_allclose(scaler.mean, values[:, :4].mean((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(scaler.scale[:2], values[:, :4].std((0, 1))[:2], rtol=1e-5)
    assert scaler.scale[2] == 0.0


def test_static_and_empty_groups():
    assert Scaler.fit(np.array([[1.0], [3.0]], np.float32)).mean.tolist() == [2.0]
    assert Scaler.fit(np.empty((4, 0), np.float32)).scale.shape == (0,)


@pytest.mark.parametrize("count", [1, ROWS_AT_ONCE, 2 * ROWS_AT_ONCE + 7])
def test_stretches_make_the_moments_of_the_whole(count):
    draw = np.random.default_rng(3)
    values = draw.normal(size=(count, 5, 4)) * [1, 1e-3, 1e4, 50] + [0, 10, -1e6, 5000]
    # As in a cube that holds the target too, and rows that come in order of size.
    cube = np.sort(np.concatenate([values[..., :1], values], axis=2).astype(np.float32), axis=0)
    scaler = Scaler.fit(cube[:, :, 1:], np.array([0, 1, 3]))
    exact = cube[:, [0, 1, 3], 1:].astype(np.float64)
    np.testing.assert_allclose(scaler.mean, exact.mean((0, 1)), rtol=1e-9)
    np.testing.assert_allclose(scaler.scale, exact.std((0, 1)), rtol=1e-9)


def test_no_rows_at_all():
    scaler = Scaler.fit(np.empty((0, 5, 2), np.float32), np.arange(3))
    assert scaler.mean.tolist() == scaler.scale.tolist() == [0.0, 0.0]
