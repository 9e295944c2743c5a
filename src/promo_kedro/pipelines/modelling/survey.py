"""A first look at every category of a window: its levels, a sample, whether it stands alone."""

from dataclasses import dataclass, replace

import ibis
import numpy as np

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.parameters import ModellingParameters
from promo_kedro.pipelines.modelling.reading import read_consumer_items
from promo_kedro.pipelines.modelling.roles import are_calibrators
from promo_kedro.pipelines.modelling.seeds import seed_for
from promo_kedro.pipelines.modelling.tensors import (
    ConsumerItems,
    FeatureGroups,
    pool,
    with_category,
)
from promo_kedro.pipelines.modelling.vocabulary import Vocabulary
from promo_kedro.types import Table


@dataclass(frozen=True)
class Survey:
    """What the models of a window share.

    Attributes:
        groups: The features, the category among the static categorical ones.
        vocabularies: The levels of all categories' training steps.
        sample: Consumer-items of all categories, for the pooled model.
        serves: Category left to the pooled model, to the reason.
        kept: Categories whose arrays are still held, as far as memory allows.
    """

    groups: FeatureGroups
    vocabularies: dict[str, Vocabulary]
    sample: ConsumerItems
    serves: dict[str, str]
    kept: dict[str, ConsumerItems]


def survey(
    features: Table,
    groups: FeatureGroups,
    window: int,
    categories: list[str],
    parameters: ModellingParameters,
    seed: int,
) -> Survey:
    """Read every category of a window once.

    Raises:
        InputError: Nothing at all was bought in the training steps.
    """
    quotas = _quotas(features, window, parameters.pooled.max_consumer_items)
    memory_gb = parameters.compute.memory_gb
    parts: list[ConsumerItems] = []
    levels: list[dict[str, Vocabulary]] = []
    serves: dict[str, str] = {}
    kept: dict[str, ConsumerItems] = {}
    for category in categories:
        items = read_consumer_items(features, groups, window, category, memory_gb=memory_gb)
        items = with_category(items)
        parts.append(
            _sample(items, quotas[category], seed_for(seed, str(window), category, "sample"))
        )
        levels.append(_vocabularies(items))
        if reason := cannot_stand_alone(items, parameters):
            serves[category] = reason
        elif sum(held.gigabytes for held in kept.values()) + items.gigabytes <= memory_gb:
            kept[category] = items
    sample = pool(parts)
    if sample.positives("train") == 0:
        raise InputError(
            f"features, window {window}: column purchased holds no purchase in any training step; "
            "there is nothing to learn from. Check the dates of the transactions."
        )
    every = list(dict.fromkeys([*groups.static_categorical, "category"]))
    return Survey(
        groups=replace(groups, static_categorical=every),
        vocabularies={name: Vocabulary.joined([one[name] for one in levels]) for name in levels[0]},
        sample=sample,
        serves=serves,
        kept=kept,
    )


def cannot_stand_alone(items: ConsumerItems, parameters: ModellingParameters) -> str:
    """Say why a category is left to the pooled model; empty when it can stand alone."""
    needed = parameters.pooled.min_positives
    positives = items.positives("train")
    cells = len(items) * len(items.positions("train"))
    if positives < needed:
        return f"fewer than {needed} purchases in the training steps"
    if positives == cells:
        return "every cell of the training steps is a purchase"
    decide = ~are_calibrators(items.customer_id, parameters.roles.calibration_share)
    validation = items.purchased[decide][:, items.positions("validation")]
    if len(np.unique(validation)) < 2:
        return "only one class in the validation step, so training could not tell when to stop"
    return ""


def _quotas(features: Table, window: int, most: int) -> dict[str, int]:
    """Share out the pooled sample: half evenly over the categories, half by their size."""
    rows = features.filter(features.window == window).group_by("category").agg(rows=ibis._.count())
    sizes = rows.to_pandas().set_index("category")["rows"]
    shares = 0.5 / len(sizes) + 0.5 * sizes / sizes.sum()
    return {str(name): max(1, int(most * share)) for name, share in shares.items()}


def _sample(items: ConsumerItems, count: int, seed: int) -> ConsumerItems:
    """Keep at most ``count`` consumer-items, drawn at random."""
    if len(items) <= count:
        return items
    drawn = np.random.default_rng(seed).choice(len(items), count, replace=False)
    return items.take(np.sort(drawn))


def _vocabularies(items: ConsumerItems) -> dict[str, Vocabulary]:
    training = items.positions("train")
    columns = {**items.static_categorical, **items.temporal_categorical}
    return {name: Vocabulary.fit(feature, training) for name, feature in columns.items()}
