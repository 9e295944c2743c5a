"""The project's own pipelines, run as a user runs them, into a folder of the benchmark."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from omegaconf import OmegaConf

from contest.memory import Cost, run_measured

PROJECT = Path(__file__).parents[2]
ENVIRONMENT = "benchmark"
ONLY_HERE = "local"


@dataclass(frozen=True)
class ProjectRun:
    """One seed's folder: configuration, raw tables and results.

    Attributes:
        folder: Where everything goes.
        raw_dir: The retailer's tables; simulated into the folder where none are given.
        environment: The project's configuration that the benchmark's own is laid over.
    """

    folder: Path
    raw_dir: Path
    environment: str
    threads: int

    @property
    def data_dir(self) -> Path:
        """Where the pipelines write."""
        return self.folder / "data"

    def configure(self, changes: dict[str, Any]) -> None:
        """Lay changes of parameters over the environment's; what is only local takes no part."""
        configuration = self.folder / "conf"
        shutil.rmtree(configuration, ignore_errors=True)
        shutil.copytree(PROJECT / "conf", configuration, ignore=shutil.ignore_patterns(ONLY_HERE))
        made = configuration / ENVIRONMENT
        taken = PROJECT / "conf" / self.environment
        if taken.is_dir():
            shutil.copytree(taken, made)
        layers = [OmegaConf.load(path) for path in sorted(made.rglob("parameters*.yml"))]
        for path in made.rglob("parameters*.yml"):
            path.unlink()
        made.mkdir(exist_ok=True)
        merged = OmegaConf.merge(*layers, OmegaConf.create(changes))
        OmegaConf.save(merged, made / "parameters.yml")

    def parameters(self) -> dict[str, Any]:
        """Return the parameters that a run of the pipelines takes."""
        return parameters_in(self.folder / "conf", ENVIRONMENT)

    def file(self, dataset: str) -> Path:
        """Return where the catalog keeps a dataset of this run."""
        places = {"raw_dir": str(self.raw_dir), "data_dir": str(self.data_dir)}
        catalog = _configuration(self.folder / "conf", ENVIRONMENT, places)["catalog"]
        return Path(catalog[dataset]["filepath"])

    def run(self, *pipelines: str) -> Cost:
        """Run pipelines; results already there are made anew."""
        return run_measured(
            [
                sys.executable,
                "-m",
                "kedro",
                "run",
                f"--conf-source={self.folder / 'conf'}",
                f"--env={ENVIRONMENT}",
                f"--pipelines={','.join(pipelines)}",
                f"--params=raw_dir={self.raw_dir},data_dir={self.data_dir}",
            ],
            self.folder / "logs" / f"{'-'.join(pipelines)}.log",
            cwd=PROJECT,
            threads=self.threads,
        )


def parameters_in(configuration: Path, environment: str) -> dict[str, Any]:
    """Return the parameters of a folder of configuration."""
    return dict(_configuration(configuration, environment)["parameters"])


def _configuration(
    folder: Path, environment: str, places: dict[str, str] | None = None
) -> OmegaConfigLoader:
    return OmegaConfigLoader(
        str(folder),
        env=environment,
        base_env="base",
        default_run_env=ONLY_HERE,
        merge_strategy={"parameters": "soft"},
        runtime_params=places,
    )
