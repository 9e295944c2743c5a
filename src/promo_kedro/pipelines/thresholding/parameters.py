"""The parameters of the thresholding pipeline."""

from typing import Literal

from pydantic import Field, field_validator

from promo_kedro.parameters import Parameters

Method = Literal["expected_f1", "ratio", "empirical", "global", "shrunk"]


class ThresholdingParameters(Parameters):
    """How each consumer's cut-off is chosen.

    Attributes:
        method: ``expected_f1`` maximises the exact expectation of F1 and needs no labels;
            ``ratio`` is its approximation by expected hits over expected size; ``empirical`` is
            Eq. 9 on the validation step, with ``expected_f1`` for consumers who bought nothing
            in it; ``global`` is one cut-off per category; ``shrunk`` draws each consumer's own
            towards it.
        compare: the methods that are tried beside the chosen one, for the comparison.
        min_items: consumers with fewer items in a category take the cut-off over all their
            categories (``expected_f1``, ``ratio``, ``empirical``).
        shrinkage: items at which a consumer's own cut-off and the global one weigh the same in
            ``shrunk``.
        zero_division: F1 of a consumer for whom nothing is predicted and nothing is bought.
        threads: threads that work on consumers at a time; None for every core.
    """

    method: Method = "expected_f1"
    compare: list[Method] = ["expected_f1", "ratio", "empirical", "global", "shrunk"]
    min_items: int = Field(default=5, ge=1)
    shrinkage: float = Field(default=5.0, ge=0)
    zero_division: Literal[0, 1] = 0
    threads: int | None = Field(default=None, ge=1)

    @field_validator("compare")
    @classmethod
    def _each_once(cls, compare: list[Method]) -> list[Method]:
        if len(set(compare)) < len(compare):
            raise ValueError(f"a method stands in `compare` twice: {', '.join(compare)}")
        return compare
