"""The report: one self-contained page in plain words, and the results table for the log."""

from base64 import b64encode
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import pandas as pd

from promo_kedro.pipelines.evaluation.calibration_effect import calibration_sentence
from promo_kedro.pipelines.evaluation.documents import json_rows
from promo_kedro.pipelines.evaluation.offer_value import TODAY
from promo_kedro.pipelines.evaluation.paper import paper_row
from promo_kedro.pipelines.evaluation.parameters import EvaluationParameters
from promo_kedro.pipelines.evaluation.plots_cutoffs import NAMES as METHODS
from promo_kedro.pipelines.evaluation.plots_value import LABELS, ORDER
from promo_kedro.pipelines.evaluation.spread import spread_over_windows
from promo_kedro.pipelines.evaluation.suppression import TOTAL, Row, small_categories, suppress
from promo_kedro.pipelines.evaluation.verdict import COLUMNS as COMPARISON_COLUMNS
from promo_kedro.pipelines.evaluation.verdict import candidate_rows, verdicts
from promo_kedro.pipelines.evaluation.wording import aligned, shorten, written
from promo_kedro.types import Table

Document = dict[str, Any]

# name, heading in the log, heading in the report, how it is written
_RESULT_COLUMNS = [
    ("sample_size", "pairs", "Consumer-items", "{:,.0f}"),
    ("positives", "bought", "Purchases", "{:,.0f}"),
    ("prevalence", "share %", "Share bought, %", "{:.2%}"),
    ("log_loss", "logloss", "Log loss", "{:.4f}"),
    ("skill_prevalence", "skill", "Skill", "{:.3f}"),
    ("precision", "prec", "Precision", "{:.3f}"),
    ("recall", "recall", "Recall", "{:.3f}"),
    ("f1", "F1", "F1", "{:.3f}"),
    ("average_elasticity", "elast", "Average elasticity", "{:.2f}"),
    ("weighted_offer_percent", "offer %", "Weighted offer, %", "{:.2f}"),
    ("r2", "R²", "R²", "{:.2f}"),
]
_CUTOFF_COLUMNS = [
    ("consumers", "consumers", "Consumers", "{:,.0f}"),
    ("mean_f1_baskets", "baskets", "Mean F1 of baskets", "{:.3f}"),
    ("cutoffs", "cut-offs", "Consumer-categories", "{:,.0f}"),
    ("mean_f1", "mean F1", "Mean F1", "{:.3f}"),
    ("expected_f1", "expected", "Expected F1", "{:.3f}"),
    ("realised_minus_expected", "vs exp", "Realised − expected", "{:+.4f}"),
    ("realised_minus_expected_se", "± se", "Its standard error", "{:.4f}"),
    ("mean_f1_buyers", "buyers", "Mean F1 of buyers", "{:.3f}"),
    ("precision", "prec", "Precision", "{:.3f}"),
    ("recall", "recall", "Recall", "{:.3f}"),
    ("f1", "pooled", "F1, pooled", "{:.3f}"),
]
_LONGEST_NAME = 26


@dataclass(frozen=True)
class Documents:
    """The evaluation's own findings, whole: what is hidden is hidden by the page."""

    results: Document
    comparison: Document
    cutoffs: Document
    value: Document
    plans: Document


_TITLES = {
    "model_comparison_plot": "Is the model better than simpler ones?",
    "cutoff_comparison_plot": "Which cut-off predicts best?",
    "offer_value_plot": "What the offers are worth",
    "elasticity_plot": "Purchase probability against offer (Figure 4 of the paper)",
    "probability_distribution_plot": "Probabilities and cut-offs (Figure 5 of the paper)",
    "offer_distribution_plot": "Optimal offers (Figure 6 of the paper)",
    "revenue_retention_frontier_plot": "What retention costs",
    "reliability_plot": "Can the probabilities be believed?",
    "offer_response_plot": "What the model answers to an offer",
    "feature_importance_plot": "What the purchase models lean on",
    "training_history_plot": "Training of the purchase models",
}


def results_text(rows: list[Row], hidden: set[str]) -> str:
    """The results of the latest window in aligned columns, the paper's own beneath ours.

    A log line of 160 characters has room for it beside the time and the place.
    """
    shown = suppress([row for row in rows if row["window"] == 0], hidden)
    table = [["category", *(short for _, short, _, _ in _RESULT_COLUMNS)]]
    for row in shown:
        table.append([shorten(row["category"], _LONGEST_NAME), *_figures(row)])
        theirs = _paper_figures(row)
        if theirs is not None:
            # Its sample size does not count consumer-items, and a log has no room to say so.
            table.append(["  paper", written(None, ""), *theirs[1:]])
    return aligned(table)


def cutoffs_text(rows: list[Row]) -> str:
    """Every way to cut over all categories of the latest window, in aligned columns."""
    table = [["cut-off", *(short for _, short, _, _ in _CUTOFF_COLUMNS)]]
    for row in _cutoff_rows(rows):
        if row["window"] == 0:
            table.append([row["label"] + ("*" if row["chosen"] else ""), *row["figures"]])
    return aligned(table)


