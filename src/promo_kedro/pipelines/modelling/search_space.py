"""What a search may vary (§3.1.4): from a trial to a recipe, and from a recipe to a first trial.

The paper also lists the padding of the convolutions. It is not searched: (kernel − 1) · dilation
zeros on the left are what causality and an output of the same length leave no choice about.
"""

from dataclasses import dataclass
from typing import Any, get_args

from promo_kedro.pipelines.modelling.parameters import (
    Recipe,
    SearchParameters,
    TrainingParameters,
    TreesParameters,
)

# LightGBM's space is not a parameter: it is what the network is compared with. The edges lie well
# outside of what boosting on rare purchases was ever found to like.
TREES_RANGES: dict[str, tuple[float, float]] = {
    "learning_rate": (0.01, 0.2),
    "leaves": (4, 128),
    "min_rows_in_leaf": (20, 2000),
    "feature_share": (0.2, 1.0),
    "row_share": (0.4, 1.0),
    "l2": (0.01, 100.0),
    "level_smoothing": (1.0, 500.0),
}


@dataclass(frozen=True)
class Range:
    """A number between two ends; whole where the ends are, even on the logarithm where asked."""

    low: float
    high: float
    log: bool = False

    def ask(self, trial: Any, name: str) -> float:
        """Return what the trial tries: three digits, so that people can read what was trained."""
        if isinstance(self.low, int):
            return int(trial.suggest_int(name, self.low, self.high, log=self.log))
        return float(f"{trial.suggest_float(name, self.low, self.high, log=self.log):.3g}")

    def nearest(self, value: float) -> float:
        """Return the value, moved into the range where it lies outside."""
        return min(max(value, self.low), self.high)


@dataclass(frozen=True)
class Choice:
    """One of some values, which a study stores as text."""

    values: list[Any]

    def ask(self, trial: Any, name: str) -> Any:
        """Return what the trial tries."""
        labels = {as_text(value): value for value in self.values}
        return labels[trial.suggest_categorical(name, list(labels))]

    def nearest(self, value: Any) -> str:
        """Return the value's text."""
        return as_text(value)


Knobs = dict[str, Range | Choice]


class RecipeSpace:
    """Recipes around the present one; what is not searched stays as it is there.

    The present values are always among the choices. Ranges are not widened to hold them: their
    ends are the user's.
    """

    def __init__(self, space: SearchParameters, start: Recipe) -> None:
        network, training = start.network, start.training
        self.start = start
        self.training: Knobs = {
            "optimizer": Choice(_literals("optimizer")),
            "scheduler": Choice(_literals("scheduler")),
            "averaging": Choice(_literals("averaging")),
            "learning_rate": Range(*space.learning_rate, log=True),
            "weight_decay": Range(*space.weight_decay, log=True),
            "max_epochs": Range(*space.max_epochs),
            "batch_size": _choice(space.batch_size, training.batch_size),
        }
        self.network: Knobs = {
            "channels": _choice(space.channels, network.channels),
            "kernel_size": _choice(space.kernel_size, network.kernel_size),
            "dilations": _choice(space.dilations, network.dilations),
            "embedding_size": _choice(space.embedding_size, network.embedding_size),
            "dropout": Range(*space.dropout),
        }
        self.layers = Range(*space.dense_layers)
        self.units = _choice(space.dense_units, *network.dense_units)

    def ask(self, trial: Any) -> Recipe:
        """Return the recipe that a trial tries."""
        training = {name: knob.ask(trial, name) for name, knob in self.training.items()}
        network = {name: knob.ask(trial, name) for name, knob in self.network.items()}
        layers = int(self.layers.ask(trial, "dense_layers"))
        network["dense_units"] = [self.units.ask(trial, _units(layer)) for layer in range(layers)]
        lowest = min(self.start.training.min_learning_rate, training["learning_rate"])
        return Recipe.model_validate(
            {
                "network": {**self.start.network.model_dump(), **network},
                "training": {
                    **self.start.training.model_dump(),
                    **training,
                    "min_learning_rate": lowest,
                },
            }
        )

    def first(self) -> dict[str, Any]:
        """Return the present recipe as a trial's values; what lies outside, at its nearest."""
        network, training = self.start.network, self.start.training
        dense = network.dense_units
        return {
            **{name: knob.nearest(getattr(training, name)) for name, knob in self.training.items()},
            **{name: knob.nearest(getattr(network, name)) for name, knob in self.network.items()},
            "dense_layers": self.layers.nearest(len(dense)),
            **{_units(layer): self.units.nearest(count) for layer, count in enumerate(dense)},
        }

    def columns(self, recipe: Recipe) -> dict[str, Any]:
        """Return what is searched of a recipe, one value a column; lists as text."""
        network, training = recipe.network, recipe.training
        values = {
            **{name: getattr(training, name) for name in self.training},
            **{name: getattr(network, name) for name in [*self.network, "dense_units"]},
        }
        return {k: as_text(v) if isinstance(v, list) else v for k, v in values.items()}


class TreesSpace:
    """LightGBM's parameters around the present ones."""

    def __init__(self, start: TreesParameters) -> None:
        self.start = start
        shares = ("feature_share", "row_share")
        self.knobs = {
            name: Range(*ends, log=name not in shares) for name, ends in TREES_RANGES.items()
        }

    def ask(self, trial: Any) -> TreesParameters:
        """Return the parameters that a trial tries."""
        tried = {name: knob.ask(trial, name) for name, knob in self.knobs.items()}
        return TreesParameters.model_validate({**self.start.model_dump(), **tried})

    def first(self) -> dict[str, Any]:
        """Return the present parameters as a trial's values; what lies outside, at its nearest."""
        return {name: knob.nearest(getattr(self.start, name)) for name, knob in self.knobs.items()}

    def columns(self, trees: TreesParameters) -> dict[str, Any]:
        """Return what is searched, one value a column."""
        return {name: getattr(trees, name) for name in self.knobs}


def as_text(value: Any) -> str:
    """Write a value as in the parameters file; a list without its brackets."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _choice(offered: list[Any], *present: Any) -> Choice:
    values = [*offered, *(value for value in present if value not in offered)]
    return Choice([value for place, value in enumerate(values) if value not in values[:place]])


def _literals(name: str) -> list[Any]:
    return list(get_args(TrainingParameters.model_fields[name].annotation))


def _units(layer: int) -> str:
    return f"dense_units_{layer + 1}"
