"""Deleting purchases shows what a feature has read of them: nothing of its step, nothing later.

Calendar, relevant consumer-items and item encodings are fitted once and kept, and equal means
equal bit for bit.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data_engineering.shop import (
    N_STEPS,
    PARAMETERS,
    TABLES,
    Frozen,
    Shop,
    chance_shop,
    engine,
    features_of,
    features_of_all,
    fit,
)
from promo_kedro.pipelines.data_engineering.features.feature_groups import feature_groups

OF_THIS_STEP = ["offer_percent", "relative_price_item", "relative_price_category"]
STEPS = [4, 7, N_STEPS - 1]
BUYERS = [0, 1, 2]


@dataclass(frozen=True)
class World:
    features: pd.DataFrame
    buyers: dict[tuple[int, int], int]
    without_buyer: dict[tuple[int, int], pd.DataFrame]
    without_later: dict[int, pd.DataFrame]
    without_step: dict[int, pd.DataFrame]


@pytest.fixture(scope="module", params=[False, True], ids=["receipts", "offer log"])
def world(request) -> World:
    """The features of a shop, and of the same shop after each deletion."""
    shop = chance_shop(logged=request.param)
    lines = shop.transactions
    buyers = {
        (step, rank): int(
            lines.loc[lines["step"] == step, "customer_id"].value_counts().index[rank]
        )
        for step in STEPS
        for rank in BUYERS
    }
    deletions = (
        [(lines["step"] == s) & (lines["customer_id"] == buyers[s, r]) for s, r in buyers]
        + [lines["step"] > step for step in STEPS[:-1]]
        + [lines["step"] == step for step in STEPS]
    )
    shops = [shop, *(shop.without(deletion) for deletion in deletions)]
    whole, *less = (f.drop(columns="purchased") for f in features_of_all(shops, fit(shop)))
    rest = iter(less)
    return World(
        whole,
        buyers,
        without_buyer={key: next(rest) for key in buyers},
        without_later={step: next(rest) for step in STEPS[:-1]},
        without_step={step: next(rest) for step in STEPS},
    )


def inputs_of(shop: Shop, frozen: Frozen) -> pd.DataFrame:
    return features_of(shop, frozen).drop(columns="purchased")


def assert_same_bits(left: pd.DataFrame, right: pd.DataFrame) -> None:
    assert len(left) > 0
    pd.testing.assert_frame_equal(left, right, check_exact=True)
    floats = left.select_dtypes("float32").columns
    assert left[floats].to_numpy().tobytes() == right[floats].to_numpy().tobytes()


def at(features: pd.DataFrame, step: int) -> pd.DataFrame:
    return features[features.index.get_level_values("step") == step]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("rank", BUYERS)
def test_a_consumers_own_purchases_leave_its_features_of_that_step(world, rank, step):
    found = world.without_buyer[step, rank]
    is_own = found.index.get_level_values("customer_id") == world.buyers[step, rank]
    assert_same_bits(at(world.features[is_own], step), at(found[is_own], step))
    # The deletion is seen elsewhere, so the test is not blind.
    assert not world.features.equals(found)


@pytest.mark.parametrize("step", STEPS[:-1])
def test_later_purchases_leave_all_features_up_to_a_step(world, step):
    found = world.without_later[step]
    is_past = found.index.get_level_values("step") <= step
    assert_same_bits(world.features[is_past], found[is_past])
    assert not world.features[~is_past].equals(found[~is_past])


@pytest.mark.parametrize("step", STEPS)
def test_everyones_purchases_of_a_step_move_only_its_offers_and_prices(world, step):
    whole, found = at(world.features, step), at(world.without_step[step], step)
    assert_same_bits(whole.drop(columns=OF_THIS_STEP), found.drop(columns=OF_THIS_STEP))
    assert not whole[OF_THIS_STEP].equals(found[OF_THIS_STEP])


def test_a_logged_offer_does_not_move_with_purchases():
    shop = chance_shop(logged=True)
    frozen = fit(shop)
    less = shop.without(shop.transactions["step"] == 7)
    logged = shop.offers[shop.offers["step"] == 7].set_index(["customer_id", "item_id"])
    for tables in (shop, less):
        offers = at(features_of(tables, frozen), 7).reset_index()
        joined = offers[offers["window"] == 0].merge(
            logged["offer_percent"], on=["customer_id", "item_id"], suffixes=("", "_logged")
        )
        assert len(joined) > 100
        assert joined["offer_percent"].to_numpy() == pytest.approx(joined["offer_percent_logged"])


@pytest.fixture(scope="module")
def large_chance() -> pd.DataFrame:
    shop = chance_shop(seed=11, n_consumers=390, n_items=12)
    # One rate for all items: what is left to predict is chance alone.
    lines = shop.transactions
    rate = lines.groupby("item_id")["row"].transform("size") / lines["row"].size
    random = np.random.default_rng(3)
    kept = shop.without(pd.Series(random.random(len(lines)) > rate.min() / rate, lines.index))
    features = features_of(kept, fit(kept)).reset_index()
    receipts = kept.transactions.groupby(["customer_id", "item_id", "step"])["offer_percent"]
    features = features[(features["window"] == 0) & (features["split"] != "next")]
    return features.join(receipts.mean().rename("receipt"), on=["customer_id", "item_id", "step"])


def skill(cells: pd.DataFrame, inputs: list[str], model) -> float:
    """Return 1 - loss / loss of the prevalence on the two steps after training."""
    is_train = cells["split"] == "train"
    train, later = cells[is_train], cells[~is_train]
    label = train["purchased"].astype(int)
    model.fit(train[inputs], label)
    truth = later["purchased"].astype(int)
    share = np.full(len(truth), label.mean())
    predicted = model.predict_proba(later[inputs])[:, 1]
    return 1 - log_loss(truth, predicted) / log_loss(truth, share)


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        HistGradientBoostingClassifier(max_iter=40, min_samples_leaf=100, random_state=0),
    ],
    ids=["logistic", "trees"],
)
def test_the_inputs_of_a_step_do_not_tell_who_buys_by_chance(large_chance, model):
    groups = feature_groups(PARAMETERS.panel)
    inputs = [*OF_THIS_STEP, "coupon_in_force", "season_sin", "season_cos"]
    assert set(inputs) <= set(groups["temporal_continuous"] + groups["temporal_categorical"])
    assert skill(large_chance, inputs, model) < 0.002
    # The same model does find the label in an offer that was filled from the cell's own receipt.
    naive = large_chance.assign(offer_percent=large_chance["receipt"].fillna(0))
    assert skill(naive, inputs, model) > 0.05


def test_neither_threads_nor_the_order_of_lines_change_a_bit():
    # Large enough that two threads do share the work: an engine gives each some 100,000 rows.
    shop = chance_shop(n_consumers=390, n_items=36)
    frozen = fit(shop)
    shuffled = Shop(**{name: getattr(shop, name).sample(frac=1, random_state=5) for name in TABLES})
    with engine(threads=1):
        alone = inputs_of(shop, frozen)
    with engine(threads=2):
        together = inputs_of(shuffled, fit(shuffled))
    assert len(alone) > 100_000
    assert_same_bits(alone, together)


def test_no_input_counts_the_step_itself():
    groups = feature_groups(PARAMETERS.panel)
    named = set(groups["descriptions"])
    assert not named & {"purchased", "quantity", "offer_known", "redemption_status", "list_price"}
    assert groups["offer_inputs"] == ["offer_percent"]


def test_only_the_offer_input_moves_with_this_steps_offer():
    """Raising the logged offer of one step changes one feature of that step and no other."""
    shop = chance_shop(logged=True)
    frozen = fit(shop)
    raised = shop.offers.assign(
        offer_percent=shop.offers["offer_percent"] + 5.0 * (shop.offers["step"] == 7)
    )
    before = inputs_of(shop, frozen)
    after = inputs_of(replace(shop, offers=raised), frozen)
    assert_same_bits(
        at(before, 7).drop(columns="offer_percent"), at(after, 7).drop(columns="offer_percent")
    )
    assert not at(before, 7)["offer_percent"].equals(at(after, 7)["offer_percent"])
