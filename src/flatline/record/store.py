"""The store of one process's run: an SQLite file to which batches of records are appended.

One row is one flush: a msgpack list of records, compressed unless it is large. A flush is one transaction, so a process that is killed leaves
whole flushes behind and never half a one.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from typing import Any

import msgspec

from flatline.observe.events import Event, ProbeFailed
from flatline.record.secrets import Secrets

FORMAT = 2
# The curves of a million steps are 64 MB as they are, and 20 MB compressed, for 0.1 ms a flush. Large rows hold samples of
# tensors, which become hardly smaller; they begin with a byte of msgpack's, the others with zlib's.
MOST_COMPRESSED = 1 << 17
ZLIB = b"\x78"
# How long a write waits for another process that has locked the store.
LOCK_SECONDS = 2.0
_NETWORK_FILESYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "fuse.sshfs", "9p"}


class StoreError(Exception):
    """A store cannot be opened or read; the message says which file and what to do next."""


class NotBegunError(StoreError):
    """Nothing has been written to a store: its program is starting, or ended before anything was recorded."""


class Writer:
    """Appends records to a store. Opened in the watched process.

    Raises:
        StoreError: the file cannot be made (no such folder, no permission, disk full).
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._owner = os.getpid()
        self._secrets = Secrets(os.environ)
        self._encoder = msgspec.msgpack.Encoder()
        # WAL needs shared memory between processes, which network filesystems lack.
        self._mode = "DELETE" if on_network_filesystem(path) else "WAL"
        # A fork may happen on any thread while another one writes. Reentrant: a signal handler may fork, too.
        self._lock = threading.RLock()
        self._paused = 0
        self._connection: sqlite3.Connection | None = None
        try:
            connection = self._open()
            connection.execute("CREATE TABLE IF NOT EXISTS flush (id INTEGER PRIMARY KEY, records BLOB NOT NULL)")
            connection.execute("CREATE TABLE IF NOT EXISTS format (version INTEGER NOT NULL)")
            if connection.execute("SELECT COUNT(*) FROM format").fetchone()[0] == 0:
                connection.execute("INSERT INTO format VALUES (?)", (FORMAT,))
        except sqlite3.Error as error:
            raise StoreError(f"cannot write the store {path}: {error}") from error

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            # isolation_level None: each flush is one explicit statement, committed at once.
            connection = sqlite3.connect(
                self._path, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False
            )
            connection.execute(f"PRAGMA journal_mode={self._mode}")
            # Without fsync a killed process loses nothing; only a power cut could, and never consistency under WAL.
            connection.execute(f"PRAGMA synchronous={'OFF' if self._mode == 'DELETE' else 'NORMAL'}")
            self._connection = connection
        return self._connection

    def write(self, records: list[Event]) -> None:
        if os.getpid() != self._owner:
            return
        records = [self._without_secrets(record) for record in records]
        try:
            blob = self._encoder.encode(records)
        except Exception:
            blob = self._encoder.encode([part for record in records for part in self._one_by_one(record)])
        # Torch imports it, and before that nothing of ours may add to what the program finds imported.
        zlib = sys.modules.get("zlib")
        if zlib is not None and len(blob) <= MOST_COMPRESSED:
            blob = zlib.compress(blob, 1)
        with self._lock:
            self._open().execute("INSERT INTO flush (records) VALUES (?)", (blob,))

    def _without_secrets(self, record: Event) -> Event:
        try:
            return self._secrets.record(record)
        except Exception as error:
            return ProbeFailed("store", f"a record {type(record).__name__} was left out: {error}"[:500])

    def _one_by_one(self, record: Event) -> list[Any]:
        """A record as it can be written; one that cannot, gives way to a record that says so."""
        try:
            self._encoder.encode(record)
            return [record]
        except UnicodeEncodeError:
            # A file name that is not UTF-8, or half a surrogate pair that the program wrote.
            return [_encodable(msgspec.to_builtins(record, builtin_types=(bytes,)))]
        except Exception as error:
            return [ProbeFailed("store", f"a record {type(record).__name__} cannot be written: {error}"[:500])]

    def pause(self) -> None:
        """Before a fork: SQLite's connections must not be carried into another process. Held until ``resume``.

        Raises:
            StoreError: another thread has been writing for seconds; the fork is not held up.
        """
        if not self._lock.acquire(timeout=LOCK_SECONDS):
            raise StoreError("another thread was writing to the store when the program forked")
        self._paused += 1
        self.close()

    def resume(self) -> None:
        """After a fork, in both processes; the next ``write`` opens the store again, in the process that owns it."""
        if self._paused:
            self._paused -= 1
            self._lock.release()

    def close(self) -> None:
        if self._connection is not None and os.getpid() == self._owner:
            self._connection.close()
            self._connection = None


def _encodable(value: Any) -> Any:
    """The same value with what UTF-8 cannot hold written as escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, (list, tuple)):
        return [_encodable(item) for item in value]
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    return value


def machine() -> str:
    """The name of this machine, which says whose process ids a record holds; empty where it is not told."""
    return os.uname().nodename if hasattr(os, "uname") else ""


def on_network_filesystem(path: str) -> bool:
    """Whether ``path`` lies on a filesystem shared by machines (Linux; elsewhere False)."""
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="replace") as mounts:
            rows = [line.split()[1:3] for line in mounts]
    except OSError:
        return False
    real = os.path.realpath(path)
    best, kind = "", ""
    for mount, filesystem in rows:
        mount = mount.replace("\\040", " ")
        if (real + os.sep).startswith(mount.rstrip("/") + os.sep) and len(mount) >= len(best):
            best, kind = mount, filesystem
    return kind in _NETWORK_FILESYSTEMS
