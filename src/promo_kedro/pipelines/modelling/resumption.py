"""Going on where an interrupted training stopped."""

import hashlib
import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from promo_kedro.pipelines.modelling.parameters import ComputeParameters, TrainingParameters

if TYPE_CHECKING:
    from promo_kedro.pipelines.modelling.training import Lesson

ROWS_AT_ONCE = 8192


class Progress(Protocol):
    """Where the state of one training is kept after every epoch."""

    def load(self) -> dict[str, Any] | None:
        """Return the state saved last, or none."""

    def save(self, state: dict[str, Any]) -> None:
        """Copy nested dictionaries, lists, tuples, numbers, texts and tensors.

        Training changes the tensors afterwards, so keeping the state itself is not enough.
        """


def fingerprint(
    network: nn.Module, lesson: "Lesson", training: TrainingParameters, compute: ComputeParameters
) -> str:
    """Return a hash of all that the trained weights depend on; call it right before training.

    Data, masks, roles, starting weights, random state, recipe, machine settings and torch's
    version: a state saved under another fingerprint would lead elsewhere.
    """
    digest = hashlib.blake2b(digest_size=16)
    settings = [type(network).__name__, torch.__version__, lesson.training_steps]
    settings += [lesson.validation_step, lesson.history]
    settings += [training.model_dump(mode="json"), compute.model_dump(mode="json")]
    digest.update(json.dumps(settings).encode())
    inputs = [getattr(lesson.inputs, field.name) for field in fields(lesson.inputs)]
    tensors = [*inputs, lesson.purchased, lesson.counted, lesson.deciders, torch.get_rng_state()]
    for tensor in [*tensors, *network.state_dict().values()]:
        _add(digest, tensor)
    return digest.hexdigest()


def _add(digest: Any, tensor: Tensor) -> None:
    digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
    # The inputs are views of an array that may lie on disk: a copy of all would fill the memory.
    values = np.atleast_1d(tensor.detach().cpu().numpy())
    for start in range(0, len(values), ROWS_AT_ONCE):
        digest.update(np.ascontiguousarray(values[start : start + ROWS_AT_ONCE]).data)
