"""Recurrent and attention layers that run along each sample's own sequence."""

from __future__ import annotations

import math
from typing import Any

import torch

from flatline.interventions.base import Intervention
from flatline.interventions.points import PASS, Operation, Points

_WAYS = ("axis", "torn")


class Sequences(Intervention):
    """Gives recurrent and attention layers the samples of the batch one by one.

    Patch points: for ``axis``, calls of top-level modules, whose layers get the other value of ``batch_first`` and keep it;
    for ``torn``, calls of ``view`` and ``reshape`` that give a tensor the same first two sizes in the other order, which
    exchange these two dimensions instead. Left as it is: masks and first states, which the program makes for the shape that
    it believes in; layers that are written by hand; the random numbers.

    Args:
        how: ``axis`` or ``torn``.
    """

    name = "sequences"

    def __init__(self, how: str = "axis") -> None:
        if how not in _WAYS:
            raise TypeError(f"sequences cannot be changed by {how!r}")
        self._how = how
        self._done: list[torch.nn.Module] = []

    def before_probes(self, points: Points) -> None:
        self._points = points
        if self._how == "axis":
            points.on_call.append((self.name, self._called))

    def after_probes(self, points: Points) -> None:
        if self._how == "torn":
            points.on_operation.append((self.name, self._computed))

    def _called(self, module: torch.nn.Module, args: list[Any], kwargs: dict[str, Any]) -> None:
        for part in module.modules():
            if isinstance(part, (torch.nn.RNNBase, torch.nn.MultiheadAttention)):
                if not any(part is done for done in self._done):
                    self._done.append(part)
                    part.batch_first = not part.batch_first
                self._points.acted(self.name)

    def _computed(self, operation: Operation) -> Any:
        if operation.name not in ("view", "reshape") or not operation.args:
            return PASS
        given = operation.args[0]
        if not isinstance(given, torch.Tensor) or given.dim() < 2:
            return PASS
        result = operation.run()
        sizes = tuple(result.shape)
        # Of a flat row [N, T * F] the steps are cut first.
        if len(sizes) != 3 or sizes[1] != given.shape[0] or sizes[0] == sizes[1] or given.shape == result.shape:
            return result
        if math.prod(given.shape[1:]) != sizes[0] * sizes[2] or (given.dim() > 2 and given.shape[1] != sizes[0]):
            return result
        self._points.acted(self.name)
        return given.reshape(sizes[1], sizes[0], sizes[2]).transpose(0, 1)
