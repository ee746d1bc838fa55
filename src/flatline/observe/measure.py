"""Summaries of tensors. Nothing here draws random numbers, keeps a graph or changes its argument."""

from __future__ import annotations

import math
from typing import Any

import torch

from flatline.observe.events import TensorFacts

MOST_ELEMENTS = 1 << 21
MOST_VALUES = 64
# float32 holds up to 3.4e38: sums of two million squares of numbers up to this stay far below.
LARGE = 1e15
VIEWS = frozenset(
    [
        "ViewBackward0",
        "UnsafeViewBackward0",
        "ReshapeAliasBackward0",
        "SqueezeBackward0",
        "SqueezeBackward1",
        "SqueezeBackward2",
        "UnsqueezeBackward0",
        "TransposeBackward0",
        "PermuteBackward0",
        "TBackward0",
        "SliceBackward0",
        "SelectBackward0",
        "CloneBackward0",
        "ToCopyBackward0",
        "AliasBackward0",
        "ExpandBackward0",
        "IndexBackward0",
        "AsStridedBackward0",
        "SplitBackward0",
        "UnbindBackward0",
        "ContiguousBackward0",
        "FlattenBackward0",
        "ViewAsBackward0",
        "UnflattenBackward0",
    ]
)


def ordinary() -> bool:
    """Whether values can be read now: not while torch compiles, traces, or transforms a function."""
    return not (
        torch.compiler.is_compiling()
        or torch._C._get_tracing_state() is not None
        or torch._C._functorch.peek_interpreter_stack() is not None
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
        and tensor.device.type != "meta"
        and not tensor.is_quantized
        and (tensor.untyped_storage().nbytes() > 0 or tensor.numel() == 0)
    )


def scalar(tensor: torch.Tensor) -> float:
    """The value of a tensor with one element."""
    # Not tensor.item(): the program may have replaced that method by one that counts its calls.
    return float(torch._C.TensorBase.item(tensor))


def origin(tensor: torch.Tensor) -> str:
    """What produced the tensor: the name of the nearest autograd node that is not a view, without ``Backward0``.

    >>> z = torch.zeros(4, 3, requires_grad=True)
    >>> origin(z.softmax(1).view(-1))
    'Softmax'
    """
    node = tensor.grad_fn
    for _ in range(16):
        if node is None:
            return ""
        name = node.name()
        if name not in VIEWS:
            return name.removesuffix("0").removesuffix("Backward")
        node = node.next_functions[0][0] if node.next_functions else None
    return ""


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
    if not readable(tensor) or tensor.numel() == 0 or tensor.is_complex():
        return result
    with torch.no_grad():
        values = tensor.detach()
        if values.is_floating_point():
            _floating(values, result)
        else:
            flat = _thinned(values.reshape(-1))
            result.minimum, result.maximum = float(flat.min()), float(flat.max())
            result.mean = float(flat.double().mean())
            result.zeros = int((flat == 0).sum())
        if with_counts:
            result.counts = counts(values)
    return result


def _floating(values: torch.Tensor, result: TensorFacts) -> None:
    finite = torch.isfinite(values)
    result.non_finite = values.numel() - int(finite.sum())
    if result.non_finite:
        where = (~finite).reshape(-1).to(torch.uint8).argmax().item()
        result.first_non_finite = [int(i) for i in _unravel(int(where), values.shape)]
    flat = values.reshape(-1)
    flat = _thinned(flat[finite.reshape(-1)] if result.non_finite else flat)
    if flat.numel() == 0:
        return
    flat = flat.float() if flat.dtype in (torch.float16, torch.bfloat16) else flat
    least, most = torch.aminmax(flat)
    result.minimum, result.maximum = float(least), float(most)
    precision = torch.float64 if max(-result.minimum, result.maximum) > LARGE else torch.float32
    flat = flat.double() if precision is torch.float64 else flat
    result.mean = float(flat.mean())
    result.deviation = float(flat.std(unbiased=False))
    result.zeros = int((flat == 0).sum())
    if values.dim() >= 2 and values.numel() <= MOST_ELEMENTS and not result.non_finite:
        wide = values.to(precision)
        along_class = torch.aminmax(wide.sum(1))
        along_batch = torch.aminmax(wide.sum(0))
        along_last = torch.aminmax(wide.sum(-1))
        result.rows = [float(v) for pair in (along_class, along_batch, along_last) for v in pair]
    if values.dim() >= 1 and values.shape[0] > 1 and values.numel() <= MOST_ELEMENTS and not result.non_finite:
        result.spread = float(values.reshape(values.shape[0], -1).to(precision).std(0, unbiased=False).mean())


def _thinned(flat: torch.Tensor) -> torch.Tensor:
    stride = math.ceil(flat.numel() / MOST_ELEMENTS)
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
        flat = _thinned(flat)
    if flat.numel() > 4096 and _values(flat[:4096]) > MOST_VALUES:
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
