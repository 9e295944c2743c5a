"""Interactive figures of Plotly, as JSON that kedro-viz shows."""

from kedro_datasets.plotly.json_dataset import JSONDataset
from plotly.graph_objects import Figure

from promo_kedro.datasets.atomic import AtomicSave


class InteractiveFigureDataset(AtomicSave, JSONDataset):
    """One Plotly figure in one JSON file, previewed by kedro-viz as it is."""

    def save(self, data: Figure) -> None:
        """Write the figure whole."""
        self._save_atomically(super().save, data)
