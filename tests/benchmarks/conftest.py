"""The benchmarks are scripts, not a package that is installed; their folder joins the path."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
