"""A small made-up run: what the other pipelines would hand over, with known answers."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from promo_kedro.pipelines.evaluation.offer_value import value_of_policies
from promo_kedro.pipelines.evaluation.parameters import EvaluationParameters

CATEGORIES = ["Bakery", "Grocery", "Skin & Hair Care", "Small, too", "Tiny"]
RAW_HASH = "0f" * 32
FIRST_CUSTOMER = 770_001


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def make_run(categories=CATEGORIES, consumers=60, items=6, seed=1):
    """Tables of one run. The last two categories have 4 consumers only."""
    rng = np.random.default_rng(seed)
    frames = []
    for place, category in enumerate(categories):
        n = 4 if category in ("Small, too", "Tiny") else consumers
        customer, item = np.meshgrid(np.arange(n), np.arange(items), indexing="ij")
        frames.append(
            pd.DataFrame(
                {
                    "customer_id": FIRST_CUSTOMER + customer.ravel(),
                    "item_id": 1000 * (place + 1) + item.ravel(),
                    "category": category,
                }
            )
        )
    pairs = pd.concat(frames, ignore_index=True)
    probabilities = np.random.default_rng(seed + 1)
    pairs["true"] = _sigmoid(rng.normal(-2.2, 1.2, len(pairs)))
    pairs["price"] = rng.gamma(4, 2, len(pairs)).round(2)
    pairs["reference_offer"] = rng.choice([0, 10, 15, 20, 30], len(pairs)).astype(float)
    said = _probabilities(pairs, rng)
    return SimpleNamespace(
        pairs=pairs,
        purchase_probabilities=said,
        candidate_probabilities=_candidates(said, probabilities),
        feature_importance=_importance(categories, probabilities),
        offer_response=_response(pairs),
        cutoff_candidates=_cutoff_candidates(pairs, probabilities),
        purchase_models=_models(categories),
        consumer_cutoffs=_cutoffs(pairs, rng),
        purchase_predictions=_predictions(pairs, rng),
        elasticity_curves=_curves(categories),
        elasticity_bins=_bins(categories, rng),
        offer_elasticities=_elasticities(pairs),
        optimal_offers=_offers(pairs, rng),
        optimization_summary=_summary(pairs),
        revenue_retention_frontier=_frontier(pairs),
        plan_kpis=_kpis(pairs),
        plan_comparison=_plan_comparison(_kpis(pairs)),
        training_history=_history([*categories, "pooled"], rng),
        calendar=_calendar(),
        raw_manifest={
            "raw_data_hash": RAW_HASH,
            "files": {
                "item_data.csv.gz": {"sha256": "ab" * 32, "bytes": 4321},
                "customer_transaction_data.csv.gz": {"sha256": "cd" * 32, "bytes": 7654321},
            },
        },
    )


def _draw(pairs, rng):
    return (rng.random(len(pairs)) < pairs["true"]).astype(float)


def _probabilities(pairs, rng):
    steps = []
    for step, split in ((24, "validation"), (25, "test"), (26, "next")):
        noisy = _sigmoid(
            np.log(pairs["true"] / (1 - pairs["true"])) + rng.normal(0, 0.4, len(pairs))
        )
        steps.append(
            pairs[["customer_id", "item_id", "category"]].assign(
                window=0,
                step=step,
                split=split,
                purchased=np.nan if split == "next" else _draw(pairs, rng),
                raw_probability=np.clip(noisy * 1.5, 0, 0.98),
                probability=noisy,
                model="category",
            )
        )
    return pd.concat(steps, ignore_index=True)


def _candidates(said, rng):
    """Noisier and noisier forms of the model in use, and the share bought."""
    scored = said[said["split"] != "next"].drop(columns=["raw_probability", "model"])
    logit = np.log(scored["probability"] / (1 - scored["probability"]))
    noise = {"ours": 0.0, "lightgbm": 0.6, "logistic_regression": 0.9, "personal_frequency": 1.3}
    parts = [
        scored.assign(candidate=name, probability=_sigmoid(logit + rng.normal(0, wide, len(logit))))
        for name, wide in noise.items()
    ]
    share = scored["purchased"].mean()
    return pd.concat([*parts, scored.assign(candidate="prevalence", probability=share)])


def _importance(categories, rng):
    rows = [
        {
            "window": 0,
            "category": category,
            "group": family,
            "features": 3,
            "log_loss": 0.4,
            "log_loss_permuted": 0.4 + rise,
            "increase": rise,
        }
        for category in categories
        for family, rise in zip(("own_history", "offers", "calendar"), rng.random(3), strict=True)
    ]
    return pd.DataFrame(rows)


def _response(pairs):
    parts = [
        pairs[["customer_id", "item_id", "category"]].assign(
            offer_percent=offer, probability=_sigmoid(np.log(pairs["true"]) + 0.02 * offer)
        )
        for offer in (0.0, 10.0, 20.0, 30.0)
    ]
    return pd.concat(parts, ignore_index=True)


def _cutoff_candidates(pairs, rng):
    keys = pairs[["customer_id", "category"]].drop_duplicates()
    return pd.concat(
        [
            keys.assign(
                window=0,
                split=split,
                method=method,
                cutoff=rng.beta(3, 8, len(keys)),
                expected_f1=rng.random(len(keys)),
            )
            for split in ("test", "next")
            for method in ("expected_f1", "global")
        ]
    )


def _models(categories):
    """Cards only; the last category has no model of its own."""
    card = {
        "kind": "category",
        "architectures": {"ours": {"name": "ours", "kernel_size": 3, "dilations": [1, 2, 4]}},
        "recipes": {"ours": {"training": {"start": "pooled", "mask_before_first_purchase": True}}},
        "stack": {"weights": {"ours": 1.0}, "reason": "the only member"},
        "calibration": {"chosen": {"kind": "beta"}, "reason": "beta: lowest loss"},
        "consumer_items": 360,
        "cells": 8640,
        "positives": 1234,
    }
    pooled = {**card, "kind": "pooled", "serves": {categories[-1]: "41 purchases, not 200"}}
    named = {f"window=0/category={name}": card for name in categories[:-1]}
    named["window=0/pooled"] = pooled
    return {name: {"card": card, "tensors": {}} for name, card in named.items()}


def _cutoffs(pairs, rng):
    keys = pairs[["customer_id", "category"]].drop_duplicates()
    values = rng.beta(3, 8, len(keys))
    values[::17] = np.inf
    return pd.concat(
        [
            keys.assign(
                window=0, split=split, cutoff=values, n_items=6, n_purchased=1, source="expected_f1"
            )
            for split in ("test", "next")
        ]
    )


def _predictions(pairs, rng):
    cutoffs = _cutoffs(pairs, rng).query("split == 'test'").drop(columns=["split", "window"])
    rows = pairs.merge(cutoffs, on=["customer_id", "category"])
    steps = []
    for window, split in ((0, "test"), (0, "next"), (1, "test")):
        probability = rng.uniform(0.01, 0.6, len(rows))
        steps.append(
            rows[["customer_id", "item_id", "category", "cutoff"]].assign(
                window=window,
                step=25 - window if split == "test" else 26,
                split=split,
                probability=probability,
                predicted=probability >= rows["cutoff"],
                purchased=np.nan if split == "next" else _draw(rows, rng),
            )
        )
    return pd.concat(steps, ignore_index=True)


def _curves(categories):
    rows = []
    for place, category in enumerate(categories):
        for relation in ("observed", "response"):
            wrong = relation == "observed" and place == 1
            rows.append(
                {
                    "category": category,
                    "relation": relation,
                    "slope": -0.01 if wrong else 0.02 + 0.004 * place,
                    "intercept": -2.5 - 0.1 * place,
                    "slope_se": 0.002,
                    "intercept_se": 0.05,
                    "r2": 0.6 + 0.05 * place,
                    "n": 500,
                    "n_bins": 20,
                    "status": "not identified: the slope is not positive" if wrong else "ok",
                }
            )
    return pd.DataFrame(rows)


def _bins(categories, rng):
    x = np.linspace(1, 48, 20)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "category": category,
                    "relation": relation,
                    "offer_percent": x,
                    "probability": _sigmoid(0.02 * x - 2.5) * rng.uniform(0.85, 1.15, 20),
                    "n": 25,
                }
            )
            for category in categories
            for relation in ("observed", "response")
        ]
    )


def _elasticities(pairs):
    unknown = pairs["category"] == "Grocery"
    unknown &= pairs["item_id"] % 2 == 0
    return pairs.assign(
        reference_source=np.where(unknown, "not identified", "own_last_4_weeks"),
        offer_today=pairs["reference_offer"],
        probability=pairs["true"],
        elasticity=np.where(unknown, 0.0, 0.02 * pairs["reference_offer"] * (1 - pairs["true"])),
        quantity=1.0,
        unit_price=pairs["price"],
    ).drop(columns="true")


def _offers(pairs, rng):
    plans = []
    for mode in ("paper", "linear", "exact"):
        offer = np.clip(pairs["reference_offer"] * rng.uniform(0.4, 1.9, len(pairs)), 0, 60).round(
            2
        )
        after = np.clip(pairs["true"] * (1 + 0.01 * (offer - pairs["reference_offer"])), 0, 1)
        plans.append(
            pairs.assign(
                mode=mode,
                change=0.0,
                offer_percent=offer,
                valid_from=pd.Timestamp("2019-07-01"),
                valid_to=pd.Timestamp("2019-07-14"),
                probability_before=pairs["true"],
                probability_after=after,
                retained_before=pairs["true"],
                retained_after=after,
                revenue_before=pairs["price"] * pairs["true"],
                revenue_after=pairs["price"] * after * (1 - offer / 100),
            ).drop(columns="true")
        )
    return pd.concat(plans, ignore_index=True)


def _summary(pairs):
    counts = pairs.groupby("category").size()
    return pd.DataFrame(
        [
            {
                "mode": mode,
                "category": category,
                "n": n,
                "status": "infeasible: at most 0.12" if category == "Bakery" else "optimal",
                "revenue": 100.0,
                "upper_bound": 100.0,
                "gap": 0.0,
                "retention": 0.16,
                "retention_required": 0.15,
                "retention_attainable": 0.2,
                "retention_shadow_price": 0.0,
                "offer_min": 5.0,
                "offer_max": 45.0,
                "solver": "dual",
                "seconds": 0.1,
                "message": "offers stay as today" if category == "Bakery" else "",
            }
            for mode in ("paper", "linear", "exact")
            for category, n in counts.items()
        ]
    )


def _frontier(pairs):
    retention = np.linspace(0.12, 0.2, 9)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "mode": mode,
                    "category": category,
                    "retention_required": retention,
                    "objective": 120 - 4000 * np.clip(retention - 0.13, 0, None) ** 2,
                    "revenue": 120 - 4000 * np.clip(retention - 0.13, 0, None) ** 2,
                    "retention": retention,
                    "shadow_price": [0.1] * 8 + [np.nan],
                }
            )
            for mode in ("linear", "exact")
            for category in pairs["category"].unique()
        ]
    )


def _kpis(pairs):
    """Today's offers and the plan, overall and per category; there is no plan for Bakery."""
    return pd.DataFrame(
        [
            {
                "mode": mode,
                "category": category,
                "revenue_before": 97.0 + place,
                "revenue_after": 110.0 + place,
                "margin_before": 31.0 + place,
                "margin_after": 27.0 + place,
                "spend_before": 5.0 + place,
                "spend_after": 13.0 + place,
                "retention_before": 0.11,
                "retention_after": 0.16,
            }
            for mode in ("paper", "linear", "exact")
            for place, category in enumerate([*pairs["category"].unique(), "All"])
        ]
    )


