"""Darts' TCNModel on the archive of `feed.py`.

The model knows neither static covariates nor covariates of the step it predicts. So both are
given as past covariates: static ones repeated on every step, the others one step ahead of time,
since all of them are known when their step starts. A window as long as the training steps makes
one sample per consumer-item, whose every step is in the loss.
"""

import time

import numpy as np
from darts import TimeSeries
from darts.models import TCNModel
from darts.utils.likelihood_models.torch import BernoulliLikelihood
from feed import Answer, BestWeights, EpochClock, Feed, Settings, as_numbers, main
from pytorch_lightning.callbacks import EarlyStopping
from torch.optim import Adam


def fit_and_predict(feed: Feed, settings: Settings) -> Answer:
    static, temporal = as_numbers(feed)
    known = known_before(static, temporal)
    clock = EpochClock()
    model = build(settings, feed.training_steps, clock)
    started = time.perf_counter()
    fit(model, feed, known, settings)
    fitted = time.perf_counter()
    steps = [feed.validation_step, feed.validation_step + 1]
    probability = np.column_stack([asked(model, feed, known, step) for step in steps])
    return Answer(
        probability,
        fitted - started,
        time.perf_counter() - fitted,
        clock.seconds,
        feed.training_steps * len(feed.learners),
    )


def known_before(static: np.ndarray, temporal: np.ndarray) -> np.ndarray:
    """Return covariates (n, S, ·), those of step t standing at t - 1; the first stands at -1."""
    repeated = np.broadcast_to(static[:, None], (*temporal.shape[:2], static.shape[1]))
    return np.concatenate([temporal, repeated], axis=-1)


def build(settings: Settings, length: int, clock: EpochClock) -> TCNModel:
    layers = len(settings.dilations)
    base = settings.dilations[1] // settings.dilations[0] if layers > 1 else 2
    return TCNModel(
        input_chunk_length=length,
        output_chunk_length=1,
        kernel_size=settings.kernel_size,
        num_filters=settings.channels,
        num_layers=layers,
        dilation_base=base,
        likelihood=BernoulliLikelihood(),
        optimizer_cls=Adam,
        optimizer_kwargs={"lr": settings.learning_rate, "weight_decay": settings.weight_decay},
        batch_size=settings.batch_size,
        n_epochs=settings.max_epochs,
        random_state=settings.seed,
        work_dir=settings.folder,
        pl_trainer_kwargs={
            "accelerator": "cpu",
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "callbacks": [
                EarlyStopping("val_loss", patience=settings.stop_patience),
                clock,
                BestWeights("val_loss"),
            ],
        },
    )


def fit(model: TCNModel, feed: Feed, known: np.ndarray, settings: Settings) -> None:
    """Fit on the learners, keep the epoch that was best at the deciders' validation step."""
    last = feed.training_steps
    weight = np.concatenate([feed.counted, np.zeros((len(feed), 1))], axis=1)
    deciding = np.zeros((len(feed), last + 1))
    deciding[:, last] = 1
    model.fit(
        targets(feed, feed.learners, 0, last),
        past_covariates=covariates(known, feed.learners, 0, last),
        sample_weight=weights(weight, feed.learners, 0, last),
        val_series=targets(feed, feed.deciders, 1, last + 1),
        val_past_covariates=covariates(known, feed.deciders, 1, last + 1),
        val_sample_weight=weights(deciding, feed.deciders, 1, last + 1),
    )


def asked(model: TCNModel, feed: Feed, known: np.ndarray, step: int) -> np.ndarray:
    """Return the probability of a purchase in a step, from all that is known at its start."""
    rows, first = np.arange(len(feed)), step - feed.training_steps
    answers = model.predict(
        1,
        series=targets(feed, rows, first, step),
        past_covariates=covariates(known, rows, first, step + 1),
        predict_likelihood_parameters=True,
        batch_size=2048,
    )
    return np.array([answer.values()[0, 0] for answer in answers])


def targets(feed: Feed, rows: np.ndarray, start: int, stop: int) -> list[TimeSeries]:
    """Return purchases of the steps from ``start - 1`` on; nothing is known before the first."""
    bought = np.pad(feed.purchased, ((0, 0), (1, 0)))[:, start : stop + 1, None]
    return _series(bought, rows)


def covariates(known: np.ndarray, rows: np.ndarray, start: int, stop: int) -> list[TimeSeries]:
    return _series(known[:, start:stop], rows)


def weights(weight: np.ndarray, rows: np.ndarray, start: int, stop: int) -> list[TimeSeries]:
    padded = np.pad(weight, ((0, 0), (1, 0)))[:, start : stop + 1, None]
    return _series(padded, rows)


def _series(values: np.ndarray, rows: np.ndarray) -> list[TimeSeries]:
    values = values.astype(np.float32)
    return [TimeSeries.from_values(values[row]) for row in rows]


if __name__ == "__main__":
    main(fit_and_predict)
