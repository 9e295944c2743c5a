"""What was compiled before is used for the very sources it was compiled from, and no others."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import promo_kedro
from promo_kedro.pipelines.optimization.knapsack import compiling

PACKAGE = Path(promo_kedro.__file__).parent
KNAPSACK = "pipelines/optimization/knapsack"
ASKED = """
import numpy as np
from promo_kedro.pipelines.optimization.knapsack import consumers, curves

column = np.array([20.0])
step = np.zeros(1, np.int8)
grid = curves.Grid(np.array([-0.5]), True, False, True, False, False, False)
units = curves.Units(*[column] * 8, *[np.full(1, 4, np.int8), np.zeros(1, np.int32)],
                     step, step, column, column, step, step, np.zeros(1, np.int32))
print(consumers.forced_offers(units, grid, (0, 1), 0)[0])
print(sum(consumers.forced_offers.stats.cache_hits.values()))
"""


def asked(source: Path, **environment: str) -> tuple[int, int]:
    """Return, in a process of its own, whether an offer is forced, and what came from disk."""
    names = {**os.environ, "PYTHONPATH": str(source), **environment}
    names.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", ASKED], env=names, capture_output=True, text=True, check=True
    )
    forced, hits = done.stdout.split()
    return int(forced), int(hits)


@pytest.fixture
def source(tmp_path) -> Path:
    left_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "promo_kedro", ignore=left_out)
    return tmp_path


def test_a_change_in_a_file_that_is_called_is_seen(source):
    assert asked(source) == (1, 0)
    assert asked(source) == (1, 1)
    curves = source / "promo_kedro" / KNAPSACK / "curves.py"
    offer = "return reference * (1.0 + grid.steps[step])"
    text = curves.read_text()
    assert offer in text
    curves.write_text(text.replace(offer, "return 0.0 * (1.0 + grid.steps[step])"))
    assert asked(source) == (0, 0)


def test_nowhere_to_keep_what_is_compiled_is_no_error(source):
    nowhere = {"NUMBA_CACHE_LOCATOR_CLASSES": "ZipCacheLocator"}  # none: this is no archive
    assert asked(source, **nowhere) == (1, 0)
    assert not list(source.rglob("*.nbi"))


def test_all_sources_of_compiled_code_are_told_apart():
    decorators = {"compiled", "allocating", "njit", "jit"}
    found = {"compiling.py"}
    for path in (PACKAGE / KNAPSACK).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                named = {ast.unparse(one).split(".")[-1] for one in node.decorator_list}
                found |= {path.name} if named & decorators else set()
    assert found == set(compiling.SOURCES)
