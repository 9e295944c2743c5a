"""What surrounds every run: known parameters, inputs that belong together, plain errors."""

import json
import logging
import re
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import DataCatalog, DatasetError, MemoryDataset
from kedro.pipeline import Pipeline
from kedro.validation import DataValidationError, ParameterValidationError

from promo_kedro.datasets.atomic import replacing
from promo_kedro.errors import InputError, MissingRunError
from promo_kedro.parameters import no_such_name

logger = logging.getLogger(__name__)

FOLDERS = ("raw_dir", "data_dir")
# Trained once, asked again about newer data: where only the coming period is scored, what they
# were trained on is told, not refused.
LASTING = ("brand_models", "brand_list")
BRANDS = "brands"
JUDGES_MODELS = "brand_scored_pairs"


class RuntimeParameters:
    """Refuses ``--params`` that nothing reads: Kedro would take a misspelt name in silence."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Compare the names given with those that the pipelines read."""
        given = context.config_loader.runtime_params or {}
        known = {*_parameters_read(), *FOLDERS}
        for name in given:
            # Kedro also accepts nested names that are spelt with dots.
            if name.split(".")[0] not in known:
                raise InputError(no_such_name(name.split(".")[0], known))
        try:
            context.params  # noqa: B018, reading them is what checks them
        except ParameterValidationError as error:
            raise InputError(_without_advertising(str(error))) from None


class Provenance:
    """Keeps results of different raw data apart.

    ``provenance.json`` in the data folder names, for each dataset, the hash of the raw data that
    it was made from. A run that would read datasets of another origin, or datasets that no run
    made yet, stops before its first node.
    """

    def __init__(self) -> None:
        self._path = Path()
        self._raw_data_hash: str | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Find the data folder of this run."""
        given = context.config_loader.runtime_params or {}
        data_dir = given.get("data_dir", context.config_loader["globals"]["data_dir"])
        self._path = context.project_path / data_dir / "provenance.json"

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Stop where inputs are missing or stem from other raw data."""
        inputs = sorted(pipeline.datasets() - pipeline.all_outputs() - _parameters_of(pipeline))
        made = [name for name in inputs if name in _makers()]
        needed = {*inputs, "raw_manifest"} if made else set(inputs)
        _refuse_missing(sorted(needed - {"raw_files"}), catalog)
        self._raw_data_hash = None
        if "raw_manifest" in pipeline.all_outputs():
            _refuse_half_a_retailer(catalog)
            self._raw_data_hash = _load("raw_files", catalog)["raw_data_hash"]
        elif made:
            self._raw_data_hash = _load("raw_manifest", catalog)["raw_data_hash"]
            self._refuse_other_raw_folder(run_params, catalog)
        lasting = () if JUDGES_MODELS in pipeline.all_outputs() else LASTING
        self._tell_of_older([name for name in made if name in lasting])
        self._refuse_strangers([name for name in made if name not in lasting])

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        """Note what the dataset was made from."""
        if self._raw_data_hash is None or dataset_name not in _makers():
            return
        recorded = self._recorded() | {dataset_name: self._raw_data_hash}
        with replacing(self._path) as partial:
            partial.write_text(json.dumps(recorded, indent=2, sort_keys=True))

    def _recorded(self) -> dict[str, str]:
        return json.loads(self._path.read_text()) if self._path.exists() else {}

    def _refuse_other_raw_folder(self, run_params: dict[str, Any], catalog: DataCatalog) -> None:
        if "raw_dir" not in (run_params.get("runtime_params") or {}):
            return
        if _load("raw_files", catalog)["raw_data_hash"] != self._raw_data_hash:
            raise MissingRunError(
                "the data folder was made from other raw files than those in raw_dir: run the "
                "whole of `kedro run` on this raw_dir, with a data_dir of its own."
            )

    def _tell_of_older(self, names: list[str]) -> None:
        recorded = self._recorded()
        older = [name for name in names if recorded.get(name) != self._raw_data_hash]
        if older:
            logger.info("Made from other raw data, and used as they are: %s", ", ".join(older))

    def _refuse_strangers(self, names: list[str]) -> None:
        recorded = self._recorded()
        strangers = [name for name in names if recorded.get(name) != self._raw_data_hash]
        if strangers:
            raise MissingRunError(
                f"{', '.join(strangers)} stem from other raw data than the rest of the data "
                f"folder: run {_commands_for(strangers)} first."
            )


