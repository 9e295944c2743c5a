"""What a search learns from: consumer-items of all categories, in the oldest window."""

from collections.abc import Callable
from typing import Any

from torch import nn

from promo_kedro.pipelines.modelling.encoding import encode
from promo_kedro.pipelines.modelling.parameters import ModellingParameters, Recipe
from promo_kedro.pipelines.modelling.reading import windows_and_categories
from promo_kedro.pipelines.modelling.recipes import lesson_of, untrained
from promo_kedro.pipelines.modelling.search import SearchResult, search
from promo_kedro.pipelines.modelling.seeds import seed_for
from promo_kedro.pipelines.modelling.survey import survey
from promo_kedro.pipelines.modelling.tensors import FeatureGroups
from promo_kedro.pipelines.modelling.training import Lesson
from promo_kedro.types import Table


def search_oldest_window(
    features: Table,
    groups: FeatureGroups,
    parameters: ModellingParameters,
    storage: Any,
    seed: int,
) -> SearchResult:
    """Search on a sample of the oldest window, whose test step no result of a later one shares."""
    lesson, build_network = oldest_window(features, groups, parameters, seed)
    return search(lesson, build_network, parameters, storage, seed_for(seed, "search"))


def oldest_window(
    features: Table, groups: FeatureGroups, parameters: ModellingParameters, seed: int
) -> tuple[Lesson, Callable[[Recipe], nn.Module]]:
    """Return the lesson of the oldest window, and what builds a network for it."""
    windows = windows_and_categories(features)
    window = max(windows)
    size = parameters.pooled.model_copy(
        update={"max_consumer_items": parameters.search.max_consumer_items}
    )
    sized = parameters.model_copy(update={"pooled": size})
    found = survey(features, groups, window, windows[window], sized, seed)
    inputs = encode(found.sample, found.groups, found.vocabularies)
    present = Recipe(network=parameters.network, training=parameters.training)
    name = f"search on window {window}"
    lesson = lesson_of(name, found.sample, inputs, present, parameters)

    def build_network(recipe: Recipe) -> nn.Module:
        return untrained(recipe, found.groups, found.vocabularies, lesson, found.sample)

    return lesson, build_network
