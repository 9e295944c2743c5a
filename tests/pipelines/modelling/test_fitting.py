"""Training windows: who decides what, where networks start, and going on after an interruption."""

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from promo_kedro.datasets import CheckpointsDataset
from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling import fitting
from promo_kedro.pipelines.modelling.nodes import compare_candidates, predict_purchases
from promo_kedro.pipelines.modelling.roles import are_calibrators

from .retailer import Retailer, as_table, changed, same_tensors, train

BAKERY, POOLED = "window=0/category=Bakery", "window=0/pooled"
# So small that no weight moves: what training returns is what it started from.
STILL = {"learning_rate": 1e-30, "min_learning_rate": 1e-30, "weight_decay": 0.0}
TWO_RECIPES = {
    "ours": {},
    "paper": {"network": {"architecture": "figure1"}, "training": {"optimizer": "rmsprop"}},
}


@pytest.fixture(scope="module")
def several(quick):
    """Two networks and trees, and enough purchases for any calibration."""
    return changed(
        quick,
        recipes=TWO_RECIPES,
        stacking={"with_trees": True, "min_positives": 5},
        calibration={"min_positives_for_slope": 5},
    )


@pytest.fixture(scope="module")
def frame():
    return Retailer({"Bakery": 140}).frame()


@pytest.fixture(scope="module")
def models(frame, several):
    return train(frame, several)[0]


def flipped(frame, split, calibrates=None):
    """Turn purchases into non-purchases and back, in a split, of calibrators or of deciders."""
    frame, rows = frame.copy(), frame["split"] == split
    if calibrates is not None:
        rows &= are_calibrators(frame["customer_id"].to_numpy(), 0.5) == calibrates
    assert 0 < rows.sum() < len(frame)
    frame.loc[rows, "purchased"] = 1 - frame.loc[rows, "purchased"]
    return frame


def spied(monkeypatch, name):
    """Return a list of what a function of the module was given."""
    calls, real = [], getattr(fitting, name)

    def spy(*given):
        calls.append(given)
        return real(*given)

    monkeypatch.setattr(fitting, name, spy)
    return calls


def test_calibrators_move_no_weight_but_the_calibration(frame, several, models):
    others, _ = train(flipped(frame, "validation", calibrates=True), several)
    for name in (BAKERY, POOLED):
        assert same_tensors(models[name], others[name])
        first, second = models[name]["card"], others[name]["card"]
        assert first["calibration"] != second["calibration"]
        assert first["stack"]["scores"] != second["stack"]["scores"]


def test_deciders_say_nothing_of_stack_and_calibration(frame, several, models, monkeypatch):
    seen = {}
    for who, table in (("as is", frame), ("flipped", flipped(frame, "validation", False))):
        with monkeypatch.context() as patched:
            stacks, calibrations = (
                spied(patched, name) for name in ("fit_stack", "pick_calibration")
            )
            card = train(table, several)[0][BAKERY]["card"]
        seen[who] = [given[2:4] for given in stacks] + [given[1:3] for given in calibrations]
        if who == "flipped":
            before = models[BAKERY]["card"]["history"]["ours"]
            assert before[0]["train_loss"] == card["history"]["ours"][0]["train_loss"]
            assert before[0]["validation_loss"] != card["history"]["ours"][0]["validation_loss"]
    assert len(seen["as is"]) == 4
    validation = frame[frame["split"] == "validation"].sort_values(["customer_id", "item_id"])
    validation = validation[are_calibrators(validation["customer_id"].to_numpy(), 0.5)]
    for who in seen.values():
        for purchased, consumers in who:
            np.testing.assert_array_equal(consumers, validation["customer_id"])
            np.testing.assert_array_equal(purchased, validation["purchased"])


def test_calibration_is_fitted_on_what_prediction_will_say(frame, several, monkeypatch):
    calibrations = spied(monkeypatch, "pick_calibration")
    models, _ = train(frame, several)
    scored = predict_purchases(models, as_table(frame), several)
    scored = scored[scored["split"] == "validation"].sort_values(["customer_id", "item_id"])
    scored = scored[are_calibrators(scored["customer_id"].to_numpy(), 0.5)]
    raw = expit(calibrations[-1][0])
    np.testing.assert_allclose(raw, scored["raw_probability"], rtol=1e-5)


def test_the_test_step_says_nothing_at_all(frame, several, models):
    after = flipped(frame, "test")
    others, _ = train(after, several)
    scored, again = (
        predict_purchases(made, as_table(table), several)
        for made, table in ((models, frame), (others, after))
    )
    purchased = ["purchased"]
    pd.testing.assert_frame_equal(
        scored.drop(columns=purchased), again.drop(columns=purchased), check_exact=True
    )
    assert not scored["purchased"].equals(again["purchased"])


