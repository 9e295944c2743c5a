"""NeuralForecast's TCN on the archive of `feed.py`.

What changes with the step is known at its start, so it is a future exogenous input; statics are
static ones; categoricals have the library's own embeddings. A window has one step of horizon: every
cell of the loss is a window of its own.
"""

import logging
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from feed import Answer, BestWeights, EpochClock, Feed, Settings, main
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import DistributionLoss
from neuralforecast.models import TCN

logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)


def fit_and_predict(feed: Feed, settings: Settings) -> Answer:
    model = build(feed, settings, [EpochClock(), BestWeights("ptl/val_loss")])
    forecast = NeuralForecast([model], freq=1)
    last = feed.training_steps
    learners = table(feed, feed.learners, 0, last)
    judged = table(feed, feed.learners, last - reach(settings), last + 1)
    # Only available cells are judged; the library wants the same series in both tables.
    decides = (judged["ds"] < last) | judged["unique_id"].isin(feed.deciders)
    started = time.perf_counter()
    forecast.fit(
        learners.assign(available_mask=1.0, sample_weight=feed.counted[feed.learners].ravel()),
        static_df=statics(feed, feed.learners),
        val_df=judged.assign(available_mask=decides.astype(float), sample_weight=1.0),
    )
    fitted = time.perf_counter()
    probability = np.column_stack([asked(forecast, feed, last), asked(forecast, feed, last + 1)])
    predicted = time.perf_counter()
    cells = last * len(feed.learners)
    # The library trains a copy of the model, callbacks included.
    clock = forecast.models[0].trainer_kwargs["callbacks"][0]
    return Answer(probability, fitted - started, predicted - fitted, clock.seconds, cells)


def reach(settings: Settings) -> int:
    """Return how many past steps a convolution sees."""
    return (settings.kernel_size - 1) * sum(settings.dilations)


def build(feed: Feed, settings: Settings, callbacks: list) -> TCN:
    still, moving = names(feed.static_levels, "static_level"), names(feed.temporal_levels, "level")
    codes = [*feed.static_levels.T, *np.moveaxis(feed.temporal_levels, -1, 0)]
    updates = -(-len(feed.learners) // settings.batch_size)
    return TCN(
        h=1,
        input_size=reach(settings),
        start_padding_enabled=True,
        kernel_size=settings.kernel_size,
        dilations=settings.dilations,
        encoder_hidden_size=settings.channels,
        stat_exog_list=[*names(feed.static, "static"), *still],
        futr_exog_list=[*names(feed.temporal, "temporal"), *moving],
        cat_exog_list=[*still, *moving],
        categorical_cardinalities={
            name: int(column.max()) + 1
            for name, column in zip([*still, *moving], codes, strict=True)
        },
        loss=DistributionLoss("Bernoulli", return_params=True, num_samples=2),
        learning_rate=settings.learning_rate,
        max_steps=updates * settings.max_epochs,
        val_check_steps=updates,
        early_stop_patience_steps=settings.stop_patience,
        batch_size=settings.batch_size,
        valid_batch_size=2048,
        windows_batch_size=None,
        inference_windows_batch_size=-1,
        scaler_type="identity",  # the feed is in standard deviations already
        optimizer=torch.optim.Adam,
        optimizer_kwargs={"weight_decay": settings.weight_decay},
        random_seed=settings.seed,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=str(Path(settings.folder)),
        callbacks=callbacks,
    )


def asked(forecast: NeuralForecast, feed: Feed, step: int) -> np.ndarray:
    """Return the probability of a purchase in a step, from all that is known at its start."""
    rows = np.arange(len(feed))
    answer = forecast.predict(
        table(feed, rows, 0, step),
        static_df=statics(feed, rows),
        futr_df=table(feed, rows, step, step + 1).drop(columns="y"),
    )
    # The parameter's column bears the name of a logit but holds the probability.
    return answer.sort_values("unique_id")["TCN-logits"].to_numpy()


def table(feed: Feed, rows: np.ndarray, start: int, stop: int) -> pd.DataFrame:
    """Return consumer-items one below the other, a row per step."""
    columns = {
        "unique_id": np.repeat(rows, stop - start),
        "ds": np.tile(np.arange(start, stop), len(rows)),
        "y": feed.purchased[rows, start:stop].ravel(),
    }
    for values, kind in ((feed.temporal, "temporal"), (feed.temporal_levels, "level")):
        chosen = values[rows, start:stop].reshape(-1, values.shape[-1])
        columns |= dict(zip(names(values, kind), chosen.T, strict=True))
    return pd.DataFrame(columns)


def statics(feed: Feed, rows: np.ndarray) -> pd.DataFrame:
    columns = {"unique_id": rows}
    for values, kind in ((feed.static, "static"), (feed.static_levels, "static_level")):
        columns |= dict(zip(names(values, kind), values[rows].T, strict=True))
    return pd.DataFrame(columns)


def names(values: np.ndarray, kind: str) -> list[str]:
    return [f"{kind}_{place}" for place in range(values.shape[-1])]


if __name__ == "__main__":
    main(fit_and_predict)
