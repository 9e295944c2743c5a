"""Approved brands by popularity: head, mid and niche."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from promo_kedro.errors import InputError
from promo_kedro.schemas.brands import STRATA
from promo_kedro.types import Array

ALL = "all"


@dataclass(frozen=True)
class ApprovedBrands:
    """The brands that are judged; a brand's number is its place here.

    Attributes:
        names: (brands,) the most bought first.
        stratum: (brands,) place of its stratum in ``STRATA``.
    """

    names: Array
    stratum: Array

    def __len__(self) -> int:
        return len(self.names)

    @property
    def chosen_by_stratum(self) -> dict[str, Array]:
        """The mask of brands of each stratum, and of all together."""
        by_stratum = {name: self.stratum == place for place, name in enumerate(STRATA)}
        return {ALL: np.ones(len(self), dtype=bool), **by_stratum}

    def numbers(self) -> pd.DataFrame:
        """Columns brand and number, for joins."""
        return pd.DataFrame({"brand": self.names, "number": np.arange(len(self), dtype=np.int32)})


def approved_brands(brand_list: pd.DataFrame) -> ApprovedBrands:
    """The approved brands of ``brand_list``.

    Raises:
        InputError: No brand is approved.
    """
    approved = brand_list[brand_list["approved"]].sort_values("position")
    if approved.empty:
        raise InputError(
            f"brand_list: none of {len(brand_list)} brands is approved, so nothing can be judged. "
            "Lower the support that `brand_data` asks for, or name brands in approved_brands.csv."
        )
    return ApprovedBrands(
        names=approved["brand"].astype(str).to_numpy(dtype=object),
        stratum=np.array([STRATA.index(name) for name in approved["stratum"]], dtype=np.int8),
    )