def set_aside(rejected_rows: Table) -> list[Row]:
    """Counts of the rows that were set aside, by table and reason."""
    counted = rejected_rows.group_by(["table", "reason"]).aggregate(rows=rejected_rows.count())
    frame = counted.to_pandas().sort_values(["table", "rows"], ascending=[True, False])
    return json_rows(frame)


def render(
    documents: Documents,
    *,
    curves: pd.DataFrame,
    rejected: list[Row],
    parameters: EvaluationParameters,
    plots: dict[str, bytes],
) -> str:
    """The page as HTML text. It holds no customer ids, and no figures of small categories."""
    from jinja2 import Environment, StrictUndefined

    results, comparison, value = documents.results, documents.comparison, documents.value
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    page.filters["written"] = written
    hidden = small_categories(results["rows"], parameters.min_group_consumers)
    notes = {"reliability_plot": calibration_sentence(comparison["calibration"])}
    template = files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8")
    return page.from_string(template).render(
        raw_data_hash=results["raw_data_hash"],
        files=results["files"],
        windows=results["windows"],
        rejected=rejected,
        headings=[long for _, _, long, _ in _RESULT_COLUMNS],
        results=_results_with_paper(suppress(results["rows"], hidden)),
        comparison_headings=[long for _, _, long, _ in COMPARISON_COLUMNS],
        candidates=candidate_rows(comparison["rows"]),
        verdicts=verdicts(comparison["rows"], hidden),
        cutoff_headings=[long for _, _, long, _ in _CUTOFF_COLUMNS],
        cutoffs=_cutoff_rows(documents.cutoffs["rows"]),
        truth_known=comparison["truth_known"],
        spread=_spread_rows(suppress(results["rows"], hidden)),
        parameters=parameters,
        plan=[row for row in documents.plans["categories"] if row["category"] not in hidden],
        modes=documents.plans["modes"],
        not_identified=_not_identified(curves),
        value_note=value["note"],
        value_total=_value_rows(value["rows"], {TOTAL}),
        value_categories=_value_rows(
            [row for row in value["rows"] if row["policy"] == parameters.mode],
            {row["category"] for row in value["rows"]} - hidden - {TOTAL},
        ),
        plots=[
            (_TITLES[name], _data_uri(plots[name]), notes.get(name, ""))
            for name in _TITLES
            if name in plots
        ],
        hidden=sorted(hidden),
    )


def _figures(row: Row) -> list[str]:
    return [written(row[name], form) for name, _, _, form in _RESULT_COLUMNS]


def _results_with_paper(rows: list[Row]) -> list[Row]:
    """Each row's written figures, and under it the paper's own where it has the category."""
    return [
        {
            "window": row["window"],
            "category": row["category"],
            "total": row["category"] == TOTAL,
            "ours": _figures(row),
            "paper": _paper_figures(row) if row["window"] == 0 else None,
        }
        for row in rows
    ]


def _paper_figures(row: Row) -> list[str] | None:
    theirs = paper_row(row["category"])
    if theirs is None:
        return None
    return [written(theirs.get(name), form) for name, _, _, form in _RESULT_COLUMNS]


def _spread_rows(results: list[Row]) -> list[Row]:
    """The total row's scores over the windows, written out; none when there is one window."""
    forms = {name: (long, form) for name, _, long, form in _RESULT_COLUMNS}
    spread = spread_over_windows([row for row in results if row["category"] == TOTAL])
    return [
        {
            "heading": forms[row["metric"]][0],
            "windows": row["windows"],
            "figures": [
                written(row[name], forms[row["metric"]][1])
                for name in ("mean", "spread", "lowest", "highest")
            ],
        }
        for row in json_rows(spread)
        if row["windows"] > 1 and row["metric"] in forms
    ]


def _cutoff_rows(rows: list[Row]) -> list[Row]:
    """Every way to cut over all categories, per window, written out."""
    return [
        {
            "window": row["window"],
            "label": METHODS.get(row["method"], row["method"]),
            "chosen": row["chosen"],
            "figures": [written(row[name], form) for name, _, _, form in _CUTOFF_COLUMNS],
        }
        for row in rows
        if row["category"] == TOTAL
    ]


def _not_identified(curves: pd.DataFrame) -> list[Row]:
    failed = curves[curves["status"] != "ok"].sort_values(["category", "relation"])
    return json_rows(failed[["category", "relation", "status"]])


def _value_rows(rows: list[Row], categories: set[str]) -> list[Row]:
    order = {policy: place for place, policy in enumerate([*ORDER, TODAY])}
    shown = [row for row in rows if row["category"] in categories]
    shown.sort(key=lambda row: (row["horizon"], row["category"], order.get(row["policy"], 99)))
    return [{**row, "label": LABELS.get(row["policy"], row["policy"])} for row in shown]


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + b64encode(png).decode()
