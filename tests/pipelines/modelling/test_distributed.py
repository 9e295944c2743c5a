"""Two processes train what one would."""

import pytest
import torch

from promo_kedro.datasets import CheckpointsDataset

from .lessons import CPU, fitted, lesson_of, network_of, recipe


@pytest.mark.slow
def test_two_devices_end_with_the_weights_of_one(tmp_path):
    """Batches of 21 leave a last one of a single row, of which the second device has no share."""
    lesson = lesson_of(masked=True)
    training = recipe(averaging="swa", start="pooled", batch_size=21)
    one, two = network_of(dropout=0), network_of(dropout=0)
    history = fitted(one, lesson, training)
    progress = CheckpointsDataset(path=str(tmp_path)).load().part("Bakery", "a")
    seen: list[int] = []
    both = CPU.model_copy(update={"devices": 2})
    history_of_two = fitted(
        two, lesson, training, both, progress=progress, on_epoch=lambda epoch, _: seen.append(epoch)
    )
    for found, expected in zip(two.parameters(), one.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    for found, expected in zip(history_of_two, history, strict=True):
        for loss in ("train_loss", "validation_loss", "weight"):
            assert found[loss] == pytest.approx(expected[loss], abs=1e-5)
    assert seen == [1, 2, 3, 4]
    assert progress.load()["epoch"] == 4
