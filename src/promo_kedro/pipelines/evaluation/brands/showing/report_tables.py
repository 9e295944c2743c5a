"""The tables of the page, every figure written out."""

import json
from typing import Any

import pandas as pd

from promo_kedro.pipelines.evaluation.brands.showing.findings import (
    percent,
    points_of_mean,
    rule,
)
from promo_kedro.pipelines.evaluation.brands.showing.main_effects import all_but
from promo_kedro.pipelines.evaluation.brands.showing.naming import (
    ATTACKS,
    LEVELS,
    LIMITS,
    MODELS,
    STRATUM_COLOURS,
    TRUTH,
    describe,
)
from promo_kedro.pipelines.evaluation.wording import written

Row = dict[str, Any]

_STRATA = list(STRATUM_COLOURS)
_UPLIFTS = ("precision_text", "recall_text", "f1_median_text", "f1_harmonic_text")
STRATA_FIGURES = ("precision", "recall", "f1_median", "f1_mean")


def level_rows(
    main: pd.DataFrame,
    runs: pd.DataFrame,
    truth: pd.DataFrame,
    audiences: pd.DataFrame,
    level: str,
    winner: str,
) -> list[Row]:
    """One of the two tables: a row per run as the experiment lists them, then the truth.

    Args:
        main: The assessment over all approved brands, under the rule that compares runs.
        runs: ``brand_runs``.
        truth: ``brand_truth``.
        audiences: ``brand_audiences`` under the same rule, of the sample that judges.
        level: ``user`` or ``item``.
        winner: The best run.
    """
    rows = main[main["level"] == level].set_index("run")
    shares = _of_level(truth, level).set_index("run")["share_of_truth"]
    table = [
        _level_row(rows.loc[run["run"]], run["run"], describe(run), shares.get(run["run"]), winner)
        | {"addressing": _addressing(audiences[audiences["run"] == run["run"]])}
        for _, run in runs.iterrows()
        if run["run"] in rows.index
    ]
    own = _of_level(truth[truth["run"] == TRUTH], level)
    words = "The winner's audience sizes, filled by the true probabilities"
    return table + [
        _level_row(row, MODELS[TRUTH], words, None, "") | {"addressing": "–"}
        for _, row in own.iterrows()
    ]


def _addressing(audiences: pd.DataFrame) -> str:
    """Brands that address anybody."""
    return f"{(audiences['size'] > 0).sum():,} of {len(audiences):,}"


def _level_row(row: pd.Series, name: str, note: str, share: Any, winner: str) -> Row:
    return {
        "name": name,
        "winner": name == winner,
        "figures": [percent(row[f]) for f in ("precision", "recall", "f1_median", "f1_harmonic")],
        "middle": f"{percent(row['f1_q1'])} to {percent(row['f1_q3'])}",
        "mean": percent(row["f1_mean"]),
        "share": written(None if share is None else 100 * float(share), "{:.0f}"),
        "note": note,
    }


def _of_level(truth: pd.DataFrame, level: str) -> pd.DataFrame:
    return truth[(truth["level"] == level) & (truth["stratum"] == "all")]


def document_rows(document: pd.DataFrame, level: str) -> list[Row]:
    """The experiment document's own figures of a level."""
    theirs = document[(document["source"] != "ours") & (document["level"] == level)]
    return [
        {
            "name": row["name"],
            "figures": [percent(row[f]) for f in ("precision", "recall")],
            "median": percent(row["f1_median"]),
            "harmonic": percent(row["f1_harmonic"]),
            "f1": percent(row["f1"]),
            "reading": row["f1_reading"],
        }
        for _, row in theirs.iterrows()
    ]


def uplift_rows(uplift: pd.DataFrame, shown: list[str]) -> dict[str, list[Row]]:
    """The winner against the runs shown, and the document's winner against its own."""
    ours = uplift[(uplift["source"] == "ours") & uplift["name"].isin(shown)]
    theirs = uplift[uplift["source"] != "ours"]
    return {"ours": _uplifts(ours), "theirs": _uplifts(theirs)}


