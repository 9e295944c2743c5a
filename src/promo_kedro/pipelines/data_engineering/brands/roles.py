"""Who trains, who validates, and who is never seen in training."""

import logging

import numpy as np
import pandas as pd
from ibis.expr.types import Table

from promo_kedro.errors import InputError
from promo_kedro.hashing import hashed_share
from promo_kedro.pipelines.data_engineering.brands.parameters import RoleShares
from promo_kedro.pipelines.data_engineering.wording import counted
from promo_kedro.schemas.brands import ROLES

logger = logging.getLogger(__name__)

# Far from the salts of other hashes of the same ids: a sample drawn by one of them must not be
# all training consumers.
ROLE_SALT = 0x9D5C_1FB3_7A24_E680


def roles_of(consumers: Table, shares: RoleShares, seed: int) -> pd.DataFrame:
    """Deal consumers into roles by a hash of their id: nobody moves when others come or go.

    Returns:
        customer_id and role, in order of customer_id.

    Raises:
        InputError: When a role stays empty.
    """
    ids = consumers.select("customer_id").to_pyarrow()["customer_id"].to_numpy()
    ids = np.sort(ids)
    bounds = np.cumsum([shares.training, shares.validation])
    dealt = np.searchsorted(bounds, hashed_share(ids, (ROLE_SALT + seed) % 2**64), side="right")
    _require_all(np.bincount(dealt, minlength=len(ROLES)), shares)
    return pd.DataFrame({"customer_id": ids, "role": np.array(ROLES, dtype=object)[dealt]})


def _require_all(counts: np.ndarray, shares: RoleShares) -> None:
    for role, count in zip(ROLES, counts.tolist(), strict=True):
        if count == 0:
            raise InputError(
                f"consumers, column customer_id: {counted(int(counts.sum()), 'consumer')} and none "
                f"of them is {role}; bring more consumers, or raise brand_data.roles.{role}, now "
                f"{getattr(shares, role):g}"
            )
        logger.info("%s: %s", role.replace("_", " ").capitalize(), counted(count, "consumer"))
