"""The experiment on small tables: trained once, gone on with, and anew where anything changed."""

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
import torch
from brand_tables import BRANDS, SNAPSHOT, brand_list, favourites

from promo_kedro.datasets.checkpoints import Checkpoint, Checkpoints
from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.brands.bau import fit_bau
from promo_kedro.pipelines.modelling.brands.classroom import BrandTables, Classroom, furnish
from promo_kedro.pipelines.modelling.brands.experiment import train_experiment
from promo_kedro.pipelines.modelling.brands.parameters import (
    BauParameters,
    BrandModellingParameters,
)
from promo_kedro.pipelines.modelling.brands.records import (
    reader_of,
    runs_and_history,
    runs_of,
    with_reader,
)
from promo_kedro.pipelines.modelling.brands.trained_run import run_from_saved
from promo_kedro.schemas import BrandRuns, BrandTrainingHistory

CONSUMERS = 300
SETTINGS: dict[str, Any] = {
    "network": {"embedding_size": 4, "consumer_size": 8, "hidden_units": [8]},
    "training": {"batch_size": 64, "max_epochs": 3},
    "calibration": {"min_buyers": 20},
    "runs": {
        "bau": {"model": "bau"},
        "v2": {"model": "varemb_v2", "loss": {"name": "focal"}, "resampling": "square_root"},
    },
    "in_use": "v2",
    "accelerator": "cpu",
}
Frames = dict[str, pd.DataFrame]


def parameters(**changes: Any) -> BrandModellingParameters:
    return BrandModellingParameters.model_validate(SETTINGS | changes)


def frames_of(consumers: int = CONSUMERS) -> Frames:
    """Two snapshots to train on, and a test; half of the consumers train, a quarter validates."""
    made = favourites(consumers, seed=1)
    snapshots = [SNAPSHOT - 1, SNAPSHOT, SNAPSHOT + 1]
    parts = ("features", "history", "purchases")
    frames = {
        f"brand_{part}": pd.concat(
            [getattr(made, part).assign(snapshot=snapshot) for snapshot in snapshots],
            ignore_index=True,
        )
        for part in parts
    }
    ids = np.arange(consumers)
    role = np.where(
        ids % 4 < 2, "training", np.where(ids % 4 == 2, "validation", "out_of_training")
    )
    training = frames["brand_purchases"]["customer_id"] % 4 < 2
    buyers = frames["brand_purchases"][training]["brand"].value_counts()
    listed = brand_list()
    listed["buyers"] = listed["brand"].map(buyers).fillna(0).astype(int)
    listed["prevalence"] = listed["buyers"] / (len(snapshots) * consumers / 2)
    return {
        **frames,
        "brand_list": listed,
        "brand_consumers": pd.DataFrame({"customer_id": ids, "role": role}),
        "brand_snapshots": pd.DataFrame(
            {
                "snapshot": snapshots,
                "use": ["train", "train", "test"],
                "history_from": 0,
                "first_day": "2026-01-01",
                "last_day": "2026-01-14",
            }
        ),
    }


def tables_of(frames: Frames) -> BrandTables:
    connection = ibis.duckdb.connect(threads=1)
    live = ("brand_features", "brand_history", "brand_purchases")
    made = {name: connection.create_table(name, frames[name]) for name in live}
    return BrandTables(**{**frames, **made})


def classroom_of(frames: Frames, weights: pd.DataFrame | None = None) -> Classroom:
    return furnish(tables_of(frames), weights)


def train(
    classroom: Classroom,
    store: Any,
    settings: BrandModellingParameters | None = None,
    seed: int = 3,
) -> dict[str, dict[str, Any]]:
    return train_experiment(classroom, settings or parameters(), seed, "hash", store)


@pytest.fixture(scope="module")
def frames() -> Frames:
    return frames_of()