def test_later_steps_change_nothing_in_training(frame, several, models):
    poisoned = flipped(frame, "test")
    later = poisoned["split"].isin(["test", "next"])
    poisoned.loc[later, ["habit", "noise", "offer_percent"]] = 1e6
    poisoned.loc[later, "quarter"] = 99
    others, _ = train(poisoned, several)
    for name in (BAKERY, POOLED):
        assert same_tensors(models[name], others[name])
        for entry in ("stack", "calibration", "vocabularies", "scalers"):
            assert models[name]["card"][entry] == others[name]["card"][entry]


def test_features_on_disk_train_the_same_model(frame, several, models):
    small = changed(several, compute={"memory_gb": 1e-9})
    others, _ = train(frame, small)
    for name in (BAKERY, POOLED):
        assert same_tensors(models[name], others[name])
        assert models[name]["card"]["calibration"] == others[name]["card"]["calibration"]
    pd.testing.assert_frame_equal(
        predict_purchases(others, as_table(frame), small),
        predict_purchases(models, as_table(frame), several),
        check_exact=True,
    )


@pytest.fixture(scope="module")
def unequal():
    """A category with much to learn from, and one with little; the truth of both is the same."""
    return Retailer({"Bakery": 600, "Meat": 40}).frame()


def test_a_small_category_learns_more_from_a_pooled_start(unequal, quick):
    truth = expit(unequal.set_index(["category", "customer_id", "item_id", "step"])["true_logit"])
    loss = {}
    for start in ("scratch", "pooled"):
        parameters = changed(
            quick, training={"start": start, "max_epochs": 4}, pooled={"min_positives": 10}
        )
        scored = predict_purchases(train(unequal, parameters)[0], as_table(unequal), parameters)
        meat = scored[scored["category"] == "Meat"]
        assert set(meat["model"]) == {"category"}
        true = truth.loc[pd.MultiIndex.from_frame(meat[truth.index.names])].to_numpy()
        answer = meat["raw_probability"].to_numpy()
        loss[start] = -(true * np.log(answer) + (1 - true) * np.log(1 - answer)).mean()
    best = -(true * np.log(true) + (1 - true) * np.log(1 - true)).mean()
    assert loss["pooled"] - best < 0.7 * (loss["scratch"] - best)


def test_a_pooled_start_is_the_pooled_network_of_the_same_layers(unequal, quick):
    parameters = changed(
        quick,
        training=STILL,
        recipes={
            "again": {"training": {"start": "pooled"}},
            "paper": {
                "network": {"architecture": "figure1"},
                "training": {"start": "pooled"},
            },
            "anew": {"training": {"start": "scratch"}},
        },
    )
    models, history = train(unequal, parameters)
    pooled, bakery = (models[name]["tensors"] for name in (POOLED, BAKERY))
    # Nothing starts from a pooled network of the third.
    assert set(models[POOLED]["card"]["architectures"]) == {"again", "paper"}
    assert set(models[BAKERY]["card"]["architectures"]) == {"again", "paper", "anew"}
    for name, values in pooled.items():
        np.testing.assert_array_equal(bakery[name], values)
    assert not np.array_equal(bakery["anew/embed.weight"], pooled["again/embed.weight"])
    first = history[history["category"] == "Bakery"].groupby("recipe")["epoch"].min()
    assert first.to_dict() == {"again": 0, "anew": 1, "paper": 0}
    pooled_first = history[history["category"] == "pooled"].groupby("recipe")["epoch"].min()
    assert set(pooled_first) == {1}


def test_every_recipe_starts_from_its_own_pooled_network(unequal, quick):
    parameters = changed(
        quick,
        training={**STILL, "start": "pooled"},
        recipes={"slow": {}, "slower": {"training": {"learning_rate": 2e-30}}},
        by_category={"Bakery": {"training": {"batch_size": 50}}},
    )
    models, _ = train(unequal, parameters)
    pooled, bakery = (models[name]["tensors"] for name in (POOLED, BAKERY))
    assert not np.array_equal(pooled["slow/embed.weight"], pooled["slower/embed.weight"])
    for name in bakery:
        np.testing.assert_array_equal(bakery[name], pooled[name])


def test_a_recipe_is_pooled_for_the_one_category_that_starts_there(unequal, quick):
    parameters = changed(
        quick,
        training={**STILL, "start": "scratch"},
        recipes={"one": {}, "other": {"training": {"learning_rate": 2e-30}}},
        by_category={"Bakery": {"training": {"start": "pooled"}}},
    )
    models, _ = train(unequal, parameters)
    assert set(models[POOLED]["card"]["architectures"]) == {"one", "other"}
    for name, values in models[BAKERY]["tensors"].items():
        np.testing.assert_array_equal(values, models[POOLED]["tensors"][name])


def test_other_layers_in_a_category_cannot_start_pooled(unequal, quick):
    other = {"network": {"channels": 5}}
    parameters = changed(quick, training={"start": "pooled"}, by_category={"Bakery": other})
    with pytest.raises(InputError, match="the pooled network has other layers"):
        train(unequal, parameters)
    scratch = {"Bakery": other | {"training": {"start": "scratch"}}}
    models, _ = train(unequal, changed(parameters, by_category=scratch))
    channels = {
        name: model["card"]["architectures"]["ours"]["channels"] for name, model in models.items()
    }
    assert (channels[POOLED], channels[BAKERY]) == (6, 5)


