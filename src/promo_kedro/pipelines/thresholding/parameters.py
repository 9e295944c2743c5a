"""The parameters of the thresholding pipeline."""

from typing import Literal

from pydantic import Field

from promo_kedro.parameters import Parameters


class ThresholdingParameters(Parameters):
    """How each consumer's cut-off is chosen.

    Attributes:
        estimator: ``expected_f1`` needs no labels; ``empirical`` is Eq. 9 on the validation
            step, with ``expected_f1`` for consumers who bought nothing in it.
        min_items: consumers with fewer items in a category take the cut-off over all their
            categories.
        zero_division: F1 of a consumer for whom nothing is predicted and nothing is bought.
    """

    estimator: Literal["expected_f1", "empirical"] = "expected_f1"
    min_items: int = Field(default=5, ge=1)
    zero_division: Literal[0, 1] = 0
