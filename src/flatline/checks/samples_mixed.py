"""What is computed for one sample must not depend on the others of its batch, but through batch normalisation."""

from __future__ import annotations

from typing import Any

import torch

from flatline.checks.base import Step, outcome
from flatline.checks.replay import Replay, Statistics, Undone
from flatline.observe.captured import outputs
from flatline.observe.events import Checked

NAME = "samples apart"


def check(step: Step) -> Checked:
    """Replaces the last row of the batch by another, then the first: the outputs of all other rows must stay what they
    are, bit for bit but for the noise of the kernels. What runs along the batch in one direction shows with one of the
    two only. Where they change, they are asked again with the batch's normalisation
    statistics held still; if they stay then, batch normalisation is the way, which is its purpose.
    """
    reasons: list[str] = []
    normalised: list[str] = []
    asked = 0
    for replay in step.models():
        step.in_time()
        try:
            row = replay.rows() - 1
            touched, statistics = _mixed(replay, row)
            if not touched:
                row = 0
                touched, again = _mixed(replay, row)
                statistics = statistics or again
        except Undone as reason:
            reasons.append(str(reason))
            continue
        asked += 1
        if not touched:
            if statistics:
                normalised += _batch_norms(replay.module)
            continue
        if not replay.first_is_batch():
            asked -= 1
            reasons.append(f"it is unclear which dimension of {tuple(replay.main.shape)} counts the samples")
            continue
        where = _where(replay, row)
        return outcome(
            NAME,
            "failed",
            f"the outputs of {touched} other samples change with one sample" + (f"; first in {where}" if where else ""),
            [where] if where else [],
            rows=float(len(replay.main)),
            touched=float(touched),
        )
    head = _before_the_loss(step)
    if head is not None:
        return head
    if not asked:
        raise Undone("; ".join(dict.fromkeys(reasons)) or "no model could be asked")
    if normalised:
        names = ", ".join(dict.fromkeys(normalised))
        return outcome(
            NAME, "expected", f"samples depend on each other through batch normalisation only ({names})", normalised
        )
    return outcome(NAME, "passed", "the output of a sample does not depend on the other samples of its batch")


def _mixed(replay: Replay, row: int) -> tuple[int, bool]:
    """How many other rows change with one, with the batch statistics held still where that matters; and whether it did."""
    changed = replay.with_row(row)
    touched = replay.touched(replay.run(changed))
    touched[row] = False
    if not bool(touched.any()):
        return 0, False
    statistics = Statistics()
    replay.run({}, statistics)
    if not statistics.used:
        return int(touched.sum()), False
    # Held still, the base is another computation in its last places: it is made anew as well.
    base, other = replay.run({}, statistics), replay.run(changed, statistics)
    still = torch.zeros_like(touched)
    for a, b in zip(base, other):
        still |= ((a - b).abs().reshape(len(a), -1).amax(1) > 10 * replay.noise).to(still.device)
    still[row] = False
    return int(still.sum()), True


def _batch_norms(module: torch.nn.Module) -> list[str]:
    from torch.nn.modules.batchnorm import _BatchNorm

    return [name or type(part).__name__ for name, part in module.named_modules() if isinstance(part, _BatchNorm)][:4]


def _where(replay: Replay, row: int) -> str:
    """The innermost part of the model whose output first changes in another row than the one that was replaced."""
    seen: list[list[tuple[str, torch.Tensor]]] = []
    rows = len(replay.main)
    # Sums of a row, each element with a weight of its own: what differs there differs in the row.
    handles: list[Any] = []

    def hook(name: str, kind: str) -> Any:
        def after(module: torch.nn.Module, args: Any, output: Any) -> None:
            for tensor in outputs(output)[:1]:
                if tensor.is_floating_point() and tensor.dim() > 0 and len(tensor) == rows:
                    flat = tensor.detach().reshape(rows, -1).double()
                    weights = torch.arange(1, flat.shape[1] + 1, device=flat.device).double().cos()
                    seen[-1].append((f"{name or 'the model'} ({kind})", flat @ weights))

        return after

    try:
        for name, part in replay.module.named_modules():
            handles.append(part.register_forward_hook(hook(name, type(part).__name__)))
        for changed in ({}, replay.with_row(row)):
            seen.append([])
            replay.run(changed)
    finally:
        for handle in handles:
            handle.remove()
    for (name, base), (_, other) in zip(seen[0], seen[1]):
        far = (base - other).abs()
        far[row] = 0
        # The noise of a row's sum is at most that of its elements together; beside it only the double's own.
        if bool((far > 10 * replay.noise + 1e-12 * base.abs().max()).any()):
            return name
    return ""


def _before_the_loss(step: Step) -> Checked | None:
    """What the program does between its model and its loss: a softmax over the batch, a mean over all samples."""
    for loss in step.captured.losses:
        if not loss.mixed:
            continue
        shape = tuple(loss.input.shape)
        if loss.input.dim() == 2 and shape[0] == shape[1]:
            return outcome(
                NAME, "expected", f"a contrastive loss: {loss.name} of shape {shape} compares samples with each other"
            )
        return outcome(
            NAME,
            "failed",
            f"between the model and {loss.name}, what is computed for one sample depends on {loss.mixed} others",
            ["between the model and the loss"],
            touched=float(loss.mixed),
            rows=float(shape[0]),
        )
    return None
