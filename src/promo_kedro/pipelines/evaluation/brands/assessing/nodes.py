"""Judge the audiences of all runs, name the best, and hold it against the truth and the rest."""

import logging
from typing import Any

from promo_kedro.pipelines.evaluation.brands.parameters import BrandAssessmentParameters
from promo_kedro.types import DataFrame, Table

logger = logging.getLogger(__name__)

Document = dict[str, Any]


def find_judged_consumers(
    brand_features: Table, brand_consumers: DataFrame, brand_snapshots: DataFrame
) -> DataFrame:
    """Whom runs are chosen on and whom they are reported on, those who buy nothing included."""
    from promo_kedro.pipelines.evaluation.brands.assessing.reading import judged_consumers

    return judged_consumers(brand_features, brand_consumers, brand_snapshots)


def assess_brands(
    brand_selections: Table,
    brand_audiences: DataFrame,
    brand_purchases: Table,
    brand_judged_consumers: DataFrame,
    brand_list: DataFrame,
    raw_manifest: Document,
    parameters: BrandAssessmentParameters,
) -> tuple[DataFrame, Document, DataFrame]:
    """Every run under every rule of size, per consumer and per brand, by popularity.

    Returns:
        ``brand_assessment`` for people, without figures of small groups; its document, whole,
        with the winner, what runs were chosen by, and the standard errors of its mean F1 against
        the others'; ``brand_counts`` of every brand.
    """
    from promo_kedro.pipelines.evaluation.brands.assessing.assessment import assess
    from promo_kedro.pipelines.evaluation.brands.assessing.chance import errors_against
    from promo_kedro.pipelines.evaluation.brands.assessing.hiding import hide_small_groups
    from promo_kedro.pipelines.evaluation.brands.assessing.winner import (
        choose_winner,
        selection_scores,
    )
    from promo_kedro.pipelines.evaluation.documents import json_rows

    assessment, counts, f1 = assess(
        brand_selections,
        brand_audiences,
        brand_purchases,
        brand_judged_consumers,
        brand_list,
        parameters,
    )
    winner = choose_winner(assessment, parameters)
    document = {
        "raw_data_hash": raw_manifest["raw_data_hash"],
        "parameters": parameters.model_dump(mode="json"),
        "winner": winner,
        "in_use": parameters.in_use,
        "selection_scores": selection_scores(assessment, parameters).to_dict(),
        "against_winner": errors_against(f1, winner),
        "rows": json_rows(assessment),
    }
    return hide_small_groups(assessment, parameters), document, counts


def compare_brand_runs(
    brand_assessment: DataFrame,
    brand_assessment_document: Document,
    parameters: BrandAssessmentParameters,
) -> DataFrame:
    """The winner against each other run at both levels, and the document's own comparison."""
    import pandas as pd

    from promo_kedro.pipelines.evaluation.brands.assessing.uplift import (
        uplift_of_document,
        uplift_over_runs,
    )

    winner = brand_assessment_document["winner"]
    errors = brand_assessment_document["against_winner"]
    ours = uplift_over_runs(brand_assessment, winner, parameters.sizing, errors)
    for row in ours.to_dict("records"):
        logger.info(
            "Mean F1 of %s against %s, %s level: %s points%s",
            winner, row["name"], row["level"], row["f1_mean_text"],
            ", within chance" if row["within_chance"] is True else "",
        )  # fmt: skip
    return pd.concat([ours, uplift_of_document()], ignore_index=True)


def tabulate_brand_experiment(
    brand_runs: DataFrame,
    brand_assessment: DataFrame,
    brand_assessment_document: Document,
    brand_score_totals: DataFrame,
    parameters: BrandAssessmentParameters,
) -> DataFrame:
    """One row per run: parameters, seed, data hash, time and the main figures."""
    from promo_kedro.pipelines.evaluation.brands.assessing.experiment_table import experiment_table

    scores = brand_assessment_document["selection_scores"]
    return experiment_table(
        brand_runs, brand_assessment, brand_score_totals, scores, parameters.sizing
    )


def place_document_beside(brand_experiment: DataFrame) -> DataFrame:
    """The experiment document's tables, marked as its own, and ours."""
    from promo_kedro.pipelines.evaluation.brands.assessing.document import beside_ours

    return beside_ours(brand_experiment)


def tell_brand_results(
    brand_counts: DataFrame,
    brand_assessment: DataFrame,
    brand_list: DataFrame,
    brand_runs: DataFrame,
    brand_assessment_document: Document,
    parameters: BrandAssessmentParameters,
) -> DataFrame:
    """Each approved brand under the winner and the best run of each other model, for people."""
    from promo_kedro.pipelines.evaluation.brands.assessing.brand_results import (
        brand_results,
        runs_to_show,
    )

    shown = runs_to_show(brand_runs, brand_assessment_document["selection_scores"])
    return brand_results(brand_counts, brand_assessment, brand_list, shown, parameters)


def score_true_brands(
    truth: Document | None,
    brand_purchases: Table,
    brand_judged_consumers: DataFrame,
    brand_list: DataFrame,
    brand_snapshots: DataFrame,
    brand_counts: DataFrame,
    brand_assessment_document: Document,
    raw_manifest: Document,
    parameters: BrandAssessmentParameters,
) -> DataFrame:
    """What the true probabilities reach with the same sizes; no rows without a truth."""
    import pandas as pd

    from promo_kedro.pipelines.evaluation.brands.assessing import truth as asking
    from promo_kedro.pipelines.evaluation.brands.assessing.reading import read_ground
    from promo_kedro.pipelines.evaluation.brands.assessing.strata import approved_brands
    from promo_kedro.pipelines.evaluation.brands.assessing.winner import REPORTED

    judged = brand_judged_consumers[brand_judged_consumers["sample"] == REPORTED]
    note = asking.why_not(truth, brand_snapshots, raw_manifest["raw_data_hash"])
    if truth is None or note or judged.empty:
        logger.info("%s", note or "Brands are not compared with the truth: no one is judged.")
        return asking.no_truth()
    brands, customer_ids = approved_brands(brand_list), judged["customer_id"].to_numpy()
    logger.info("Asking the simulated retailer who buys which brand")
    return asking.score_truth(
        read_ground(brand_purchases, judged, brands),
        asking.true_brand_probabilities(truth, brand_snapshots, customer_ids, brands),
        customer_ids,
        brand_counts,
        pd.DataFrame(brand_assessment_document["rows"]),
        brand_assessment_document["winner"],
        parameters,
    )


def attack_brand_membership(
    brand_membership: DataFrame, parameters: BrandAssessmentParameters
) -> DataFrame:
    """Whether losses give away who was trained on."""
    from promo_kedro.pipelines.evaluation.brands.privacy import attack

    return attack(brand_membership, parameters.min_group_consumers)
