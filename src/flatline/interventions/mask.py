"""Targets that are left out of the loss, put back in."""

from __future__ import annotations

from typing import Any

import torch

from flatline.interventions.base import OWN_SEED, Intervention
from flatline.interventions.points import PASS, Operation, Points

_CLASSIFIES = ("cross_entropy", "nll_loss")
_MULTIPLIES = ("mul", "__mul__", "__rmul__")


class Mask(Intervention):
    """Lets every target count.

    Patch points: ``cross_entropy`` and ``nll_loss``, where a target that carries the ignore index gets a legal class at
    random; and multiplications of something that needs a gradient by a tensor that is 0 everywhere and needs none, a
    mask that lets nothing through, in whose place 1 is put. Left as it is: targets that count already; a denominator that
    the program computes from its own mask; the random numbers.

    Args:
        multiplied: whether to look at multiplications.
    """

    name = "mask"

    def __init__(self, multiplied: bool = True) -> None:
        self._multiplied = multiplied
        self._generator = torch._C.Generator().manual_seed(OWN_SEED)

    def after_probes(self, points: Points) -> None:
        self._points = points
        points.on_criterion.append((self.name, self._criterion))
        if self._multiplied:
            points.on_operation.append((self.name, self._operation))

    def _criterion(self, name: str, arguments: dict[str, Any]) -> None:
        target, given = arguments.get("target"), arguments.get("input")
        if name not in _CLASSIFIES or not isinstance(target, torch.Tensor) or not isinstance(given, torch.Tensor):
            return
        if target.is_floating_point() or given.dim() < 1:
            return
        ignored = target == arguments.get("ignore_index", -100)
        if bool(ignored.any()):
            classes = given.shape[1 if given.dim() > 1 else 0]
            drawn = torch.randint(0, classes, target.shape, generator=self._generator).to(target)
            arguments["target"] = torch.where(ignored, drawn, target)
            arguments["ignore_index"] = -100
            self._points.acted(self.name)

    def _operation(self, operation: Operation) -> Any:
        if operation.name not in _MULTIPLIES or len(operation.args) != 2:
            return PASS
        first, second = operation.args
        if not isinstance(first, torch.Tensor) or not isinstance(second, torch.Tensor):
            return PASS
        for mask, value in ((first, second), (second, first)):
            if value.requires_grad and not mask.requires_grad and mask.dim() and mask.numel() and not bool(mask.any()):
                self._points.acted(self.name)
                operation.args = (torch.ones_like(mask), value)
        return PASS
