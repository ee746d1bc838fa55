"""Labels that nothing but memory can tell."""

from __future__ import annotations

import zlib
from typing import Any

import torch

from flatline.interventions.base import Intervention
from flatline.interventions.points import Points

_CLASSIFIES = ("cross_entropy", "nll_loss")
_BINARY = ("binary_cross_entropy", "binary_cross_entropy_with_logits")


class Memory(Intervention):
    """Gives each row of inputs a label drawn from its own bytes, the same whenever that row comes.

    Such labels cannot be predicted for a row that was not trained on. Where the prediction has no gradient, the loss is taken over the rows
    that were trained on before, if there are any.

    Patch points: calls of top-level modules, where the rows are seen; the functional losses for classes. Left as it is:
    the inputs; losses whose targets are not one for each row; the random numbers.
    """

    name = "memory"

    def __init__(self) -> None:
        self._rows: list[int] = []
        self._trained: set[int] = set()

    def before_probes(self, points: Points) -> None:
        self._points = points
        points.on_call.append((self.name, self._called))

    def after_probes(self, points: Points) -> None:
        points.on_criterion.append((self.name, self._criterion))

    def _called(self, module: torch.nn.Module, args: list[Any], kwargs: dict[str, Any]) -> None:
        for value in args:
            if isinstance(value, torch.Tensor) and value.dim() > 1 and not value.requires_grad:
                self._rows = [zlib.crc32(row.contiguous().numpy().tobytes()) for row in value.detach().cpu()]
                return

    def _criterion(self, name: str, arguments: dict[str, Any]) -> None:
        target, given = arguments.get("target"), arguments.get("input")
        if not isinstance(target, torch.Tensor) or not isinstance(given, torch.Tensor):
            return
        if name not in (*_CLASSIFIES, *_BINARY) or target.shape[:1] != (len(self._rows),):
            return
        if target.numel() != len(self._rows):
            return
        classes = given.shape[1] if name in _CLASSIFIES else 2
        labels = torch.tensor([row % classes for row in self._rows]).to(target)
        arguments["target"] = labels.reshape(target.shape)
        self._points.acted(self.name)
        if given.requires_grad:
            self._trained.update(self._rows)
            return
        shared = [i for i, row in enumerate(self._rows) if row in self._trained]
        if shared:
            arguments["input"] = given[shared]
            arguments["target"] = arguments["target"][shared]
