"""f(k): the calibrated model asked with the offer k, read off its answers on a grid of offers."""

import numpy as np
from scipy.special import expit, logit

from promo_kedro.errors import InputError
from promo_kedro.pipelines.elasticity.sigmoid import SMALLEST_PROBABILITY
from promo_kedro.types import Array, DataFrame

CONSUMER_ITEM = ["customer_id", "item_id"]


def response_grid(offer_response: DataFrame, consumer_items: DataFrame) -> tuple[Array, Array]:
    """Arrange the model's answers in the order of the consumer-items.

    Args:
        offer_response: customer_id, item_id, offer_percent, probability.
        consumer_items: (n rows) customer_id, item_id.

    Returns:
        The (m,) ascending offer percents asked, and the (n, m) probabilities.

    Raises:
        InputError: some consumer-item was not asked at some offer, or was asked twice.
    """
    twice = int(offer_response.duplicated([*CONSUMER_ITEM, "offer_percent"]).sum())
    wide = offer_response.pivot_table(
        index=CONSUMER_ITEM, columns="offer_percent", values="probability", sort=True
    )
    wide = wide.reindex(consumer_items.set_index(CONSUMER_ITEM).index)
    missing = int(wide.isna().any(axis=1).sum())
    if missing or twice:
        raise InputError(
            f"offer_response lacks an offer of its grid for {missing:,} of {len(wide):,} "
            f"consumer-items and holds {twice:,} rows twice; run `kedro run --pipeline=modelling`."
        )
    return wide.columns.to_numpy(dtype=np.float64), wide.to_numpy(dtype=np.float64)


def probability_at(offers: Array, grid: Array, probabilities: Array, slopes: Array) -> Array:
    """Return f(k): straight lines between the grid's offers on the logit scale.

    On that scale a sigmoid is a straight line, so between grid points the category's curve
    would be met exactly. Beyond the grid the line goes on with the category's slope.

    Args:
        offers: (n,) offer percents k.
        grid: (m,) offer percents asked, ascending.
        probabilities: (n, m) the model's answers.
        slopes: (n,) the category's slope, 0 where none is identified.
    """
    within = np.clip(offers, grid[0], grid[-1])
    left = np.clip(np.searchsorted(grid, within, side="right") - 1, 0, max(len(grid) - 2, 0))
    right = np.minimum(left + 1, len(grid) - 1)
    width = np.where(right > left, grid[right] - grid[left], 1.0)
    share = (within - grid[left]) / width

    rows = np.arange(len(offers))
    inside = np.clip(probabilities, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    line = (1 - share) * logit(inside[rows, left]) + share * logit(inside[rows, right])
    return expit(line + slopes * (offers - within))
