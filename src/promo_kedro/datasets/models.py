"""Networks' weights beside the card that says what they are."""

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kedro.io import AbstractDataset
from safetensors.numpy import load_file, save_file

from promo_kedro.datasets.atomic import replacing
from promo_kedro.errors import InputError, MissingRunError

Models = dict[str, dict[str, Any]]

_WEIGHTS = "weights.safetensors"
_CARD = "card.json"
_MANIFEST = "manifest.json"


class ModelsDataset(AbstractDataset[Models, Models]):
    """A folder of models, one subfolder each, replaced whole.

    Each model is ``{"card": JSON-able dict, "tensors": {name: array}}`` under a key such as
    ``window=0/category=Bakery``. Weights are safetensors, which hold no code. A manifest lists
    every model with the SHA-256 of its files, so that a changed, lost or foreign one is refused.

    Args:
        path: The folder.
        trained_by: The pipeline that trains them, for errors to name.
        metadata: For kedro-viz.
    """

    def __init__(
        self, path: str, trained_by: str = "modelling", metadata: dict[str, Any] | None = None
    ) -> None:
        self._folder = Path(path)
        self._remedy = f"Train again with `kedro run --pipeline={trained_by}`."
        self.metadata = metadata

    def load(self) -> Models:
        """Read every model.

        Raises:
            MissingRunError: If there are none.
            InputError: If a file is missing, foreign or not as it was written.
        """
        if not self._exists():
            raise MissingRunError(f"{self._folder}: no models were trained yet. {self._remedy}")
        manifest = json.loads((self._folder / _MANIFEST).read_text())
        self._refuse_changes(manifest)
        return {key: self._read(self._folder / folder_of(key)) for key in manifest["models"]}

    def save(self, data: Models) -> None:
        """Write every model, or leave the former ones as they were."""
        with replacing(self._folder) as folder:
            folder.mkdir()
            for key, model in data.items():
                _write(folder / folder_of(key), model)
            manifest = {"models": sorted(data), "sha256": _hashes(folder)}
            (folder / _MANIFEST).write_text(json.dumps(manifest, indent=2))

    def _refuse_changes(self, manifest: dict[str, Any]) -> None:
        written, found = manifest["sha256"], _hashes(self._folder)
        changed = [name for name in sorted(written | found) if written.get(name) != found.get(name)]
        if changed:
            raise InputError(
                f"{self._folder}: {len(changed)} files were changed, damaged, lost or added since "
                f"training ({', '.join(changed[:3])}{', …' if changed[3:] else ''}). {self._remedy}"
            )

    @staticmethod
    def _read(folder: Path) -> dict[str, Any]:
        card = json.loads((folder / _CARD).read_text())
        return {"card": card, "tensors": load_file(folder / _WEIGHTS)}

    def _exists(self) -> bool:
        return (self._folder / _MANIFEST).exists()

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._folder)}


def folder_of(key: str) -> str:
    """Spell what file systems dislike as %XX, as partitioned tables do: no two names collide."""
    return quote(key, safe="=/")


def _write(folder: Path, model: dict[str, Any]) -> None:
    folder.mkdir(parents=True)
    save_file(model["tensors"], folder / _WEIGHTS)
    (folder / _CARD).write_text(json.dumps(model["card"], indent=2))


def _hashes(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != _MANIFEST)
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }
