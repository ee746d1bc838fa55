"""Infinities in 16-bit tensors that no gradient passes through: data prepared in half precision.

What has a gradient is found in the autograd graph. Of other 16-bit tensors, those on which the program calls a method
are looked at, on sampled steps.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from flatline.observe import measure
from flatline.observe.events import HalfOverflow
from flatline.observe.patching import Looked, Patches
from flatline.observe.session import Session

_METHODS = (
    "sqrt",
    "sum",
    "mean",
    "float",
    "to",
    "norm",
    "max",
    "amax",
    "std",
    "clamp_min",
    "clamp",
    "log",
    "rsqrt",
    "reciprocal",
    "softmax",
)
_HALF = (torch.float16, torch.bfloat16)
MOST_LOOKS = 400
MOST_A_PLACE = 3


class PrecisionProbe:
    """Replaces methods of Tensor while a step is sampled, and looks at the 16-bit tensors they are called on."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._patches = Patches()
        self._looks = 0
        self._found: dict[int | None, int] = {}
        self._look = session.guarded("precision", self._observe)

    def start(self) -> None:
        if len(self._patches) or self._session.compiled or self._looks >= MOST_LOOKS:
            return
        for name in _METHODS:
            self._patches.replace(torch.Tensor, name, partial(self._looked, name))

    def stop(self) -> None:
        self._patches.remove()

    def _looked(self, name: str, original: Any) -> Looked:
        look = self._look

        def tell(tensor: Any, frame: Any) -> None:
            if tensor.dtype in _HALF and not torch.compiler.is_compiling():
                look(name, tensor, frame)

        return Looked(original, self._session.spared("precision", tell, None))

    def _observe(self, name: str, tensor: Any, frame: Any) -> None:
        if self._looks >= MOST_LOOKS or tensor.grad_fn is not None or not measure.readable(tensor):
            return
        self._looks += 1
        if not tensor.numel() or float(tensor.max()) != float("inf"):
            return
        place = self._session.locator.here(frame)
        seen = self._found[place] = self._found.get(place, 0) + 1
        if seen > MOST_A_PLACE:
            return
        with torch.no_grad():
            infinite = int((tensor == float("inf")).sum())
        self._session.emit(
            HalfOverflow(
                self._session.now(),
                self._session.step,
                place,
                name,
                str(tensor.dtype).removeprefix("torch."),
                list(tensor.shape),
                infinite,
            )
        )
