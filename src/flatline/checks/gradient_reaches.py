"""Every parameter that is to be updated must have a gradient; None and exactly zero are two different faults."""

from __future__ import annotations

import math

import torch

from flatline.checks.base import Step, outcome
from flatline.checks.replay import Undone
from flatline.observe.events import Checked

NAME = "gradient everywhere"
SHOWN = 4


def check(step: Step) -> Checked:
    """Looks at the gradients as they are just before the first update. None: no backward reached the parameter.
    Exactly zero: the path is there and lets nothing through; where a weight starts at zero that is its doing.
    """
    parameters = [p for p in step.captured.optimized if p.requires_grad]
    if not parameters:
        raise Undone("no parameter is about to be updated")
    names = step.names()
    none = [_name(names, p) for p in parameters if p.grad is None]
    zero = [_name(names, p) for p in parameters if p.grad is not None and _is_zero(p.grad)]
    numbers = {
        "parameters": float(len(parameters)),
        "none": float(len(none)),
        "zero": float(len(zero)),
        "norm": _norm(parameters),
    }
    if none:
        also = f"; exactly 0 in {len(zero)} more" if zero else ""
        return outcome(
            NAME,
            "failed",
            f"{len(none)} of {len(parameters)} parameters have no gradient (None): {_listed(none)}{also}",
            none,
            **numbers,
        )
    if zero:
        starts = [name for call in step.captured.models for name in zero_weights(call.module)]
        if starts:
            return outcome(
                NAME,
                "expected",
                f"the gradient of {len(zero)} of {len(parameters)} parameters is exactly 0 ({_listed(zero)}) as long "
                f"as {starts[0]} is 0, where it starts",
                zero,
                **numbers,
            )
        blocked = [p for p in parameters if p.grad is not None and _is_zero(p.grad)]
        if all(p.dim() <= 1 for p in blocked) and len(blocked) * 2 < len(parameters):
            return outcome(
                NAME,
                "expected",
                f"the gradient of {_listed(zero)} is exactly 0: a shift cancels out there (in a difference of scores, "
                "before a normalisation)",
                zero,
                **numbers,
            )
        return outcome(
            NAME,
            "failed",
            f"the gradient of {len(zero)} of {len(parameters)} parameters is exactly 0: {_listed(zero)}",
            zero,
            **numbers,
        )
    return outcome(NAME, "passed", f"all {len(parameters)} parameters have a gradient that is not 0", [], **numbers)


def zero_weights(module: torch.nn.Module) -> list[str]:
    """Weights that are entirely 0, by name; biases usually are, and count for nothing."""
    return [
        name
        for name, parameter in module.named_parameters()
        if "bias" not in name and parameter.numel() and not bool(parameter.detach().ne(0).any())
    ]


def _is_zero(gradient: torch.Tensor) -> bool:
    values = gradient.coalesce().values() if gradient.is_sparse else gradient
    return not bool(values.ne(0).any())


def _norm(parameters: list[torch.Tensor]) -> float:
    gradients = [p.grad for p in parameters if p.grad is not None]
    squares = (float((g.coalesce().values() if g.is_sparse else g).double().square().sum()) for g in gradients)
    return math.sqrt(sum(squares))


def _name(names: dict[int, str], parameter: torch.Tensor) -> str:
    return names.get(id(parameter), f"a tensor of shape {tuple(parameter.shape)}")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
