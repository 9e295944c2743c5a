"""Write beside, then rename: a reader sees the old dataset or the new one, never a half."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to; it takes the place of ``path`` once the block ends well.

    Args:
        path: The file or folder to replace whole.

    Yields:
        A path in the same folder, where nothing exists yet.
    """
    partial, former = (path.with_name(f".{path.name}.{name}") for name in ("partial", "former"))
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove(partial)
    _remove(former)
    try:
        yield partial
        # A file is replaced in one step. A folder must leave first, and leaves whole: between
        # the two steps there is none, never a part of one.
        if path.is_dir():
            path.replace(former)
        partial.replace(path)
    finally:
        _remove(partial)
        _remove(former)


class AtomicSave:
    """Mixin for datasets of kedro-datasets that write one path: makes ``save`` all or nothing.

    Object stores publish a file when it is closed, so only local files need the rename.
    """

    _filepath: PurePosixPath

    def _save_atomically(self, save: Callable[[Any], None], data: Any) -> None:
        if getattr(self, "_protocol", "file") != "file" or getattr(self, "_fs_prefix", ""):
            save(data)
            return
        final = self._filepath
        try:
            with replacing(Path(final)) as partial:
                self._filepath = PurePosixPath(partial.as_posix())
                save(data)
        finally:
            self._filepath = final
