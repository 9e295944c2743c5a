"""A model that never saw an offer vary has nothing to say about offers, down to its curve."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from promo_kedro.pipelines.elasticity.curves import fit_curves
from promo_kedro.pipelines.elasticity.parameters import ElasticityParameters
from promo_kedro.pipelines.modelling.calibration import Calibration, Platt
from promo_kedro.pipelines.modelling.networks import NETWORKS
from promo_kedro.pipelines.modelling.nodes import ask_next_offers
from promo_kedro.pipelines.modelling.offer_response import response
from promo_kedro.pipelines.modelling.prediction import read_for
from promo_kedro.pipelines.modelling.purchase_model import model_for

from .retailer import Retailer, as_table, changed, train


@pytest.mark.parametrize("architecture", list(NETWORKS))
@pytest.mark.parametrize("with_trees", [False, True])
@pytest.mark.parametrize("offer", [0.0, 20.0])
def test_offers_that_never_varied_move_nothing(quick, offer, with_trees, architecture):
    """Zero or constant offers, by a category's own model and by the pooled one."""
    quick = changed(
        quick, network={"architecture": architecture}, stacking={"with_trees": with_trees}
    )
    frame = Retailer({"Bakery": 60, "Meat": 8}).frame()
    past = frame["split"] != "next"
    frame.loc[past, "offer_percent"] = np.float32(offer)  # next still has offers of all depths
    models, _ = train(frame, quick)
    response = ask_next_offers(models, as_table(frame), quick)
    answers = response.groupby(["category", "customer_id", "item_id"])["probability"]
    assert (answers.nunique() == 1).all()
    assert response["probability"].nunique() > 60  # else it would say nothing of anyone

    deepest = pd.Series({"Bakery": 40.0, "Meat": 40.0})
    curves, _ = fit_curves(response, "response", deepest, ElasticityParameters())
    expected = "not identified: the probability is the same at every offer"
    assert curves["status"].tolist() == [expected, expected]


def test_the_card_can_say_that_a_feature_was_constant(quick):
    frame = Retailer({"Bakery": 60}).frame().assign(offer_percent=np.float32(20))
    models, _ = train(frame, quick)
    card = models["window=0/category=Bakery"]["card"]
    strict = json.loads(json.dumps(card, allow_nan=False))
    assert strict["scalers"]["ours"]["offer_percent"] == {"mean": 20.0, "scale": 0.0}


def test_the_smooth_calibration_answers(run):
    model = model_for(run.models, 0, "Bakery")
    calibration = Calibration(chosen=Platt(9.0, 9.0), smooth=Platt(0.5, -1.0))
    model, compute = replace(model, calibration=calibration), run.parameters.compute
    items = read_for(model, run.table, 0, "Bakery", compute)
    raw = model.offer_logits(model.inputs(items), [0.0, 20.0], compute)
    answers = response(model, items, [0.0, 20.0], compute)
    np.testing.assert_allclose(answers, 1 / (1 + np.exp(1 - raw / 2)))
