"""Fixtures that every test may use."""

from pathlib import Path

import pytest

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


@pytest.fixture(autouse=True, scope="session")
def _project_configured() -> None:
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(PROJECT)
