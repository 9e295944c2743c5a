"""The parameters file says what the code would do without it."""

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from promo_kedro.pipelines.optimization.parameters import OptimizationParameters

FILE = Path(__file__).parents[3] / "conf/base/optimization/parameters.yml"


def test_file_states_every_default():
    stated = yaml.safe_load(FILE.read_text(encoding="utf-8"))["optimization"]
    assert stated == OptimizationParameters().model_dump()


@pytest.mark.parametrize(
    "wrong",
    [
        {"modes": ["exact"]},
        {"relation": "guessed"},
        {"retention_required": {"exact": {"Bakery": 30}}},
        {"offer_range": {"min_offers": 0}},
        {"solver": {"core_size": 0}},
    ],
)
def test_mistakes_are_refused(wrong):
    with pytest.raises(ValidationError):
        OptimizationParameters.model_validate(wrong)
