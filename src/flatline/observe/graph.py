"""What stands in the autograd graph between the optimised scalar and the parameters.

The graph is there anyway: reading it needs no hook on any module, and covers activations that the program applies
as functions.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import torch

from flatline.observe import measure
from flatline.observe.events import Activation

MOST_NODES = 20_000
MOST_ACTIVATIONS = 64
# Of a large activation some units are looked at, each with the whole batch. Where none of 256 shows something, fewer than
# 1.2 % of all do, with 95 % probability: "rule of three", 3 / n (Hanley and Lippman-Hand, JAMA 249, 1983).
ENOUGH_UNITS = 256
ENOUGH_ELEMENTS, MOST_ELEMENTS = 1 << 16, 1 << 18
# A unit counts as saturated where the slope of its activation is under 2 % of its greatest slope:
# tanh' = 1 - y², so |y| > 0.99; sigmoid' = y(1 - y), so |2y - 1| > 0.99.
RAIL = 0.99
_HEAD = 12
# A penalty beside it doubles the nodes above the ratio.
_NEAR = 32
_LEAF = "torch::autograd::AccumulateGrad"
_KINDS = {
    "ReluBackward0": ("relu", "_saved_result"),
    "SigmoidBackward0": ("sigmoid", "_saved_result"),
    "TanhBackward0": ("tanh", "_saved_result"),
    "SoftmaxBackward0": ("softmax", "_saved_result"),
    "LogSoftmaxBackward0": ("log_softmax", "_saved_result"),
    "LogSigmoidBackward0": ("log_sigmoid", "_saved_self"),
    "SoftplusBackward0": ("softplus", "_saved_self"),
    "HardtanhBackward0": ("hardtanh", "_saved_self"),
    "LeakyReluBackward0": ("leaky_relu", "_saved_self"),
    "EluBackward0": ("elu", ""),
    "GeluBackward0": ("gelu", "_saved_self"),
    "SiluBackward0": ("silu", "_saved_self"),
    "ExpBackward0": ("exp", "_saved_result"),
    "LogBackward0": ("log", "_saved_self"),
    "ClampBackward1": ("clamp", "_saved_self"),
    "ClampMinBackward0": ("clamp_min", "_saved_self"),
}


class Walk:
    """The result of walking a graph: its nodes and their names, those near the root, activations, parameters reached."""

    def __init__(self) -> None:
        # Every question to the graph is asked of this list: to go through it once costs as much as some of them.
        self.order: list[tuple[Any, str]] = []
        self.head: list[str] = []
        self.activations: list[Activation] = []
        self.leaves: list[torch.Tensor] = []
        self.nodes = 0
        self.terms = 0
        self.outer: list[list[int]] = []


def walk(root: Any, measure_activations: bool = True) -> Walk:
    """Walks from an autograd node (``tensor.grad_fn``) to the leaves, breadth first, at most 20,000 nodes."""
    result = Walk()
    if root is None:
        return result
    seen = {root}
    queue: deque[tuple[Any, int]] = deque([(root, 0)])
    order, leaves = result.order, result.leaves
    while queue and len(order) < MOST_NODES:
        node, depth = queue.popleft()
        name = node.name()
        order.append((node, name))
        if len(order) <= _HEAD:
            result.head.append(name.removesuffix("0").removesuffix("Backward"))
            if name == "SubBackward0" and not result.outer:
                result.outer = _outer(node)
        if name == _LEAF:
            leaves.append(node.variable)
            continue
        if name in _KINDS:
            depth += 1
            if measure_activations and len(result.activations) < MOST_ACTIVATIONS:
                found = _activation(node, name, depth)
                if found is not None:
                    result.activations.append(found)
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                queue.append((following, depth))
    result.nodes = len(order)
    result.terms = _terms(root)
    return result


def _outer(node: Any) -> list[list[int]]:
    """For a difference with something that has no gradient: the shape of the other side, and of the difference when
    broadcasting made it larger; else empty."""
    children = [child for child, _ in node.next_functions if child is not None]
    if len(children) != 1 or not hasattr(node, "_input_metadata"):
        return []
    before = [int(size) for size in children[0]._input_metadata[0].shape]
    after = [int(size) for size in node._input_metadata[0].shape]
    return [before, after] if math.prod(after) > math.prod(before) else []


def advantages(order: list[tuple[Any, str]]) -> list[float]:
    """The least and the greatest constant that an exponential near the loss is multiplied by; empty without one.

    A policy gradient multiplies the ratio of probabilities, ``exp(new - old)``, by what the answer was worth beyond its
    group's mean (Schulman and others, Proximal Policy Optimization Algorithms, equation 7).
    """
    found: list[torch.Tensor] = []
    for node, name in order[:_NEAR]:
        if name != "MulBackward0":
            continue
        ratio, rest = (child for child, _ in node.next_functions)
        constant = "_saved_other" if rest is None else "_saved_self"
        inside = rest if ratio is None else ratio
        if (ratio is None) == (rest is None) or not _ratio(inside):
            continue
        try:
            value = getattr(node, constant)
        except RuntimeError:
            # Changed in place since.
            continue
        if isinstance(value, torch.Tensor) and value.numel() and measure.readable(value):
            found += torch.aminmax(value.detach().float())
    numbers = measure.read(found)
    return [min(numbers), max(numbers)] if numbers else []


def _ratio(node: Any) -> bool:
    """Whether a node is the exponential of a difference, which may be clipped before."""
    if node.name() != "ExpBackward0":
        return False
    below = node.next_functions[0][0]
    if below is not None and below.name().startswith("Clamp"):
        below = below.next_functions[0][0]
    return below is not None and below.name() == "SubBackward0"


def _activation(node: Any, name: str, depth: int) -> Activation | None:
    kind, attribute = _KINDS[name]
    nan = float("nan")
    try:
        value = getattr(node, attribute) if attribute else None
    except RuntimeError:
        # Changed in place since, or already freed: the value is not what the activation gave.
        value = None
    if value is None:
        return Activation(kind, [], depth, nan, nan, nan, nan)
    with torch.no_grad():
        value = value.detach()
        if value.numel() == 0:
            return None
        least, most = torch.aminmax(value)
        numbers = [least, most]
        # Maxima of the values themselves: to ask a tensor of truth values for ``any`` takes ten times as long on a CPU.
        over_batch = value.dim() > 1
        units = some_units(value)
        if kind == "relu":
            numbers.append(units.numel() - measure.filled(units))
            if over_batch:
                numbers.append(torch.count_nonzero(torch.amax(units, 0) <= 0))
        elif kind in ("tanh", "sigmoid"):
            far = torch.abs(units if kind == "tanh" else 2 * units - 1)
            numbers.append(torch.count_nonzero(far > RAIL))
            if over_batch:
                numbers.append(torch.count_nonzero(torch.amin(far, 0) > RAIL))
        lowest, highest, *counted = measure.read(numbers)
        saturated = counted[0] / units.numel() if counted else nan
        dead = counted[1] / (units.numel() / units.shape[0]) if len(counted) > 1 else nan
    dimension = getattr(node, "_saved_dim", None)
    if dimension is not None and dimension >= 1 << 63:
        dimension -= 1 << 64
    if dimension is not None and dimension < 0:
        dimension += value.dim()
    return Activation(kind, list(value.shape), depth, saturated, dead, lowest, highest, dimension)


def some_units(value: torch.Tensor) -> torch.Tensor:
    """Evenly spaced units of an activation, each with the whole batch: of a small one all as they are, of others 256 or
    more, where so many are not over a quarter of a million elements."""
    if value.dim() < 2 or not value.numel():
        return value
    batch = value.shape[0]
    units = max(1, min(max(ENOUGH_UNITS, ENOUGH_ELEMENTS // batch), MOST_ELEMENTS // batch))
    # Odd, so that it does not fall in step with the width of an image.
    stride = (value.numel() // (units * batch) - 1) | 1
    if stride <= 1:
        return value
    # In one piece: each reduction of what lies apart costs more than the copy.
    return value.reshape(batch, -1)[:, ::stride].contiguous()


def _terms(root: Any) -> int:
    """How many separately computed terms the scalar is the sum of (1 for a plain criterion)."""
    count, stack, seen = 0, [root], {root}
    while stack and count < 16:
        node = stack.pop()
        if node.name() not in ("AddBackward0", "SubBackward0", "DivBackward0", "MulBackward0"):
            count += 1
            continue
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                stack.append(following)
    return max(count, 1)
