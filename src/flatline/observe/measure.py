"""Summaries of tensors. Nothing here draws random numbers, keeps a graph or changes its argument."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from typing import Any

import torch

from flatline.observe.events import TensorFacts
from flatline.observe.origin import origin
from flatline.observe.series import Arriving

MOST_ELEMENTS = 1 << 21
MOST_VALUES = 64
# float32 holds up to 3.4e38: sums of two million squares of numbers up to this stay far below.
LARGE = 1e15

# Only builds for CUDA have it. A value that is read while a graph is recorded spoils the graph.
_capturing = getattr(torch._C, "_cuda_isCurrentStreamCapturing", None)
tracing, transforming = torch._C._get_tracing_state, torch._C._functorch.peek_interpreter_stack


def ordinary() -> bool:
    """Whether values can be read now: not while torch compiles, traces, or transforms a function, or CUDA records a graph."""
    return not torch.compiler.is_compiling() and eager()


def eager() -> bool:
    """The same, for a caller that has asked ``torch.compiler.is_compiling()``: hooks of every step have."""
    return (
        tracing() is None
        and transforming() is None
        and not (_capturing is not None and torch.cuda.is_initialized() and _capturing())  # type: ignore[no-untyped-call]
    )


def readable(tensor: Any) -> bool:
    """Whether ``tensor`` is a plain dense tensor with storage here (no meta, fake, sharded or sparse tensor).

    FSDP frees the storage of gathered weights and keeps the tensors: to read such a one ends the process.

    >>> freed = torch.ones(3)
    >>> _ = freed.untyped_storage().resize_(0)
    >>> readable(torch.ones(3)), readable(freed)
    (True, False)
    """
    return (
        type(tensor) in (torch.Tensor, torch.nn.Parameter)
        and tensor.layout is torch.strided
        and not tensor.is_meta
        and not tensor.is_quantized
        and (tensor.untyped_storage().nbytes() > 0 or tensor.numel() == 0)
    )


def scalar(tensor: torch.Tensor) -> float:
    """The value of a tensor with one element."""
    # Not tensor.item(): the program may have replaced that method by one that counts its calls.
    return float(torch._C.TensorBase.item(tensor))


class Transfer:
    """The value of a tensor with one element on a CUDA device, as a copy that the device makes when it comes to it.

    ``non_blocking`` into pinned memory is the one copy for which the host does not wait:
    https://docs.pytorch.org/docs/stable/notes/cuda.html#use-pinned-memory-buffers.
    """

    def __init__(self, tensor: torch.Tensor) -> None:
        with torch.no_grad():
            self._copy = torch.empty((), dtype=tensor.dtype, pin_memory=True)
            self._copy.copy_(tensor.detach().reshape(()), non_blocking=True)
        self._done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self._done.record(torch.cuda.current_stream(tensor.device))

    @property
    def here(self) -> bool:
        return bool(self._done.query())  # type: ignore[no-untyped-call]

    def value(self) -> float:
        self._done.synchronize()
        return scalar(self._copy)


def arriving(tensor: torch.Tensor) -> float | Arriving:
    """The value of a tensor with one element; from a CUDA device one that arrives later.

    >>> arriving(torch.tensor(1.5))
    1.5
    """
    if tensor.is_cuda and tensor.is_floating_point():
        try:
            return Transfer(tensor)
        except RuntimeError:
            # No memory can be pinned here.
            pass
    return scalar(tensor)


def read(values: Sequence[torch.Tensor]) -> list[float]:
    """The values of tensors with one element each; from another device in one transfer.

    >>> read([torch.tensor(1.5), torch.tensor(3)])
    [1.5, 3.0]
    """
    if not values or values[0].is_cpu:
        return [scalar(value) for value in values]
    wide = torch.float32 if values[0].is_mps else torch.float64
    together: list[float] = torch.stack([value.to(wide) for value in values]).tolist()
    return together


def facts(tensor: torch.Tensor, with_counts: bool = True) -> TensorFacts:
    """Summarises a tensor of any shape, dtype and device.

    Above two million elements the statistics are over an evenly spaced part of them; non-finite elements are
    always looked for everywhere.
    """
    result = TensorFacts(
        shape=list(tensor.shape),
        dtype=str(tensor.dtype).removeprefix("torch."),
        device=tensor.device.type,
        requires_grad=tensor.requires_grad,
        origin=origin(tensor) if tensor.requires_grad else "",
    )
    if not _has_numbers(tensor):
        return result
    with torch.no_grad():
        values = tensor.detach()
        if values.is_floating_point():
            _floating(values, result)
        else:
            flat = thinned(values.reshape(-1))
            least, most = torch.aminmax(flat)
            numbers = [least, most, torch.mean(flat, dtype=torch.float64), filled(flat)]
            result.minimum, result.maximum, result.mean, nonzero = read(numbers)
            result.zeros = flat.numel() - int(nonzero)
    return counted(result, tensor) if with_counts else result


def counted(facts: TensorFacts, tensor: torch.Tensor) -> TensorFacts:
    """The summary of a tensor with the counts of its values."""
    if not _has_numbers(tensor):
        return facts
    with torch.no_grad():
        result = copy(facts)
        result.counts = counts(tensor.detach())
    return result


def _has_numbers(tensor: torch.Tensor) -> bool:
    return readable(tensor) and tensor.numel() > 0 and not tensor.is_complex()


def filled(values: torch.Tensor) -> torch.Tensor:
    """How many elements are not 0, NaN being none, as a tensor with one element.

    >>> filled(torch.tensor([0.0, -0.0, 1.0, math.nan]))
    tensor(2)
    """
    # Through truth values: to count numbers takes a branch for each on a CPU, five times as long where zeros come at random.
    return torch.count_nonzero(values != 0)


def spread(rows: torch.Tensor) -> torch.Tensor:
    """The mean over the units of the deviation across the batch, for a tensor of shape (batch, units)."""
    # Means of squares, not torch.std: over the first dimension that takes ten times as long on a CPU, and more. From the
    # first row: of rows that are equal, nothing is left.
    apart = rows - rows[:1]
    apart -= torch.mean(apart, 0)
    return torch.mean(torch.sqrt(torch.mean(torch.square(apart), 0)))


def _floating(values: torch.Tensor, result: TensorFacts) -> None:
    # In one piece: logits are often a view with other strides, and each reduction of those costs more than a copy.
    values = values.contiguous() if values.numel() <= MOST_ELEMENTS else values
    lowest, highest = read(torch.aminmax(values))
    # A NaN anywhere is both the least and the greatest; an infinity is one of them.
    if lowest - lowest != 0 or highest - highest != 0:
        values = _finite(values, result)
        if values.numel() == 0:
            return
        lowest, highest = read(torch.aminmax(values))
    whole = not result.non_finite and values.numel() <= MOST_ELEMENTS
    wide = values if whole else thinned(values.reshape(-1))
    wide = wide.float() if wide.dtype in (torch.float16, torch.bfloat16) else wide
    result.minimum, result.maximum = lowest, highest
    if max(-lowest, highest) > LARGE:
        wide = wide.double()
    flat = wide.reshape(-1)
    mean = torch.mean(flat)
    numbers = [mean, torch.linalg.vector_norm(flat - mean), filled(flat)]
    if whole and values.dim() >= 2:
        # Along the classes, over the batch, along the last dimension.
        along = [torch.aminmax(torch.sum(wide, d)) for d in ((1, 0) if values.dim() == 2 else (1, 0, -1))]
        along += along[:1] if values.dim() == 2 else []
        numbers += [end for pair in along for end in pair]
    batched = whole and values.dim() >= 1 and values.shape[0] > 1
    if batched:
        numbers.append(spread(wide.reshape(values.shape[0], -1)))
    found = read(numbers)
    if batched:
        result.spread = found.pop()
    result.mean = found[0]
    result.deviation = found[1] / math.sqrt(flat.numel()) if lowest < highest else 0.0
    result.zeros = flat.numel() - int(found[2])
    result.rows = found[3:]


def _finite(values: torch.Tensor, result: TensorFacts) -> torch.Tensor:
    """The finite elements alone, once it is noted how many there are not, and where the first of them is."""
    finite = torch.isfinite(values)
    result.non_finite = values.numel() - int(finite.sum())
    where = (~finite).reshape(-1).to(torch.uint8).argmax().item()
    result.first_non_finite = [int(i) for i in _unravel(int(where), values.shape)]
    return values[finite]


def thinned(flat: torch.Tensor, most: int = MOST_ELEMENTS) -> torch.Tensor:
    """Evenly spaced elements of a tensor of one dimension, ``most`` of them at most."""
    stride = -(-flat.numel() // most)
    return flat[::stride] if stride > 1 else flat


def _unravel(index: int, shape: torch.Size) -> list[int]:
    out: list[int] = []
    for size in reversed(shape):
        out.append(index % size)
        index //= size
    return out[::-1]


def _values(flat: torch.Tensor) -> int:
    """How many different values there are, NaN being one of them."""
    unique = torch.unique(flat)
    return int(unique.numel()) - max(0, int(unique.isnan().sum()) - 1)


def counts(values: torch.Tensor) -> dict[str, int]:
    """How often each value occurs, for tensors with at most 64 different values; else empty.

    >>> counts(torch.tensor([0, 1, 1]))
    {'0': 1, '1': 2}
    >>> counts(torch.tensor([math.nan, 0.5, math.nan]))
    {'0.5': 1, 'nan': 2}
    >>> len(counts(torch.tensor([1.0, 1.0 + 2**-23])))
    2
    """
    flat = values.reshape(-1)
    if flat.numel() > MOST_ELEMENTS:
        flat = thinned(flat)
    # Most tensors with many values show it at once.
    for part in (512, 4096):
        if flat.numel() > part and _values(flat[:part]) > MOST_VALUES:
            return {}
    unique, number = torch.unique(flat, return_counts=True)
    if _values(unique) > MOST_VALUES:
        return {}
    result: dict[str, int] = {}
    for value, n in zip(unique.tolist(), number.tolist()):
        # NaN is not equal to itself, so it comes once for each; values that are equal in 7 digits are told apart.
        key = f"{value:.7g}"
        if key in result and value == value:
            key = f"{value:.17g}"
        result[key] = result.get(key, 0) + int(n)
    return result
