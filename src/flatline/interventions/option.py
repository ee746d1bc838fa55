"""Other settings of a functional loss."""

from __future__ import annotations

from typing import Any

from flatline.interventions.base import Intervention
from flatline.interventions.points import Points


class Option(Intervention):
    """Sets an argument of the functional losses that have it, as ``margin``, ``zero_infinity`` or ``log_input``.

    Patch point: the functional losses of ``torch.nn.functional``. Left as it is: losses without that argument, and losses
    that are written as a formula.

    Args:
        key: the argument.
        value: what it is set to.
    """

    name = "option"

    def __init__(self, key: str, value: float | bool) -> None:
        self._key, self._value = key, value

    def after_probes(self, points: Points) -> None:
        self._points = points
        points.on_criterion.append((self.name, self._criterion))

    def _criterion(self, name: str, arguments: dict[str, Any]) -> None:
        if self._key in arguments:
            arguments[self._key] = self._value
            self._points.acted(self.name)
