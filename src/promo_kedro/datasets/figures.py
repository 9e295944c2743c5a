"""Matplotlib figures as PNG files."""

from pathlib import Path

from kedro_datasets.matplotlib import MatplotlibDataset
from matplotlib.figure import Figure

from promo_kedro.datasets.atomic import AtomicSave


class FigureDataset(AtomicSave, MatplotlibDataset):
    """One figure in one PNG file, previewed by kedro-viz; loading gives the file's bytes."""

    def load(self) -> bytes:
        """Return the PNG file as it is."""
        return Path(self._filepath).read_bytes()

    def save(self, data: Figure) -> None:
        """Draw the figure and write it whole."""
        self._save_atomically(super().save, data)
