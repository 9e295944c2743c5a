"""How tables, models and figures are kept: whole or not at all.

Each module is imported on first use, so that naming a dataset in the catalog costs nothing.
"""

from typing import Any

import lazy_loader

__getattr__: Any
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "checkpoints": ["CheckpointsDataset"],
        "figures": ["FigureDataset"],
        "files": ["CSVDataset", "JSONDataset", "ParquetDataset", "TextDataset"],
        "interactive": ["InteractiveFigureDataset"],
        "models": ["ModelsDataset"],
        "onnx_models": ["OnnxModelsDataset"],
        "raw": ["RawFilesDataset", "RawTableDataset"],
        "streamed": ["StreamedTableDataset"],
        "study": ["StudyDataset"],
        "tables": ["TableDataset"],
        "truth": ["TruthDataset"],
    },
)
