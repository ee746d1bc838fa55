"""What all records have in common, and the summary of a tensor that many hold."""

from __future__ import annotations

import msgspec

NAN = float("nan")


class Record(msgspec.Struct, array_like=True, tag=True):
    """Base of all records; encoded as ``[type, field, field, …]``."""


class TensorFacts(msgspec.Struct, array_like=True):
    """A summary of one tensor. Numbers are over its finite elements; nothing here is sample data.

    ``rows``: for floating tensors of two or more dimensions, the least and greatest sum along the class dimension
    (dim 1) and along the batch dimension (dim 0). ``spread``: mean over features of the standard deviation across
    the batch (0 when every sample is the same). ``counts``: for integer and boolean tensors and for floating ones
    with few values, how often each value occurs (at most 64 values; empty when there are more).
    """

    shape: list[int]
    dtype: str
    device: str = "cpu"
    requires_grad: bool = False
    minimum: float = NAN
    maximum: float = NAN
    mean: float = NAN
    deviation: float = NAN
    non_finite: int = 0
    zeros: int = 0
    rows: list[float] = []
    spread: float = NAN
    counts: dict[str, int] = {}
    origin: str = ""
    first_non_finite: list[int] = []

    @property
    def elements(self) -> int:
        total = 1
        for size in self.shape:
            total *= size
        return total
