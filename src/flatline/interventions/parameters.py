"""Weights that no optimizer holds, moved all the same."""

from __future__ import annotations

from collections.abc import Callable

import torch

from flatline.interventions.base import Intervention
from flatline.interventions.points import Points
from flatline.observe import graph

# A step of this length, relative to the weight's own, is what training at a usual rate takes (Karpathy, Stanford CS231n,
# "ratio of weights:updates": about 1e-3); ten times that shows an effect within few steps and is still stable.
RELATIVE_STEP = 1e-2


class Parameters(Intervention):
    """Moves the weights that a gradient reaches and no optimizer holds.

    Patch point: ``backward``. A weight behind the loss that is in none of the program's optimizers is handed to the one
    that steps next, as one more group at the rate of the first. Where the program has no optimizer, or none of them ever
    takes a step, weights that have not moved since the last ``backward`` get a step against their gradient, of a
    hundredth of their own length.

    Args:
        exclusive: instead, a weight that two optimizers hold is moved only by the one that holds fewer weights.

    Left as it is: weights that are moved already; weights without a gradient, and frozen ones; the random numbers.
    """

    name = "parameters"

    def __init__(self, exclusive: bool = False) -> None:
        self._exclusive = exclusive
        self._waiting: list[torch.Tensor] = []
        self._before: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._optimizers: list[torch.optim.Optimizer] = []
        self._stepped = False
        self._hooked: dict[int, torch.Tensor] = {}
        self._gradients: dict[int, torch.Tensor] = {}

    def before_probes(self, points: Points) -> None:
        self._points = points
        optimizers = self._optimizers

        def make(original: Callable[..., None]) -> Callable[..., None]:
            def __init__(self: torch.optim.Optimizer, *args: object, **kwargs: object) -> None:
                original(self, *args, **kwargs)
                optimizers.append(self)

            __init__.__wrapped__ = original  # type: ignore[attr-defined]
            return __init__

        points.patches.replace(torch.optim.Optimizer, "__init__", make)

    def after_probes(self, points: Points) -> None:
        if self._exclusive:
            points.on_step.append((self.name, self._own))
            return
        points.on_backward.append((self.name, self._backward))
        points.on_step.append((self.name, self._step))

    def _backward(self, loss: torch.Tensor) -> None:
        leaves = graph.walk(loss.grad_fn, measure_activations=False).leaves
        if not self._stepped:
            self._move_by_hand()
        owned = {id(p) for o in self._optimizers for group in o.param_groups for p in group["params"]}
        self._waiting = [leaf for leaf in leaves if id(leaf) not in owned and leaf.requires_grad]
        if not self._stepped:
            self._before = [(leaf, leaf.detach().clone()) for leaf in leaves]
            for leaf in leaves:
                if id(leaf) not in self._hooked:
                    # The program may clear its gradients before the next backward.
                    self._hooked[id(leaf)] = leaf
                    leaf.register_post_accumulate_grad_hook(self._keep)  # type: ignore[no-untyped-call]

    def _keep(self, leaf: torch.Tensor) -> None:
        if not self._stepped and leaf.grad is not None:
            self._gradients[id(leaf)] = leaf.grad.detach().clone()

    def _move_by_hand(self) -> None:
        with torch.no_grad():
            for leaf, before in self._before:
                gradient = self._gradients.pop(id(leaf), None)
                if gradient is None or not torch.equal(leaf, before):
                    continue
                length = float(gradient.norm())
                if length > 0:
                    size = max(float(leaf.norm()), 0.1 * leaf.numel() ** 0.5)
                    leaf.data.sub_(gradient, alpha=RELATIVE_STEP * size / length)
                    if leaf.grad is not None:
                        leaf.grad.zero_()
                    self._points.acted(self.name)
        self._before = []

    def _own(self, optimizer: torch.optim.Optimizer) -> Callable[[], None] | None:
        mine = _held(optimizer)
        others = [_held(o) for o in self._optimizers if o is not optimizer]
        taken = [p for key, p in mine.items() if any(key in o and len(o) < len(mine) for o in others)]
        gradients = [(p, p.grad) for p in taken if p.grad is not None]
        if not gradients:
            return None
        for weight, _ in gradients:
            weight.grad = None
        self._points.acted(self.name)

        def undo() -> None:
            for weight, gradient in gradients:
                weight.grad = gradient

        return undo

    def _step(self, optimizer: torch.optim.Optimizer) -> None:
        self._stepped = True
        if self._waiting:
            optimizer.add_param_group({"params": self._waiting})
            self._waiting = []
            self._points.acted(self.name)


def _held(optimizer: torch.optim.Optimizer) -> dict[int, torch.Tensor]:
    return {id(p): p for group in optimizer.param_groups for p in group["params"]}
