"""Fixtures that every test may use."""

from pathlib import Path
from typing import Any

import pytest
from kedro.config import OmegaConfigLoader

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def project_path() -> Path:
    return PROJECT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real tables beside the project; tests that need it skip without it."""
    folder = PROJECT.parent / "shared" / "data"
    if not folder.exists():
        pytest.skip("no real data beside the project")
    return folder


@pytest.fixture(scope="session")
def base_parameters() -> dict[str, Any]:
    """The parameters files, as a run reads them."""
    loader = OmegaConfigLoader(str(PROJECT / "conf"), base_env="base", default_run_env="base")
    return loader["parameters"]


@pytest.fixture(autouse=True, scope="session")
def _project_configured() -> None:
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(PROJECT)
