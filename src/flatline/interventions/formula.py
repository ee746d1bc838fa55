"""Finding the target in a loss that is written as a formula, while the formula is computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from flatline.interventions.points import PASS, Operation, Points


class Formula:
    """Replaces the targets that the operations on one line of the user's source are given.

    The target is what the record of the control says it is: a tensor without a gradient of that shape (but for the first
    dimension, the batch), on that line. ``change`` is asked once for each tensor; what is computed from a changed target
    is not changed again. It is told the operand beside the target that has a gradient, if there is one.

    Args:
        line: the line of the formula, from 1; 0 switches this off.
        file: the end of the name of its file.
        shape: the shape of the target.
        floating: whether it holds floating-point numbers.
    """

    def __init__(self, line: int, file: str, shape: list[int], floating: bool = True) -> None:
        self._floating = floating
        self._line, self._file, self._shape = line, file, list(shape)
        self._changed: list[tuple[torch.Tensor, int, torch.Tensor]] = []
        self._derived: list[torch.Tensor] = []

    def install(
        self, name: str, points: Points, change: Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]
    ) -> None:
        if self._line:
            self._points, self._change = points, change
            points.on_operation.append((name, self._operation))
            points.on_backward.append((name, self._forget))

    def _forget(self, loss: torch.Tensor) -> None:
        self._changed.clear()
        self._derived.clear()

    def _operation(self, operation: Operation) -> Any:
        tensors = [value for value in operation.args if isinstance(value, torch.Tensor)]
        if not any(self._is_target(value) for value in tensors) or operation.name.startswith("__get"):
            if tensors and any(value is known for value in tensors for known in self._derived):
                return self._deriving(operation)
            return PASS
        # The formula may stand in a function of the program's that is called on that line.
        if not any(line == self._line and file.endswith(self._file) for file, line in self._points.lines()):
            return PASS
        given = next((value for value in tensors if value.requires_grad), None)
        operation.args = tuple(self._replaced(v, given) if isinstance(v, torch.Tensor) else v for v in operation.args)
        return self._deriving(operation)

    def _deriving(self, operation: Operation) -> Any:
        result = operation.run()
        if isinstance(result, torch.Tensor) and not result.requires_grad:
            self._derived.append(result)
        return result

    def _is_target(self, value: torch.Tensor) -> bool:
        return (
            not value.requires_grad
            and value.dtype.is_floating_point == self._floating
            and value.dim() == len(self._shape)
            and value.dim() > 0
            and list(value.shape[1:]) == self._shape[1:]
            and not any(value is known for known in self._derived)
        )

    def _replaced(self, value: torch.Tensor, given: torch.Tensor | None) -> torch.Tensor:
        if not self._is_target(value):
            return value
        for before, version, after in self._changed:
            if before is value and version == value._version:
                return after
        after = self._change(value, given)
        self._changed.append((value, value._version, after))
        self._derived.append(after)
        return after
