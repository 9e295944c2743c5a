"""The parameters file says what the code would do without it."""

import pytest
from pydantic import ValidationError

from promo_kedro.pipelines.optimization.parameters import OptimizationParameters


def test_file_states_every_default(base_parameters):
    assert base_parameters["optimization"] == OptimizationParameters().model_dump()


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
