"""Weights that no gradient reaches, moved at random."""

from __future__ import annotations

import torch

from flatline.interventions.base import OWN_SEED, Intervention
from flatline.interventions.points import Points
from flatline.observe import graph


class Weights(Intervention):
    """Adds noise to the weights that take part in the model and that the first ``backward`` does not reach.

    Patch points: calls of top-level modules and the steps of optimizers tell which weights there are; the first
    ``backward`` tells which are reached. The first loss is that of the untouched program; from the second on it differs
    if, and only if, the loss depends on the weights that no gradient reaches.

    Left as it is: weights that are reached; everything after; the random numbers.

    Args:
        size: deviation of the noise, relative to that of the weight.
    """

    name = "weights"

    def __init__(self, size: float = 0.5) -> None:
        self._size = size
        self._known: dict[int, torch.Tensor] = {}
        self._done = False
        self._generator = torch._C.Generator().manual_seed(OWN_SEED)

    def before_probes(self, points: Points) -> None:
        self._points = points
        points.on_call.append((self.name, self._called))

    def after_probes(self, points: Points) -> None:
        points.on_backward.append((self.name, self._backward))
        points.on_step.append((self.name, self._step))

    def _called(self, module: torch.nn.Module, args: object, kwargs: object) -> None:
        if not self._done:
            self._known.update({id(p): p for p in module.parameters() if p.requires_grad})

    def _backward(self, loss: torch.Tensor) -> None:
        if not self._done:
            reached = graph.walk(loss.grad_fn, measure_activations=False).leaves if loss.grad_fn is not None else []
            for leaf in reached:
                self._known.pop(id(leaf), None)
            self._reached = {id(leaf) for leaf in reached}

    def _step(self, optimizer: torch.optim.Optimizer) -> None:
        if self._done:
            return
        self._done = True
        held = [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
        missed = {id(p): p for p in held if id(p) not in self._reached}
        with torch.no_grad():
            for weight in {**self._known, **missed}.values():
                spread = float(weight.std()) if weight.numel() > 1 else 0.0
                noise = torch.randn(weight.shape, generator=self._generator).to(weight)
                weight.add_(noise, alpha=self._size * (spread or 1.0))
                self._points.acted(self.name)
