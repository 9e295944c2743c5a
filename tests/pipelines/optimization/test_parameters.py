"""The parameters file says what the code would do without it."""

import pytest
from pydantic import ValidationError

from promo_kedro.pipelines.optimization.parameters import OptimizationParameters
from promo_kedro.pipelines.optimization.rules import Retention


def test_file_states_every_default(base_parameters):
    written = OptimizationParameters.model_validate(base_parameters["optimization"])
    assert written == OptimizationParameters(rules={"retention": Retention()})
    given, fields = base_parameters["optimization"], OptimizationParameters.model_fields
    assert set(given) == set(fields)
    assert set(given["solver"]) == set(fields["solver"].annotation.model_fields)


@pytest.mark.parametrize(
    "wrong",
    [
        {"modes": ["exact"]},
        {"relation": "guessed"},
        {"rules": {"retention": {"rule": "Retention", "at_least": 30}}},
        {"rules": {"retention": {"rule": "Retenion"}}},
        {"rules": {"one": {"rule": "NoOffer"}, "two": {"rule": "NoOffer"}}},
        {"objective": "profit"},
        {"rounding": {"step": 0}},
        {"offer_range": {"min_offers": 0}},
        {"solver": {"core_size": 0}},
    ],
)
def test_mistakes_are_refused(wrong):
    with pytest.raises(ValidationError):
        OptimizationParameters.model_validate(wrong)
