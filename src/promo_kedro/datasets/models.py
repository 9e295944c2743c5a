"""Networks' weights beside the card that says what they are."""

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kedro.io import AbstractDataset
from safetensors.numpy import load_file, save_file

from promo_kedro.datasets.atomic import replacing
from promo_kedro.errors import InputError

Models = dict[str, dict[str, Any]]

_WEIGHTS = "weights.safetensors"
_CARD = "card.json"


class ModelsDataset(AbstractDataset[Models, Models]):
    """A folder of models, one subfolder each, replaced whole.

    Each model is ``{"card": JSON-able dict, "tensors": {name: array}}`` under a key such as
    ``window=0/category=Bakery``. Weights are safetensors, which hold no code; the card keeps
    their SHA-256, so that a changed byte is refused.
    """

    def __init__(self, folder: str, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(folder)
        self.metadata = metadata

    def load(self) -> Models:
        """Read every model.

        Raises:
            InputError: If weights do not match the hash in their card.
        """
        cards = sorted(self._folder.rglob(_CARD))
        return dict(self._read(card.parent) for card in cards)

    def save(self, data: Models) -> None:
        """Write every model, or leave the former ones as they were."""
        with replacing(self._folder) as folder:
            folder.mkdir()
            for key, model in data.items():
                self._write(folder / _folder_name(key), key, model)

    @staticmethod
    def _write(folder: Path, key: str, model: dict[str, Any]) -> None:
        folder.mkdir(parents=True)
        save_file(model["tensors"], folder / _WEIGHTS)
        card = {"key": key, **model["card"], "weights_sha256": _sha256(folder / _WEIGHTS)}
        (folder / _CARD).write_text(json.dumps(card, indent=2))

    @staticmethod
    def _read(folder: Path) -> tuple[str, dict[str, Any]]:
        card = json.loads((folder / _CARD).read_text())
        weights = folder / _WEIGHTS
        if not weights.exists() or _sha256(weights) != card.pop("weights_sha256"):
            raise InputError(
                f"{weights}: the weights are not those that the card describes; the file was "
                "changed or damaged. Train again with `kedro run --pipeline=modelling`."
            )
        return card.pop("key"), {"card": card, "tensors": load_file(weights)}

    def _exists(self) -> bool:
        return self._folder.exists()

    def _describe(self) -> dict[str, Any]:
        return {"folder": str(self._folder)}


def _folder_name(key: str) -> str:
    """Spell what file systems dislike as %XX, as partitioned tables do: no two names collide."""
    return quote(key, safe="=/")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
