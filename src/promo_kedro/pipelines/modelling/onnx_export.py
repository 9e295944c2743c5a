"""Purchase models as ONNX: one graph each, which other software can serve without this project."""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from time import perf_counter
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from promo_kedro.errors import InputError
from promo_kedro.pipelines.modelling.calibration import Beta, Calibrator, Platt
from promo_kedro.pipelines.modelling.inputs import Inputs
from promo_kedro.pipelines.modelling.purchase_model import PurchaseModel, from_saved

logger = logging.getLogger(__name__)

TENSORS = ["static_categorical", "temporal_categorical", "static_continuous", "temporal_continuous"]
PROBABILITY = "probability"

_ROWS, _STEPS = "consumer_items", "steps"
_PACKAGES = ["onnx", "onnxscript"]
_CHATTY = ["torch.onnx", "onnxscript", "onnx_ir"]

LATEST = "window=0"


class Served(nn.Module):
    """A purchase model from its four tensors to the calibrated probability of the last step.

    The smooth calibration answers: whoever asks about other offers gets a response without steps.
    """

    def __init__(self, model: PurchaseModel):
        super().__init__()
        self.networks = nn.ModuleList(model.networks[name].network for name in model.stack.members)
        self.weights = [model.stack.weights[name] for name in model.stack.members]
        self.intercept = model.stack.intercept
        self.calibration = model.calibration.smooth
        self.eval()

    def forward(
        self,
        static_categorical: Tensor,
        temporal_categorical: Tensor,
        static_continuous: Tensor,
        temporal_continuous: Tensor,
    ) -> Tensor:
        """Map n consumer-items to probabilities (n,); shapes as in :class:`Inputs`."""
        inputs = Inputs(
            static_categorical, temporal_categorical, static_continuous, temporal_continuous
        )
        logits = [network(inputs, last=1).squeeze(1) for network in self.networks]
        weighted = [weight * logit for weight, logit in zip(self.weights, logits, strict=True)]
        stacked = torch.stack(weighted).sum(dim=0) + self.intercept
        return torch.sigmoid(calibrated_logit(self.calibration, stacked))


def calibrated_logit(calibration: Calibrator, logit: Tensor) -> Tensor:
    """Return what ``calibration.logit`` does, in torch; ``calibration`` is a smooth one."""
    if isinstance(calibration, Beta):
        low, high = -softplus(-logit), softplus(logit)
        return calibration.a * low + calibration.b * high + calibration.c
    platt = cast("Platt", calibration)
    return platt.slope * logit + platt.intercept


def export_onnx(
    purchase_models: dict[str, Any], feature_groups: dict[str, Any]
) -> dict[str, bytes]:
    """Write the latest window's models as one ONNX graph each; those with LightGBM are left out.

    Args:
        purchase_models: As they are stored, by name.
        feature_groups: For the features' descriptions, which name their units.

    Returns:
        Name to an ONNX file's content; what encodes rows for it is in its metadata.

    Raises:
        InputError: The packages are not installed, or LightGBM has a weight in every stack.
    """
    _require_packages()
    models = {
        name: from_saved(saved, name)
        for name, saved in purchase_models.items()
        if name.startswith(f"{LATEST}/")
    }
    models = _networks_alone(models)
    exported = {}
    for number, (name, model) in enumerate(models.items(), start=1):
        start = perf_counter()
        exported[name] = to_onnx(model, metadata(name, model, feature_groups["descriptions"]))
        logger.info(
            "model %d/%d %s: %.0f kB of ONNX, %s calibration, in %.1f s",
            number,
            len(models),
            name,
            len(exported[name]) / 1e3,
            model.calibration.smooth.kind,
            perf_counter() - start,
        )
    return exported


def to_onnx(model: PurchaseModel, entries: dict[str, Any]) -> bytes:
    """Return a model's ONNX file: any number of consumer-items, any number of steps.

    Args:
        model: Its stack weighs networks alone.
        entries: What the file's metadata says, each value as JSON.
    """
    import onnx

    with _quiet():
        program = torch.onnx.export(
            Served(model),
            _example(model),
            input_names=TENSORS,
            output_names=[PROBABILITY],
            dynamic_shapes=({0: _ROWS}, {0: _ROWS, 1: _STEPS}, {0: _ROWS}, {0: _ROWS, 1: _STEPS}),
            dynamo=True,
            verbose=False,
        )
    graph = cast("torch.onnx.ONNXProgram", program).model_proto
    # Every node carries the Python lines it came from: more bytes than weights, and of no use.
    for part in (*graph.graph.node, *graph.graph.value_info):
        del part.metadata_props[:]
    texts = {name: json.dumps(value, ensure_ascii=False) for name, value in entries.items()}
    onnx.helper.set_model_props(graph, texts)
    content: bytes = graph.SerializeToString(deterministic=True)
    return content


def metadata(name: str, model: PurchaseModel, descriptions: dict[str, str]) -> dict[str, Any]:
    """Return what it takes to encode rows for a model, and what the model is.

    Args:
        name: In the model store.
        model: The model.
        descriptions: Feature to what it is and its unit.
    """
    groups = model.groups
    return {
        "model": name,
        "kind": model.kind,
        "raw_data_hash": model.record.get("raw_data_hash"),
        "receptive_field": model.receptive_field,
        "features": {tensor: getattr(groups, tensor) for tensor in TENSORS},
        "descriptions": {name: descriptions.get(name, "") for name in groups.all_features},
        "vocabularies": {name: model.vocabularies[name].levels for name in model.vocabularies},
        "offer_inputs": groups.offer_inputs,
        "stack": model.stack.to_card(),
        "calibration": model.calibration.smooth.to_card(),
        "serves": sorted(model.record.get("serves", {})),
    }


def _example(model: PurchaseModel) -> tuple[Tensor, ...]:
    """Return tensors to trace with; torch takes a size of 1 for a constant."""
    count, length, groups = 3, max(model.receptive_field, 2), model.groups
    return (
        torch.zeros(count, len(groups.static_categorical), dtype=torch.int64),
        torch.zeros(count, length, len(groups.temporal_categorical), dtype=torch.int64),
        torch.zeros(count, len(groups.static_continuous)),
        torch.zeros(count, length, len(groups.temporal_continuous)),
    )


def _require_packages() -> None:
    missing = [package for package in _PACKAGES if find_spec(package) is None]
    if missing:
        raise InputError(
            f"The export needs {' and '.join(missing)}, which this environment lacks. "
            "Run `pip install 'promo_kedro[onnx]'`, or `pip install -e '.[onnx]'` in a checkout."
        )


def _networks_alone(models: dict[str, PurchaseModel]) -> dict[str, PurchaseModel]:
    """Return the models whose stack gives no weight to LightGBM, and name the others."""
    mixed = [name for name, model in models.items() if set(model.trees) & set(model.stack.members)]
    if not mixed:
        return models
    said = (
        f"purchase_models: LightGBM has a weight in the stack of {len(mixed)} models "
        f"({', '.join(mixed[:3])}{', …' if mixed[3:] else ''}), and only networks can be "
        "exported. Set `stacking.with_trees: false` in modelling's parameters and run "
        "`kedro run --pipeline=modelling`."
    )
    if len(mixed) == len(models):
        raise InputError(said)
    logger.warning("%s", said)
    return {name: model for name, model in models.items() if name not in mixed}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks on its own workings out of the log."""
    loggers = [logging.getLogger(name) for name in _CHATTY]
    levels = [each.level for each in loggers]
    try:
        for each in loggers:
            each.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)
