"""Gradients cleared, or cut to a length."""

from __future__ import annotations

import weakref
from typing import Any

import torch

from flatline.interventions.base import Intervention
from flatline.interventions.points import Points
from flatline.observe import graph


class Gradients(Intervention):
    """Clears gradients where the program forgot to, or limits their norm.

    Patch points: ``backward``, before which the gradient of every weight behind the loss is dropped if that weight has
    moved since the last ``backward`` (so gradients that are added up for one step are left alone); and the step of an
    optimizer, before which all its gradients together are scaled down to ``norm`` if they are longer.

    Args:
        clear: whether to clear.
        norm: the greatest norm; 0 for no limit.
    """

    name = "gradients"

    def __init__(self, clear: bool = True, norm: float = 0.0) -> None:
        self._clear, self._norm = clear, norm
        self._versions: dict[int, tuple[weakref.ref[torch.Tensor], int]] = {}

    def after_probes(self, points: Points) -> None:
        self._points = points
        if self._clear:
            points.on_backward.append((self.name, self._backward))
        if self._norm:
            points.on_step.append((self.name, self._step))

    def _backward(self, loss: torch.Tensor) -> None:
        for leaf in graph.walk(loss.grad_fn, measure_activations=False).leaves:
            known = self._versions.get(id(leaf))
            moved = known is not None and known[0]() is leaf and known[1] != leaf._version
            if moved and leaf.grad is not None:
                leaf.grad = None
                self._points.acted(self.name)
            self._versions[id(leaf)] = weakref.ref(leaf), leaf._version

    def _step(self, optimizer: torch.optim.Optimizer) -> None:
        owned: list[Any] = [p for group in optimizer.param_groups for p in group["params"]]
        torch.nn.utils.clip_grad_norm_(owned, self._norm)
        self._points.acted(self.name)
