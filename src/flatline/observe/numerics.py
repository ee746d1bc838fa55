"""Where numbers leave the range of their type: the first NaN or infinity in forward order, and singular points.

The autograd graph keeps what each operation needs for its gradient, and numbers its nodes in the order in which they
were made. So the first operation that went wrong can be found after the fact, without watching every operation.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import torch

from flatline.observe import measure
from flatline.observe.events import NonFinite, Singular
from flatline.observe.graph import MOST_NODES
from flatline.observe.origin import VIEWS

_SAVED: dict[type, list[str]] = {}
# An operation whose gradient or value is infinite where the saved tensor is 0.
_AT_ZERO = {
    "SqrtBackward0": "_saved_result",
    "LogBackward0": "_saved_self",
    "Log2Backward0": "_saved_self",
    "Log10Backward0": "_saved_self",
    "DivBackward0": "_saved_other",
    "ReciprocalBackward0": "_saved_self",
}
_SEARCHED_SINGULAR = 32


def first_non_finite(tick: int, step: int, place: int | None, loss: torch.Tensor, number: Any) -> NonFinite | None:
    """The first operation behind ``loss`` that saved a NaN or an infinity, or was at a singular point.

    ``number`` gives the number of a parameter. None when nothing behind the loss shows it.
    """
    root = loss.grad_fn
    if root is None:
        return None
    nodes, leaves = _nodes(root)
    nodes.sort(key=lambda node: node._sequence_nr())
    bad = [leaf for leaf in leaves if measure.readable(leaf) and not bool(torch.isfinite(leaf).all())]
    parameters = sorted(number(leaf) for leaf in bad)
    largest = 0.0
    for node in nodes:
        for attribute, value in _saved(node):
            if not bool(torch.isfinite(value).all()):
                if _masking(node, attribute, value):
                    continue
                return _record(tick, step, place, node, attribute, value, parameters, largest)
            if value.numel():
                largest = max(largest, float(value.abs().max()))
        attribute = _AT_ZERO.get(node.name(), "")
        under = _value(node, attribute) if attribute else None
        # A square root gives 0 at 0: there only the gradient is infinite.
        if under is None or node.name() == "SqrtBackward0":
            continue
        if bool((under == 0).any()) or (node.name().startswith("Log") and bool((under < 0).any())):
            return _record(tick, step, place, node, attribute, under, parameters, largest)
    return _record(tick, step, place, _unscaled(root), "", loss.detach(), parameters, largest)


def singular_points(tick: int, step: int, order: list[tuple[Any, str]]) -> list[Singular]:
    """Operations among the nodes of a graph that stand at a point where their gradient is infinite: square root, log, division at 0."""
    found: list[Singular] = []
    searched = 0
    for node, name in order:
        attribute = _AT_ZERO.get(name)
        if attribute is None:
            continue
        searched += 1
        if searched > _SEARCHED_SINGULAR:
            break
        value = _value(node, attribute)
        if value is None:
            continue
        zeros = int((value == 0).sum())
        if zeros:
            found.append(Singular(tick, step, _name(node), list(value.shape), _dtype(value), zeros))
    return found


def _nodes(root: Any) -> tuple[list[Any], list[torch.Tensor]]:
    """The nodes behind ``root`` without the leaves' accumulators, and the leaves."""
    seen = {root}
    queue = deque([root])
    nodes: list[Any] = []
    leaves: list[torch.Tensor] = []
    while queue and len(seen) < MOST_NODES:
        node = queue.popleft()
        variable = getattr(node, "variable", None)
        if variable is not None:
            leaves.append(variable)
        else:
            nodes.append(node)
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                queue.append(following)
    return nodes, leaves


def _saved(node: Any) -> list[tuple[str, torch.Tensor]]:
    """The floating tensors that a node saved; inputs come before results."""
    kind = type(node)
    if kind not in _SAVED:
        names = [name for name in dir(node) if name.startswith("_saved_") and not name.endswith(("_sizes", "_strides"))]
        _SAVED[kind] = sorted(names, key=lambda name: "result" in name)
    values = [(name, _value(node, name)) for name in _SAVED[kind]]
    return [(name, value) for name, value in values if value is not None]


def _value(node: Any, attribute: str) -> torch.Tensor | None:
    try:
        value = getattr(node, attribute)
    except (RuntimeError, AttributeError):
        # Changed in place since, or freed.
        return None
    if not isinstance(value, torch.Tensor) or not measure.readable(value) or not value.is_floating_point():
        return None
    return value.detach()


def _record(
    tick: int,
    step: int,
    place: int | None,
    node: Any,
    attribute: str,
    value: torch.Tensor,
    parameters: list[int],
    largest: float,
) -> NonFinite:
    finite = torch.isfinite(value)
    before = [f for f, _ in node.next_functions if f is not None and getattr(f, "variable", None) is None]
    made = [f for f in before if not _is_view_of_leaf(f)]
    where: list[int] = []
    if not bool(finite.all()) and value.dim():
        where = [int(i) for i in torch.nonzero(~finite)[0]]
    return NonFinite(
        tick,
        step,
        place,
        _name(node),
        attribute.removeprefix("_saved_"),
        _dtype(value),
        list(value.shape),
        nan=int(torch.isnan(value).sum()),
        positive=int((value == float("inf")).sum()),
        negative=int((value == float("-inf")).sum()),
        zeros=int((value == 0).sum()),
        first=where,
        largest=largest,
        data=not made and attribute not in ("", "_saved_result") and "weight" not in attribute,
        before=[_name(f) for f in made][:4],
        parameters=parameters,
    )


def _masking(node: Any, attribute: str, value: torch.Tensor) -> bool:
    """Minus infinity on purpose: a mask for an attention, or the logarithm of what such a mask made 0."""
    if "mask" in attribute:
        return True
    return "LogSoftmax" in node.name() and not bool((torch.isnan(value) | (value == float("inf"))).any())


def _unscaled(node: Any) -> Any:
    """What is behind a loss that was only cast, or divided by a number of batches: there it went wrong."""
    for _ in range(8):
        following = [f for f, _ in node.next_functions if f is not None]
        other = _value(node, "_saved_other")
        constant = node.name() in ("DivBackward0", "MulBackward0") and (
            other is None or bool((torch.isfinite(other) & (other != 0)).all())
        )
        if len(following) != 1 or not (constant or node.name() in VIEWS):
            return node
        node = following[0]
    return node


def _is_view_of_leaf(node: Any) -> bool:
    """A view, cast or transposition of a parameter: no number is made there."""
    for _ in range(8):
        if getattr(node, "variable", None) is not None:
            return True
        if node.name() not in VIEWS:
            return False
        following = [f for f, _ in node.next_functions if f is not None]
        if not following:
            return True
        node = following[0]
    return False


def _name(node: Any) -> str:
    name: str = node.name()
    return name.removesuffix("0").removesuffix("Backward")


def _dtype(value: torch.Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")
