"""Which cells and rows a lesson counts."""

import numpy as np
import pytest

from promo_kedro.pipelines.modelling.encoding import encode
from promo_kedro.pipelines.modelling.lessons import before_first_purchase, make_lesson
from promo_kedro.pipelines.modelling.nodes import predict_purchases
from promo_kedro.pipelines.modelling.reading import read_consumer_items
from promo_kedro.pipelines.modelling.roles import are_calibrators
from promo_kedro.pipelines.modelling.tensors import FeatureGroups
from promo_kedro.pipelines.modelling.vocabulary import Vocabulary

from .retailer import GROUPS, Retailer, as_table, changed, train


def looped(purchased):
    """Go step by step until the first purchase is made."""
    marked = np.zeros(purchased.shape, bool)
    for row, bought in enumerate(purchased):
        for step, one in enumerate(bought):
            marked[row, step] = True
            if one:
                break
    return marked


@pytest.mark.parametrize("chance", [0.0, 0.1, 0.5, 1.0])
def test_before_first_purchase_is_the_loop(chance):
    purchased = (np.random.default_rng(1).random((200, 12)) < chance).astype(np.float32)
    np.testing.assert_array_equal(before_first_purchase(purchased), looped(purchased))


@pytest.mark.parametrize("masked", [True, False])
def test_a_lesson_ends_with_the_validation_step(masked):
    frame, groups = Retailer({"Bakery": 60}).frame(), FeatureGroups.from_json(GROUPS)
    items = read_consumer_items(as_table(frame), groups, 0, "Bakery")
    levels = {"brand": Vocabulary(("North",)), "quarter": Vocabulary(("1",))}
    inputs = encode(items, groups, levels)
    lesson = make_lesson(
        "Bakery",
        items,
        inputs,
        mask_before_first_purchase=masked,
        calibration_share=0.4,
        history=5,
    )
    assert (lesson.training_steps, lesson.validation_step, lesson.history) == (12, 12, 5)
    ordered = frame[frame["step"] <= 12].sort_values(["customer_id", "item_id", "step"])
    bought = ordered["purchased"].to_numpy().reshape(60, 13)
    np.testing.assert_array_equal(lesson.purchased.numpy(), bought)
    assert lesson.inputs.temporal_continuous.shape == (60, 13, 3)
    expected = ~looped(bought[:, :12]) if masked else np.ones((60, 12), bool)
    np.testing.assert_array_equal(lesson.counted.numpy(), expected)
    decide = ~are_calibrators(np.sort(np.repeat(np.arange(12) + 1, 5)), 0.4)
    np.testing.assert_array_equal(lesson.deciders.numpy(), np.flatnonzero(decide))


def relevant_at(chance, consumer_items):
    """Every step is a draw of the same chance; kept is who bought in training, as relevance does.

    In the training steps of those, chance/(1 - (1 - chance)**12) of the cells are purchases.
    """
    frame = Retailer({"Bakery": consumer_items}).frame()
    draw = np.random.default_rng(8).random(len(frame)) < chance
    frame["purchased"] = np.where(frame["split"] == "next", np.nan, draw)
    bought = frame["purchased"].where(frame["split"] == "train")
    ever = bought.groupby([frame["customer_id"], frame["item_id"]]).transform("max")
    return frame[ever == 1]


def test_the_mask_undoes_what_relevance_promises(quick):
    chance, frame = 0.06, relevant_at(0.06, 2500)
    expected = {}
    for masked in (True, False):
        training = {"mask_before_first_purchase": masked, "batch_size": 128, "max_epochs": 2}
        parameters = changed(quick, training=training)
        scored = predict_purchases(train(frame, parameters)[0], as_table(frame), parameters)
        expected[masked] = scored.query("split == 'test'")["raw_probability"].mean()
    assert expected[True] == pytest.approx(chance, abs=0.015)
    promised = chance / (1 - (1 - chance) ** 12)
    assert promised > 1.8 * chance
    assert expected[False] == pytest.approx(promised, abs=0.02)
