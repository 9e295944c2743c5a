"""What trained runs depend on besides their settings: what was learnt from, and by which code."""

import hashlib
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from promo_kedro.pipelines.modelling.brands.classroom import Classroom
from promo_kedro.pipelines.modelling.brands.inputs import BrandInputs, to_tensors
from promo_kedro.pipelines.modelling.brands.parameters import RunParameters
from promo_kedro.types import Array, DataFrame

MODEL_CODE = 3
"""Raise it with every change of code that lets the same settings and data lead elsewhere."""


def hash_of_classroom(classroom: Classroom) -> str:
    """Return a hash of all that models learn from, but for weights that the retailer brought.

    The raw data's hash does not know how features were made.
    """
    digest = hashlib.sha256(repr(classroom.encoder.to_card()).encode())
    digest.update(hash_of_table(classroom.brand_list).encode())
    for inputs in (classroom.training, classroom.validation):
        for array in _arrays(inputs):
            # Without them, tables that were cut elsewhere could look alike.
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def hash_of_table(table: DataFrame | None) -> str:
    """Return a hash of a table, with numbers to their last digit; or of there being none."""
    text = "" if table is None else table.to_csv(index=False)
    return hashlib.sha256(text.encode()).hexdigest()


def code_of(run: RunParameters) -> dict[str, Any]:
    """Return the versions of what trains a run."""
    packages = ["torch"]
    packages += ["lightgbm"] * (run.model == "one_vs_rest") + ["opacus"] * (run.private is not None)
    return {"model_code": MODEL_CODE, **{package: _version(package) for package in packages}}


def _version(package: str) -> str | None:
    """Whoever needs a package that is not there says so, once it trains."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _arrays(inputs: BrandInputs) -> list[Array]:
    tensors = [*to_tensors(inputs), *([] if inputs.bought is None else [inputs.bought])]
    return [inputs.customer_id, inputs.snapshot, *(tensor.numpy() for tensor in tensors)]
