"""TensorBoard event files: framed records, each a protocol buffer with summaries.

Sources: the framing, tensorflow/core/lib/io/record_writer.h (length, masked CRC of it, data, masked CRC of the data);
the messages, tensorboard/compat/proto/{event,summary,tensor}.proto.
"""

from __future__ import annotations

import struct

from flatline.logs import wire
from flatline.logs.base import Log, Stream

TITLE = "TensorBoard"
_EVENT_STEP, _EVENT_VERSION, _EVENT_SUMMARY, _SUMMARY_VALUE = 2, 3, 5, 1
_TAG, _SIMPLE, _TENSOR = 1, 2, 8
_TENSOR_TYPE, _TENSOR_CONTENT, _TENSOR_FLOATS, _TENSOR_DOUBLES = 1, 4, 5, 6
_DT_FLOAT, _DT_DOUBLE = 1, 2
# Pictures and graphs are records too; a record of scalars is far smaller, and no other one is kept in memory.
MOST_RECORD = 1 << 20
_HEADER = 12


def recognises(name: str, start: bytes) -> bool:
    return "tfevents" in name or (len(start) > 24 and _intact(start[:8], start[8:12]) and b"brain.Event:" in start[:64])


def read(stream: Stream, log: Log) -> None:
    number = 0
    while header := stream.read(_HEADER):
        if len(header) < _HEADER or not _intact(header[:8], header[8:]):
            break
        size = struct.unpack("<Q", header[:8])[0]
        if size > MOST_RECORD:
            if not _skip(stream, size + 4):
                break
            number += 1
            continue
        data = stream.read(size + 4)
        if len(data) < size + 4 or not _intact(data[:size], data[size:]):
            break
        try:
            _event(data[:size], log)
        except wire.MalformedError:
            log.note(f"record {number + 1} is no event; it is passed over")
        number += 1
    else:
        return
    log.note(f"the file is cut or damaged after record {number}; it is read up to there")


def _skip(stream: Stream, size: int) -> bool:
    """Reads over that many bytes, a piece at a time: the size itself cannot be trusted."""
    while size > 0:
        piece = len(stream.read(min(size, MOST_RECORD)))
        if not piece:
            return False
        size -= piece
    return True


def _event(data: bytes, log: Log) -> None:
    step = 0
    for number, value in wire.fields(data):
        if number == _EVENT_STEP:
            step = wire.signed(value)
        elif number == _EVENT_SUMMARY and isinstance(value, bytes):
            for item in wire.messages(value, _SUMMARY_VALUE):
                _scalar(item, step, log)


def _scalar(item: bytes, step: int, log: Log) -> None:
    tag, value = "", None
    for number, field in wire.fields(item):
        if number == _TAG:
            tag = wire.text(field)
        elif number == _SIMPLE:
            value = wire.float32(field)
        elif number == _TENSOR and isinstance(field, bytes):
            value = _tensor(field)
    if tag and value is not None:
        log.add(tag, value, step)


def _tensor(data: bytes) -> float | None:
    """The one number in a tensor, as TensorFlow and Keras write a scalar; None for other tensors."""
    kind, content = 0, b""
    for number, value in wire.fields(data):
        if number == _TENSOR_TYPE and isinstance(value, int):
            kind = value
        elif number in (_TENSOR_CONTENT, _TENSOR_FLOATS, _TENSOR_DOUBLES) and isinstance(value, bytes):
            content = value
    form = {_DT_FLOAT: "<f", _DT_DOUBLE: "<d"}.get(kind)
    if form is None or len(content) != struct.calcsize(form):
        return None
    found: float = struct.unpack(form, content)[0]
    return found


def _table() -> list[int]:
    """CRC-32C, the Castagnoli polynomial reflected (RFC 3720, appendix B.4); Python has none."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ 0x82F63B78 if byte & 1 else byte >> 1
        table.append(byte)
    return table


_TABLE = _table()


def masked_crc(data: bytes) -> int:
    """The checksum as the framing stores it; the CRC of these nine digits is 0xe3069283 (RFC 3720).

    >>> hex(masked_crc(b"123456789"))
    '0xc78ab0e5'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _intact(data: bytes, checksum: bytes) -> bool:
    return len(checksum) == 4 and struct.unpack("<I", checksum)[0] == masked_crc(data)
