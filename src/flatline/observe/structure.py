"""Three questions to the autograd graph: which tokens an output can see, what a code carries, what a mask leaves out.

The graph is there anyway. The first question runs one more backward pass through it, which sets no ``.grad``, draws
no random number and calls nothing of the user's: it is not asked where the graph holds hooks or functions of theirs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import torch
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import GradientEdge

from flatline.observe import measure
from flatline.observe.origin import VIEWS

MOST_LATENTS = 256
FEWEST_POSITIONS = 4
# What stands between a loss and the terms it is the sum of.
_ARITHMETIC = frozenset(
    {
        "AddBackward0",
        "SubBackward0",
        "RsubBackward1",
        "MulBackward0",
        "DivBackward0",
        "NegBackward0",
        "SumBackward0",
        "SumBackward1",
        "MeanBackward0",
        "MeanBackward1",
        "ClampBackward1",
        "ClampMinBackward0",
    }
)


def latent(root: Any) -> tuple[list[float], list[float]] | None:
    """For a Gaussian code whose divergence from the standard normal is part of the loss: its divergence in nats for
    each dimension (mean over the batch), and the variance over the batch of each dimension's mean. Else None.

    It is known by its formula: the square of a mean and the exponential of a log-variance (or the logarithm of a
    variance), of one shape, added up on the way to the loss.
    """
    means: list[torch.Tensor] = []
    variances: list[torch.Tensor] = []
    own: set[int] = set()
    for node, parent in _head(root):
        if _multiplied(parent):
            # A square that is weighted by an exponential is a likelihood, not a divergence.
            continue
        name = node.name()
        if name == "ExpBackward0":
            _add(variances, node, "_saved_result")
        elif name == "LogBackward0":
            _add(variances, node, "_saved_self")
            own.update(id(n) for n in _children(node))
        elif _square(node) and id(node) not in own:
            _add(means, node, "_saved_self")
    for variance in variances:
        for mean in means:
            if mean.shape == variance.shape and mean.dim() >= 2 and mean.shape[0] > 1 and mean is not variance:
                return _divergence(mean, variance)
    return None


def _divergence(mean: torch.Tensor, variance: torch.Tensor) -> tuple[list[float], list[float]]:
    with torch.no_grad():
        mean = mean.detach().double().reshape(mean.shape[0], -1)[:, :MOST_LATENTS]
        variance = variance.detach().double().reshape(variance.shape[0], -1)[:, :MOST_LATENTS]
        each = 0.5 * (mean**2 + variance - 1 - variance.clamp_min(1e-300).log())
        return each.mean(0).tolist(), mean.var(0, unbiased=False).tolist()


def loss_mask(root: Any) -> torch.Tensor | None:
    """The zeros and ones that the losses of single tokens are multiplied with before they are added up."""
    for node, _ in _head(root):
        name = node.name()
        if name == "MaskedSelectBackward0" and _leads_to_token_losses(node):
            return _value(node, "_saved_mask")
        if name != "MulBackward0" or not _leads_to_token_losses(node):
            continue
        for attribute in ("_saved_other", "_saved_self"):
            mask = _value(node, attribute)
            if mask is None or mask.requires_grad or mask.numel() < 2:
                continue
            with torch.no_grad():
                if bool(((mask == 0) | (mask == 1)).all()):
                    return mask
    return None


def _leads_to_token_losses(node: Any) -> bool:
    for child in _children(node):
        for _ in range(4):
            if child.name().startswith("NllLoss"):
                return True
            following = _children(child)
            if child.name() not in VIEWS or not following:
                break
            child = following[0]
    return False


def visible_positions(
    order: list[tuple[Any, str]], outputs: list[torch.Tensor]
) -> tuple[torch.Tensor, int, list[int]] | None:
    """Which positions of a sequence of tokens one output of a sequence model depends on, given the graph's nodes.

    Returns the tokens [N, T], the output's position, and the input positions with a gradient there. None when the
    graph holds no such model, more than one sequence of tokens, or anything of the user's that would be called.
    """
    embeddings: list[tuple[Any, torch.Tensor]] = []
    for node, name in order:
        if isinstance(node, BackwardCFunction) or "Checkpoint" in name:
            return None
        if name == "EmbeddingBackward0":
            indices = _value(node, "_saved_indices")
            # Embedded positions are the same in every row.
            if indices is not None and indices.dim() == 2 and len(indices) > 1 and not _same_rows(indices):
                embeddings.append((node, indices))
    if len(embeddings) != 1:
        return None
    node, indices = embeddings[0]
    rows, length = indices.shape
    if length < FEWEST_POSITIONS:
        return None
    output = next((o for o in outputs if o.grad_fn is not None and o.dim() == 3 and o.shape[:2] == indices.shape), None)
    if output is None:
        return None
    position = length // 2
    direction = torch.zeros_like(output)
    # Not a plain sum over the outputs of a position: after a normalisation that would be a constant.
    direction[:, position] = torch.arange(output.shape[2], device=output.device, dtype=output.dtype).cos()
    try:
        (gradient,) = torch.autograd.grad(
            [output], [GradientEdge(node, 0)], [direction], retain_graph=True, allow_unused=True
        )
    except RuntimeError:
        # The graph was freed or changed in place: the program's own backward will say so.
        return None
    if gradient is None:
        return None
    with torch.no_grad():
        size = gradient.detach().float().abs().reshape(rows, length, -1).amax((0, 2))
        # Below the resolution of a float32 beside the largest: masked, or as good as masked.
        seen = (size > torch.finfo(torch.float32).eps * size.max()).nonzero().reshape(-1).tolist()
    return (indices, position, seen) if seen else None


def _same_rows(indices: torch.Tensor) -> bool:
    with torch.no_grad():
        return bool((indices == indices[:1]).all())


def _head(root: Any) -> Iterator[tuple[Any, Any]]:
    """Nodes reached from the loss through additions, products and reductions, each with the node above it."""
    if root is None:
        return
    seen = {root}
    queue: deque[tuple[Any, Any]] = deque([(root, None)])
    while queue and len(seen) < 512:
        node, parent = queue.popleft()
        yield node, parent
        name = node.name()
        if name in _ARITHMETIC or name in VIEWS or name == "LogBackward0":
            for child in _children(node):
                if child not in seen:
                    seen.add(child)
                    queue.append((child, node))


def _children(node: Any) -> list[Any]:
    return [child for child, _ in node.next_functions if child is not None]


def _square(node: Any) -> bool:
    if node.name() == "PowBackward0":
        return getattr(node, "_saved_exponent", None) == 2
    children = _children(node)
    return node.name() == "MulBackward0" and len(children) == 2 and children[0] is children[1]


def _multiplied(node: Any) -> bool:
    return node is not None and node.name() in ("MulBackward0", "DivBackward0") and len(_children(node)) > 1


def _value(node: Any, attribute: str) -> torch.Tensor | None:
    try:
        value = getattr(node, attribute, None)
    except RuntimeError:
        # Changed in place since it was saved.
        return None
    return value if isinstance(value, torch.Tensor) and measure.readable(value) else None


def _add(found: list[torch.Tensor], node: Any, attribute: str) -> None:
    value = _value(node, attribute)
    if value is not None:
        found.append(value)
