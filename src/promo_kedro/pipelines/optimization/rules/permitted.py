"""Which options a consumer-item may be given, and the columns that follow from them.

``permitted`` is a bit mask: any sum of the three. Every consumer-item has at least one.
"""

import numpy as np

from promo_kedro.types import Array, DataFrame

TODAY = 1
"""The offer of today."""

NO_OFFER = 2
"""No offer at all, 0 percent."""

STEPS = 4
"""The offer steps that lie strictly inside the range."""


def permit(decisions: DataFrame, permitted: Array, kept: Array) -> DataFrame:
    """Return the decisions with these options: the one place that keeps three columns in line.

    Args:
        decisions: ``offer_decisions``.
        permitted: bit masks, (units,).
        kept: why a consumer-item's offer cannot be changed, (units,); read only where no step
            is permitted.

    Returns:
        The decisions with ``permitted``, ``adjustable`` (a step is permitted) and ``kept`` (empty
        where adjustable).
    """
    adjustable = np.asarray(permitted) & STEPS > 0
    return decisions.assign(
        permitted=np.asarray(permitted).astype(np.int8),
        adjustable=adjustable,
        kept=np.where(adjustable, "", kept),
    )
