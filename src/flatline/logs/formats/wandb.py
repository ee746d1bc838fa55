"""Folders of Weights & Biases in offline mode: ``run-ID.wandb``, a LevelDB log of protocol buffers.

Sources: the framing, LevelDB's doc/log_format.md with W&B's own header and CRC-32; the messages,
wandb/proto/wandb_internal.proto. The package itself can no longer read the file from Python.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator

from flatline.logs import wire
from flatline.logs.base import Log, Stream
from flatline.record.secrets import Secrets

TITLE = "Weights & Biases"
_MAGIC = b":W&B"
_FILE_HEADER, _BLOCK, _CHUNK_HEADER = 7, 32768, 7
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_HISTORY, _ENVIRONMENT = 2, 26
_ITEM, _STEP = 1, 2
_KEY, _NESTED, _JSON = 1, 2, 16
_NUMBER = 1
_ARGUMENT, _PROGRAM, _CODE_PATH = 5, 6, 7
_OWN_STEPS = ("train/global_step", "trainer/global_step", "global_step")
MOST_RECORD = 1 << 24


def recognises(name: str, start: bytes) -> bool:
    return start.startswith(_MAGIC)


def read(stream: Stream, log: Log) -> None:
    number = 0
    for number, record in enumerate(_records(stream, log), start=1):
        try:
            _record(record, log)
        except wire.MalformedError:
            log.note(f"record {number} is no record of W&B; it is passed over")
    if number == 0:
        log.note("the file holds no record: its run goes on, or was killed before it wrote one")


def _records(stream: Stream, log: Log) -> Iterator[bytes]:
    """The records of a LevelDB log, put together from their pieces."""
    if len(stream.read(_FILE_HEADER)) < _FILE_HEADER:
        log.note("the file is cut within its header")
        return
    at, whole, parts, kept = _FILE_HEADER, 0, b"", True
    while True:
        left = _BLOCK - at % _BLOCK
        if left < _CHUNK_HEADER:
            at += len(stream.read(left))
            continue
        header = stream.read(_CHUNK_HEADER)
        at += len(header)
        # Zeros are what a file that was made larger in advance ends with.
        if not header.strip(b"\0"):
            if parts:
                log.note(f"the file is cut after record {whole}; it is read up to there")
            return
        size, kind = int.from_bytes(header[4:6], "little"), header[6] if len(header) == _CHUNK_HEADER else 0
        data = stream.read(size)
        at += len(data)
        sound = len(data) == size and int.from_bytes(header[:4], "little") == zlib.crc32(bytes([kind]) + data)
        if not sound or not _FULL <= kind <= _LAST:
            log.note(f"the file is cut or damaged after record {whole}; it is read up to there")
            return
        if kind in (_FULL, _FIRST):
            parts, kept = b"", True
        kept = kept and len(parts) + size <= MOST_RECORD
        parts = parts + data if kept else b""
        if kind in (_FULL, _LAST):
            whole += 1
            if kept:
                yield parts
            parts = b""


def _record(record: bytes, log: Log) -> None:
    for number, value in wire.fields(record):
        if number == _HISTORY and isinstance(value, bytes):
            _history(value, log)
        elif number == _ENVIRONMENT and isinstance(value, bytes):
            _environment(value, log)


def _history(data: bytes, log: Log) -> None:
    """One call of ``wandb.log``: its step, and a number for each name."""
    step: float | None = None
    found: dict[str, float] = {}
    for number, value in wire.fields(data):
        if number == _STEP and isinstance(value, bytes):
            step = next((float(wire.signed(one)) for n, one in wire.fields(value) if n == _NUMBER), 0.0)
        elif number == _ITEM and isinstance(value, bytes):
            names = [wire.text(part) for n, part in wire.fields(value) if n in (_KEY, _NESTED)]
            name = "/".join(name for name in names if name)
            written = next(wire.messages(value, _JSON), b"")
            number_ = _as_number(written)
            if number_ is not None:
                found[name] = number_
    # The step of the training, when it is logged, tells more than how often `wandb.log` was called.
    own = next((found[name] for name in _OWN_STEPS if name in found), None)
    epoch = found.get("train/epoch", found.get("epoch"))
    for name, one in found.items():
        log.add(name, one, own if own is not None else step, epoch, counted=own is not None)


def _as_number(written: bytes) -> float | None:
    """A number in JSON, or NaN and infinities as W&B writes them; None for anything else."""
    if len(written) > 64:
        return None
    try:
        value = json.loads(written)
        if value in ("NaN", "Infinity", "-Infinity"):
            value = float(value)
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    except (ValueError, OverflowError, RecursionError):
        return None


def _environment(data: bytes, log: Log) -> None:
    """The command line of the program."""
    program, arguments = "", []
    for number, value in wire.fields(data):
        if number == _ARGUMENT:
            arguments.append(wire.text(value))
        elif number == _CODE_PATH or (number == _PROGRAM and not program):
            program = wire.text(value)
    if program.endswith(".py") and not log.program:
        log.program = Secrets().arguments([program, *arguments])
