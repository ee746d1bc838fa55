"""A network of a given size, trained on the rows that were kept: what can be learned from them, and with what."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from flatline.causes.case import Case
from flatline.record.kept import tables

# Half of the rows are held out: with fewer the held-out loss itself is noise.
FEWEST_ROWS = 64
# Two hidden layers of this width fit any relation that some hundred rows can show (Cybenko, 1989, needs one).
WIDE = [64, 64]
STEPS = 300


def reference_loss(case: Case, hidden: list[int]) -> float | None:
    """The loss of a network with these hidden layers, trained on half of the kept rows, on the other half.

    The least over its training: it is to show what can be reached, and not when to stop. ReLU between the layers, Adam at
    0.01; cross entropy for labels, squared error for numbers. None for too few rows.

    Args:
        case: whose rows; the first input of the models, with targets of one number each.
        hidden: widths of the hidden layers, so their number is the depth; empty for a linear model.
    """
    for inputs, targets, labels in _kept(case):
        if len(inputs) >= FEWEST_ROWS:
            return _trained(inputs, targets, labels, hidden)
    return None


def _kept(case: Case) -> list[tuple[Any, Any, bool]]:
    """Inputs [N, d] with their targets [N], and whether these are labels."""
    found: list[tuple[Any, Any, bool]] = [(t.x, t.y, t.classes is not None) for t in tables(case.recording)]
    if found:
        return found
    # Inputs of one number each.
    kept = [(r.inputs[0], r.target) for r in case.recording.rows if r.gradient and r.inputs and r.target is not None]
    return [(x, y, False) for x, y in kept[:1] if x.ndim == 1 and x.shape == y.shape]


def _trained(inputs: Any, targets: Any, labels: bool, hidden: list[int]) -> float:
    import torch

    x = torch.tensor(np.asarray(inputs, dtype=np.float32)).reshape(len(inputs), -1)
    x = (x - x.mean(0)) / x.std(0).clamp_min(1e-6)
    names, codes = np.unique(targets, return_inverse=True)
    y = torch.tensor(codes) if labels else torch.tensor(np.asarray(targets, dtype=np.float32)).reshape(len(x), -1)
    draws = torch.Generator().manual_seed(0)
    order = torch.randperm(len(x), generator=draws)
    fit, test = order[: len(x) // 2], order[len(x) // 2 :]
    sizes = [x.shape[1], *hidden, len(names) if labels else y.shape[1]]
    weights = [
        (torch.randn(a, b, generator=draws) * (2 / a) ** 0.5).requires_grad_() for a, b in itertools.pairwise(sizes)
    ]
    biases = [torch.zeros(b, requires_grad=True) for b in sizes[1:]]
    optimizer = torch.optim.Adam([*weights, *biases], lr=1e-2, weight_decay=1e-3)
    criterion = torch.nn.functional.cross_entropy if labels else torch.nn.functional.mse_loss
    best = math.inf
    for step in range(STEPS):
        losses = []
        for rows in (fit, test):
            h = x[rows]
            for i, (w, b) in enumerate(zip(weights, biases)):
                h = h @ w + b if i == len(weights) - 1 else torch.relu(h @ w + b)
            losses.append(criterion(h, y[rows]))
        if step % 20 == 0:
            best = min(best, float(losses[1].detach()))
        optimizer.zero_grad()
        losses[0].backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return best
