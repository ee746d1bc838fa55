"""How much of the gradient arrives at each hidden layer, or at each step of a recurrent one.

The program's own backward pass tells it: for one such pass, the nodes of some activations have a hook.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.hooks import RemovableHandle

from flatline.observe import graph, measure

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
    """By depth, counted in activations from the loss: the gradient's norm there, and the activation's own spread.

    Made before the backward pass, for up to 12 of the hidden activations of a scalar; ``finish`` is called after it. Where
    the graph is shallow or unusual there is nothing to read: ``depths`` stays empty.
    """

    def __init__(self, loss: torch.Tensor, guarded: Callable[[Callable[..., None]], Callable[..., None]]) -> None:
        """``guarded`` makes of a function one that raises nothing: the program's backward pass calls it."""
        self.depths: list[int] = []
        self.gradients: list[float] = []
        self.spreads: list[float] = []
        self._arrived: dict[int, tuple[torch.Tensor, float]] = {}
        self._handles: list[RemovableHandle] = []
        nodes = _by_depth(loss.grad_fn)
        if nodes is None or len(nodes) < FEWEST_DEPTHS:
            return
        depths = sorted(nodes)
        count = min(MOST_DEPTHS, len(depths))
        for depth in sorted({depths[round(i * (len(depths) - 1) / (count - 1))] for i in range(count)}):
            hook = guarded(self._hook(depth, _spread(nodes[depth])))
            self._handles.append(nodes[depth].register_prehook(hook))

    def _hook(self, depth: int, spread: float) -> Callable[[tuple[torch.Tensor | None, ...]], None]:
        def arrives(gradients: tuple[torch.Tensor | None, ...]) -> None:
            if gradients[0] is not None and measure.readable(gradients[0]):
                with torch.no_grad():
                    # In double precision: the squares of what is looked for here are below the range of float32.
                    self._arrived[depth] = gradients[0].detach().double().norm(), spread

        return arrives

    def finish(self) -> None:
        """Takes the hooks away, and reads what they have found."""
        for handle in self._handles:
            handle.remove()
        if len(self._arrived) >= FEWEST_DEPTHS:
            self.depths = sorted(self._arrived)
            self.gradients = measure.read([self._arrived[depth][0] for depth in self.depths])
            self.spreads = [self._arrived[depth][1] for depth in self.depths]


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
    """The nodes, each after all that lead to it; None for a graph that is too large, or of which a part is not there."""
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
        if len(seen) > MOST_NODES or "Checkpoint" in child.name():
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
        rows = graph.some_units(value.detach()).reshape(value.shape[0], -1)
        return measure.scalar(measure.spread(rows.double()))
