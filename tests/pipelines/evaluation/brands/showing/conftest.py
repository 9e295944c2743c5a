"""A small made-up experiment in the columns of the schemas."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from promo_kedro.pipelines.evaluation.brands.assessing.document import beside_ours
from promo_kedro.pipelines.evaluation.brands.assessing.experiment_table import experiment_table
from promo_kedro.pipelines.evaluation.brands.assessing.uplift import uplift_of_document
from promo_kedro.schemas.brands import (
    SIZINGS,
    STRATA,
    BrandAssessment,
    BrandAudiences,
    BrandList,
    BrandRuns,
    BrandScoreHistograms,
    BrandScoreTotals,
    BrandSnapshots,
    BrandTrainingHistory,
)

RUNS = {
    # run: model, loss, resampling, epsilon
    "popularity": ("popularity", None, None, None),
    "bau": ("bau", None, None, None),
    "one_vs_rest": ("one_vs_rest", None, None, None),
    "v1": ("varemb_v1", "bce", "none", None),
    "v2_bce": ("varemb_v2", "bce", "none", None),
    "v2_bfc": ("varemb_v2", "focal, inverse", "none", None),
    "v2_bfc_effective": ("varemb_v2", "focal, effective_number", "none", None),
    "v2_wce": ("varemb_v2", "weighted, allowlist", "none", None),
    "v2_wce_positives": ("varemb_v2", "weighted, allowlist on positives", "none", None),
    "v2_asymmetric": ("varemb_v2", "asymmetric", "none", None),
    "v2_logit_adjusted": ("varemb_v2", "logit_adjusted", "none", None),
    "v2_bfc_square_root": ("varemb_v2", "focal, inverse", "square_root", None),
    "v2_bfc_over": ("varemb_v2", "focal, inverse", "over", None),
    "v2_bfc_under": ("varemb_v2", "focal, inverse", "under", None),
    "v2_bfc_private_3": ("varemb_v2", "focal, inverse", "none", 3.0),
    "v2_bfc_private_10": ("varemb_v2", "focal, inverse", "none", 10.0),
}
SIZES = {
    # rule of size: how many are wanted, of those who buy
    "prevalence": 1.0,
    "expected_count": 0.95,
    "f1_cutoff": 1.6,
    "fixed": 3.0,
    "precision_floor": 0.4,
    "threshold": 0.1,
}
FIGURES = ["precision", "recall", "f1_median", "f1_harmonic", "f1_mean"]
FEW = ["popularity", "bau", "v2_bfc"]
CUSTOMER = 770_001
TRUTH = "truth"


def make_experiment(names=tuple(RUNS), brands=120, consumers=20_000, seed=1):
    """Tables of one experiment; the truth is known."""
    rng = np.random.default_rng(seed)
    brand_list = _brand_list(brands)
    totals = _totals(names, brand_list, consumers, rng)
    counted = _counted(names, brand_list, totals, rng)
    runs, assessment = _runs(names, rng), _assessment(counted)
    own = assessment["run"] == TRUTH
    truth = assessment[own & (assessment["sizing"] == "prevalence")]
    assessment = assessment[~own].reset_index(drop=True)
    scores = {run: 0.3 - 0.01 * place for place, run in enumerate(reversed(names))}
    table = experiment_table(runs, assessment, totals, scores, "prevalence")
    return SimpleNamespace(
        runs=runs,
        brand_list=brand_list,
        totals=totals,
        snapshots=_snapshots(),
        consumers=_consumers(consumers),
        judged_consumers=_judged(consumers),
        assessment=assessment,
        truth=_truth(truth, assessment),
        results=_results(counted, list(scores)[:4]),
        table=table,
        uplift=_uplift(assessment, names[-1]),
        document=beside_ours(table),
        histograms=_histograms(names, brand_list, consumers),
        history=_history(names, rng),
        audiences=_audiences(counted),
        privacy=_privacy(names, rng),
    )


def _brand_list(brands):
    place = np.arange(brands)
    prevalence = 0.3 / (place + 1) ** 0.9
    return BrandList.validate(
        pd.DataFrame(
            {
                "position": place,
                "brand": [f"Brand {number}" for number in place],
                "items": 3,
                "buyers": (60_000 * prevalence).astype(int),
                "prevalence": prevalence,
                "approved": True,
                "stratum": np.select(
                    [place < brands // 10, place < brands // 3], STRATA[:2], STRATA[2]
                ),
            }
        )
    )


def _runs(names, rng):
    rows = [
        {
            "run": run,
            "model": RUNS[run][0],
            "loss": RUNS[run][1],
            "resampling": RUNS[run][2],
            "epsilon": RUNS[run][3],
            "parameters": json.dumps({"loss": RUNS[run][1], "resampling": RUNS[run][2]}),
            "seed": 1,
            "raw_data_hash": "0f" * 32,
            "epochs": 9,
            "weights": 1000,
            "seconds": float(rng.uniform(2, 90)),
        }
        for run in names
    ]
    return BrandRuns.validate(pd.DataFrame(rows).astype({"epsilon": float}))


def _totals(names, brand_list, consumers, rng):
    buyers = rng.binomial(consumers, brand_list["prevalence"])
    parts = [
        pd.DataFrame(
            {
                "sample": "out_of_training",
                "run": run,
                "brand": brand_list["brand"],
                "consumers": consumers,
                "expected_buyers": consumers * brand_list["prevalence"],
                "buyers": pd.array(buyers, dtype="Int64"),
                "kept": consumers // 10,
                "log_loss": 0.02,
            }
        )
        for run in names
    ]
    return BrandScoreTotals.validate(pd.concat(parts, ignore_index=True))


def _counted(names, brand_list, totals, rng):
    buyers = totals["buyers"].iloc[: len(brand_list)].to_numpy()
    assert list(SIZES) == SIZINGS
    parts = []
    for place, run in enumerate([*names, TRUTH]):
        skill = 0.08 + 0.012 * place + 0.1 * (run == TRUTH)
        for sizing, factor in SIZES.items():
            size = np.ceil(buyers.astype(float) * factor * rng.lognormal(0, 0.2, len(buyers)))
            recall = np.clip(skill * factor**0.7 + rng.normal(0, 0.03, len(size)), 0, 1)
            hits = np.minimum(np.round(recall * buyers.astype(float)), size)
            precision, recall = hits / size, hits / buyers.astype(float)
            parts.append(
                pd.DataFrame(
                    {
                        "sample": "out_of_training",
                        "run": run,
                        "sizing": sizing,
                        "brand": brand_list["brand"],
                        "stratum": brand_list["stratum"],
                        "buyers": buyers,
                        "size": size.astype(int),
                        "hits": hits.astype(int),
                        "precision": precision,
                        "recall": recall,
                        "f1": 2 * hits / (size + buyers.astype(float)),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def _assessment(counted):
    rows = []
    for (run, sizing), brands in counted.groupby(["run", "sizing"], sort=False):
        for stratum in ("all", *STRATA):
            chosen = brands if stratum == "all" else brands[brands["stratum"] == stratum]
            for level, gain in (("item", 1.0), ("user", 1.8)):
                rows.append(
                    _summary(chosen, gain)
                    | {
                        "sample": "out_of_training",
                        "run": run,
                        "sizing": sizing,
                        "level": level,
                        "stratum": stratum,
                    }
                )
    frame = pd.DataFrame(rows)
    counts = ["scored", "addressed", "empty_truth", "empty_prediction", "empty_both"]
    return BrandAssessment.validate(frame.astype(dict.fromkeys(counts, "Int64")))


def _truth(own, assessment):
    shares = {"share_of_truth": 0.7, "share_of_truth_harmonic": 0.72}
    main = assessment[assessment["sizing"] == "prevalence"].assign(**shares)
    return pd.concat([own.assign(**dict.fromkeys(shares, 1.0)), main], ignore_index=True)


def _results(counted, shown):
    rows = counted[(counted["sizing"] == "prevalence") & counted["run"].isin(shown)]
    return rows[["run", "brand", "stratum", "buyers", "size", "precision", "recall", "f1"]]


def _snapshots():
    uses = [(50, "train"), (51, "test"), (52, "next")]
    return BrandSnapshots.validate(
        pd.DataFrame(
            {
                "snapshot": [step for step, _ in uses],
                "use": [use for _, use in uses],
                "history_from": [step - 26 for step, _ in uses],
                "first_day": ["2019-05-06", "2019-05-20", "2019-06-03"],
                "last_day": ["2019-05-19", "2019-06-02", "2019-06-16"],
            }
        )
    )


def _consumers(n):
    roles = ["training"] * (3 * n) + ["validation"] * (n // 2) + ["out_of_training"] * n
    return pd.DataFrame({"customer_id": CUSTOMER + np.arange(len(roles)), "role": roles})


def _judged(n):
    """Fewer than have the role: not everyone was a customer yet."""
    samples = ["validation"] * (n // 2 - 5) + ["out_of_training"] * (n - 10)
    return pd.DataFrame({"customer_id": CUSTOMER + np.arange(len(samples)), "sample": samples})


def _uplift(assessment, winner):
    """Every run against the winner; mean F1 has a standard error of 3 points."""
    rows = assessment.query("stratum == 'all' and sizing == 'prevalence'")
    best = rows[rows["run"] == winner].set_index("level")
    parts = []
    for _, row in rows[rows["run"] != winner].iterrows():
        points = 100 * (best.loc[row["level"]][FIGURES] - row[FIGURES]).astype(float)
        parts.append(
            {"source": "ours", "winner": winner, "name": row["run"], "level": row["level"]}
            | {f"{figure}_points": points[figure] for figure in FIGURES}
            | {f"{figure}_text": f"{points[figure]:.1f}" for figure in FIGURES}
            | {"f1_mean_se": 3.0, "within_chance": abs(points["f1_mean"]) < 6}
        )
    return pd.concat([pd.DataFrame(parts), uplift_of_document()], ignore_index=True)


def _summary(brands, gain):
    row = {"scored": len(brands), "addressed": len(brands) - 2}
    row |= {"empty_truth": 3, "empty_prediction": 2, "empty_both": 1}
    for figure in ("precision", "recall", "f1"):
        values = np.clip(gain * brands[figure], 0, 1)
        row |= {
            f"{figure}_mean": values.mean(),
            f"{figure}_q1": values.quantile(0.25),
            f"{figure}_q3": values.quantile(0.75),
            "f1_median" if figure == "f1" else figure: values.median(),
        }
    both = row["precision"] + row["recall"]
    row["f1_harmonic"] = 2 * row["precision"] * row["recall"] / both if both else 0.0
    row["f1_pooled"] = row["f1_mean"]
    return row


def _histograms(names, brand_list, consumers):
    """Scores are normal in the logit; buyers' lie higher, the more so the later the run."""
    parts = []
    bins = np.arange(-200, 41, 5)
    probability = 1 / (1 + np.exp(-(bins + 0.5) * 0.05))
    for place, run in enumerate(names):
        for brand, prevalence in brand_list.head(5)[["brand", "prevalence"]].itertuples(
            index=False
        ):
            centre = np.log(prevalence) - 1
            count = np.round(consumers * _normal(bins * 0.05, centre, 1.2) * 0.25)
            buyers = np.minimum(
                count,
                np.round(
                    consumers * prevalence * _normal(bins * 0.05, centre + 0.1 * place, 1.2) * 0.25
                ),
            )
            parts.append(
                pd.DataFrame(
                    {
                        "sample": "out_of_training",
                        "run": run,
                        "brand": brand,
                        "bin": bins,
                        "probability": probability,
                        "consumers": count.astype(int),
                        "buyers": pd.array(buyers.astype(int), dtype="Int64"),
                    }
                ).query("consumers > 0")
            )
    return BrandScoreHistograms.validate(pd.concat(parts, ignore_index=True))


