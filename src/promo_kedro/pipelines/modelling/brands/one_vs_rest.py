"""Gradient boosting, one model per brand: the larger brands against all else.

All of them read the same numbers of a consumer: levels of the variables, tenure, how much and how
lately anything was bought, steps with a purchase of each category, and of each boosted brand how
often and how lately it was bought. Smaller brands have too few buyers to boost: they get the
consumer's own frequency, shrunk to the brand's popularity.
"""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from promo_kedro.pipelines.modelling.brands.bau import Bau, bau_from_saved, fit_bau
from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs, Tokens
from promo_kedro.pipelines.modelling.brands.parameters import BauParameters, OneVsRestParameters
from promo_kedro.pipelines.modelling.brands.variables import STEPS_REMEMBERED, YEAR, Encoder
from promo_kedro.pipelines.modelling.trees import load_lightgbm
from promo_kedro.types import Array, DataFrame

logger = logging.getLogger(__name__)

MOST_CATEGORIES = 50
NEVER = STEPS_REMEMBERED + 1
UNSTOPPED_SHARE = 0.25  # of the rounds allowed, where no one who validates bought the brand
_REST, _TREES = "rest.", "trees."


@dataclass(frozen=True)
class Features:
    """The numbers of a consumer that trees read.

    Attributes:
        brands: Positions of the brands whose history is told.
        categories: How many categories are told.
    """

    brands: list[int]
    categories: int

    def of(self, inputs: BrandInputs) -> Array:
        """Return (n, features) float32."""
        tenure = inputs.tenure[:, None]
        brands = torch.tensor(self.brands, dtype=torch.int64) + 1
        categories = torch.arange(1, self.categories + 1)
        tokens = inputs.brands
        often = _spread(tokens, tokens.steps_bought, brands, 0.0)
        parts = [
            inputs.variables.float(),
            tenure,
            *(_summary(part) for part in (inputs.brands, inputs.categories, inputs.items)),
            _spread(inputs.categories, inputs.categories.steps_bought, categories, 0.0),
            often / tenure.clamp(min=1, max=STEPS_REMEMBERED),
            _spread(tokens, tokens.steps_bought_year, brands, 0.0) / tenure.clamp(min=1, max=YEAR),
            _spread(tokens, tokens.steps_since, brands, float(NEVER)),
        ]
        return torch.cat(parts, dim=1).numpy()


class OneVsRest:
    """Trees for some brands, and own frequency for the rest.

    Args:
        features: What the trees read.
        texts: Trees of each boosted brand by its position, in LightGBM's own form.
        rest: Scores the other brands.
        threads: CPU threads; None for all that may be used.
    """

    def __init__(
        self, features: Features, texts: dict[int, str], rest: Bau, threads: int | None = None
    ) -> None:
        self._features, self._texts, self._rest = features, texts, rest
        self._threads = threads
        booster = load_lightgbm().Booster
        self._boosters = {position: booster(model_str=text) for position, text in texts.items()}

    @property
    def boosted(self) -> list[int]:
        """Positions of the brands that have trees."""
        return list(self._boosters)

    def scores(self, inputs: BrandInputs) -> Tensor:
        """Return logits (n, B)."""
        scores = self._rest.scores(inputs)
        if not len(inputs):
            return scores
        numbers = self._features.of(inputs)
        for position, booster in self._boosters.items():
            raw = booster.predict(numbers, raw_score=True, num_threads=self._threads or 0)
            scores[:, position] = torch.from_numpy(np.asarray(raw, dtype=np.float32))
        return scores

    def logit(self, scores: Tensor) -> Tensor:
        """Scores are logits."""
        return scores

    def to_saved(self) -> dict[str, Any]:
        """Return card and tensors for ``one_vs_rest_from_saved``; trees are kept as bytes."""
        rest = self._rest.to_saved()
        card = {
            "model": "one_vs_rest",
            "brands": self._features.brands,
            "categories": self._features.categories,
            "threads": self._threads,
            "rest": rest["card"],
        }
        tensors = {_REST + name: tensor for name, tensor in rest["tensors"].items()}
        for position, text in self._texts.items():
            tensors[f"{_TREES}{position}"] = np.frombuffer(text.encode(), dtype=np.uint8).copy()
        return {"card": card, "tensors": tensors}


def one_vs_rest_from_saved(card: dict[str, Any], tensors: dict[str, Array]) -> OneVsRest:
    """Restore what ``to_saved`` gave."""
    texts = {
        int(name.removeprefix(_TREES)): np.asarray(tensor, np.uint8).tobytes().decode()
        for name, tensor in tensors.items()
        if name.startswith(_TREES)
    }
    rest = {
        name.removeprefix(_REST): tensor
        for name, tensor in tensors.items()
        if name.startswith(_REST)
    }
    features = Features(card["brands"], card["categories"])
    ordered = {position: texts[position] for position in sorted(texts)}
    return OneVsRest(features, ordered, bau_from_saved(card["rest"], rest), card["threads"])


