"""Scalers: moments of the training steps only."""

import numpy as np

from promo_kedro.pipelines.modelling.scaling import Scaler


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
