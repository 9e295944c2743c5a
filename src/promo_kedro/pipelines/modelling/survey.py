"""A first look at every category of a window: its levels, a sample, whether it stands alone."""

import logging
from dataclasses import dataclass, replace

import ibis
import numpy as np

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.lessons import cells_that_count
from promo_kedro.pipelines.modelling.parameters import ModellingParameters
from promo_kedro.pipelines.modelling.reading import read_consumer_items, windows_and_categories
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

logger = logging.getLogger(__name__)


@dataclass
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

    def hand_over_sample(self) -> ConsumerItems:
        """Return the sample and hold it no longer: its memory is free after the pooled model."""
        sample = self.sample
        del self.sample
        return sample


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
    _warn_of_unknown_categories(features, window, parameters)
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
    del parts
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
    purchased = items.purchased[:, items.positions("train")]
    masked = parameters.training.mask_before_first_purchase
    counted = purchased[cells_that_count(purchased, masked)]
    if counted.sum() < needed:
        return f"fewer than {needed} purchases that count in the training steps"
    if counted.all():
        return "every cell that counts in the training steps is a purchase"
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


def _warn_of_unknown_categories(
    features: Table, window: int, parameters: ModellingParameters
) -> None:
    """Say once, in the oldest window, which categories with parameters of their own do not exist.

    No error: what ``features`` is made of may have been narrowed to some categories.
    """
    if not parameters.by_category:
        return
    found = windows_and_categories(features)
    known = {category for categories in found.values() for category in categories}
    unknown = sorted(set(parameters.by_category) - known)
    if unknown and window == max(found):
        logger.warning(
            "modelling.by_category names %s, which features does not hold; it holds %s",
            ", ".join(map(repr, unknown)),
            ", ".join(map(repr, sorted(known))),
        )
