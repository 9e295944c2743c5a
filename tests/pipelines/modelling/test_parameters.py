"""Parameters: the file is whole, mistakes are named."""

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from promo_kedro.pipelines.modelling.parameters import (
    RESERVED,
    ModellingParameters,
    OfferGridParameters,
)

FILE = Path(__file__).parents[3] / "conf" / "base" / "modelling" / "parameters.yml"


def test_file_names_every_parameter_and_only_those():
    written = yaml.safe_load(FILE.read_text())["modelling"]
    assert ModellingParameters.model_validate(written).model_dump(mode="json") == written


def test_unknown_name_is_refused():
    with pytest.raises(ValidationError, match="leraning_rate"):
        ModellingParameters.model_validate({"training": {"leraning_rate": 1e-3}})


@pytest.mark.parametrize(
    ("grid", "percents"),
    [((0, 20, 5), [0, 5, 10, 15, 20]), ((0, 1, 0.3), [0, 0.3, 0.6, 0.9]), ((7, 7, 5), [7])],
)
def test_offer_grid(grid, percents):
    lowest, highest, spacing = grid
    made = OfferGridParameters(lowest=lowest, highest=highest, spacing=spacing)
    assert made.percents() == percents


def test_offer_grid_upside_down_is_refused():
    with pytest.raises(ValidationError, match="above highest"):
        OfferGridParameters(lowest=50, highest=40)


SEVERAL = {
    "network": {"channels": 10, "dropout": 0.3},
    "training": {"learning_rate": 0.01, "max_epochs": 7},
    "recipes": {
        "ours": {},
        "paper": {"network": {"architecture": "figure1"}, "training": {"learning_rate": 0.02}},
    },
    "by_category": {"Fuel": {"training": {"learning_rate": 0.03}, "network": {"channels": 5}}},
}


@pytest.mark.parametrize(
    ("name", "category", "expected"),
    [
        ("ours", None, ("ours", 10, 0.01)),
        ("ours", "Bakery", ("ours", 10, 0.01)),
        ("paper", "Bakery", ("figure1", 10, 0.02)),
        ("ours", "Fuel", ("ours", 5, 0.03)),
        ("paper", "Fuel", ("figure1", 5, 0.03)),
    ],
)
def test_the_more_special_goes_before_the_more_general(name, category, expected):
    recipe = ModellingParameters.model_validate(SEVERAL).recipe(name, category)
    network, training = recipe.network, recipe.training
    assert (network.architecture, network.channels, training.learning_rate) == expected
    assert (network.dropout, training.max_epochs) == (0.3, 7)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"recipes": {"a": {"training": {"leraning_rate": 1}}}}, "recipes.a.training: .*leraning"),
        ({"recipes": {"a": {"trianing": {}}}}, "recipes.a: .*'trianing'; did you mean 'training'"),
        ({"recipes": {"a": {"network": {"dropout": 1.5}}}}, "recipes.a.network.dropout: .*less"),
        ({"recipes": {"a": {"training": {"learning_rate": 1e-9}}}}, "a.training: .*above learning"),
        ({"recipes": {"a": {"training": 3}}}, "(?s)recipes.a.training.*valid dictionary"),
        ({"recipes": {}}, "(?s)recipes.*at least 1 item"),
        (
            {"by_category": {"Fuel": {"network": {"chanels": 5}}}},
            "by_category.Fuel.network: .*chan",
        ),
        (
            {"by_category": {"Fuel": {"training": {"optimizer": "sgd"}}}},
            "Fuel.training.optimizer: ",
        ),
    ],
)
def test_mistakes_in_recipes_are_named(given, message):
    with pytest.raises(ValidationError, match=message):
        ModellingParameters.model_validate(given)


@pytest.mark.parametrize("name", RESERVED)
def test_a_recipe_cannot_have_the_name_of_something_else(name):
    with pytest.raises(ValidationError, match=f"'{name}' is the name of something else"):
        ModellingParameters.model_validate({"recipes": {name: {}}})


def test_an_empty_part_changes_nothing():
    """YAML gives none for ``training:`` with nothing below it."""
    made = ModellingParameters.model_validate({"recipes": {"ours": {"training": None}}})
    assert made.recipe("ours").training == made.training


@pytest.mark.parametrize(
    ("name", "span"),
    [
        ("learning_rate", [5e-3, 3e-4]),
        ("weight_decay", [1e-2, 1e-6]),
        ("max_epochs", [15, 4]),
        ("dense_layers", [4, 1]),
        ("dropout", [0.4, 0.0]),
    ],
)
def test_search_ranges_upside_down_are_refused(name, span):
    with pytest.raises(ValidationError, match=f"{name}: the range .* starts above its end"):
        ModellingParameters.model_validate({"search": {name: span}})
    made = ModellingParameters.model_validate({"search": {name: span[::-1]}})
    assert list(getattr(made.search, name)) == span[::-1]


def test_the_defaults_are_those_of_the_parameters_file(base_parameters):
    assert ModellingParameters() == ModellingParameters.model_validate(base_parameters["modelling"])
