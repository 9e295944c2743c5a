"""A trained purchase model: members, stack and calibration; and its saved form."""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.calibration import Calibration
from promo_kedro.pipelines.modelling.encoding import encode
from promo_kedro.pipelines.modelling.inputs import Inputs
from promo_kedro.pipelines.modelling.networks import Architecture, PurchaseNetwork, build
from promo_kedro.pipelines.modelling.parameters import ComputeParameters
from promo_kedro.pipelines.modelling.stacking import Stack
from promo_kedro.pipelines.modelling.tensors import (
    ConsumerItems,
    FeatureGroups,
    with_category,
)
from promo_kedro.pipelines.modelling.training import fabric_for, with_threads
from promo_kedro.pipelines.modelling.trees import Trees
from promo_kedro.pipelines.modelling.vocabulary import UNKNOWN, Vocabulary
from promo_kedro.types import Array

logger = logging.getLogger(__name__)

POOLED = "pooled"
TREES, POOLED_TREES = "lightgbm", "lightgbm_pooled"
_TREES = "trees/"


@dataclass(frozen=True)
class Member:
    """A network of the stack."""

    architecture: Architecture
    network: PurchaseNetwork

    def logits(self, inputs: Inputs, last: int, compute: ComputeParameters) -> Array:
        """Return raw logits (n, last) of the last steps, in double precision."""
        seen = inputs.last(last - 1 + self.architecture.receptive_field)
        return self._in_batches(seen, compute, lambda batch: self.network(batch, last=last))

    def offer_logits(
        self, inputs: Inputs, places: list[int], percents: list[float], compute: ComputeParameters
    ) -> Array:
        """Return raw logits (n, offers) of the last step, each offer put in place of its own."""
        seen = inputs.last(self.architecture.receptive_field)
        return self._in_batches(
            seen, compute, lambda batch: self.network.at_last_step(batch, places, percents)
        )

    def _in_batches(
        self, inputs: Inputs, compute: ComputeParameters, answer: Callable[[Inputs], torch.Tensor]
    ) -> Array:
        """Ask in full precision, whatever training had, and leave the network on the CPU."""
        device = fabric_for(compute).device
        self.network.to(device).eval()
        rows = torch.arange(len(inputs)).split(compute.prediction_batch_size)
        with with_threads(compute), torch.inference_mode():
            parts = [answer(inputs.rows(at, device)).cpu() for at in rows]
        self.network.cpu()
        return torch.cat(parts).double().numpy()


@dataclass(frozen=True)
class PurchaseModel:
    """What answers "how likely is this purchase".

    Attributes:
        kind: ``category`` or ``pooled``.
        networks: Recipe to its trained network, on the CPU.
        trees: LightGBM by name, where it is a member of the stack: the category's own, and the
            pooled model's.
        stack: How the members answer together.
        calibration: From the stacked logit to a probability.
        vocabularies: One per categorical feature, static and temporal.
        groups: The features it reads.
        record: What else the card says: parameters, data hash, seed, history, rows, positives.
    """

    kind: str
    networks: dict[str, Member]
    trees: dict[str, Trees]
    stack: Stack
    calibration: Calibration
    vocabularies: dict[str, Vocabulary]
    groups: FeatureGroups
    record: dict[str, Any]

    @property
    def receptive_field(self) -> int:
        """Steps that one answer sees, the present one included."""
        return max(member.architecture.receptive_field for member in self.networks.values())

    @property
    def offer_places(self) -> list[int]:
        """Places of the offer inputs among the temporal continuous features."""
        return [self.groups.temporal_continuous.index(name) for name in self.groups.offer_inputs]

    def inputs(self, items: ConsumerItems) -> Inputs:
        """Return the four tensors of consumer-items."""
        return encode(with_category(items), self.groups, self.vocabularies)

    def member_logits(
        self, inputs: Inputs, last: int, compute: ComputeParameters, names: list[str] | None = None
    ) -> dict[str, Array]:
        """Return raw logits (n, last) of the last steps by member; of all without names."""
        answers = {
            name: member.logits(inputs, last, compute)
            for name, member in self.networks.items()
            if names is None or name in names
        }
        answers |= {
            name: trees.logits(inputs, last)
            for name, trees in self.trees.items()
            if names is None or name in names
        }
        return answers

    def logits(self, inputs: Inputs, last: int, compute: ComputeParameters) -> Array:
        """Return the stacked raw logits (n, last) of the last steps."""
        return self.stack.logit(self.member_logits(inputs, last, compute, self.stack.members))

    def offer_logits(
        self, inputs: Inputs, percents: list[float], compute: ComputeParameters
    ) -> Array:
        """Return the stacked raw logits (n, offers) of the last step at each offer."""
        answers = {
            name: self.networks[name].offer_logits(inputs, self.offer_places, percents, compute)
            for name in self.stack.members
            if name in self.networks
        }
        answers |= {
            name: self.trees[name].at_last_step(inputs, self.offer_places, percents)
            for name in self.stack.members
            if name in self.trees
        }
        return self.stack.logit(answers)

    def unknown_levels(self, items: ConsumerItems) -> dict[str, int]:
        """Count, per categorical feature, consumer-items with a level never met in training."""
        items, counts = with_category(items), {}
        for name, vocabulary in self.vocabularies.items():
            unknown = vocabulary.encode(items.categorical(name)) == UNKNOWN
            counts[name] = int(unknown.reshape(len(items), -1).any(axis=1).sum())
        return {name: count for name, count in counts.items() if count}


