"""Figures that the report can read back from the files that they were drawn to."""

from pathlib import Path

from promo_kedro.datasets import FigureDataset


class PictureDataset(FigureDataset):
    """One figure in one PNG file; loading gives the file's bytes."""

    def load(self) -> bytes:
        """Return the PNG file as it lies on disk."""
        return Path(self._filepath).read_bytes()
