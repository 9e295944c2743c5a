"""Exclusions: who and what gets no offer."""

from typing import ClassVar, Literal

import numpy as np

from promo_kedro.pipelines.optimization.rules.base import OptionRule
from promo_kedro.pipelines.optimization.rules.permitted import NO_OFFER, permit
from promo_kedro.types import DataFrame


class Exclusions(OptionRule):
    """Consumer-items of the list ``offer_exclusions`` get no offer, o = 0.

    The list has the columns customer_id, item_id and reason. A row without an item_id is for all
    items of a consumer (who opted out), one without a customer_id for an item (that may not be
    discounted) whoever buys it. What is excluded gets no offer even where other rules keep
    today's; its sales still count.

    Example:
        ::

            opted_out: {rule: Exclusions}
    """

    single: ClassVar[bool] = True

    rule: Literal["Exclusions"] = "Exclusions"

    def narrow(self, decisions: DataFrame) -> DataFrame:
        """Leave what is excluded no option but no offer."""
        reason = decisions["excluded"].to_numpy(dtype=object)
        excluded = reason != ""
        return permit(
            decisions,
            np.where(excluded, NO_OFFER, decisions["permitted"]),
            np.where(excluded, "excluded: " + reason, decisions["kept"]),
        )