def _uplifts(rows: pd.DataFrame) -> list[Row]:
    ordered = rows.assign(place=rows["level"].map(list(LEVELS).index))
    names = {name: place for place, name in enumerate(dict.fromkeys(rows["name"]))}
    ordered = ordered.assign(name_place=rows["name"].map(names))
    ordered = ordered.sort_values(["name_place", "place"], kind="stable")
    return [
        {
            "name": row["name"],
            "level": row["level"],
            "texts": [*(row[name] for name in _UPLIFTS), points_of_mean(row)],
        }
        for _, row in ordered.iterrows()
    ]


def strata_rows(
    assessment: pd.DataFrame, runs: pd.DataFrame, truth: pd.DataFrame, level: str, winner: str
) -> list[Row]:
    """Every run by popularity at one level: precision, recall and both F1 of each stratum.

    Args:
        assessment: The assessment of the sample that judges, under the rule that compares runs.
        runs: ``brand_runs``.
        truth: ``brand_truth``.
        level: ``user`` or ``item``.
        winner: The best run.
    """
    own = truth[truth["run"] == TRUTH].reindex(columns=assessment.columns)
    rows = assessment if own.empty else pd.concat([assessment, own])
    cells = rows[rows["level"] == level].set_index(["run", "stratum"])
    there = set(cells.index.get_level_values("run"))
    return [
        {
            "name": MODELS[TRUTH] if run == TRUTH else run,
            "winner": run == winner,
            "cells": [
                percent(cells[figure].get((run, stratum)))
                for stratum in _STRATA
                for figure in STRATA_FIGURES
            ],
        }
        for run in [*runs["run"].astype(str), TRUTH]
        if run in there
    ]


def resampling_rows(experiment: pd.DataFrame, privacy: pd.DataFrame) -> list[Row]:
    """Resampled runs, and those that differ from them in nothing but that."""
    rows = experiment[_alike_but_for_resampling(experiment)]
    attacked = privacy[privacy["stratum"] == "all"].set_index("run")["auc"]
    return [
        {
            "name": row["run"],
            "resampling": row["resampling"] if pd.notna(row["resampling"]) else "none",
            "figures": [
                *(percent(row[f"{level}_f1_median"]) for level in LEVELS),
                *(percent(row[f"{level}_f1_mean"]) for level in LEVELS),
                written(row["log_loss"], "{:.5f}"),
                written(attacked.get(row["run"]), "{:.3f}"),
            ],
        }
        for _, row in rows.iterrows()
    ]


def _alike_but_for_resampling(experiment: pd.DataFrame) -> list[bool]:
    """Whether each run is resampled, or is the same as one that is: model, loss, network, all."""
    kinds = [
        (model, loss if pd.notna(loss) else None, all_but(parameters, "resampling"))
        for model, loss, parameters in zip(
            experiment["model"], experiment["loss"], experiment["parameters"], strict=True
        )
    ]
    resampled = experiment["resampling"].notna() & (experiment["resampling"] != "none")
    wanted = {kind for kind, chosen in zip(kinds, resampled, strict=True) if chosen}
    opened = experiment["epsilon"].isna()
    return [kind in wanted and open_ for kind, open_ in zip(kinds, opened, strict=True)]


def privacy_rows(privacy: pd.DataFrame, runs: pd.DataFrame) -> list[Row]:
    """The attack on each run, over all brands and by popularity."""
    order = {run: place for place, run in enumerate(runs["run"])}
    rows = privacy.dropna(subset=["auc"])
    names = sorted(set(rows["run"]), key=lambda run: (order.get(run, len(order)), run))
    cells = rows.set_index(["run", "stratum"])
    table = []
    for run in names:
        whole = cells.loc[(run, "all")] if (run, "all") in cells.index else None
        table.append(
            {
                "name": run,
                "interval": "–" if whole is None else _interval(whole),
                "attack": "–" if whole is None else ATTACKS.get(str(whole["attack"]), "–"),
                "tpr": "–" if whole is None else percent(whole["tpr_at_1_percent_fpr"]),
                "strata": [
                    written(cells["auc"].get((run, stratum)), "{:.3f}")
                    for stratum in ("all", *_STRATA)
                ],
            }
        )
    return table


def _interval(row: pd.Series) -> str:
    return f"{written(row['auc_low'], '{:.3f}')} to {written(row['auc_high'], '{:.3f}')}"


