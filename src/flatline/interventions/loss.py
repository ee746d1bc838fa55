"""Every loss the same number."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from flatline.interventions.base import Intervention
from flatline.interventions.points import Points
from flatline.observe.patching import unseen
from flatline.observe.probes.criterion import FUNCTIONS


class Loss(Intervention):
    """Gives every loss of training the same value, with its gradient as it is.

    Any mean, median or moving average of such losses is that value, so what the program prints shows what it does to them.

    Patch points: the functional losses that give one number, under gradients; and the scalar that ``backward`` runs on,
    when no functional loss was called since the last. Left as it is: the gradients, so the weights; losses in evaluation.

    Args:
        value: the number.
    """

    name = "loss"

    def __init__(self, value: float = 1.0) -> None:
        self._value = value
        self._called = False

    def before_probes(self, points: Points) -> None:
        self._points = points
        for name in FUNCTIONS:
            points.patches.replace(F, name, self._valued)

    def after_probes(self, points: Points) -> None:
        points.on_backward.append((self.name, self._backward))

    def _valued(self, original: Any) -> Any:
        def criterion(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            if isinstance(result, torch.Tensor) and result.numel() == 1 and result.requires_grad:
                self._called = True
                self._points.acted(self.name)
                return result - result.detach() + self._value
            return result

        return unseen(criterion, original)

    def _backward(self, loss: torch.Tensor) -> None:
        if not self._called and loss.numel() == 1:
            loss.data.fill_(self._value)
            self._points.acted(self.name)
        self._called = False
