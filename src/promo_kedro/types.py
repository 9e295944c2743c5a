"""Names of table types for hints, without importing the libraries they come from.

Kedro resolves the hints of node functions when it registers the pipelines. These names resolve
to ``Any`` at run time, so hints stay readable and starting the project stays quick.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ibis import Table
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from pandas import DataFrame

    Array = NDArray[Any]
else:
    Array = DataFrame = Figure = Table = Any

__all__ = ["Array", "DataFrame", "Figure", "Table"]