@pytest.mark.parametrize("later", ["refit", "warm_start"])
def test_a_window_goes_on_from_the_one_before_it(quick, later):
    frame = Retailer({"Bakery": 150}, windows=2).frame()
    parameters = changed(quick, training=STILL, windows={"later": later})
    models, history = train(frame, parameters)
    for place in ("category=Bakery", "pooled"):
        newest, before = (models[f"window={window}/{place}"] for window in (0, 1))
        # Window 1 begins a step earlier, in another quarter.
        assert before["card"]["vocabularies"]["quarter"] == ["1", "2", "4"]
        assert newest["card"]["vocabularies"]["quarter"] == ["1", "2"]
        table = "ours/temporal_embeddings.tables.0.weight"
        same = {
            name: np.array_equal(values, before["tensors"][name])
            for name, values in newest["tensors"].items()
            if name != table and values.any()
        }
        known = np.array_equal(newest["tensors"][table][1:], before["tensors"][table][1:3])
        assert (known, all(same.values())) == (later == "warm_start",) * 2
    first = history.groupby("window")["epoch"].min()
    assert first.to_dict() == {0: 0 if later == "warm_start" else 1, 1: 1}


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("calibrates", [False, True])
def test_a_category_whose_consumers_all_have_one_role(several, calibrates):
    frame = Retailer({"Bakery": 150, "Meat": 150}).frame()
    role = are_calibrators(frame["customer_id"].to_numpy(), 0.5)
    frame = frame[(frame["category"] == "Bakery") | (role == calibrates)]
    models, _ = train(frame, several)
    # Without deciders it cannot stop training, and without calibrators it answers as it is.
    assert ("window=0/category=Meat" in models) != calibrates
    if not calibrates:
        card = models["window=0/category=Meat"]["card"]
        assert card["calibration"]["chosen"]["kind"] == "identity"
        assert set(card["stack"]["weights"].values()) == {1 / 4}
    assert compare_candidates(models, as_table(frame), several, 1)["probability"].notna().all()
    assert predict_purchases(models, as_table(frame), several)["probability"].notna().all()


class KilledError(Exception):
    """The process is gone."""


@dataclass
class Killing:
    """The real folder of checkpoints, in a process that dies after so many states are kept."""

    checkpoints: object
    saves: int

    def part(self, name, fingerprint):
        return KillingPart(self, self.checkpoints.part(name, fingerprint))


@dataclass
class KillingPart:
    killing: Killing
    part: object

    def load(self):
        return self.part.load()

    def save(self, state):
        self.part.save(state)
        self.killing.saves -= 1
        if not self.killing.saves:
            raise KilledError


@pytest.fixture(scope="module")
def longer(several):
    """Three epochs, averaged."""
    return changed(several, training={"max_epochs": 3, "averaging": "best_checkpoints"})


@pytest.fixture(scope="module")
def uninterrupted(frame, longer):
    return train(frame, longer)


# The pooled model's two networks take three epochs each, then the category's two.
@pytest.mark.parametrize(
    ("saves", "goes_on_after"), [(5, [3, 2]), (9, [3, 3, 3]), (11, [3, 3, 3, 2])]
)
def test_an_interrupted_training_ends_as_if_it_had_not_been(
    frame, longer, uninterrupted, tmp_path, caplog, saves, goes_on_after
):
    expected, history = uninterrupted
    store, folder = CheckpointsDataset(str(tmp_path / "kept")), tmp_path / "kept"
    with pytest.raises(KilledError):
        train(frame, longer, checkpoints=Killing(store.load(), saves))
    assert list(folder.rglob("*.safetensors"))
    with caplog.at_level(logging.INFO):
        models, again = train(frame, longer, checkpoints=store.load())
    resumed = [line for line in caplog.messages if "training goes on after epoch" in line]
    assert [int(line.split()[-1]) for line in resumed] == goes_on_after
    assert models.keys() == expected.keys()
    for name, model in models.items():
        assert same_tensors(model, expected[name])
        assert model["card"]["calibration"] == expected[name]["card"]["calibration"]
    told = ["window", "category", "recipe", "epoch", "train_loss", "validation_loss", "weight"]
    pd.testing.assert_frame_equal(again[told], history[told], check_exact=True)


def test_checkpoints_of_other_parameters_are_not_taken_up(frame, quick, tmp_path, caplog):
    store = CheckpointsDataset(str(tmp_path / "kept"))
    with pytest.raises(KilledError):
        train(frame, quick, checkpoints=Killing(store.load(), 1))
    other = changed(quick, training={"learning_rate": 1e-3})
    with caplog.at_level(logging.INFO):
        models, _ = train(frame, other, checkpoints=store.load())
    assert "training goes on after epoch" not in caplog.text
    assert "belongs to other data or parameters" in caplog.text
    assert same_tensors(models[BAKERY], train(frame, other)[0][BAKERY])