def audience_rows(audiences: pd.DataFrame, smallest: int) -> list[Row]:
    """What became of the sizes that each rule wanted, for the coming period.

    Args:
        audiences: ``brand_next_audiences``.
        smallest: A smallest audience of fewer consumers is not told.
    """
    return [
        {
            "rule": rule(str(sizing)),
            "brands": f"{len(brands):,}",
            "wanted": f"{int(_wanted(brands).sum()):,}",
            "size": f"{int(brands['size'].sum()):,}",
            "limits": [f"{int((brands['limited_by'] == limit).sum()):,}" for limit in LIMITS],
            "smallest": written(_smallest(brands["size"], smallest), "{:,.0f}"),
        }
        for sizing, brands in audiences.groupby("sizing", sort=False)
    ]


def _wanted(brands: pd.DataFrame) -> pd.Series:
    """Not of suppressed audiences: a single one would be what is left of the sums."""
    return brands.loc[brands["limited_by"] != "smallest_audience", "wanted"]


def _smallest(sizes: pd.Series, least: int) -> float | None:
    """The smallest audience that addresses anybody; none where it tells of a few."""
    used = sizes[sizes > 0]
    return None if used.empty or used.min() < least else float(used.min())


def count_rows(main: pd.DataFrame, runs: pd.DataFrame, smallest: int) -> list[Row]:
    """How many were scored, and how many had nothing to score.

    Args:
        main: The assessment over all approved brands, under the rule that compares runs.
        runs: ``brand_runs``.
        smallest: Fewer consumers than that, but for none at all, are not counted before people.
    """
    order = {run: place for place, run in enumerate(runs["run"])}
    rows = main[main["run"].isin(order)]
    places = {"run_place": rows["run"].map(order), "place": rows["level"].map(list(LEVELS).index)}
    rows = rows.assign(**places).sort_values(["run_place", "place"])
    columns = ("scored", "addressed", "empty_truth", "empty_prediction", "empty_both")
    return [
        {
            "name": row["run"],
            "level": row["level"],
            "counts": [
                _count(row[column], smallest if row["level"] == "user" else 0) for column in columns
            ],
        }
        for _, row in rows.iterrows()
    ]


def _count(count: Any, smallest: int) -> str:
    few = pd.notna(count) and 0 < count < smallest
    return written(None if few else count, "{:,.0f}")


def run_rows(experiment: pd.DataFrame) -> list[Row]:
    """Every run, so that it can be repeated."""
    return [
        {
            "name": row["run"],
            "what": describe(row),
            "seed": written(row["seed"], "{:.0f}"),
            "epochs": written(row["epochs"], "{:,.0f}"),
            "weights": written(row["weights"], "{:,.0f}"),
            "seconds": written(row["seconds"], "{:,.1f}"),
            "log_loss": written(row["log_loss"], "{:.5f}"),
            "score": percent(row["validation_score"]),
            "parameters": _compact(row["parameters"]),
        }
        for _, row in experiment.iterrows()
    ]


def _compact(parameters: str) -> str:
    """JSON as YAML's short form writes it."""
    return json.dumps(json.loads(parameters), ensure_ascii=False).replace('"', "")


def asked(
    snapshots: pd.DataFrame,
    consumers: pd.DataFrame,
    judged: pd.DataFrame,
    brand_list: pd.DataFrame,
) -> dict[str, Any]:
    """The period foretold, and how many consumers and brands it is about."""
    test = snapshots[snapshots["use"] == "test"].iloc[0]
    approved = brand_list[brand_list["approved"]]
    coming = snapshots[snapshots["use"] == "next"]
    return {
        "first_day": test["first_day"],
        "last_day": test["last_day"],
        "next": None if coming.empty else coming.iloc[0].to_dict(),
        "training_snapshots": int((snapshots["use"] == "train").sum()),
        "training": f"{(consumers['role'] == 'training').sum():,}",
        "judged": {sample: f"{n:,}" for sample, n in judged["sample"].value_counts().items()},
        "brands": f"{len(brand_list):,}",
        "approved": f"{len(approved):,}",
        "strata": [
            (stratum, f"{len(rows):,}", percent(rows["prevalence"].median()))
            for stratum in _STRATA
            if len(rows := approved[approved["stratum"] == stratum])
        ],
    }
