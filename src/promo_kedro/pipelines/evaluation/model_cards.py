"""A card per category: what its model is, what it learned from, how good it is, what it cannot do.

The latest window only. Cards are read as they were written: what a card does not hold is left
out of the page, so that models of older runs can still be shown.
"""

from typing import Any

import pandas as pd

from promo_kedro.pipelines.evaluation.calibration_effect import (
    calibration_effect,
    calibration_sentence,
    made_worse,
)
from promo_kedro.pipelines.evaluation.plots_importance import relative_increase
from promo_kedro.pipelines.evaluation.verdict import figures, label
from promo_kedro.pipelines.evaluation.wording import written

Card = dict[str, Any]
Document = dict[str, Any]

POOLED = "pooled"
_FACTS = {
    "consumer_items": "consumer-items",
    "cells": "cells of the training steps",
    "cells_that_count": "of them counted in the loss",
    "positives": "purchases in the training steps",
    "deciders_validation_positives": "in the validation step that decided when to stop",
    "calibrators_validation_positives": "in that which decided stacking and calibration",
}
_FEW_POSITIVES = 100
_FLAT = 0.1  # the mean probability moves by less than this share of itself over the whole grid
_SHOWN_FAMILIES = 5


def render_model_cards(
    *,
    models: dict[str, Document],
    probabilities: pd.DataFrame,
    response: pd.DataFrame,
    importance: pd.DataFrame,
    ranges: pd.DataFrame,
    comparison: Document,
    results: Document,
    hidden: set[str],
    calibration_bins: int,
) -> str:
    """Write the cards as one Markdown text.

    Args:
        models: ``purchase_models``, of which the cards are read.
        probabilities: ``purchase_probabilities``.
        response: ``offer_response``.
        importance: ``feature_importance``.
        ranges: ``optimization_summary`` of one mode: the range of offers seen.
        comparison: ``model_comparison`` whole.
        results: ``model_results`` whole.
        hidden: Categories whose figures are not shown.
        calibration_bins: Bins of the calibration error.
    """
    from importlib.resources import files

    from jinja2 import Environment, StrictUndefined

    page = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters.update(written=written, cell=_cell)
    template = files(__package__).joinpath("model_cards.md.j2").read_text(encoding="utf-8")
    tested = probabilities[(probabilities["window"] == 0) & (probabilities["split"] == "test")]
    rows = [row for row in comparison["rows"] if row["window"] == 0]
    categories = sorted(set(tested["category"].astype(str)))
    pooled = models.get(f"window=0/{POOLED}", {}).get("card", {})
    effects = {
        category: calibration_effect(tested[tested["category"] == category], calibration_bins)
        for category in categories
    }
    return page.from_string(template).render(
        raw_data_hash=results["raw_data_hash"],
        parts=[part for part in results["windows"] if part["window"] == 0],
        hidden=sorted(hidden),
        cards=[
            {
                "category": category,
                "model": _model(models, pooled, category),
                "scores": [
                    [label(row["candidate"]), *figures(row)]
                    for row in rows
                    if row["category"] == category
                ],
                "effect": effects[category],
                "response": _response(response[response["category"] == category]),
                "offers": _range(ranges[ranges["category"] == category]),
                "families": _families(importance, category),
                "limits": _limits(
                    tested[tested["category"] == category],
                    response[response["category"] == category],
                    category,
                    pooled,
                    effects[category],
                ),
            }
            for category in categories
            if category not in hidden
        ],
    )


def in_words(values: dict[str, Any]) -> str:
    """Settings in one line: names as words, lists joined by commas, yes and no."""
    return "; ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in values.items())


def _model(models: dict[str, Document], pooled: Card, category: str) -> Document:
    """What the card says of the model that answers for the category."""
    own = models.get(f"window=0/category={category}")
    card = own["card"] if own else pooled
    calibration, stack = card.get("calibration", {}), card.get("stack", {})
    return {
        "own": own is not None,
        "facts": {words: card[name] for name, words in _FACTS.items() if name in card},
        "recipes": _recipes(card),
        # The reason begins with the kind that was chosen.
        "calibration": calibration.get("reason")
        or calibration.get("chosen", calibration).get("kind", "platt"),
        "stack": {
            "weights": {label(name): weight for name, weight in stack.get("weights", {}).items()},
            "reason": stack.get("reason", ""),
        },
    }


def _recipes(card: Card) -> list[Document]:
    """Each recipe's network and training, in words."""
    recipes = card.get("recipes", {})
    return [
        {
            "name": name,
            "network": in_words(_settings(drawn)),
            "training": in_words(recipes.get(name, {}).get("training", {})),
        }
        for name, drawn in card.get("architectures", {}).items()
    ]


def _settings(values: dict[str, Any]) -> dict[str, Any]:
    """Without the sizes of the inputs, which say nothing to people."""
    inputs = {"name", "offers", "static_levels", "temporal_levels"}
    inputs |= {"static_continuous", "temporal_continuous"}
    named = {"architecture": values.get("name", "unknown")}
    return named | {name: value for name, value in values.items() if name not in inputs}


def _mean_response(response: pd.DataFrame) -> pd.Series:
    return response.groupby("offer_percent")["probability"].mean()


def _response(response: pd.DataFrame) -> list[tuple[float, float]]:
    """Mean probability at the lowest, middle and highest offer asked."""
    means = _mean_response(response)
    places = sorted({0, len(means) // 2, len(means) - 1}) if len(means) else []
    return [(float(means.index[place]), float(means.iloc[place])) for place in places]


def _range(ranges: pd.DataFrame) -> tuple[float, float] | None:
    seen = ranges[["offer_min", "offer_max"]].dropna()
    return None if seen.empty else (float(seen.iloc[0, 0]), float(seen.iloc[0, 1]))


def _families(importance: pd.DataFrame, category: str) -> list[tuple[str, float]]:
    of_window = importance[importance["window"] == 0]
    if category not in set(of_window["category"]):
        return []
    percent = relative_increase(of_window)[category].dropna()
    largest = percent.sort_values(ascending=False).head(_SHOWN_FAMILIES)
    return [(str(name).replace("_", " "), float(value)) for name, value in largest.items()]


def _limits(
    tested: pd.DataFrame,
    response: pd.DataFrame,
    category: str,
    pooled: Card,
    effect: dict[str, dict[str, float]],
) -> list[str]:
    positives = int(tested["purchased"].sum())
    limits = []
    if positives < _FEW_POSITIVES:
        limits.append(
            f"The test step holds {positives} purchases only: its scores could easily have been "
            "others."
        )
    if (tested["model"] == POOLED).all():
        reason = pooled.get("serves", {}).get(category, "")
        limits.append(
            "The model pooled over all categories answers here"
            + (f": {reason}." if isinstance(reason, str) and reason else ".")
        )
    if made_worse(effect):
        limits.append(calibration_sentence(effect))
    means = _mean_response(response)
    if len(means) and means.max() - means.min() < _FLAT * means.mean():
        limits.append(
            "The model hardly answers to the offer: either offers do not matter here, or they "
            "varied too little in the past to learn from."
        )
    limits.append(
        "Items, brands and other levels that training never met are answered as “unknown”."
    )
    return limits


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(_value(part) for part in value)
    if isinstance(value, dict):
        return f"({in_words(value)})"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _cell(text: str) -> str:
    """Text that cannot break out of a cell of a Markdown table."""
    return text.replace("|", "\\|")
