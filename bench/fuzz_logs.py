"""What `fuzz.py` gives to the readers of logs that other tools wrote: whole files, and messages in a sound frame.

TensorBoard and W&B guard each record with a checksum, which stops nearly every damaged file before its messages are read:
so these are damaged before they are framed, too.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from flatline.logs.diagnosis import diagnose_log
from flatline.logs.find import NoLogError, read_log
from flatline.logs.formats.tensorboard import masked_crc

REFUSES = (NoLogError,)
CSV = b"epoch,step,train_loss,lr\n0,10,0.69,1e-3\n1,20,nan,\n2,30,0.1,1e-4\n"
STATE = (
    b'{"epoch":1.0,"global_step":3,"log_history":[{"epoch":0.3,"grad_norm":1.5,"learning_rate":5e-05,"loss":0.7,"step":1},'
    b'{"epoch":0.6,"grad_norm":NaN,"loss":0.0,"step":2},{"epoch":1.0,"eval_loss":"inf","step":3}],"max_steps":3}'
)
PRINTED = [
    b"Epoch 1/3 | loss: 0.69 | lr 1e-3\r\nEpoch 2/3 | loss: nan | lr 1e-3\r\n",
    b"{'loss': 0.0, 'grad_norm': nan, 'epoch': 1.0}\nstep 3: train loss 1.9641, val loss nan\n",
    b"12/12 [=====] - 0s 2ms/step - loss: 0.0000e+00 - val_loss: 1.2\n",
]


@dataclass
class LogTarget:
    """A reader of one format, with whole inputs of it; ``share`` as in ``fuzz.Target``."""

    name: str
    read: Callable[[bytes], object]
    seeds: list[bytes]
    share: float


def targets() -> list[LogTarget]:
    """Every format, and the diagnosis of what was read."""
    events = [b"\x1a\x0dbrain.Event:2", *(_event(step) for step in range(4)), _tensor_event()]
    history = [_history(step) for step in range(4)] + [_environment()]
    return [
        LogTarget("log, TensorBoard", _file("events.out.tfevents.1.host"), [framed(events)], 0.03),
        LogTarget("log, TensorBoard's messages", lambda data: _read("tfevents", framed([data])), events, 0.05),
        LogTarget("log, Hugging Face", _file("trainer_state.json"), [STATE], 0.06),
        LogTarget("log, CSV", _file("metrics.csv"), [CSV], 0.05),
        LogTarget("log, W&B", _file("run-1.wandb"), [chunked(history)], 0.03),
        LogTarget("log, W&B's messages", lambda data: _read("run-1.wandb", chunked([data])), history, 0.05),
        LogTarget("log, printed text", _file("train.log"), PRINTED, 0.05),
        LogTarget("log, its diagnosis", lambda data: diagnose_log(_read("metrics.csv", data)), [CSV], 0.005),
    ]


def _read(name: str, data: bytes) -> object:
    return read_log(io.BytesIO(data), name)


def _file(name: str) -> Callable[[bytes], object]:
    return lambda data: _read(name, data)


def framed(records: list[bytes]) -> bytes:
    """Records as TensorFlow's record files hold them: length and data, each with its checksum."""
    parts: list[bytes] = []
    for data in records:
        size = struct.pack("<Q", len(data))
        parts += [size, struct.pack("<I", masked_crc(size)), data, struct.pack("<I", masked_crc(data))]
    return b"".join(parts)


def chunked(records: list[bytes]) -> bytes:
    """Records as a LevelDB log with W&B's header holds them; each fits in one block here."""
    parts = [b":W&B\xe1\xbe\x00"]
    for data in records:
        data = data[:60_000]
        parts.append(struct.pack("<IHB", zlib.crc32(b"\x01" + data), len(data), 1) + data)
    return b"".join(parts)


def _field(number: int, data: bytes) -> bytes:
    """A field of protocol buffers that holds bytes: at most 127 of them, with a number up to 15 (two bytes above)."""
    key = number << 3 | 2
    return (bytes([key]) if key < 128 else bytes([key & 127 | 128, key >> 7])) + bytes([len(data)]) + data


def _event(step: int) -> bytes:
    scalar = _field(1, b"loss") + b"\x15" + struct.pack("<f", 1 / (step + 1))
    return b"\x10" + bytes([step]) + _field(5, _field(1, scalar))


def _tensor_event() -> bytes:
    tensor = b"\x08\x01" + _field(4, struct.pack("<f", 0.5))
    return b"\x10\x07" + _field(5, _field(1, _field(1, b"epoch_loss") + _field(8, tensor)))


def _history(step: int) -> bytes:
    items = [(b"loss", b"%f" % (1 / (step + 1))), (b"train/global_step", b"%d" % step), (b"lr", b'"NaN"')]
    told = b"".join(_field(1, _field(1, name) + _field(16, value)) for name, value in items)
    return _field(2, told + _field(2, b"\x08" + bytes([step])))


def _environment() -> bytes:
    return _field(26, _field(6, b"train.py") + _field(5, b"--lr") + _field(5, b"0.1"))
