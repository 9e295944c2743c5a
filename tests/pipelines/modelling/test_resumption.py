"""Interrupted trainings end as if nothing had happened."""

import hashlib
import tracemalloc
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from promo_kedro.datasets import CheckpointsDataset
from promo_kedro.pipelines.modelling.resumption import _add, fingerprint
from promo_kedro.pipelines.modelling.training import fit_network, reproducible

from .lessons import (
    AVERAGES,
    CPU,
    OPTIMIZERS,
    SCHEDULERS,
    lesson_of,
    network_of,
    recipe,
    same_weights,
)


class PowerCutError(Exception):
    """Ends a training between two epochs."""


@pytest.mark.parametrize("at", [2, 5], ids=["midway", "after the last epoch"])
@pytest.mark.parametrize(
    ("optimizer", "scheduler", "averaging"), product(OPTIMIZERS, SCHEDULERS, AVERAGES)
)
def test_an_interrupted_training_ends_with_the_same_weights(
    optimizer, scheduler, averaging, at, tmp_path
):
    lesson = lesson_of(masked=True)
    training = recipe(
        optimizer=optimizer,
        scheduler=scheduler,
        averaging=averaging,
        start="pooled",
        max_epochs=5,
        plateau_patience=0,
        swa_start=0.2,
        cycle_epochs=1.5,
    )

    def run(folder, cut_after=None):
        network, seen = network_of(dropout=0.3), []

        def cut(epoch, _):
            seen.append(epoch)
            if epoch == cut_after:
                raise PowerCutError

        checkpoints = CheckpointsDataset(path=str(tmp_path / folder)).load()
        with reproducible(5, CPU):
            progress = checkpoints.part("Bakery", fingerprint(network, lesson, training, CPU))
            history = fit_network(network, lesson, training, CPU, progress, cut)
            return network, history, seen, torch.rand(1), progress.load()["average"]

    network, history, _, drawn, average = run("whole")
    with pytest.raises(PowerCutError):
        run("cut", cut_after=at)
    network_again, history_again, seen, drawn_again, average_again = run("cut")
    assert seen == list(range(at + 1, 6))
    assert same_weights(network, network_again)
    assert torch.equal(drawn, drawn_again)
    torch.testing.assert_close(average, average_again, rtol=0, atol=0)
    clock = {"seconds": 0, "samples_per_second": 0}
    assert [one | clock for one in history] == [one | clock for one in history_again]


def test_fingerprints_differ_with_all_that_matters():
    lesson, network, training = lesson_of(), network_of(), recipe()
    torch.manual_seed(3)
    first = fingerprint(network, lesson, training, CPU)
    assert fingerprint(network_of(), lesson_of(), recipe(), CPU) == first
    purchased = lesson.purchased.clone()
    purchased[0, 0] = 1 - purchased[0, 0]
    deciders = replace(lesson, deciders=lesson.deciders[1:])
    others = [
        fingerprint(network_of(seed=2), lesson, training, CPU),
        fingerprint(network_of("figure1"), lesson, training, CPU),
        fingerprint(network, replace(lesson, purchased=purchased), training, CPU),
        fingerprint(network, lesson_of(masked=True), training, CPU),
        fingerprint(network, deciders, training, CPU),
        fingerprint(network, lesson, recipe(weight_decay=0.1), CPU),
        fingerprint(network, lesson, training, CPU.model_copy(update={"threads": 2})),
    ]
    torch.manual_seed(4)
    others.append(fingerprint(network, lesson, training, CPU))
    assert len({first, *others}) == 9


@pytest.mark.parametrize("shape", [(), (0, 3), (5, 0), (20_000, 3, 4)])
def test_a_digest_is_of_the_numbers_however_they_lie(shape):
    values = torch.rand(shape, generator=torch.Generator().manual_seed(1))
    ours, expected = hashlib.blake2b(), hashlib.blake2b()
    _add(ours, values.T.contiguous().T if len(shape) == 2 else values)
    expected.update(f"torch.float32 {shape}".encode() + values.numpy().tobytes())
    assert ours.digest() == expected.digest()


def test_a_digest_of_part_of_a_cube_copies_little_of_it():
    cube = torch.rand(40_000, 6, 5)
    whole, part = hashlib.blake2b(), hashlib.blake2b()
    _add(whole, cube[:, :4, 1:].contiguous())
    tracemalloc.start()
    _add(part, cube[:, :4, 1:])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert part.digest() == whole.digest()
    assert peak < 0.5 * np.prod([40_000, 4, 4, 4])  # bytes of the whole part
