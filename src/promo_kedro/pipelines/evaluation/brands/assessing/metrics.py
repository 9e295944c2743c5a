"""Precision, recall and F1 of many consumers or brands, and what sums them up."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from promo_kedro.pipelines.evaluation.brands.parameters import EmptyParameters
from promo_kedro.types import Array

FIGURES = ("precision", "recall", "f1")


@dataclass(frozen=True)
class Counts:
    """What a set of consumers, or of brands, is scored by; all arrays have one shape.

    Attributes:
        bought: Brands bought by each consumer (or buyers of each brand).
        selected: Brands foretold for each consumer (or the size of each brand's audience).
        hits: Of those, the ones bought.
    """

    bought: Array
    selected: Array
    hits: Array

    def where(self, chosen: Array) -> "Counts":
        """The counts of some of them."""
        return Counts(self.bought[chosen], self.selected[chosen], self.hits[chosen])


@dataclass(frozen=True)
class Scores:
    """Figures of each consumer or brand, 0–1; NaN where one does not exist or is left out."""

    precision: Array
    recall: Array
    f1: Array


def score(counts: Counts, empty: EmptyParameters) -> Scores:
    """Precision, recall and F1 of each.

    With everything that is empty left as undefined, the figures are those of scikit-learn with
    ``zero_division=nan``: precision does not exist without a prediction, recall not without a
    purchase, F1 only where there is neither.
    """
    precision = ratio(counts.hits, counts.selected)
    recall = ratio(counts.hits, counts.bought)
    f1 = ratio(2 * counts.hits, counts.selected + counts.bought)
    no_truth = (counts.bought == 0) & (counts.selected > 0)
    no_prediction = (counts.bought > 0) & (counts.selected == 0)
    neither = (counts.bought == 0) & (counts.selected == 0)
    if empty.truth == "left_out":
        precision[no_truth] = f1[no_truth] = np.nan
    if empty.prediction == "zero":
        precision[no_prediction] = 0.0
    if empty.both == "one":
        precision[neither] = recall[neither] = f1[neither] = 1.0
    return Scores(precision, recall, f1)


def summarise(counts: Counts, empty: EmptyParameters) -> dict[str, Any]:
    """One row of figures: the columns of ``brand_assessment`` after its key.

    ``scored`` counts those with an F1, ``addressed`` those with a precision. Medians, quartiles and
    means are each over those for whom the figure exists. ``f1_pooled`` is over all pairs together,
    whatever is left out elsewhere.
    """
    scores = score(counts, empty)
    figures = {name: getattr(scores, name) for name in FIGURES}
    figures = {name: values[~np.isnan(values)] for name, values in figures.items()}
    quartiles = {
        name: np.quantile(values, [0.25, 0.5, 0.75]) if values.size else np.full(3, np.nan)
        for name, values in figures.items()
    }
    precision, recall = quartiles["precision"][1], quartiles["recall"][1]
    return {
        "scored": figures["f1"].size,
        "addressed": figures["precision"].size,
        "empty_truth": int(((counts.bought == 0) & (counts.selected > 0)).sum()),
        "empty_prediction": int(((counts.bought > 0) & (counts.selected == 0)).sum()),
        "empty_both": int(((counts.bought == 0) & (counts.selected == 0)).sum()),
        "precision": precision,
        "recall": recall,
        "f1_median": quartiles["f1"][1],
        "f1_harmonic": harmonic_mean(precision, recall),
        **{f"{name}_mean": _mean(values) for name, values in figures.items()},
        **{
            f"{name}_{quartile}": quartiles[name][place]
            for name in FIGURES
            for quartile, place in (("q1", 0), ("q3", 2))
        },
        "f1_pooled": _pooled(counts),
    }


def harmonic_mean(precision: float, recall: float) -> float:
    """Harmonic mean of two figures; 0 when both are, NaN when one does not exist."""
    total = precision + recall
    return 0.0 if total == 0 else float(2 * precision * recall / total)


def ratio(parts: Array, wholes: Array) -> Array:
    """Parts over wholes; NaN where there is no whole."""
    shares = np.full(np.shape(wholes), np.nan)
    np.divide(parts, wholes, out=shares, where=np.asarray(wholes) > 0)
    return shares


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size else np.nan


def _pooled(counts: Counts) -> float:
    pairs = int(counts.selected.sum()) + int(counts.bought.sum())
    return 2 * int(counts.hits.sum()) / pairs if pairs else np.nan
