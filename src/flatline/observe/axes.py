"""Along which dimension a loss picks the right class, and along which the probabilities it picks from add up to 1."""

from __future__ import annotations

from collections import deque
from typing import Any

import torch

from flatline.observe import measure

MOST_NODES = 64
MOST_BETWEEN = 12
MOST_ELEMENTS = 1 << 20
# A row of float32 probabilities adds up to 1 within a few units in the last place for each of its terms.
ROW_SUM = 1e-4
# What keeps the shape of its first argument, element by element, on the way from a loss to its probabilities.
_SAME_SHAPE = frozenset(
    [
        "LogBackward0",
        "AddBackward0",
        "NegBackward0",
        "ClampBackward0",
        "ClampBackward1",
        "ClampMinBackward0",
        "ToCopyBackward0",
        "CloneBackward0",
        "AliasBackward0",
        "ContiguousBackward0",
    ]
)


class Axes:
    """``picked`` and ``normalised`` are dimensions of one tensor of that ``shape``; ``how`` says what picks."""

    def __init__(self, picked: int, normalised: int, shape: list[int], how: str) -> None:
        self.picked = picked
        self.normalised = normalised
        self.shape = shape
        self.how = how


def class_axes(root: Any) -> Axes | None:
    """For the loss nearest the root that picks classes out of normalised scores; None when there is none.

    What picks: the negative log-likelihood, ``gather``, indexing with ``arange`` and labels, or a product with one-hot
    targets. What normalises: softmax, log-softmax, ``e / e.sum(d)`` and ``z - z.logsumexp(d)``.
    """
    if root is None:
        return None
    seen = {root}
    queue: deque[Any] = deque([root])
    while queue and len(seen) < MOST_NODES:
        node = queue.popleft()
        picked = _picks(node)
        if picked is not None:
            found = _normaliser(node, *picked)
            if found is not None:
                return found
        for child, _ in node.next_functions:
            if child is not None and child not in seen:
                seen.add(child)
                queue.append(child)
    return None


def _picks(node: Any) -> tuple[int, str] | None:
    name = node.name()
    if name in ("NllLossBackward0", "NllLoss2DBackward0"):
        scores = _saved(node, "_saved_self")
        return (1, "the negative log-likelihood") if scores is not None and scores.dim() > 1 else None
    if name == "GatherBackward0":
        index = _saved(node, "_saved_index")
        return (_positive(node._saved_dim, index.dim()), "gather") if index is not None else None
    if name == "IndexBackward0":
        indices = list(node._saved_indices)
        whole = [i for i, index in enumerate(indices) if index is not None and _is_range(index)]
        others = [i for i, index in enumerate(indices) if index is not None and i not in whole]
        return (others[0], "indexing") if len(whole) == 1 and len(others) == 1 else None
    if name == "MulBackward0":
        for attribute in ("_saved_self", "_saved_other"):
            factor = _saved(node, attribute)
            if factor is None or factor.requires_grad or factor.dim() != 2 or factor.numel() > MOST_ELEMENTS:
                continue
            # A single row or column can add up to 1 by chance: a batch with one positive does.
            if 1 in factor.shape:
                continue
            sums = [d for d in (0, 1) if bool(((factor.float().sum(d) - 1).abs() < ROW_SUM).all())]
            if len(sums) == 1 and float(factor.min()) >= 0:
                return sums[0], "the product with the targets"
    return None


def _normaliser(node: Any, picked: int, how: str) -> Axes | None:
    """Follows what the scores were made from down to what normalises them, keeping track of the class dimension."""
    for _ in range(MOST_BETWEEN):
        children = [c for c, _ in node.next_functions if c is not None]
        if not children:
            return None
        node = children[0]
        name = node.name()
        if name in ("SoftmaxBackward0", "LogSoftmaxBackward0"):
            result = _saved(node, "_saved_result")
            if result is None or picked >= result.dim():
                return None
            found = Axes(picked, _positive(node._saved_dim, result.dim()), list(result.shape), how)
            # A log-softmax of probabilities: the one that made them may run over another dimension.
            deeper = _normaliser(node, picked, how) if found.normalised == picked else None
            return deeper if deeper is not None and deeper.normalised != deeper.picked else found
        by_hand = _by_hand(node)
        if by_hand is not None:
            dimension, shape = by_hand
            return Axes(picked, _positive(dimension, len(shape)), shape, how) if picked < len(shape) else None
        moved = _before(node, name, picked)
        if moved is None:
            return None
        picked = moved
    return None


def _before(node: Any, name: str, picked: int) -> int | None:
    """The dimension that was ``picked`` before the operation of this node; None when that cannot be told."""
    if name in _SAME_SHAPE:
        return picked
    if name == "TBackward0":
        return 1 - picked
    after = [int(s) for s in node._input_metadata[0].shape] if hasattr(node, "_input_metadata") else []
    if name == "TransposeBackward0" and after:
        one, two = _positive(node._saved_dim0, len(after)), _positive(node._saved_dim1, len(after))
        return two if picked == one else one if picked == two else picked
    if name == "PermuteBackward0" and after:
        return _positive(list(node._saved_dims)[picked], len(after)) if picked < len(after) else None
    if name in ("ViewBackward0", "ReshapeAliasBackward0", "UnsafeViewBackward0") and after:
        before = [int(s) for s in node._saved_self_sym_sizes]
        if before[: picked + 1] == after[: picked + 1]:
            return picked
        # Merging the dimensions before the classes leaves them last.
        if picked == len(after) - 1 and before and before[-1] == after[-1]:
            return len(before) - 1
    return None


def _by_hand(node: Any) -> tuple[int, list[int]] | None:
    """``e / e.sum(d)`` or ``z - z.logsumexp(d)``: the dimension, and the shape of what was divided."""
    children = [c for c, _ in node.next_functions]
    if len(children) != 2 or None in children:
        return None
    one, two = children
    if node.name() == "DivBackward0" and two.name() == "SumBackward1" and two.next_functions[0][0] is one:
        shape = [int(s) for s in two._saved_self_sym_sizes]
    elif node.name() == "SubBackward0" and two.name() == "LogsumexpBackward0" and two.next_functions[0][0] is one:
        source = _saved(two, "_saved_self")
        shape = list(source.shape) if source is not None else []
    else:
        return None
    dimensions = list(two._saved_dim)
    return (int(dimensions[0]), shape) if len(dimensions) == 1 and shape else None


def _is_range(index: torch.Tensor) -> bool:
    return (
        index.dim() == 1
        and index.numel() > 1
        and not index.is_floating_point()
        and bool((index == torch.arange(index.numel(), device=index.device)).all())
    )


def _positive(dimension: int, dimensions: int) -> int:
    if dimension >= 1 << 63:
        dimension -= 1 << 64
    return dimension + dimensions if dimension < 0 else dimension


def _saved(node: Any, attribute: str) -> torch.Tensor | None:
    try:
        value = getattr(node, attribute, None)
    except RuntimeError:
        # Changed in place since it was saved, or already freed.
        return None
    return value.detach() if isinstance(value, torch.Tensor) and measure.readable(value) else None