@pytest.fixture(scope="module")
def kept(frames: Frames, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A finished experiment and its folder, which nobody writes to."""
    folder = tmp_path_factory.mktemp("checkpoints")
    return folder, train(classroom_of(frames), Checkpoints(folder))


class Looking(Checkpoints):
    """Finds what is trained and says what would be trained again, without training."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.anew: list[str] = []

    def keep_only(self, prefix: str) -> None:
        """Leave all as it is, to look again."""

    def part(self, name: str, fingerprint: str) -> Any:
        return _Look(self, name, super().part(name, fingerprint))


class _Look:
    def __init__(self, store: Looking, name: str, real: Checkpoint) -> None:
        self.store, self.name, self.real = store, name, real

    def load(self) -> dict[str, Any]:
        state = self.real.load()
        if state is None:
            self.store.anew.append(self.name.split("/")[0].removeprefix("run="))
        return state or {"card": {"record": {}}, "tensors": {}}

    def delete(self) -> None:
        pass


class Interrupted(Checkpoints):
    """The power goes after so many writes."""

    def __init__(self, folder: Path, writes: int) -> None:
        super().__init__(folder)
        self.left = writes

    def part(self, name: str, fingerprint: str) -> Any:
        store, real = self, super().part(name, fingerprint)

        class Part:
            load = staticmethod(real.load)
            delete = staticmethod(real.delete)

            @staticmethod
            def save(state: dict[str, Any]) -> None:
                real.save(state)
                store.left -= 1
                if not store.left:
                    raise KeyboardInterrupt

        return Part()


def trained_anew(folder: Path, classroom: Classroom, **changes: Any) -> list[str]:
    store = Looking(folder)
    train(classroom, store, **changes)
    return store.anew


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert list(one) == list(other)
    for name, model in one.items():
        assert model["card"]["model"] == other[name]["card"]["model"]
        assert model["card"]["calibration"] == other[name]["card"]["calibration"]
        for tensor, values in model["tensors"].items():
            assert np.array_equal(values, other[name]["tensors"][tensor]), tensor


def test_all_runs_are_trained_and_told_of(kept: tuple[Path, dict[str, Any]]) -> None:
    runs, history = runs_and_history(kept[1])
    BrandRuns.validate(runs)
    BrandTrainingHistory.validate(history)
    assert runs["run"].tolist() == ["bau", "v2"]
    assert runs["epochs"].tolist() == [0, 3]
    assert json.loads(runs["parameters"][1])["loss"]["name"] == "focal"
    assert history.groupby("run")["epoch"].apply(list).to_dict() == {"v2": [1, 2, 3]}


def test_a_second_experiment_finds_all_of_the_first(
    frames: Frames, kept: tuple[Path, dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    folder, models = kept
    caplog.set_level(logging.INFO)
    again = train(classroom_of(frames), Checkpoints(folder))
    assert caplog.text.count("is trained already") == 2
    assert_same(again, models)


@pytest.mark.parametrize("writes", [1, 2, 4, 5])
def test_an_interrupted_experiment_ends_like_a_clean_one(
    writes: int, frames: Frames, kept: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """Writes: the first run, then three epochs of the second, then the second run itself."""
    classroom = classroom_of(frames)
    with pytest.raises(KeyboardInterrupt):
        train(classroom, Interrupted(tmp_path, writes))
    resumed = train(classroom, Checkpoints(tmp_path))
    assert_same(resumed, kept[1])
    told, clean = (runs_and_history(models)[1] for models in (resumed, kept[1]))
    pd.testing.assert_frame_equal(told.drop(columns="seconds"), clean.drop(columns="seconds"))


def _one_more(table: str, column: str) -> Callable[[Frames], pd.DataFrame]:
    def changed(frames: Frames) -> pd.DataFrame:
        frame = frames[table].copy()
        frame.loc[frame.index[len(frame) // 2 + 1], column] += 1
        return frame

    return changed


def _without_last(table: str) -> Callable[[Frames], pd.DataFrame]:
    def changed(frames: Frames) -> pd.DataFrame:
        frame = frames[table]
        known = frame["customer_id"] % 4 < 2
        return frame.drop(index=frame[known & (frame["snapshot"] == SNAPSHOT)].index[-1])

    return changed


def _history(frames: Frames, kind: str, column: str, value: int) -> pd.DataFrame:
    """One number of one training consumer's history is another."""
    history = frames["brand_history"].copy()
    here = (history["kind"] == kind) & (history["customer_id"] == 41)
    here &= (history["snapshot"] == SNAPSHOT) & (history[column] != 15)
    (at,) = history[here & (history["steps_bought"] == 9)].index
    history.loc[at, column] = value
    return history


def _list_by_a_digit(frames: Frames) -> pd.DataFrame:
    listed = frames["brand_list"].copy()
    listed.loc[3, "prevalence"] = np.nextafter(listed.loc[3, "prevalence"], 1)
    return listed


def _roles_swapped(frames: Frames) -> pd.DataFrame:
    consumers = frames["brand_consumers"].copy()
    consumers.loc[[1, 2], "role"] = consumers.loc[[2, 1], "role"].to_numpy()
    return consumers


CHANGES: dict[str, Callable[[Frames], pd.DataFrame]] = {
    "features, tenure": lambda frames: frames["brand_features"].assign(tenure_steps=17),
    "features, attribute": lambda frames: frames["brand_features"].assign(rented="a"),
    "history, steps_bought": lambda frames: _history(frames, "brand", "steps_bought", 10),
    "history, year": lambda frames: _history(frames, "brand", "steps_bought_year", 8),
    "history, since": lambda frames: _history(frames, "brand", "steps_since", 2),
    "history, category": lambda frames: _history(frames, "category", "steps_bought", 10),
    "history, item": lambda frames: _history(frames, "item", "steps_since", 2),
    "history, a row": _without_last("brand_history"),
    "purchases": _without_last("brand_purchases"),
    "list": _one_more("brand_list", "buyers"),
    "list, last digit": _list_by_a_digit,
    "consumers": _roles_swapped,
    "snapshots": lambda frames: frames["brand_snapshots"].iloc[1:],
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_in_what_is_learnt_from_trains_all_runs_anew(
    change: str, frames: Frames, kept: tuple[Path, dict[str, Any]]
) -> None:
    table = change.split(",", maxsplit=1)[0]
    changed = frames | {f"brand_{table}": CHANGES[change](frames)}
    assert trained_anew(kept[0], classroom_of(changed)) == ["bau", "v2"]


def test_settings_train_those_runs_anew_that_use_them(
    frames: Frames, kept: tuple[Path, dict[str, Any]]
) -> None:
    folder, _ = kept
    classroom = classroom_of(frames)
    assert trained_anew(folder, classroom) == []
    slower = parameters(training=SETTINGS["training"] | {"learning_rate": 0.001})
    assert trained_anew(folder, classroom, settings=slower) == ["v2"]
    assert trained_anew(folder, classroom, settings=parameters(bau={"own_steps": 3.0})) == ["bau"]
    elsewhere = parameters(accelerator="auto")
    assert trained_anew(folder, classroom, settings=elsewhere) == ["v2"]
    assert trained_anew(folder, classroom, seed=4) == ["bau", "v2"]


def test_other_weights_train_those_runs_anew_that_use_them(frames: Frames, tmp_path: Path) -> None:
    loss = {"name": "weighted", "weights": "custom"}
    settings = parameters(
        runs=SETTINGS["runs"] | {"v2_custom": {"loss": loss}}, training={"max_epochs": 1}
    )
    brands = frames["brand_list"]["brand"].tolist()
    weights = pd.DataFrame({"brand": brands, "weight": "2", "row": range(1, BRANDS + 1)})
    train(classroom_of(frames, weights), Checkpoints(tmp_path), settings)
    assert trained_anew(tmp_path, classroom_of(frames, weights), settings=settings) == []
    other = classroom_of(frames, weights.assign(weight=["3"] + ["2"] * (BRANDS - 1)))
    assert trained_anew(tmp_path, other, settings=settings) == ["v2_custom"]


def test_nothing_is_kept_of_consumers_who_left(
    tmp_path: Path, frames: Frames, kept: tuple[Path, dict[str, Any]]
) -> None:
    shutil.copytree(kept[0], tmp_path, dirs_exist_ok=True)
    states = {path.stem for path in tmp_path.rglob("*.safetensors")}
    assert states == {"model"}
    changed = frames | {"brand_consumers": frames["brand_consumers"].iloc[1:]}
    settings = parameters(runs={"bau": {"model": "bau"}}, in_use="bau")
    train(classroom_of(changed), Checkpoints(tmp_path), settings)
    assert [path.parent.name for path in tmp_path.rglob("*.safetensors")] == ["run=bau"]


def test_another_code_trains_anew(
    frames: Frames, kept: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promo_kedro.pipelines.modelling.brands.fingerprint.MODEL_CODE", 10**6)
    assert trained_anew(kept[0], classroom_of(frames)) == ["bau", "v2"]


def test_runs_are_found_again_among_the_models(
    frames: Frames, kept: tuple[Path, dict[str, Any]]
) -> None:
    classroom = classroom_of(frames)
    brands, snapshots = classroom.brand_list, frames["brand_snapshots"]
    saved = with_reader(kept[1], classroom.encoder, brands, snapshots)
    shuffled = dict(sorted(saved.items(), reverse=True))
    assert list(runs_of(shuffled)) == ["bau", "v2"]
    assert reader_of(shuffled, brands, snapshots) == classroom.encoder
    with pytest.raises(InputError, match=r"foretell 14 days at a time.*asks for 28"):
        reader_of(shuffled, brands, snapshots.assign(last_day="2026-01-28"))
    with pytest.raises(InputError, match="brand_list is another"):
        reader_of(shuffled, brands.iloc[::-1], snapshots)
    for model in runs_of(shuffled).values():
        logit = run_from_saved(model).logit(classroom.validation)
        assert logit.shape == (CONSUMERS // 4, BRANDS)
        assert torch.isfinite(logit).all()
        expected, bought = logit.sigmoid().sum(), classroom.validation.bought_matrix(BRANDS).sum()
        assert float(expected) == pytest.approx(float(bought), rel=0.01)


def test_where_purchases_are_pure_chance_nothing_beats_the_prevalence(tmp_path: Path) -> None:
    """Purchases are drawn anew, whatever the history: no run may find what is not there."""
    frames = frames_of(1200)
    draw = np.random.default_rng(7)
    purchases = frames["brand_purchases"]
    brands = frames["brand_list"]["brand"].to_numpy()
    drawn = purchases.assign(
        customer_id=draw.integers(1200, size=len(purchases)),
        brand=draw.choice(brands, len(purchases)),
    ).drop_duplicates()
    listed = frames["brand_list"].assign(prevalence=len(drawn) / (3 * 1200 * BRANDS))
    classroom = classroom_of(frames | {"brand_purchases": drawn, "brand_list": listed})
    runs = {"bau": {"model": "bau"}, "v2": {"training": {"max_epochs": 6}}}
    models = train(classroom, Checkpoints(tmp_path), parameters(runs=runs))
    test = tables_of(frames | {"brand_purchases": drawn, "brand_list": listed})
    unseen = test.read(classroom.encoder, [SNAPSHOT + 1], "out_of_training")
    bought = unseen.bought_matrix(BRANDS).numpy()
    share = listed["prevalence"].to_numpy()
    by_prevalence = -(bought * np.log(share) + (1 - bought) * np.log(1 - share))
    for name, model in models.items():
        chance = run_from_saved(model).logit(unseen).double().sigmoid().numpy()
        loss = -(bought * np.log(chance) + (1 - bought) * np.log(1 - chance))
        gain = (by_prevalence - loss).mean(1)
        assert gain.mean() < 3 * gain.std() / np.sqrt(len(gain)), name
        assert abs(gain.mean()) < 0.02, name
        likeliest = np.argsort(-chance, axis=0)[:60]
        hits = np.take_along_axis(bought, likeliest, axis=0).mean()
        assert abs(hits - share.mean()) < 3 * np.sqrt(share.mean() / (60 * BRANDS)), name


def test_shares_of_steps_count_no_step_that_was_not_read(frames: Frames) -> None:
    """Of 18 steps as a consumer 10 are looked back on, in 9 of which the favourite was bought."""
    snapshots = frames["brand_snapshots"]
    short = frames | {"brand_snapshots": snapshots.assign(history_from=snapshots["snapshot"] - 10)}
    assert classroom_of(frames).training.tenure.max() == 18
    classroom = classroom_of(short)
    assert classroom.training.tenure.unique().tolist() == [0, 10]
    settings = BauParameters(own_steps=1e-6)
    bau = fit_bau(classroom.training, classroom.brand_list, classroom.encoder, settings)
    assert float(bau.scores(classroom.training).sigmoid().max()) == pytest.approx(0.9, abs=1e-4)


def test_no_one_else_is_read(frames: Frames) -> None:
    classroom = classroom_of(frames)
    assert set(classroom.training.customer_id % 4) == {0, 1}
    assert set(classroom.training.snapshot) == {SNAPSHOT - 1, SNAPSHOT}
    assert set(classroom.validation.customer_id % 4) == {2}
    assert set(classroom.validation.snapshot) == {SNAPSHOT}
    strange = frames["brand_history"].copy()
    strange.loc[strange["customer_id"] % 4 > 1, "name"] = "never heard of"
    learnt = classroom_of(frames | {"brand_history": strange}).encoder
    assert learnt == classroom.encoder


def test_the_seed_of_a_private_run_is_told_only_where_noise_depends_on_it(
    frames: Frames, tmp_path: Path
) -> None:
    pytest.importorskip("opacus")
    runs = {
        name: {"private": {"epsilon": 5.0, "delta": 1e-3, "epochs": 1, "repeatable": repeatable}}
        for name, repeatable in (("secret", False), ("repeatable", True))
    }
    models = train(
        classroom_of(frames), Checkpoints(tmp_path), parameters(runs=runs, in_use="secret")
    )
    found, history = runs_and_history(models)
    found = BrandRuns.validate(found).set_index("run")
    BrandTrainingHistory.validate(history)
    assert pd.isna(found.loc["secret", "seed"])
    assert found.loc["repeatable", "seed"] == 3
    assert found["epsilon"].between(0, 5).all()
    for model in models.values():
        assert not model["tensors"]["prior_shift"].any()
