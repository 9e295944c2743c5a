"""What every brand model can be asked, and how a saved one is restored."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

from torch import Tensor

from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs

_RESTORED_BY = {
    "popularity": "popularity_from_saved",
    "bau": "bau_from_saved",
    "one_vs_rest": "one_vs_rest_from_saved",
    "varemb": "varemb_from_saved",
}


class BrandModel(Protocol):
    """A model that scores every brand of a list for every consumer."""

    def scores(self, inputs: BrandInputs) -> Tensor:
        """Return (n, B) float32 on the CPU: logits as the loss taught them."""
        ...

    def logit(self, scores: Tensor) -> Tensor:
        """Return (n, B): logits of the purchase probabilities that the scores stand for."""
        ...

    def to_saved(self) -> dict[str, Any]:
        """Return ``{"card": what JSON can hold, "tensors": {name: numpy array}}``."""
        ...


def model_from_saved(saved: dict[str, Any]) -> BrandModel:
    """Restore a model from ``to_saved``; its card tells of which kind it is."""
    kind = saved["card"]["model"]
    if kind not in _RESTORED_BY:
        raise ValueError(f"No brand model is called {kind!r}: {', '.join(_RESTORED_BY)} are.")
    module = import_module(f"promo_kedro.pipelines.modelling.brands.{kind}")
    restored: BrandModel = getattr(module, _RESTORED_BY[kind])(saved["card"], saved["tensors"])
    return restored
