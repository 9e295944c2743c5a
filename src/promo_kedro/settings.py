"""Project settings, read by Kedro at start."""

import warnings

from kedro.config import OmegaConfigLoader

from promo_kedro.hooks import FinishedTraining, PlainErrors, Provenance, RuntimeParameters

HOOKS = (RuntimeParameters(), Provenance(), FinishedTraining(), PlainErrors())

CONFIG_LOADER_CLASS = OmegaConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # An environment names only the parameters that differ.
    "merge_strategy": {"parameters": "soft"},
}

# Both spellings of the option serve; a warning at each run would drown those about the data.
warnings.filterwarnings("ignore", message="Option '--pipeline' is deprecated")
