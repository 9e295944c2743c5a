"""Models in ONNX files, for whoever serves them elsewhere."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote

from kedro.io import AbstractDataset

from promo_kedro.datasets.atomic import replacing
from promo_kedro.datasets.models import folder_of
from promo_kedro.errors import MissingRunError

_ENDING = ".onnx"


class OnnxModelsDataset(AbstractDataset[dict[str, bytes], dict[str, bytes]]):
    """A folder of ONNX files, replaced whole.

    The model ``window=0/category=Bakery`` is the file ``window=0/category=Bakery.onnx``.
    """

    def __init__(self, path: str, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(path)
        self.metadata = metadata

    def load(self) -> dict[str, bytes]:
        """Read every file.

        Raises:
            MissingRunError: If nothing was exported yet.
        """
        if not self._exists():
            raise MissingRunError(
                f"{self._folder}: no models were exported yet. Run `kedro run --pipeline=export`."
            )
        return {
            self._name_of(path): path.read_bytes()
            for path in sorted(self._folder.rglob(f"*{_ENDING}"))
        }

    def save(self, data: dict[str, bytes]) -> None:
        """Write every file, or leave the former ones as they were."""
        with replacing(self._folder) as folder:
            folder.mkdir()
            for name, content in data.items():
                path = folder / f"{folder_of(name)}{_ENDING}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)

    def _name_of(self, path: Path) -> str:
        return unquote(path.relative_to(self._folder).as_posix().removesuffix(_ENDING))

    def _exists(self) -> bool:
        return self._folder.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._folder)}
