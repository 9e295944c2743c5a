"""Parameters: the file is whole, mistakes are named."""

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from promo_kedro.pipelines.modelling.parameters import ModellingParameters, OfferGridParameters

FILE = Path(__file__).parents[3] / "conf" / "base" / "modelling" / "parameters.yml"


def test_file_names_every_parameter_and_only_those():
    written = yaml.safe_load(FILE.read_text())["modelling"]
    assert ModellingParameters.model_validate(written).model_dump() == written


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
