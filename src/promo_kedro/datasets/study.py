"""A hyperparameter search that survives the process which runs it."""

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError


class StudyDataset(AbstractDataset[None, Any]):
    """A journal of trials, as an Optuna storage that writes every change at once.

    It is read and written while the search runs, so a node takes it as an input only. Where there
    is no journal yet, loading starts an empty one. One search at a time may use it.
    """

    optional = True

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> Any:
        """Open the journal as an ``optuna.storages.JournalStorage``."""
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        self._path.parent.mkdir(parents=True, exist_ok=True)
        _drop_torn_line(self._path)
        return JournalStorage(JournalFileBackend(str(self._path)))

    def save(self, data: None) -> None:
        """Refuse: trials are written by the search itself."""
        raise DatasetError(f"{self._path}: a study is an input; the search writes it as it goes.")

    def _exists(self) -> bool:
        return self._path.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}


def _drop_torn_line(path: Path) -> None:
    """Cut off a last line that a dying process left half written.

    The next line would be glued to it, and the whole journal would be unreadable from there on.
    """
    if not path.exists():
        return
    written = path.read_bytes()
    whole = written.rfind(b"\n") + 1
    if whole < len(written):
        with path.open("r+b") as journal:
            journal.truncate(whole)
