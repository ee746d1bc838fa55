"""What the program's loaders gave, and rows that were kept of it."""

from __future__ import annotations

from flatline.observe.events.base import Record


class LoaderSeen(Record):
    number: int
    place: int | None
    length: int
    batch_size: int
    drop_last: bool
    shuffle: bool
    samples: int
    iterable: bool = False
    workers: int = 0
    # The class that orders the samples; of a DistributedSampler, over how many processes it divides them (else 0), and
    # whether it shuffles.
    sampler: str = ""
    divided: int = 0
    reshuffles: bool = False


class RowKeys(Record):
    """The rows of one batch of a loader's first pass: 8 bytes a row, equal for equal rows of the first tensor [N, …]."""

    step: int
    loader: int
    data: bytes


class EpochStarted(Record):
    """``seed_epoch``: the epoch by which a DistributedSampler orders this pass, as set by ``set_epoch``; else -1."""

    tick: int
    step: int
    loader: int
    place: int | None
    seed_epoch: int = -1


class EpochEnded(Record):
    tick: int
    step: int
    loader: int
    batches: int
    samples: int
    exhausted: bool


class Sample(Record):
    """Rows of a tensor kept for statistics: ``role`` is input, output or target; ``data`` float32 or int64 bytes."""

    tick: int
    step: int
    role: str
    name: str
    dtype: str
    shape: list[int]
    data: bytes
    gradient: bool = True


class Remembered(Record):
    """How much better than a guess a model knows random labels of ``sources`` of evaluated rows: ``nats`` in all, so far in
    this pass; negative for worse."""

    tick: int
    step: int
    sources: int
    nats: float