def _plan_comparison(kpis):
    """What the plans promise and what the same offers earn on the exact curve."""
    return kpis[["mode", "category"]].assign(revenue_exact=108.25)


def _history(categories, rng):
    epoch = np.arange(1, 11)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "window": 0,
                    "category": category,
                    "recipe": recipe,
                    "epoch": epoch,
                    "train_loss": 0.3 * np.exp(-epoch / 4) + 0.2,
                    "validation_loss": 0.3 * np.exp(-epoch / 3) + 0.21 + 0.004 * epoch,
                    "learning_rate": 1e-3,
                    "seconds": 0.5,
                    "samples_per_second": 1e4,
                    "weight": np.isin(epoch, [6, 7]) / 2,
                }
            )
            for category in categories
            for recipe in ("ours", "figure1")
        ]
    )


def _calendar():
    start = pd.Timestamp("2018-07-02")
    splits = ["train"] * 24 + ["validation", "test", "next"]
    rows = []
    for window, length in ((0, 27), (1, 26)):
        for place, split in enumerate(splits[:length]):
            first = start + pd.Timedelta(days=14 * (place - window))
            rows.append(
                {
                    "window": window,
                    "step": place - window + 1,
                    "start_date": first.date(),
                    "end_date": (first + pd.Timedelta(days=13)).date(),
                    "split": split,
                }
            )
    return pd.DataFrame(rows)


