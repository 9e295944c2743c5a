"""The states of trainings under way, so that an interrupted run goes on where it stopped."""

import hashlib
import json
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from promo_kedro.datasets.atomic import replacing
from promo_kedro.datasets.models import folder_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """The state of one training: one safetensors file, replaced whole.

    Tensors are kept as they are; all else is JSON in the file's header, with numbers to their last
    digit. Safetensors hold no code, so reading a foreign file runs none.

    Attributes:
        path: The file.
        fingerprint: What the training depends on; a state saved under another is not given.
    """

    path: Path
    fingerprint: str

    def load(self) -> dict[str, Any] | None:
        """Return the state saved last; none if there is none that fits, which the log explains."""
        if not self.path.exists():
            return None
        try:
            header, tensors = _read(self.path)
            if header["sha256"] != _hash(header["state"], tensors):
                raise ValueError("its content is not as it was written")
            state = _unpacked(json.loads(header["state"]), tensors)
        except (OSError, KeyError, TypeError, ValueError, SafetensorError) as fault:
            logger.warning("%s cannot be read (%s): training starts over", self.path, fault)
            return None
        if header["fingerprint"] != self.fingerprint:
            logger.info("%s belongs to other data or parameters: training starts over", self.path)
            return None
        return dict(state)

    def delete(self) -> None:
        """Remove the state, if there is one."""
        self.path.unlink(missing_ok=True)

    def save(self, state: dict[str, Any]) -> None:
        """Write nested dictionaries, lists, tuples, numbers, texts and tensors."""
        tensors: dict[str, Tensor] = {}
        text = json.dumps(_packed(state, tensors))
        header = {
            "fingerprint": self.fingerprint,
            "sha256": _hash(text, tensors),
            "state": text,
        }
        with replacing(self.path) as partial:
            save_file(tensors, partial, header)


class Checkpoints:
    """A folder of its own with one file per training."""

    def __init__(self, folder: Path):
        self._folder = folder

    def part(self, name: str, fingerprint: str) -> Checkpoint:
        """Return where the training ``name`` keeps its state.

        Args:
            name: Such as ``window=0/category=Bakery/recipe=ours``; slashes make folders.
            fingerprint: What the training depends on.
        """
        return Checkpoint(self._folder / f"{folder_of(name)}.safetensors", fingerprint)

    def keep_only(self, prefix: str) -> None:
        """Remove states whose fingerprint does not start so, and those that cannot be read.

        What was learnt from older data may know consumers who have left since.
        """
        for path in sorted(self._folder.rglob("*.safetensors")):
            if not _fingerprint(path).startswith(prefix):
                logger.info("%s belongs to other data and is removed", path)
                path.unlink()

    def clear(self) -> None:
        """Remove the folder: call it once all models are kept."""
        shutil.rmtree(self._folder, ignore_errors=True)


class CheckpointsDataset(AbstractDataset[Checkpoints, Checkpoints]):
    """Gives a node the live folder, which it reads and writes while it trains."""

    def __init__(self, path: str, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(path)
        self.metadata = metadata

    def load(self) -> Checkpoints:
        """Return the folder, which need not exist yet."""
        return Checkpoints(self._folder)

    def save(self, data: Checkpoints) -> None:
        """Refuse: what is kept is written while training."""
        raise DatasetError(f"{self._folder}: checkpoints are an input that training writes to.")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._folder)}


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return file.metadata() or {}, tensors


def _fingerprint(path: Path) -> str:
    try:
        with safe_open(path, framework="pt") as file:
            return str((file.metadata() or {}).get("fingerprint", ""))
    except (OSError, SafetensorError):
        return ""


def _hash(text: str, tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(tensors[name].numpy().data)
    return digest.hexdigest()


def _packed(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Return JSON in which tensors stand by name; they are copied into ``tensors``."""
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().clone().contiguous()
        return {"tensor": name}
    if isinstance(value, dict):
        # As pairs, because JSON would turn whole-number keys into texts.
        return {"dict": [[key, _packed(item, tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_packed(item, tensors) for item in value]}
    return value


def _unpacked(value: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _unpacked(item, tensors) for key, item in content}
    items = [_unpacked(item, tensors) for item in content]
    return tuple(items) if kind == "tuple" else items
