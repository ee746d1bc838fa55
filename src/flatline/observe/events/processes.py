"""What processes that train together exchanged, and the weights that they should share."""

from __future__ import annotations

from flatline.observe.events.base import Record


class Exchanged(Record):
    """A sum over processes: whether it was finite before, in this process, and after. The first one, and bad ones."""

    tick: int
    step: int
    place: int | None
    operation: str
    dtype: str
    elements: int
    finite_before: bool
    finite_after: bool
    world: int


class Collective(Record):
    """A call of ``torch.distributed`` that moves tensors between processes: of each operation the first, every one with
    more than twice as many ``elements`` as before (both anew after the first step), and, after the first step, the first
    on a weight itself (``weights``)."""

    tick: int
    step: int
    place: int | None
    operation: str
    elements: int
    weights: bool
    world: int


class WeightSample(Record):
    """Weights before a step, in a process group: of each of ``parameters`` the first ``counts`` of up to four evenly
    spaced elements, one after the other; ``data`` is float32 bytes."""

    tick: int
    step: int
    optimizer: int
    parameters: list[int]
    counts: list[int]
    data: bytes
