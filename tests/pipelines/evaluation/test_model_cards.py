"""The cards: what stands in them, and what must not."""

import re
from copy import deepcopy

import pytest

from promo_kedro.pipelines.evaluation import nodes
from promo_kedro.pipelines.evaluation.model_cards import in_words
from promo_kedro.pipelines.evaluation.truth import no_truth


def make_cards(run, parameters, **changes):
    _, results = nodes.make_model_results(
        run.purchase_predictions,
        run.offer_elasticities,
        run.optimal_offers,
        run.elasticity_curves,
        run.calendar,
        run.raw_manifest,
        parameters,
    )
    probabilities = changes.get("probabilities", run.purchase_probabilities)
    _, comparison = nodes.compare_models(
        run.candidate_probabilities, probabilities, no_truth(), results, parameters
    )
    return nodes.write_model_cards(
        changes.get("models", run.purchase_models),
        probabilities,
        changes.get("response", run.offer_response),
        run.feature_importance,
        run.optimization_summary,
        comparison,
        results,
        parameters,
    )


@pytest.fixture(scope="module")
def cards(made_up_run, evaluation_parameters):
    return make_cards(made_up_run, evaluation_parameters)


def section(cards, category):
    return cards.split(f"## {category}\n")[1].split("\n## ")[0]


def test_a_card_per_category_except_the_small_ones(cards):
    assert re.findall(r"^## (.*)$", cards, flags=re.MULTILINE) == [
        "Bakery",
        "Grocery",
        "Skin & Hair Care",
    ]
    assert "too few consumers" in cards
    assert "Small, too; Tiny." in cards


def test_it_says_how_the_model_came_about(cards):
    bakery = section(cards, "Bakery")
    assert "A model of this category alone." in bakery
    assert "Recipe `ours`: architecture ours; kernel size 3; dilations 1, 2, 4" in bakery
    assert "start pooled; mask before first purchase yes" in bakery
    assert "ours × 1.00 (the only member)" in bakery
    assert "**Calibration.** beta: lowest loss. On the test step:\nlog loss 0." in bakery
    assert (
        "360 consumer-items, 8,640 cells of the training steps, 1,234 purchases in the training "
        "steps." in bakery
    )


def test_scores_stand_beside_rows_and_share(cards):
    table = [line for line in section(cards, "Bakery").splitlines() if line.startswith("|")]
    widths = {line.count("|") for line in table}
    assert widths == {11}
    in_use = next(line for line in table if line.startswith("| the model in use"))
    assert in_use.split(" | ")[1] == "360"


def test_it_tells_the_response_and_the_families(cards):
    bakery = section(cards, "Bakery")
    assert "% at 0 %" in bakery
    assert "% at 30 %." in bakery
    assert "between 5.0 and 45.0 %" in bakery
    assert "own history" in bakery


def test_limits_are_named(made_up_run, evaluation_parameters):
    flat = made_up_run.offer_response.assign(probability=0.1)
    said = made_up_run.purchase_probabilities
    pooled = said.assign(model=said["model"].where(said["category"] != "Grocery", "pooled"))
    models = deepcopy(made_up_run.purchase_models)
    del models["window=0/category=Grocery"]
    models["window=0/pooled"]["card"]["serves"]["Grocery"] = "41 purchases, not 200"
    cards = make_cards(
        made_up_run, evaluation_parameters, response=flat, probabilities=pooled, models=models
    )
    grocery = section(cards, "Grocery")
    assert "The model pooled over all categories.\n" in grocery
    assert "answers here: 41 purchases, not 200." in grocery
    assert "hardly answers to the offer" in grocery
    bakery = section(cards, "Bakery")
    assert "pooled over all categories answers" not in bakery
    positives = said.query("split == 'test' and category == 'Bakery'")["purchased"].sum()
    assert ("purchases only" in bakery) == (positives < 100)


def test_a_response_that_ends_where_it_began_is_no_flat_one(made_up_run, evaluation_parameters):
    answers = made_up_run.offer_response
    humped = answers.assign(probability=0.1 + 0.1 * answers["offer_percent"].isin([10.0]))
    cards = make_cards(made_up_run, evaluation_parameters, response=humped)
    assert "hardly answers to the offer" not in cards


def test_calibration_that_made_things_worse_is_a_limit(made_up_run, evaluation_parameters):
    said = made_up_run.purchase_probabilities
    bakery = said["category"] == "Bakery"
    swapped = said.assign(
        probability=said["raw_probability"].where(bakery, said["probability"]),
        raw_probability=said["probability"].where(bakery, said["raw_probability"]),
    )
    cards = make_cards(made_up_run, evaluation_parameters, probabilities=swapped)
    limits = section(cards, "Bakery").split("**Limits.**")[1]
    assert "On the test step calibration raises the log loss from 0." in limits
    limits = section(cards, "Skin & Hair Care").split("**Limits.**")[1]
    assert "calibration raises the log loss" not in limits


def test_cards_of_older_models_are_shown_as_far_as_they_go(made_up_run, evaluation_parameters):
    models = {"window=0/category=Bakery": {"card": {"kind": "category"}, "tensors": {}}}
    cards = make_cards(made_up_run, evaluation_parameters, models=models)
    assert "Scores on the test step" in section(cards, "Bakery")
    old = {"card": {"calibration": {"chosen": {"kind": "beta"}}}, "tensors": {}}
    cards = make_cards(made_up_run, evaluation_parameters, models={"window=0/category=Bakery": old})
    assert "**Calibration.** beta. On" in section(cards, "Bakery")


def test_no_customer_ids(cards, made_up_run):
    ids = {str(number) for number in made_up_run.pairs["customer_id"].unique()}
    assert ids.isdisjoint(re.findall(r"\d+", cards))


def test_settings_in_words():
    assert in_words({"kernel_size": 3, "mask": False, "rate": 1e-3, "by": {"a_b": [1, 2]}}) == (
        "kernel size 3; mask no; rate 0.001; by (a b 1, 2)"
    )
