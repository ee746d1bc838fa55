"""A model that is large enough for its task can learn one batch by heart."""

from __future__ import annotations

import math
import time
from typing import Any

import torch
from torch.nn.modules.dropout import _DropoutNd

from flatline.checks.base import Step, outcome
from flatline.checks.replay import Replay, Undone, copied, muted, same_random, twin
from flatline.observe.captured import LossCall, first_output, outputs
from flatline.observe.events import Checked

NAME = "one batch can be learned"
STEPS = 400
# The default of Adam, and ten times that for a second try: one of the two suits nearly every network.
RATES = (1e-3, 1e-2)
# As in insufficient-capacity: the last quarter falls by less than a twentieth of all it has fallen.
LEVEL = 0.05
# The usual level: less than a twentieth of the variance, or of the answers, is left.
LEFT = 0.05
# Of a sequence some places may look the same: only when not even half of the loss goes is it the model.
HALF = 0.5


def check(step: Step) -> Checked:
    """Trains a copy of the model on the first batch with Adam, without dropout, at most 400 steps at each of two rates,
    until all answers but a twentieth are right (or a twentieth of the variance is left). Equal inputs with different
    labels cannot be told apart and are not asked for; nor is more than one target for each parameter, by counting."""
    loss = step.loss
    if loss is None or loss.target is None:
        raise Undone("no loss of torch's own was called with a target")
    replay, read = _chain(step, loss)
    counted = sum(p.numel() for p in replay.module.parameters() if p.requires_grad)
    if counted < loss.target.numel():
        return outcome(
            NAME, "expected", f"not asked for: {loss.target.numel()} targets are more than the {counted} parameters"
        )
    began = time.perf_counter()
    best, start, rested = math.inf, math.nan, False
    for rate in RATES:
        values, wrong, total = _train(step, replay, loss, read, rate)
        start = values[0]
        if _learned(loss, values[-1], wrong):
            return outcome(
                NAME,
                "passed",
                f"a copy learns the {total} targets of the batch by heart in {len(values)} steps of Adam "
                f"(loss {values[0]:.4g} to {values[-1]:.4g})",
                start=values[0], end=values[-1], steps=float(len(values)),
            )  # fmt: skip
        if min(values) < best:
            best = min(values)
            quarter = max(len(values) // 4, 1)
            last, third = sum(values[-quarter:]) / quarter, sum(values[-2 * quarter : -quarter]) / quarter
            rested = len(values) == STEPS and third - last < LEVEL * max(values[0] - last, 0.0)
    text = f"loss {start:.4g} to {best:.4g} in {STEPS} steps of Adam on one batch"
    if not rested:
        raise Undone(f"{text}, and still falling after {time.perf_counter() - began:.0f} s")
    several = loss.target.numel() > len(replay.main)
    if several and best < HALF * start:
        raise Undone(f"{text}; places that look the same may have different targets")
    return outcome(
        NAME,
        "failed",
        f"a copy does not learn the batch by heart: {text}, and no further",
        start=start,
        end=best,
        steps=float(STEPS),
    )


def _chain(step: Step, loss: LossCall) -> tuple[Replay, Any]:
    """The model whose output enters the loss, and how to read what enters from what it returns.

    Raises:
        Undone: the program computes something between the two.
    """
    for replay in step.models():
        output = first_output(replay.call.output)
        if output is None:
            continue
        given = loss.input
        for index, tensor in enumerate(outputs(replay.call.output)):
            if tensor is given or (tensor.numel() == given.numel() and tensor.data_ptr() == given.data_ptr()):
                shape = given.shape
                stride = given.stride()
                return replay, lambda out, i=index, s=shape, t=stride: _same_view(outputs(out)[i], s, t)
        own = getattr(replay.call.output, "loss", None)
        if isinstance(own, torch.Tensor) and own.numel() == 1:
            return replay, None
    raise Undone("between the model and the loss the program computes something that cannot be repeated")


def _same_view(tensor: torch.Tensor, shape: torch.Size, stride: tuple[int, ...]) -> torch.Tensor:
    return tensor.contiguous().as_strided(shape, stride) if tensor.shape != shape else tensor


def _train(step: Step, replay: Replay, loss: LossCall, read: Any, rate: float) -> tuple[list[float], int | None, int]:
    """The losses of each step; how many targets are answered wrongly at the end (None: not a classification)."""
    model = twin(replay.module)
    _without_dropout(model)
    args, kwargs = replay.call.args, replay.call.kwargs
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=rate)
    values: list[float] = []
    name = next(iter(loss.arguments))
    wrong: int | None = None
    asked = _answerable(replay, loss)
    with same_random(replay._random), muted(), torch.enable_grad():
        for _ in range(STEPS):
            step.in_time()
            result = model(*copied(args), **copied(kwargs))
            given = read(result) if read is not None else None
            value = loss.function(**{**loss.arguments, name: given}) if given is not None else result.loss
            if not value.requires_grad:
                raise Undone("the loss has no gradient")
            if value.dim():
                value = value.mean()
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            values.append(float(value.detach()))
            if not math.isfinite(values[-1]):
                raise Undone(f"the loss becomes {values[-1]} when a copy is trained")
            wrong = _wrong(loss, given.detach(), asked) if given is not None else None
            if _learned(loss, values[-1], wrong):
                break
    assert loss.target is not None
    return values, wrong, loss.target.numel()


def _learned(loss: LossCall, value: float, wrong: int | None) -> bool:
    assert loss.target is not None
    return wrong <= LEFT * loss.target.numel() if wrong is not None else value <= LEFT * _variance(loss)


def _without_dropout(model: torch.nn.Module) -> None:
    """What is dropped is noise here; recurrent and attention layers hold their share as a number."""
    for part in model.modules():
        if isinstance(part, _DropoutNd):
            part.p = 0.0
        elif isinstance(getattr(part, "dropout", None), float):
            part.dropout = 0.0  # type: ignore[assignment]


def _wrong(loss: LossCall, given: torch.Tensor, asked: torch.Tensor) -> int | None:
    y = loss.target
    assert y is not None
    if loss.name in ("cross_entropy", "nll_loss") and not y.is_floating_point() and given.dim() > 1:
        right = given.argmax(1) == y
        right |= y == loss.arguments.get("ignore_index", -100)
    elif loss.name.startswith("binary_cross_entropy") and given.shape == y.shape:
        right = (given > (0.0 if loss.name.endswith("logits") else 0.5)) == (y > 0.5)
    else:
        return None
    if len(asked) == len(right):
        right[~asked] = True
    return int((~right).sum())


def _answerable(replay: Replay, loss: LossCall) -> torch.Tensor:
    """For each row of the targets whether its inputs are not also those of another row."""
    y = loss.target
    assert y is not None
    rows = len(replay.main)
    asked = torch.ones(len(y) if y.dim() else 1, dtype=torch.bool, device=y.device)
    if len(asked) == rows:
        flat = replay.main.detach().reshape(rows, -1)
        _, group, size = torch.unique(flat, dim=0, return_inverse=True, return_counts=True)
        asked = (size[group] == 1).to(y.device)
    return asked


def _variance(loss: LossCall) -> float:
    assert loss.target is not None
    y = loss.target.detach().double()
    return float(y.var(unbiased=False)) if loss.name == "mse_loss" else 0.0
