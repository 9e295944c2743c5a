"""Run the packaged project: ``python -m promo_kedro --conf-source=conf.tar.gz``."""

import sys
from pathlib import Path
from typing import Any

from kedro.framework.cli.utils import find_run_command
from kedro.framework.project import configure_project


def main(*args: Any, **kwargs: Any) -> Any:
    """Run the project with the options of ``kedro run``."""
    package_name = Path(__file__).parent.name
    configure_project(package_name)
    # In a notebook the run's result is wanted, on a command line its exit code.
    kwargs["standalone_mode"] = not hasattr(sys, "ps1")
    return find_run_command(package_name)(*args, **kwargs)


if __name__ == "__main__":
    main()
