"""A loss without one of its terms."""

from __future__ import annotations

from typing import Any

import torch

from flatline.interventions.base import Intervention
from flatline.interventions.points import Points
from flatline.observe import structure

_SUMS = ("AddBackward0", "SubBackward0", "MulBackward0", "DivBackward0")


class Terms(Intervention):
    """Takes the divergence of a Gaussian code out of the gradient.

    Patch point: ``backward``. The terms that the scalar is the sum of are found in its autograd graph; the one that is
    the divergence of a code from the standard normal passes no gradient. Left as it is: the value of the loss, the other
    terms, the random numbers.
    """

    name = "terms"

    def after_probes(self, points: Points) -> None:
        self._points = points
        points.on_backward.append((self.name, self._backward))

    def _backward(self, loss: torch.Tensor) -> None:
        stack, seen = [loss.grad_fn], 0
        while stack and seen < 32:
            node: Any = stack.pop()
            seen += 1
            if node is None or node.name() not in _SUMS:
                continue
            for term, _ in node.next_functions:
                others = [t for t, _ in node.next_functions if t is not None and t is not term]
                if term is None or structure.latent(term) is None:
                    continue
                if others and all(structure.latent(t) is None for t in others) and not _sums_on(term):
                    term.register_prehook(lambda gradients: tuple(g if g is None else g * 0 for g in gradients))
                    self._points.acted(self.name)
                else:
                    stack.append(term)


def _sums_on(node: Any) -> bool:
    """Whether the term is itself a sum of which only a part is the divergence."""
    if node.name() not in ("AddBackward0", "SubBackward0"):
        return False
    parts = [t for t, _ in node.next_functions if t is not None]
    return any(structure.latent(t) is None for t in parts) and any(structure.latent(t) is not None for t in parts)
