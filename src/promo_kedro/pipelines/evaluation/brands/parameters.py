"""What a user may set about judging brand models; see conf/base/evaluation."""

from typing import Literal

from pydantic import Field

from promo_kedro.parameters import Parameters

Sizing = Literal[
    "prevalence", "expected_count", "f1_cutoff", "fixed", "precision_floor", "threshold"
]


class EmptyParameters(Parameters):
    """What counts where nothing was bought, or nothing was foretold.

    Attributes:
        truth: Something was foretold but nothing bought: `zero` makes precision and F1 0 (recall
            does not exist), `left_out` does not score it.
        prediction: Something was bought but nothing foretold: recall and F1 are 0; precision does
            not exist (`left_out`) or is 0 (`zero`).
        both: Neither: not scored (`left_out`), or perfect (`one`).
    """

    truth: Literal["zero", "left_out"] = "zero"
    prediction: Literal["zero", "left_out"] = "left_out"
    both: Literal["one", "left_out"] = "left_out"


class BrandAssessmentParameters(Parameters):
    """How audiences of brands are judged, and what is shown of it."""

    in_use: str
    sizing: Sizing = "prevalence"
    winner_by: Literal["f1_median", "f1_harmonic", "f1_mean"] = "f1_mean"
    empty_for_consumers: EmptyParameters = EmptyParameters(truth="left_out")
    empty_for_brands: EmptyParameters = EmptyParameters()
    min_group_consumers: int = Field(default=10, ge=1)