def to_saved(model: PurchaseModel) -> dict[str, Any]:
    """Return the weights as numpy arrays and everything else as a JSON card."""
    tensors = {
        f"{recipe}/{name}": value.cpu().numpy()
        for recipe, member in model.networks.items()
        for name, value in member.network.state_dict().items()
    }
    tensors |= {f"{_TREES}{name}": trees.to_array() for name, trees in model.trees.items()}
    return {
        "tensors": tensors,
        "card": {
            "kind": model.kind,
            "architectures": {
                name: asdict(member.architecture) for name, member in model.networks.items()
            },
            "stack": model.stack.to_card(),
            "calibration": model.calibration.to_card(),
            "features": asdict(model.groups),
            "vocabularies": {name: list(v.levels) for name, v in model.vocabularies.items()},
            **model.record,
        },
    }


def from_saved(saved: dict[str, Any], name: str) -> PurchaseModel:
    """Build a model from its weights and card.

    Raises:
        InputError: The card lacks an entry or does not fit the weights.
    """
    card, tensors = dict(saved["card"]), saved["tensors"]
    try:
        return PurchaseModel(
            kind=card.pop("kind"),
            networks={
                recipe: _restored(Architecture(**drawn), recipe, tensors)
                for recipe, drawn in card.pop("architectures").items()
            },
            trees={
                name.removeprefix(_TREES): Trees.from_array(array, threads=1)
                for name, array in tensors.items()
                if name.startswith(_TREES)
            },
            stack=Stack.from_card(card.pop("stack")),
            calibration=Calibration.from_card(card.pop("calibration")),
            vocabularies={k: Vocabulary(tuple(v)) for k, v in card.pop("vocabularies").items()},
            groups=FeatureGroups(**card.pop("features")),
            record=card,
        )
    except (KeyError, TypeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"purchase_models, {name}: card and weights do not make a model ({reason}). "
            "Run `kedro run --pipeline=modelling` to train it anew."
        ) from error


def _restored(architecture: Architecture, recipe: str, tensors: dict[str, Array]) -> Member:
    network, start = build(architecture), f"{recipe}/"
    network.load_state_dict(
        {
            name.removeprefix(start): torch.from_numpy(np.array(values))
            for name, values in tensors.items()
            if name.startswith(start)
        }
    )
    return Member(architecture, network.eval())


def model_for(purchase_models: dict[str, Any], window: int, category: str) -> PurchaseModel:
    """Restore the category's own model, else the pooled one.

    Raises:
        InputError: The window was never trained.
    """
    for name in (key(window, category), key(window)):
        if name in purchase_models:
            return from_saved(purchase_models[name], name)
    raise InputError(
        f"purchase_models has no model for window {window}; it has "
        f"{', '.join(sorted(purchase_models)) or 'none'}. Run `kedro run --pipeline=modelling`."
    )


def warn_of_strangers(purchase_models: dict[str, Any], window: int, categories: list[str]) -> None:
    """Name the categories that the pooled model serves though training never left them to it."""
    pooled = purchase_models.get(key(window), {"card": {}})
    strangers = [
        category
        for category in categories
        if key(window, category) not in purchase_models
        and category not in pooled["card"].get("serves", {})
    ]
    if strangers:
        logger.warning(
            "window %d: training never met %s, or its model is gone; the pooled model serves "
            "it unasked. Run `kedro run --pipeline=modelling` to train with it.",
            window,
            "; ".join(strangers),
        )


def key(window: int, category: str | None = None) -> str:
    """Return the name under which a model is stored; without a category, the pooled model."""
    return f"window={window}/category={category}" if category else f"window={window}/{POOLED}"


def with_record(model: PurchaseModel, **entries: Any) -> PurchaseModel:
    """Add entries to a model's card."""
    return replace(model, record={**model.record, **entries})


def saved_models(models: dict[str, PurchaseModel], data_hash: str) -> dict[str, Any]:
    """Return the models in the form that is stored, each card with the raw data's hash."""
    return {
        name: to_saved(with_record(model, raw_data_hash=data_hash))
        for name, model in models.items()
    }
