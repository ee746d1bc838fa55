"""Keeps a bounded number of rows of inputs, outputs and targets, for the statistics made after the run."""

from __future__ import annotations

import ctypes

import torch

from flatline.observe import measure
from flatline.observe.events import Sample
from flatline.observe.registry import Registry
from flatline.observe.session import Session

MOST_ROWS_A_STEP = 1024
MOST_BYTES = 24 << 20
# A criterion's input matters most at the start; that of a language model is a megabyte each time.
MOST_OUTPUT_BYTES = 4 << 20
MOST_ROW_BYTES = 64 << 10


class Samples:
    """Rows are kept in order, so that row i of an input belongs to row i of the target of the same step."""

    def __init__(self, session: Session, registry: Registry) -> None:
        self._session = session
        self._registry = registry
        self._bytes = 0
        self._evaluation_bytes = 0
        self._output_bytes = 0

    def targets(self, tick: int, output: torch.Tensor | None, target: torch.Tensor | None, training: bool) -> None:
        """Called with what a criterion was given; the inputs are those of the top-level modules of this step."""
        for role, tensor in (("output", output), ("target", target)):
            if tensor is not None:
                self.keep(tick, role, role, tensor, training)

    def keep(self, tick: int, role: str, name: str, tensor: torch.Tensor, training: bool = True) -> None:
        if not measure.readable(tensor) or tensor.dim() == 0 or tensor.numel() == 0 or tensor.is_complex():
            return
        rows = min(tensor.shape[0], MOST_ROWS_A_STEP)
        kind = torch.float32 if tensor.is_floating_point() else torch.int64
        size = tensor.numel() // tensor.shape[0] * rows * (4 if kind is torch.float32 else 8)
        if size > rows * MOST_ROW_BYTES:
            return
        if role == "output":
            if self._output_bytes + size > MOST_OUTPUT_BYTES:
                return
            self._output_bytes += size
        spent = self._bytes if training else self._evaluation_bytes
        if spent + size > (MOST_BYTES if training else MOST_BYTES // 4):
            return
        if training:
            self._bytes += size
        else:
            self._evaluation_bytes += size
        kept = tensor.detach()[:rows].cpu().to(kind).contiguous()
        data = ctypes.string_at(kept.data_ptr(), size)
        self._session.emit(
            Sample(
                tick,
                self._session.step,
                role,
                name,
                str(kept.dtype).removeprefix("torch."),
                list(kept.shape),
                data,
                training,
            )
        )
