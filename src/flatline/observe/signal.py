"""How much of the gradient arrives at each hidden layer, or at each step of a recurrent one.

One more backward pass goes through the graph that is there anyway, with respect to the outputs of activations. It sets
no ``.grad``, draws no random number and calls nothing of the user's: it is not made where the graph holds functions of
theirs.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import GradientEdge

from flatline.observe import measure

MOST_NODES = 20_000
MOST_DEPTHS = 12
FEWEST_DEPTHS = 3
# The hidden activations by the name of their node, and where the value that came out or went in was saved.
_HIDDEN = {
    "ReluBackward0": "_saved_result",
    "TanhBackward0": "_saved_result",
    "SigmoidBackward0": "_saved_result",
    "LeakyReluBackward0": "_saved_self",
    "EluBackward0": "",
    "GeluBackward0": "_saved_self",
    "SiluBackward0": "_saved_self",
    "SoftplusBackward0": "_saved_self",
    "HardtanhBackward0": "_saved_self",
}


class Signal:
    """By depth, counted in activations from the loss: the gradient's norm there, and the activation's own spread."""

    def __init__(self) -> None:
        self.depths: list[int] = []
        self.gradients: list[float] = []
        self.spreads: list[float] = []


def signal(loss: torch.Tensor) -> Signal | None:
    """The gradient of a scalar at up to 12 of its hidden activations; None for a shallow or unusual graph."""
    nodes = _by_depth(loss.grad_fn)
    if nodes is None or len(nodes) < FEWEST_DEPTHS:
        return None
    depths = sorted(nodes)
    count = min(MOST_DEPTHS, len(depths))
    chosen = sorted({depths[round(i * (len(depths) - 1) / (count - 1))] for i in range(count)})
    try:
        gradients = torch.autograd.grad(
            [loss], [GradientEdge(nodes[d], 0) for d in chosen], retain_graph=True, allow_unused=True
        )
    except RuntimeError:
        # The graph was freed or changed in place: the program's own backward will say so.
        return None
    result = Signal()
    for depth, gradient in zip(chosen, gradients):
        if gradient is None or not measure.readable(gradient):
            continue
        result.depths.append(depth)
        # In double precision: the squares of what is looked for here are below the range of float32.
        result.gradients.append(float(gradient.detach().double().norm()))
        result.spreads.append(_spread(nodes[depth]))
    return result if len(result.depths) >= FEWEST_DEPTHS else None


def _by_depth(root: Any) -> dict[int, Any] | None:
    """One activation's node for each depth; a node's depth is by the path to it with the most activations.

    Not the fewest: a recurrent net that gives out all its states has each of them one activation from the loss, though
    only the last may be used.
    """
    order = _topological(root)
    if order is None:
        return None
    found: dict[int, Any] = {}
    depths = {root: 0}
    for node in order:
        depth = depths[node]
        if node.name() in _HIDDEN:
            depth += 1
            found.setdefault(depth, node)
        for child, _ in node.next_functions:
            if child is not None:
                depths[child] = max(depths.get(child, 0), depth)
    return found


def _topological(root: Any) -> list[Any] | None:
    """The nodes, each after all that lead to it; None for a graph that is too large or holds the user's functions."""
    if root is None:
        return None
    done: list[Any] = []
    seen = {root}
    stack = [(root, iter(root.next_functions))]
    while stack:
        node, children = stack[-1]
        child = next((c for c, _ in children if c is not None and c not in seen), None)
        if child is None:
            done.append(node)
            stack.pop()
            continue
        if len(seen) > MOST_NODES or isinstance(child, BackwardCFunction) or "Checkpoint" in child.name():
            return None
        seen.add(child)
        stack.append((child, iter(child.next_functions)))
    return done[::-1]


def _spread(node: Any) -> float:
    """Mean over the units of the deviation across the batch; NaN when the value was not saved."""
    try:
        value = getattr(node, _HIDDEN[node.name()], None) if _HIDDEN[node.name()] else None
    except RuntimeError:
        return math.nan
    if not isinstance(value, torch.Tensor) or value.dim() < 2 or value.shape[0] < 2:
        return math.nan
    with torch.no_grad():
        return measure.scalar(measure.spread(value.detach().reshape(value.shape[0], -1).double()))