def fit_one_vs_rest(
    training: BrandInputs,
    validation: BrandInputs,
    brand_list: DataFrame,
    encoder: Encoder,
    parameters: OneVsRestParameters,
    seed: int,
    threads: int | None = None,
) -> OneVsRest:
    """Boost the largest approved brands; consumers who validate say when to stop.

    Args:
        training: Training consumers before the training snapshots.
        validation: Consumers who validate.
        brand_list: Every brand.
        encoder: Tells how many categories there are.
        parameters: How many brands; size and pace of the trees.
        seed: What picks rows where there are more than ``max_rows``.
        threads: CPU threads; None for all that may be used.
    """
    approved = brand_list[brand_list["approved"].astype(bool)].sort_values("position")
    largest = [int(position) for position in approved["position"].head(parameters.brands)]
    features = Features(largest, min(len(encoder.categories), MOST_CATEGORIES))
    draw = np.random.default_rng(seed)
    learn, watch = (_drawn(part, parameters.max_rows, draw) for part in (training, validation))
    lesson = _Lesson(features, learn, watch, len(brand_list), _settings(parameters, seed, threads))
    texts = {}
    for position in largest:
        text = lesson.trees(position, parameters.rounds, parameters.stop_patience)
        if text is not None:
            texts[position] = text
    logger.info("one-vs-rest: %d of %d brands boosted", len(texts), len(brand_list))
    rest = fit_bau(training, brand_list, encoder, BauParameters(segment_by=[]))
    return OneVsRest(features, texts, rest, threads)


class _Lesson:
    """The same consumers for all brands, put into bins once."""

    def __init__(
        self,
        features: Features,
        learn: BrandInputs,
        watch: BrandInputs,
        brands: int,
        settings: dict[str, Any],
    ) -> None:
        dataset = load_lightgbm().Dataset
        self._settings = settings
        self._bought, self._seen = (
            part.bought_matrix(brands).T.contiguous().numpy() for part in (learn, watch)
        )
        self._data = dataset(
            features.of(learn), label=self._bought[0], params=settings, free_raw_data=False
        )
        self._watched = dataset(
            features.of(watch), label=self._seen[0], reference=self._data, free_raw_data=False
        )

    def trees(self, position: int, rounds: int, patience: int) -> str | None:
        """Return a brand's trees as text, or None where all who train did the same."""
        lightgbm = load_lightgbm()
        label, seen = self._bought[position], self._seen[position]
        if len(np.unique(label)) < 2:
            return None
        self._data.set_label(label)
        self._watched.set_label(seen)
        can_stop = len(np.unique(seen)) == 2
        stop = lightgbm.early_stopping(patience, verbose=False)
        booster = lightgbm.train(
            self._settings,
            self._data,
            num_boost_round=rounds if can_stop else max(1, int(UNSTOPPED_SHARE * rounds)),
            valid_sets=[self._watched] if can_stop else None,
            callbacks=[stop] if can_stop else None,
        )
        return str(booster.model_to_string(num_iteration=booster.best_iteration or -1))


def _settings(parameters: OneVsRestParameters, seed: int, threads: int | None) -> dict[str, Any]:
    return {
        "objective": "binary",
        "metric": "binary_logloss",
        "learning_rate": parameters.learning_rate,
        "num_leaves": parameters.leaves,
        "min_data_in_leaf": parameters.min_rows_in_leaf,
        "num_threads": threads or 0,
        "seed": seed % 2**31,  # LightGBM's seeds are 32-bit
        "deterministic": True,
        "force_row_wise": True,  # else it times both layouts, and sums differ between them
        "verbosity": -1,
    }


def _drawn(inputs: BrandInputs, most: int, draw: np.random.Generator) -> BrandInputs:
    if len(inputs) <= most:
        return inputs
    picked = np.sort(draw.choice(len(inputs), most, replace=False))
    return inputs.rows(torch.from_numpy(picked))


def _summary(tokens: Tokens) -> Tensor:
    """Return (n, 3): how many names, their steps with a purchase, steps since the latest."""
    rows, row = len(tokens), tokens.row
    steps = torch.zeros(rows).index_add_(0, row, tokens.steps_bought)
    latest = torch.full((rows,), float(NEVER))
    latest.scatter_reduce_(0, row, tokens.steps_since, "amin")
    return torch.stack([tokens.start.diff().float(), steps, latest], dim=1)


def _spread(tokens: Tokens, values: Tensor, names: Tensor, otherwise: float) -> Tensor:
    """Return (n, names): a value of each name where the row has it."""
    table = torch.full((len(tokens), len(names)), otherwise)
    size = max(int(part.max()) if len(part) else 0 for part in (tokens.name, names)) + 1
    column = torch.full((size,), -1)
    column[names] = torch.arange(len(names))
    places = column[tokens.name]
    told = places >= 0
    table[tokens.row[told], places[told]] = values[told]
    return table
