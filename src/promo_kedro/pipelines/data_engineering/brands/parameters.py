"""What a user may set about snapshots, roles and the brands to foretell."""

from math import isclose
from typing import Annotated, Self

from pydantic import Field, model_validator

from promo_kedro.parameters import Parameters

Share = Annotated[float, Field(gt=0, lt=1)]


class RoleShares(Parameters):
    """How consumers are dealt into those who train, who validate and who are never seen."""

    training: Share = 0.6
    validation: Share = 0.15
    out_of_training: Share = 0.25

    @model_validator(mode="after")
    def _add_up_to_one(self) -> Self:
        total = self.training + self.validation + self.out_of_training
        if not isclose(total, 1, abs_tol=1e-9):
            raise ValueError(f"roles: the three shares add up to {total:g}, which must be 1")
        return self


class StrataShares(Parameters):
    """Which share of all purchases the head brands make up, and which the mid brands."""

    head: Share = 0.5
    mid: Share = 0.4

    @model_validator(mode="after")
    def _leave_a_niche(self) -> Self:
        if self.head + self.mid > 1:
            raise ValueError(
                f"strata: head and mid add up to {self.head + self.mid:g}, more than all purchases"
            )
        return self


class BrandDataParameters(Parameters):
    """Everything a user may set about the data of brand prediction."""

    horizon_steps: int = Field(default=1, ge=1)
    training_snapshots: int = Field(default=12, ge=1)
    min_history_steps: int = Field(default=6, ge=1)
    history_steps: int = Field(default=52, ge=1, le=52)
    quarter_steps: int = Field(default=6, ge=1)
    recent_steps: int = Field(default=2, ge=1)
    roles: RoleShares = RoleShares()
    min_buyers: int = Field(default=100, ge=1)
    strata: StrataShares = StrataShares()

    @model_validator(mode="after")
    def _longer_looks_reach_further(self) -> Self:
        if not self.recent_steps <= self.quarter_steps <= self.history_steps:
            raise ValueError(
                f"recent_steps ({self.recent_steps}), quarter_steps ({self.quarter_steps}) and "
                f"history_steps ({self.history_steps}) must not become shorter in this order"
            )
        return self
