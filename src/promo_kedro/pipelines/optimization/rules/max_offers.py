"""Max offers per consumer: how many offers one consumer may be sent."""

import logging
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from promo_kedro.pipelines.optimization.rules.base import Count, OptionRule, Scope
from promo_kedro.pipelines.optimization.rules.permitted import NO_OFFER, STEPS, permit
from promo_kedro.types import DataFrame

logger = logging.getLogger(__name__)


class MaxOffersPerConsumer(OptionRule):
    """A consumer gets at most so many offers above 0.

    Σ_{i of the consumer} 1[o_i > 0] ≤ N. It couples the units of a consumer and is no row. Going
    without an offer becomes an option of every adjustable consumer-item, as under ``NoOffer``; and
    of offers that cannot be changed only where a consumer has more than N of them.

    A soft one is kept whole or given up whole: where the hard rules cannot be met with it, the
    plan is made without it. So it is given up last, after every other soft rule.

    Attributes:
        scope: ``whole`` counts a consumer's offers over all categories, ``category`` in each.
        at_most: the number N.

    Example:
        ::

            few_coupons: {rule: MaxOffersPerConsumer, at_most: 3}
    """

    single: ClassVar[bool] = True
    may_be_soft: ClassVar[bool] = True

    rule: Literal["MaxOffersPerConsumer"] = "MaxOffersPerConsumer"
    scope: Scope = "whole"
    at_most: Annotated[Count, Field(ge=0)]

    @model_validator(mode="after")
    def _refuse_other_priorities(self) -> Self:
        if self.priority != 1:
            raise ValueError(
                f"{self.rule} is kept or given up whole, and given up last: leave out priority "
                f"{self.priority}"
            )
        return self

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