class FinishedTraining:
    """Clears the checkpoints of training once the models it made are kept."""

    @hook_impl
    def after_catalog_created(self, catalog: DataCatalog) -> None:
        """Remember where they are."""
        self._catalog = catalog

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        """Clear them."""
        if dataset_name == "purchase_models":
            _load("training_checkpoints", self._catalog).clear()


class PlainErrors:
    """Shows an error that explains itself without the traceback around it."""

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        """Raise the cause that was written for the user, if there is one."""
        _raise_plainly(error)


def _raise_plainly(error: BaseException | None) -> None:
    while error is not None:
        if isinstance(error, InputError | MissingRunError):
            raise error from None
        if isinstance(error, DataValidationError):
            raise InputError(str(error)) from None
        error = error.__cause__


def _load(name: str, catalog: DataCatalog) -> Any:
    try:
        return catalog.load(name)
    except DatasetError as error:
        _raise_plainly(error)
        raise


def _refuse_missing(inputs: list[str], catalog: DataCatalog) -> None:
    """Say in one line which inputs no run has made, and which command makes them."""
    missing = [name for name in inputs if not _is_there(name, catalog)]
    made = [name for name in missing if name in _makers()]
    if made:
        raise MissingRunError(
            f"{', '.join(made)}: not made yet; run {_commands_for(made)} first"
            f"{_or_everything(made)}."
        )
    for name in missing:
        _load(name, catalog)


def _refuse_half_a_retailer(catalog: DataCatalog) -> None:
    if getattr(catalog.get("raw_files"), "interrupted", False):
        raise MissingRunError(
            "the simulation of the raw files was interrupted, so they do not belong together: run "
            "`kedro run --pipeline=simulation` again."
        )


def _is_there(name: str, catalog: DataCatalog) -> bool:
    dataset = catalog.get(name)
    if dataset is None or isinstance(dataset, MemoryDataset):
        return True
    return bool(getattr(dataset, "optional", False)) or dataset.exists()


def _makers() -> dict[str, str]:
    """Return which pipeline makes each dataset; the raw tables are the retailer's."""
    makers: dict[str, str] = {}
    for name, pipe in pipelines.items():
        if name not in ("__default__", "simulation"):
            for output in pipe.all_outputs():
                # The first that makes it: later ones contain parts of those before.
                makers.setdefault(output, name)
    return makers


def _commands_for(names: list[str]) -> str:
    makers = _makers()
    if BRANDS in {makers[name] for name in names}:
        # It contains the parts of the flow that it rests on.
        return f"`kedro run --pipeline={BRANDS}`"
    # The first missing piece of the flow makes what the later ones need.
    first = min((makers[name] for name in names), key=list(dict.fromkeys(makers.values())).index)
    return f"`kedro run --pipeline={first}`"


def _or_everything(names: list[str]) -> str:
    apart = BRANDS in {_makers()[name] for name in names}
    return "" if apart else " (`kedro run` makes everything)"


def _parameters_of(pipeline: Pipeline) -> set[str]:
    return {name for name in pipeline.inputs() if name.startswith(("params:", "parameters"))}


def _parameters_read() -> set[str]:
    names = {name for pipe in pipelines.values() for name in _parameters_of(pipe)}
    return {name.removeprefix("params:").split(".")[0] for name in names}


def _without_advertising(message: str) -> str:
    """Keep what is wrong; leave out links and the types that the validator saw."""
    return re.sub(r"\n *For further information.*| \[type=.*?\]$", "", message, flags=re.MULTILINE)