def _normal(x, centre, wide):
    return np.exp(-(((x - centre) / wide) ** 2) / 2) / (wide * np.sqrt(2 * np.pi))


def _history(names, rng):
    columns = list(BrandTrainingHistory.to_schema().columns)
    rows = []
    for run in names:
        if RUNS[run][0].startswith("varemb"):
            for epoch in range(1, 10):
                loss = 0.05 * (1 + 1 / epoch + rng.normal(0, 0.01))
                f1 = 0.2 - 0.1 / epoch + rng.normal(0, 0.004)
                rows.append((run, epoch, loss * 0.97, loss, f1 + 0.05, f1 - 0.03, f1, 0.003, 1.5))
    frame = pd.DataFrame(
        rows,
        columns=[
            "run",
            "epoch",
            "train_loss",
            "validation_loss",
            "precision",
            "recall",
            "f1",
            "learning_rate",
            "seconds",
        ],
    )
    return frame[columns]


def _audiences(counted):
    rows = counted[counted["run"] != TRUTH]
    frame = rows[["sample", "run", "sizing", "brand"]].assign(
        wanted=rows["size"],
        size=rows["size"].where(rows["size"] >= 20, 0),
        cutoff=0.1,
        expected_buyers=rows["hits"].astype(float),
        expected_precision=rows["precision"],
        limited_by=np.where(rows["size"] >= 20, "nothing", "smallest_audience"),
    )
    return BrandAudiences.validate(frame.reset_index(drop=True))


def _privacy(names, rng):
    rows = []
    for run in names:
        if RUNS[run][0] == "popularity":
            continue
        for stratum in ("all", *STRATA):
            auc = 0.5 + abs(rng.normal(0, 0.02))
            rows.append(
                {
                    "run": run,
                    "stratum": stratum,
                    "attack": "loss" if stratum == "mid" else "loss_minus_reference",
                    "auc": auc,
                    "auc_low": auc - 0.012,
                    "auc_high": auc + 0.012,
                    "tpr_at_1_percent_fpr": 0.012,
                }
            )
    return pd.DataFrame(rows)


@pytest.fixture(scope="session")
def experiment():
    return make_experiment()


@pytest.fixture(scope="session")
def small_experiment():
    return make_experiment(tuple(FEW), brands=12, consumers=800)
