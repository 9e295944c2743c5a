"""The simulated retailer's true demand, kept apart from the data that it made."""

import json
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from promo_kedro.datasets.atomic import replacing
from promo_kedro.datasets.simulated import SimulatedFiles


class TruthDataset(AbstractDataset[dict[str, Any], dict[str, Any] | None]):
    """``{"metadata": JSON-able dict, "arrays": {name: array}}`` in one safetensors file.

    Real retailers have no such file: loading then gives None.
    """

    optional = True

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> dict[str, Any] | None:
        """Read the truth, or None where there is none."""
        if not self._path.exists():
            return None
        with safe_open(self._path, framework="numpy") as file:
            metadata = json.loads(file.metadata()["truth"])
        return {"metadata": metadata, "arrays": load_file(self._path)}

    def save(self, data: dict[str, Any]) -> None:
        """Write the truth whole; it is the last of a simulated retailer's files."""
        with replacing(self._path) as path:
            save_file(data["arrays"], path, metadata={"truth": json.dumps(data["metadata"])})
        SimulatedFiles(self._path.parent).complete()

    def _exists(self) -> bool:
        return self._path.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
