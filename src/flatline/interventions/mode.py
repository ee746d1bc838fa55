"""Training and evaluation mode where they belong."""

from __future__ import annotations

from typing import Any

import torch

from flatline.interventions.base import Intervention
from flatline.interventions.points import PASS, Operation, Points

_DROPS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout")


class Mode(Intervention):
    """Puts the model in training mode for each call with gradients and in evaluation mode for each without.

    Patch points: calls of top-level modules; functional dropouts, which drop nothing where no gradient is kept. Left as
    it is: the mode that the program sets, which is back after the call.
    """

    name = "mode"

    def before_probes(self, points: Points) -> None:
        self._points = points
        points.on_call.append((self.name, self._called))

    def after_probes(self, points: Points) -> None:
        points.on_operation.append((self.name, self._operation))

    def _called(self, module: torch.nn.Module, args: list[Any], kwargs: dict[str, Any]) -> None:
        wanted = torch.is_grad_enabled()
        if any(part.training != wanted for part in module.modules()):
            self._points.acted(self.name)
        module.train(wanted)

    def _operation(self, operation: Operation) -> Any:
        if operation.name in _DROPS and not torch.is_grad_enabled():
            given = operation.args[0] if operation.args else operation.kwargs.get("input")
            self._points.acted(self.name)
            return given
        return PASS
