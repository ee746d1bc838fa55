"""Which runs there are: the stores of one folder, and nothing else on the disk."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

SUFFIX = ".sqlite"
# SQLite opens these by itself beside a store; each of them could be a link that leads elsewhere.
_BESIDE = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True)
class Store:
    """A store file. ``changed`` (nanoseconds) and ``size`` (bytes) include its write-ahead log."""

    id: str
    path: Path
    inode: int
    changed: int
    size: int


class Stores:
    """The stores in a folder. A name is looked up among the folder's own entries and never made into a path."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def all(self) -> list[Store]:
        """Every store, the one written last first. Empty while the folder does not exist or cannot be read."""
        try:
            with os.scandir(self.folder) as entries:
                names = [entry.name for entry in entries if entry.name.endswith(SUFFIX)]
        except OSError:
            return []
        found = [store for name in names if (store := self._store(name)) is not None]
        return sorted(found, key=lambda store: (store.changed, store.id), reverse=True)

    def find(self, name: str) -> Store | None:
        """The store of that name, when the folder holds it as a file of its own."""
        try:
            with os.scandir(self.folder) as entries:
                if not any(entry.name == name + SUFFIX for entry in entries):
                    return None
        except OSError:
            return None
        return self._store(name + SUFFIX)

    def _store(self, name: str) -> Store | None:
        path = self.folder / name
        changed = size = inode = 0
        for suffix in _BESIDE:
            try:
                found = os.lstat(f"{path}{suffix}")
            except (OSError, ValueError):
                if not suffix:
                    return None
                continue
            # A link could lead out of the folder; a pipe would wait for ever.
            if not stat.S_ISREG(found.st_mode):
                return None
            if not suffix:
                inode = found.st_ino
            if suffix != "-shm":
                changed, size = max(changed, found.st_mtime_ns), size + found.st_size
        try:
            id = name.removesuffix(SUFFIX)
            id.encode()
        except UnicodeEncodeError:
            return None
        return Store(id, path, inode, changed, size) if id else None
