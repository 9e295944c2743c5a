"""No offer, as an option."""

from typing import ClassVar, Literal

from promo_kedro.pipelines.optimization.rules.base import OptionRule
from promo_kedro.pipelines.optimization.rules.permitted import NO_OFFER, STEPS, permit
from promo_kedro.types import DataFrame


class NoOffer(OptionRule):
    """Going without an offer, o = 0, is an option of every adjustable consumer-item.

    Eq. 13 changes an offer within the range and cannot drop it. What cannot be changed stays.

    Example:
        ::

            may_drop: {rule: NoOffer}
    """

    single: ClassVar[bool] = True

    rule: Literal["NoOffer"] = "NoOffer"

    def narrow(self, decisions: DataFrame) -> DataFrame:
        """Open it wherever steps are."""
        permitted = decisions["permitted"].to_numpy()
        opened = (permitted & STEPS > 0) * NO_OFFER
        return permit(decisions, permitted | opened, decisions["kept"])
