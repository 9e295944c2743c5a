"""Which files of a raw folder the simulation wrote, and whether it came to its end."""

import json
from pathlib import Path
from typing import Any

from promo_kedro.datasets.atomic import replacing

_MARKER = ".simulated.json"


class SimulatedFiles:
    """The simulation's own note in the raw folder: its files with their hashes.

    Only these files may it replace. The note says ``complete`` once the truth, the last thing
    that a simulation writes, is there.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _MARKER

    def wrote(self, name: str, sha256: str) -> bool:
        """Tell whether a file with this content is the simulation's own."""
        return sha256 in self._read()["files"].get(name, [])

    def note(self, name: str, sha256: str) -> None:
        """Note a file that is about to take its place; the folder is incomplete from now on."""
        files = self._read()["files"]
        # After a kill, the former file may still be the one in place.
        self._write(complete=False, files=files | {name: [*files.get(name, [])[-1:], sha256]})

    def complete(self) -> None:
        """Note that everything is written."""
        files = {name: hashes[-1:] for name, hashes in self._read()["files"].items()}
        self._write(complete=True, files=files)

    @property
    def interrupted(self) -> bool:
        """Whether a simulation began here and did not end."""
        return not self._read()["complete"]

    def _read(self) -> dict[str, Any]:
        if not self._path.exists():
            return {"complete": True, "files": {}}
        return json.loads(self._path.read_text())

    def _write(self, **note: Any) -> None:
        with replacing(self._path) as partial:
            partial.write_text(json.dumps(note, indent=2, sort_keys=True))
