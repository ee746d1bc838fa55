"""Other targets for the criterion."""

from __future__ import annotations

from typing import Any

import torch

from flatline.interventions.base import OWN_SEED, Intervention
from flatline.interventions.points import Points


class Targets(Intervention):
    """Changes the target that a functional loss is called with.

    Patch point: the functional losses of ``torch.nn.functional`` (the modules call them). Left as it is: what the
    program itself does with its targets; losses that are written as a formula.

    Args:
        how: ``permute`` gives each sample the target of another one, in a new order at every call, so that nothing can
            be learned from them but how often each occurs; ``shape`` gives them the shape of the prediction where both
            have as many elements; ``clamp`` brings them into ``[low, high]``; ``normalise`` makes them sum to 1 along
            dimension 1.
    """

    name = "targets"

    def __init__(self, how: str = "permute", low: float = 0.0, high: float = 1.0) -> None:
        if how not in ("permute", "shape", "clamp", "normalise"):
            raise TypeError(f"targets cannot be changed by {how!r}")
        self._how, self._low, self._high = how, low, high
        self._generator = torch._C.Generator().manual_seed(OWN_SEED)

    def after_probes(self, points: Points) -> None:
        self._points = points
        points.on_criterion.append((self.name, self._change))

    def _change(self, name: str, arguments: dict[str, Any]) -> None:
        target = arguments.get("target")
        if not isinstance(target, torch.Tensor) or target.dim() == 0:
            return
        changed = self._changed(target, arguments.get("input"))
        if changed is not target:
            arguments["target"] = changed
            self._points.acted(self.name)

    def _changed(self, target: torch.Tensor, given: Any) -> torch.Tensor:
        if self._how == "permute":
            # A batch of one sequence is permuted along the sequence.
            dimension = 1 if target.shape[0] == 1 and target.dim() > 1 else 0
            order = torch.randperm(target.shape[dimension], generator=self._generator)
            return target.index_select(dimension, order.to(target.device))
        if self._how == "shape":
            fits = isinstance(given, torch.Tensor) and given.shape != target.shape
            return target.reshape(given.shape) if fits and given.numel() == target.numel() else target
        if not target.is_floating_point():
            return target
        if self._how == "clamp":
            return target.clamp(self._low, self._high)
        positive = target.clamp(min=0)
        return positive / positive.sum(1 if target.dim() > 1 else 0, keepdim=True).clamp(min=1e-12)
