"""Max offers per consumer: how many offers one consumer may be sent."""

import logging
from typing import ClassVar, Literal

from pydantic import Field

from promo_kedro.pipelines.optimization.rules.base import OptionRule, Scope
from promo_kedro.pipelines.optimization.rules.permitted import NO_OFFER, STEPS, permit
from promo_kedro.types import DataFrame

logger = logging.getLogger(__name__)


class MaxOffersPerConsumer(OptionRule):
    """A consumer gets at most so many offers above 0.

    Σ_{i of the consumer} 1[o_i > 0] ≤ N. It couples the units of a consumer and is no row. Going
    without an offer becomes an option of every adjustable consumer-item, as under ``NoOffer``; and
    of offers that cannot be changed only where a consumer has more than N of them.

    Attributes:
        scope: ``whole`` counts a consumer's offers over all categories, ``category`` in each.
        at_most: the number N.

    Example:
        ::

            few_coupons: {rule: MaxOffersPerConsumer, at_most: 3}
    """

    single: ClassVar[bool] = True

    rule: Literal["MaxOffersPerConsumer"] = "MaxOffersPerConsumer"
    scope: Scope = "whole"
    at_most: int = Field(ge=0)

    @property
    def spans_categories(self) -> bool:
        """Return whether offers are counted over all categories."""
        return self.scope == "whole"

    @property
    def consumer_key(self) -> list[str]:
        """Return the columns whose equal values make one consumer."""
        return ["customer_id"] if self.spans_categories else ["category", "customer_id"]

    def narrow(self, decisions: DataFrame) -> DataFrame:
        """Open going without an offer, so that every consumer can be given N or fewer."""
        permitted = decisions["permitted"].to_numpy()
        fixed = (permitted & (NO_OFFER | STEPS) == 0) & (decisions["offer_today"] > 0)
        of_consumer = fixed.groupby([decisions[column] for column in self.consumer_key])
        too_many = fixed & (of_consumer.transform("sum") > self.at_most)
        if too_many.any():
            logger.warning(
                "%d consumer-items whose offer would have stayed as today may lose it: their "
                "consumers have more than %d such offers",
                too_many.sum(),
                self.at_most,
            )
        opened = (permitted & STEPS > 0) | too_many.to_numpy()
        return permit(decisions, permitted | opened * NO_OFFER, decisions["kept"])
