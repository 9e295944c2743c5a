"""The truth: the world's parameters and end state, as arrays and JSON, and back."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from typing import Any

import numpy as np

from promo_kedro.types import Array
from promo_kedro.world.categories import Layout, make_layout
from promo_kedro.world.demand import State
from promo_kedro.world.history import History
from promo_kedro.world.market import Assortment, Path
from promo_kedro.world.parameters import SimulationParameters
from promo_kedro.world.traits import Consumers


def end_state(history: History) -> dict[str, Any]:
    """What is true of the retailer after its last day.

    Returns:
        {"metadata": parameters, seed and first day; "arrays": assortment, the last step's and the
        coming step's market, the consumers' lasting traits and their state}.
    """
    path = history.market.path
    parts = {
        "shop": _arrays(history.market.shop),
        "path": _arrays(path.rows(len(path.list_price) - 2, len(path.list_price))),
        "consumers": _joined([_arrays(chunk.consumers) for chunk in history.chunks]),
        "state": _joined([_arrays(chunk.state) for chunk in history.chunks]),
    }
    return {
        "metadata": {
            "seed": history.seed,
            "parameters": history.parameters.model_dump(mode="json"),
            "first_day": history.market.first_day.isoformat(),
        },
        "arrays": {
            f"{part}.{name}": np.ascontiguousarray(array)
            for part, arrays in parts.items()
            for name, array in arrays.items()
        },
    }


def sealed(world_end_state: dict[str, Any], raw_data_hash: str) -> dict[str, Any]:
    """The truth, tied to the files that this world wrote."""
    metadata = {**world_end_state["metadata"], "raw_data_hash": raw_data_hash}
    return {"metadata": metadata, "arrays": world_end_state["arrays"]}


def read_truth(truth: dict[str, Any]) -> dict[str, Any]:
    """Read a truth into the parts of a `World`."""
    metadata, arrays = truth["metadata"], truth["arrays"]
    parameters = SimulationParameters.model_validate(metadata["parameters"])
    layout = make_layout(parameters.items, parameters.items_at_least, parameters.shelf_size)
    return {
        "parameters": parameters,
        "seed": metadata["seed"],
        "raw_data_hash": metadata.get("raw_data_hash"),
        "first_day": date.fromisoformat(metadata["first_day"]),
        "shop": Assortment(layout=layout, **_part(arrays, "shop")),
        "path": Path(**_part(arrays, "path")),
        "consumers": Consumers(**_part(arrays, "consumers")),
        "state": State(**_part(arrays, "state")),
    }


def _arrays(part: Any) -> dict[str, Array]:
    values = ((field.name, getattr(part, field.name)) for field in fields(part))
    return {name: value for name, value in values if not isinstance(value, Layout)}


def _joined(parts: list[dict[str, Array]]) -> dict[str, Array]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _part(arrays: dict[str, Array], part: str) -> dict[str, Array]:
    prefix = f"{part}."
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
