"""A loss without one of its terms, or one of its terms alone."""

from __future__ import annotations

from typing import Any

import torch

from flatline.interventions.base import Intervention
from flatline.interventions.points import PASS, Operation, Points
from flatline.observe import structure

_ADDS = frozenset(["add", "__add__", "__radd__", "sub", "__sub__", "add_", "__iadd__", "__isub__", "sub_"])
_SUMS = ("AddBackward0", "SubBackward0", "MulBackward0", "DivBackward0")


class Terms(Intervention):
    """Takes terms of the loss out of the gradient: the divergence of a Gaussian code, or all but one.

    Patch points: ``backward``, where the terms that the scalar is the sum of are found in its autograd graph, and the one
    that is the divergence of a code from the standard normal passes no gradient; for ``alone``, the additions of numbers
    that need a gradient, whose operands are the terms, counted in the order in which they are added. Left as it is: the
    value of the loss, the terms that are kept, the random numbers.

    Args:
        alone: the number of the only term that is to pass a gradient, from 0; None to take out the divergence.
    """

    name = "terms"

    def __init__(self, alone: int | None = None) -> None:
        self._alone = alone
        # Sums of this step, by identity; held, so that no other tensor takes their place.
        self._sums: dict[int, torch.Tensor] = {}
        self._count = 0

    def after_probes(self, points: Points) -> None:
        self._points = points
        if self._alone is None:
            points.on_backward.append((self.name, self._backward))
        else:
            points.on_operation.append((self.name, self._added))
            points.on_backward.append((self.name, self._next))

    def _added(self, operation: Operation) -> Any:
        if operation.name not in _ADDS or len(operation.args) != 2:
            return PASS
        terms = [v for v in operation.args if isinstance(v, torch.Tensor) and v.numel() == 1 and v.requires_grad]
        if len(terms) != 2:
            return PASS
        for term in terms:
            if id(term) in self._sums or term.is_leaf:
                continue
            if self._count != self._alone:
                term.register_hook(torch.zeros_like)  # type: ignore[no-untyped-call]
                self._points.acted(self.name)
            self._count += 1
        total = operation.run()
        if isinstance(total, torch.Tensor):
            self._sums[id(total)] = total
        return total

    def _next(self, loss: torch.Tensor) -> None:
        self._sums.clear()
        self._count = 0

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
