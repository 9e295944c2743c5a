"""The steps of the elasticity framework: curves, reference offers, prices, elasticities."""

import logging

from promo_kedro.pipelines.elasticity.parameters import ElasticityParameters
from promo_kedro.types import DataFrame, Table

logger = logging.getLogger(__name__)

CONSUMER_ITEM = ["customer_id", "item_id"]


def fit_elasticity_curves(
    purchase_probabilities: DataFrame,
    panel: Table,
    offer_response: DataFrame,
    calendar: DataFrame,
    parameters: ElasticityParameters,
) -> tuple[DataFrame, DataFrame]:
    """Fit Eq. 10 per category, to what was observed and to how the model responds.

    Returns:
        ``elasticity_curves`` and ``elasticity_bins``.
    """
    import pandas as pd

    from promo_kedro.calendar import next_step_of
    from promo_kedro.pipelines.elasticity.curves import fit_curves, report
    from promo_kedro.pipelines.elasticity.points import deepest_offers, observed_points

    until = next_step_of(calendar).step
    deepest = deepest_offers(panel, until, parameters.range_quantile)
    relations = {
        "observed": observed_points(purchase_probabilities, panel),
        "response": offer_response,
    }
    fits = [
        fit_curves(points, relation, deepest, parameters) for relation, points in relations.items()
    ]
    curves, bins = (pd.concat(parts, ignore_index=True) for parts in zip(*fits, strict=True))
    report(curves, parameters.relation)
    return curves, bins


def find_reference_offers(
    relevant_consumer_items: Table,
    transactions: Table,
    offers: Table,
    consumers: Table,
    panel: Table,
    calendar: DataFrame,
    parameters: ElasticityParameters,
) -> DataFrame:
    """Find the offer each consumer-item is used to, and the offer it has today.

    Returns:
        customer_id, item_id, category, reference_offer (missing where there is none),
        reference_source, offer_today.
    """
    from promo_kedro.calendar import next_step_of
    from promo_kedro.pipelines.elasticity.reference import (
        gather_offers,
        offers_today,
        reference_offers,
    )

    until = next_step_of(calendar).step
    since = until - parameters.recent_steps
    logged = offers.count().to_pyarrow().as_py() > 0
    logger.info("Own offers come from %s.", "the offer log" if logged else "receipts")

    latest = relevant_consumer_items.filter(relevant_consumer_items.window == 0)
    made = offers if logged else transactions
    gathered = gather_offers(latest, made, consumers, panel, since, until)
    found = offers_today(reference_offers(gathered))
    for source, count in found["reference_source"].value_counts().items():
        logger.info("Reference offers from %s: %s consumer-items.", source, f"{count:,}")
    columns = ["category", "reference_offer", "reference_source", "offer_today"]
    return found[[*CONSUMER_ITEM, *columns]]


def price_purchases(relevant_consumer_items: Table, transactions: Table) -> DataFrame:
    """Price a purchase of each consumer-item: the item's latest price × its usual quantity."""
    from promo_kedro.pipelines.elasticity.prices import purchase_prices

    latest = relevant_consumer_items.filter(relevant_consumer_items.window == 0)
    return purchase_prices(latest, transactions)


def estimate_offer_elasticities(
    reference_offers: DataFrame,
    purchase_prices: DataFrame,
    offer_response: DataFrame,
    elasticity_curves: DataFrame,
    parameters: ElasticityParameters,
) -> DataFrame:
    """Estimate ε = a · k · (1 − f(k)) of each consumer-item (Eq. 12).

    The slope a is the category's; f(k) is the model's own answer for the consumer-item when
    asked with its reference offer k. Where slope or reference is not identified, the offer
    stays as today: k is today's offer, ε is 0 and reference_source says "not identified".

    Returns:
        ``offer_elasticities``.
    """
    from promo_kedro.pipelines.elasticity.curves import identified_slopes
    from promo_kedro.pipelines.elasticity.reference import NOT_IDENTIFIED
    from promo_kedro.pipelines.elasticity.response import probability_at, response_grid
    from promo_kedro.pipelines.elasticity.sigmoid import elasticity

    table = reference_offers.merge(
        purchase_prices, on=CONSUMER_ITEM, how="left", validate="one_to_one"
    )
    slopes = table["category"].map(identified_slopes(elasticity_curves, parameters.relation))
    identified = slopes.notna() & table["reference_offer"].notna()
    slopes = slopes.where(identified, 0.0).to_numpy(dtype="float64")
    table["reference_source"] = table["reference_source"].where(identified, NOT_IDENTIFIED)
    table["reference_offer"] = table["reference_offer"].where(identified, table["offer_today"])

    grid, answers = response_grid(offer_response, table)
    k = table["reference_offer"].to_numpy(dtype="float64")
    table["probability"] = probability_at(k, grid, answers, slopes)
    table["elasticity"] = elasticity(slopes, k, table["probability"].to_numpy())
    _report(table, beyond=int((k > grid[-1]).sum()), deepest=grid[-1])
    columns = ["category", "reference_offer", "reference_source", "offer_today", "probability"]
    return table[[*CONSUMER_ITEM, *columns, "elasticity", "price", "quantity", "unit_price"]]


def _report(table: DataFrame, beyond: int, deepest: float) -> None:
    """Log how the elasticities came about."""
    from promo_kedro.pipelines.elasticity.reference import NOT_IDENTIFIED

    identified = table[table["reference_source"] != NOT_IDENTIFIED]
    logger.info(
        "Elasticities of %s of %s consumer-items, on average %.2f; the others' offers stay.",
        f"{len(identified):,}",
        f"{len(table):,}",
        identified["elasticity"].mean() if len(identified) else 0.0,
    )
    if beyond:
        logger.info(
            "%s reference offers are above %.0f %%, the deepest the model was asked: their "
            "probability follows the category's curve from there.",
            f"{beyond:,}",
            deepest,
        )