class FakeWorld:
    """A retailer whose revenue and retention are a formula of the offers, plus shared luck.

    Revenue is highest at 20 %; every point of offer keeps 0.1 % more consumers.
    """

    raw_data_hash = RAW_HASH

    def __init__(self, pairs):
        self.customer_ids = np.sort(pairs["customer_id"].unique())
        self.item_ids = np.sort(pairs["item_id"].unique())
        by_item = pairs.drop_duplicates("item_id").set_index("item_id")["category"]
        self.categories = by_item.loc[self.item_ids].to_numpy()
        self.calls = []

    def purchase_probability(self, offers):
        return 0.1 + offers / 1000

    def offers_as_today(self, seed):
        return np.full((len(self.customer_ids), len(self.item_ids)), 10.0)

    def value_of_offers(self, offers, weeks, draws, seed):
        self.calls.append((weeks, draws, seed))
        luck = np.random.default_rng(seed).normal(0, 50, draws)
        earned = weeks * (1 - ((offers - 20) / 50) ** 2)
        rows = []
        for draw in range(draws):
            for category in [*np.unique(self.categories), "All"]:
                chosen = slice(None) if category == "All" else self.categories == category
                rows.append(
                    {
                        "draw": draw,
                        "category": category,
                        "revenue": earned[:, chosen].sum() + luck[draw],
                        "buyers": 1,
                        "items_bought": 1,
                        "retention": 0.5 + offers[:, chosen].mean() / 1000 + luck[draw] / 1e4,
                    }
                )
        return pd.DataFrame(rows)


@pytest.fixture(scope="session")
def made_up_run():
    return make_run()


@pytest.fixture
def fake_world(made_up_run):
    return FakeWorld(made_up_run.pairs)


@pytest.fixture(scope="session")
def made_up_value(made_up_run, evaluation_parameters):
    world = FakeWorld(made_up_run.pairs)
    return value_of_policies(world, made_up_run.optimal_offers, evaluation_parameters, 1)


@pytest.fixture(scope="session")
def evaluation_parameters():
    return EvaluationParameters(
        horizons=[{"weeks": 2, "draws": 8}, {"weeks": 26, "draws": 5}],
        uniform_offers=[0, 20, 40],
    )
