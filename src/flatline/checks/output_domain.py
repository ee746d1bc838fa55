"""What enters the loss must be what that loss takes: logits, probabilities, log-probabilities, any real number."""

from __future__ import annotations

import torch

from flatline.checks.base import Step, outcome
from flatline.checks.replay import Undone
from flatline.observe.captured import LossCall
from flatline.observe.events import Checked
from flatline.observe.origin import origin

NAME = "output range"
# Probabilities in float32 add up to 1 within a few units in the last place for each of their terms.
ROW_SUM = 1e-4
_BOUNDED = {"Sigmoid": (0.0, 1.0), "Tanh": (-1.0, 1.0), "Softmax": (0.0, 1.0), "Relu": (0.0, float("inf"))}


def check(step: Step) -> Checked:
    """Compares the outputs as the loss got them with its domain, and the targets with what such outputs can reach."""
    if not step.captured.losses:
        raise Undone("no loss of torch's own was called")
    said = ""
    for loss in step.captured.losses:
        x = loss.input.detach()
        if not x.numel():
            continue
        low, high = float(x.min()), float(x.max())
        span = f"{low:.4g} to {high:.4g}"
        if not bool(torch.isfinite(x).all()):
            return outcome(NAME, "failed", f"{loss.name} is given numbers that are not finite")
        wrong = _wrong(loss, x, low, high)
        if wrong:
            return outcome(NAME, "failed", f"{loss.name} takes {wrong}; it is given {span}", low=low, high=high)
        said = said or f"{loss.name} is given {span}, which it takes"
    if not said:
        raise Undone("what enters the loss has no element")
    return outcome(NAME, "passed", said)


def _wrong(loss: LossCall, x: torch.Tensor, low: float, high: float) -> str:
    """What the loss takes instead; empty when it is given that."""
    made_by = origin(loss.input)
    if loss.name == "binary_cross_entropy" and (low < 0 or high > 1):
        return "probabilities, 0 to 1"
    if loss.name == "nll_loss" and x.dim() > 1 and float((x.exp().sum(1) - 1).abs().max()) > ROW_SUM:
        return "log-probabilities, whose exp adds up to 1"
    if loss.name == "cross_entropy" and x.dim() > 1 and x.shape[1] > 1 and low >= 0:
        if float((x.sum(1) - 1).abs().max()) <= ROW_SUM:
            return "logits, not probabilities that add up to 1"
    if loss.name in ("cross_entropy", "binary_cross_entropy_with_logits") and made_by in _BOUNDED:
        return f"logits, any real number, and the last layer is a {made_by.lower()}"
    y = loss.target
    if y is None or not y.numel():
        return ""
    least, most = float(y.min()), float(y.max())
    if loss.name.startswith("binary_cross_entropy") and (least < 0 or most > 1):
        return f"targets from 0 to 1, and they go from {least:.4g} to {most:.4g}"
    if loss.name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss") and made_by in _BOUNDED:
        bottom, top = _BOUNDED[made_by]
        if least < bottom or most > top:
            return f"outputs that can reach targets from {least:.4g} to {most:.4g}, which a {made_by.lower()} cannot"
    return ""
