"""A bare copy of the project, for tests that run it as its users do."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd


class Project:
    """A bare copy of the project, run through its command line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._environment = os.environ | {"COLUMNS": "200", "PYTHONPATH": str(path / "src")}

    def start(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "kedro", *arguments],
            cwd=self.path,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def kedro(self, *arguments: str) -> tuple[int, str]:
        process = self.start(*arguments)
        output, _ = process.communicate()
        return process.returncode, output

    def run(self, *arguments: str) -> str:
        code, output = self.kedro("run", "--env=tiny", *arguments)
        assert code == 0, output[-4000:]
        return output

    def table(self, name: str, data_dir: str = "data") -> pd.DataFrame:
        return pd.read_parquet(next((self.path / data_dir).rglob(f"{name}.parquet")))


def bare_copy(project_path: Path, target: Path) -> Project:
    for name in ("conf", "src", "notebooks"):
        shutil.copytree(
            project_path / name, target / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("pyproject.toml", ".telemetry", "README.md", "LICENSE"):
        shutil.copy(project_path / name, target / name)
    for folder in (project_path / "data").iterdir():
        if folder.is_dir():
            (target / "data" / folder.name).mkdir(parents=True)
    return Project(target)
