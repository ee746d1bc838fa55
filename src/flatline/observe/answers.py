"""What can be said of the input of a criterion and its target together."""

from __future__ import annotations

from typing import Any

import torch

from flatline.observe import measure
from flatline.observe.events import CriterionCall


def judge(call: CriterionCall, input: torch.Tensor, target: torch.Tensor | None, options: dict[str, Any]) -> None:
    """Adds to ``call`` the classes, the targets that count, and the right answers among the predictions."""
    if call.name in ("cross_entropy", "nll_loss") and input.dim() >= 1:
        _classification(call, input, target, options)
    elif call.name in ("binary_cross_entropy", "binary_cross_entropy_with_logits") and target is not None:
        _binary(call, input, target)
    if call.name == "nll_loss" and input.dim() > 1 and measure.readable(input):
        with torch.no_grad():
            call.exp_rows = [float(v) for v in torch.aminmax(input.exp().sum(1))]


def _classification(
    call: CriterionCall, input: torch.Tensor, target: torch.Tensor | None, options: dict[str, Any]
) -> None:
    dimension = 1 if input.dim() > 1 else 0
    call.classes = input.shape[dimension]
    if target is None or not measure.readable(target) or target.is_floating_point():
        return
    with torch.no_grad():
        valid = target != options.get("ignore_index", -100)
        call.valid_targets = int(valid.sum())
        if measure.readable(input):
            # Along the last dimension the search is many times as fast.
            best = torch.argmax(torch.movedim(input.detach(), dimension, -1).contiguous(), -1)
            call.correct = int(((best == target) & valid).sum())


def _binary(call: CriterionCall, input: torch.Tensor, target: torch.Tensor) -> None:
    call.classes = 2
    call.valid_targets = target.numel()
    if input.shape == target.shape and measure.readable(input):
        with torch.no_grad():
            threshold = 0.0 if call.name.endswith("logits") else 0.5
            call.correct = int(((input > threshold) == (target > 0.5)).sum())
