"""What runs, models and rules of size are called before people, and the colour each has."""

from collections.abc import Sequence

import pandas as pd

from promo_kedro.pipelines.evaluation.plot_style import BLUE, GREEN, MUTED, ORANGE, RED

SAMPLE = "out_of_training"  # the consumers by whom everything is judged
TRUTH = "truth"
MODELS = {
    "popularity": "Popularity",
    "bau": "BAU",
    "one_vs_rest": "Gradient boosting, one vs. rest",
    "varemb_v1": "VarEmb V1",
    "varemb_v2": "VarEmb V2",
    TRUTH: "The truth (simulated retailer)",
}
LOSSES = {
    "bce": "binary cross-entropy",
    "focal": "binary focal cross-entropy (BFC)",
    "weighted": "weighted cross-entropy (WCE)",
    "asymmetric": "asymmetric loss",
    "logit_adjusted": "logit adjustment",
}
WEIGHTS = {
    "inverse": "brands weighted by 1 / frequency",
    "effective_number": "brands weighted by effective number",
    "allowlist": "more weight on approved brands",
    "allowlist on positives": "more weight on purchases of approved brands",
    "custom": "weights of your own",
    "custom on positives": "weights of your own, on purchases",
}
RESAMPLING = {
    "square_root": "square-root balanced sampling",
    "over": "oversampling",
    "under": "undersampling",
}
RULES = {
    "prevalence": "prevalence",
    "expected_count": "expected count",
    "f1_cutoff": "F1 cut-off",
    "fixed": "fixed size",
    "precision_floor": "precision floor",
    "threshold": "probability threshold",
}
RULES_SAY = {
    "prevalence": "as many consumers as buy the brand in a usual period",
    "expected_count": "as many as the probabilities of these consumers add up to",
    "f1_cutoff": "as many as promise the best F1",
    "fixed": "the same share of consumers for every brand",
    "precision_floor": "as many as possible with enough buyers among them",
    "threshold": "everyone whose probability is high enough, by itself at least one half",
}
ATTACKS = {
    "loss": "the loss itself",
    "loss_minus_reference": "the loss beside another model's",
}
LEVELS = {
    "user": "User level: per consumer, over brands",
    "item": "Item level: per brand, over consumers",
}
STRATUM_COLOURS = {"head": BLUE, "mid": ORANGE, "niche": GREEN}
LIMITS = {
    "nothing": ("as the rule wants", BLUE),
    "brands_per_consumer": ("cut: brands per consumer", ORANGE),
    "scored_pairs": ("cut: no more pairs were kept", GREEN),
    "smallest_audience": ("suppressed: too small", RED),
}
GROUPS = {
    "simpler": (MUTED, "o", "simpler models"),
    "network": (BLUE, "o", "VarEmb"),
    "in use": (ORANGE, "D", "the run in use"),
    TRUTH: (GREEN, "s", "the truth (simulated retailer)"),
}


def group_of(run: str, models: dict[str, str], in_use: str) -> str:
    """Which of `GROUPS` a run belongs to; ``models`` is the model of each run."""
    if run == TRUTH:
        return TRUTH
    if run == in_use:
        return "in use"
    return "network" if models.get(run, "").startswith("varemb") else "simpler"


def models_of(runs: pd.DataFrame) -> dict[str, str]:
    """The model of each run of ``brand_runs``."""
    return dict(zip(runs["run"].astype(str), runs["model"].astype(str), strict=True))


def judged(assessment: pd.DataFrame) -> pd.DataFrame:
    """The rows of the consumers by whom everything is judged."""
    return assessment[assessment["sample"] == SAMPLE]


def with_truth(assessment: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Those rows, and the truth's own where it is known."""
    rows, own = judged(assessment), truth[truth["run"] == TRUTH]
    return rows if own.empty else pd.concat([rows, own[rows.columns]], ignore_index=True)


def is_true(value: object) -> bool:
    """A yes or no as CSV brings it back, where a column with gaps holds text."""
    return str(value) == "True"


def runs_in_order(names: Sequence[str], runs: pd.DataFrame) -> list[str]:
    """Those runs as the experiment lists them, what it does not list (the truth) last."""
    listed = [run for run in runs["run"].astype(str) if run in set(names)]
    return listed + sorted(set(names) - set(listed))


def loss_in_words(label: str) -> str:
    """What a loss is called before people, with its weights."""
    name, _, weights = label.partition(", ")
    return ", ".join(
        [LOSSES.get(name, name), *([WEIGHTS.get(weights, weights)] if weights else [])]
    )


def epsilon(value: float) -> str:
    """An ε as it was asked for: training stops a hair short of it."""
    return f"{value:.1f}".removesuffix(".0") if value > 0.95 else f"{value:.2g}"


def describe(run: pd.Series) -> str:
    """What a run is, in words: its model and whatever sets it apart."""
    words = [MODELS.get(run["model"], run["model"])]
    if pd.notna(run["loss"]):
        words.append(loss_in_words(str(run["loss"])))
    if pd.notna(run["resampling"]) and run["resampling"] != "none":
        words.append(RESAMPLING.get(run["resampling"], run["resampling"]))
    if pd.notna(run["epsilon"]):
        words.append(f"private, ε\u00a0=\u00a0{epsilon(run['epsilon'])}")
    return ", ".join(words)
