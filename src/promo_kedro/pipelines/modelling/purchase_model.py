"""A trained purchase model: network, vocabularies and calibration, and its saved form."""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.calibration import Platt
from promo_kedro.pipelines.modelling.network import Architecture, Inputs, PurchaseNetwork
from promo_kedro.pipelines.modelling.parameters import ComputeParameters
from promo_kedro.pipelines.modelling.tensors import ConsumerItems, FeatureGroups, with_category
from promo_kedro.pipelines.modelling.training import fabric_for, with_threads
from promo_kedro.pipelines.modelling.vocabulary import UNKNOWN, Vocabulary
from promo_kedro.types import Array

logger = logging.getLogger(__name__)

POOLED = "pooled"


@dataclass(frozen=True)
class PurchaseModel:
    """What answers "how likely is this purchase".

    Attributes:
        kind: ``category`` or ``pooled``.
        architecture: How to build the network.
        network: The trained network, on the CPU.
        vocabularies: One per categorical feature, static and temporal.
        groups: The features it reads.
        platt: Its calibration.
        record: What else the card says: parameters, data hash, seed, history, rows, positives.
    """

    kind: str
    architecture: Architecture
    network: PurchaseNetwork
    vocabularies: dict[str, Vocabulary]
    groups: FeatureGroups
    platt: Platt
    record: dict[str, Any]

    def inputs(self, items: ConsumerItems) -> Inputs:
        """Return the four tensors of consumer-items."""
        return encode(items, self.groups, self.vocabularies)

    def prepared(self, items: ConsumerItems) -> ConsumerItems:
        """Add what only the pooled model reads."""
        return with_category(items) if self.kind == POOLED else items

    def logits(self, inputs: Inputs, last: int, compute: ComputeParameters) -> Array:
        """Return raw logits (n, last) of the last steps, in double precision."""
        return self._in_batches(inputs, compute, lambda batch: self.network(batch, last=last))

    def offer_logits(
        self, inputs: Inputs, percents: list[float], compute: ComputeParameters
    ) -> Array:
        """Return raw logits (n, offers) of the last step, each offer put in place of its own."""
        places = [self.groups.temporal_continuous.index(name) for name in self.groups.offer_inputs]
        return self._in_batches(
            inputs, compute, lambda batch: self.network.at_last_step(batch, places, percents)
        )

    def _in_batches(
        self, inputs: Inputs, compute: ComputeParameters, answer: Callable[[Inputs], torch.Tensor]
    ) -> Array:
        fabric = fabric_for(compute)
        self.network.to(fabric.device).eval()
        rows = torch.arange(len(inputs)).split(compute.prediction_batch_size)
        with with_threads(compute), torch.inference_mode(), fabric.autocast():
            parts = [answer(inputs.rows(at, fabric.device)).cpu() for at in rows]
        return torch.cat(parts).double().numpy()

    def unknown_levels(self, items: ConsumerItems) -> dict[str, int]:
        """Count, per categorical feature, consumer-items with a level never met in training."""
        counts = {}
        for name, vocabulary in self.vocabularies.items():
            unknown = vocabulary.encode(_feature(items, name)) == UNKNOWN
            counts[name] = int(unknown.reshape(len(items), -1).any(axis=1).sum())
        return {name: count for name, count in counts.items() if count}


def encode(
    items: ConsumerItems, groups: FeatureGroups, vocabularies: dict[str, Vocabulary]
) -> Inputs:
    """Turn consumer-items into the network's tensors; continuous features are not copied."""

    def indices(names: list[str], shape: tuple[int, ...]) -> torch.Tensor:
        columns = [vocabularies[name].encode(_feature(items, name)) for name in names]
        joined = np.stack(columns, axis=-1) if columns else np.empty((*shape, 0), np.int32)
        return torch.from_numpy(joined)

    count, length = items.purchased.shape
    return Inputs(
        indices(groups.static_categorical, (count,)),
        indices(groups.temporal_categorical, (count, length)),
        torch.from_numpy(items.static_continuous),
        torch.from_numpy(items.temporal_continuous),
    )


def to_saved(model: PurchaseModel) -> dict[str, Any]:
    """Return the weights as numpy arrays and everything else as a JSON card."""
    return {
        "tensors": {
            name: value.cpu().numpy() for name, value in model.network.state_dict().items()
        },
        "card": {
            "kind": model.kind,
            "architecture": asdict(model.architecture),
            "features": asdict(model.groups),
            "vocabularies": {name: list(v.levels) for name, v in model.vocabularies.items()},
            "calibration": asdict(model.platt),
            **model.record,
        },
    }


def from_saved(saved: dict[str, Any], name: str) -> PurchaseModel:
    """Build a model from its weights and card.

    Raises:
        InputError: The card lacks an entry or does not fit the weights.
    """
    card = dict(saved["card"])
    try:
        architecture = Architecture(**card.pop("architecture"))
        network = PurchaseNetwork(architecture)
        weights = {key: torch.from_numpy(np.array(v)) for key, v in saved["tensors"].items()}
        network.load_state_dict(weights)
        return PurchaseModel(
            kind=card.pop("kind"),
            architecture=architecture,
            network=network.eval(),
            vocabularies={k: Vocabulary(tuple(v)) for k, v in card.pop("vocabularies").items()},
            groups=FeatureGroups(**card.pop("features")),
            platt=Platt(**card.pop("calibration")),
            record=card,
        )
    except (KeyError, TypeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"purchase_models, {name}: card and weights do not make a model ({reason}). "
            "Run `kedro run --pipeline=modelling` to train it anew."
        ) from error


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


def _feature(items: ConsumerItems, name: str) -> Any:
    return items.static_categorical.get(name) or items.temporal_categorical[name]
