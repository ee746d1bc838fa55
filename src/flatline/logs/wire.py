"""Protocol buffers without their schema: the fields of a message, by number. Enough to read two formats of logs."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Union

Value = Union[int, bytes]
_FIXED = {1: 8, 5: 4}


class MalformedError(ValueError):
    """The bytes are no message."""


def fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """The fields of a message in order: whole numbers as int, everything else as bytes.

    >>> list(fields(bytes([0x08, 0x96, 0x01, 0x12, 0x02, 0x68, 0x69])))
    [(1, 150), (2, b'hi')]

    Raises:
        MalformedError: a field goes beyond the end, or is of no kind that there is.
    """
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
            yield key >> 3, value
            continue
        if kind == 2:
            size, at = varint(data, at)
        elif kind in _FIXED:
            size = _FIXED[kind]
        else:
            raise MalformedError(f"field of kind {kind}")
        if size > len(data) - at:
            raise MalformedError("a field goes beyond the end")
        yield key >> 3, data[at : at + size]
        at += size


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A whole number of variable length at an offset, and the offset after it."""
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            return value & (2**64 - 1), at
    raise MalformedError("a number does not end")


def messages(data: bytes, number: int) -> Iterator[bytes]:
    """The fields of one number that are messages or text."""
    for found, value in fields(data):
        if found == number and isinstance(value, bytes):
            yield value


def signed(value: Value) -> int:
    """A whole number as int64, as protocol buffers write it."""
    if not isinstance(value, int):
        raise MalformedError("not a whole number")
    return value - 2**64 if value >= 2**63 else value


def float32(value: Value) -> float:
    if not isinstance(value, bytes) or len(value) != 4:
        raise MalformedError("not a float")
    found: float = struct.unpack("<f", value)[0]
    return found


def text(value: Value) -> str:
    if not isinstance(value, bytes):
        raise MalformedError("not text")
    return value.decode("utf-8", "replace")
