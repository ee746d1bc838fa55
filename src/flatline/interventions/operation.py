"""One operation in the place of another."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from flatline.interventions.base import OWN_SEED, Intervention
from flatline.interventions.points import PASS, Points
from flatline.interventions.points import Operation as Called

_FUNCTIONS = {
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "tanh": torch.tanh,
    "elu": F.elu,
    "sigmoid": torch.sigmoid,
    "identity": lambda x: x,
    "logsigmoid": F.logsigmoid,
    "log": lambda x: x.clamp(min=1e-12).log(),
}


class Operation(Intervention):
    """Computes something else where the program calls certain functions on something that needs a gradient.

    Patch point: every torch function and tensor method that the program calls; not what runs inside of compiled layers
    (a recurrent net's own activations). Left as it is: the same function on data, and on lines other than the one named.

    Args:
        names: the functions, as torch names them: ``relu``, ``softmax``, ``sqrt``.
        by: ``identity`` (its input), ``relu``, ``leaky_relu``, ``elu``, ``tanh``, ``sigmoid``, ``logsigmoid``, ``log``;
            ``random`` applies the
            function itself to normal numbers; ``shift`` applies it to its input plus ``amount``; ``amplify``
            multiplies its result by ``amount``.
        amount: see ``shift`` and ``amplify``.
        dimension: along which a softmax normalises instead.
        line, file: only there; 0 for everywhere.
    """

    name = "operation"

    def __init__(
        self,
        names: list[str],
        by: str = "",
        amount: float = 1e-6,
        dimension: int | None = None,
        line: int = 0,
        file: str = "",
    ) -> None:
        if by not in (*_FUNCTIONS, "random", "shift", "amplify", "") or (not by and dimension is None):
            raise TypeError(f"no operation can be replaced by {by!r}")
        self._names, self._by, self._amount, self._dimension = frozenset(names), by, amount, dimension
        self._line, self._file = line, file
        self._generator = torch._C.Generator().manual_seed(OWN_SEED)

    def after_probes(self, points: Points) -> None:
        self._points = points
        points.on_operation.append((self.name, self._replaced))

    def _replaced(self, called: Called) -> Any:
        if called.name not in self._names:
            return PASS
        args, kwargs = called.args, dict(called.kwargs)
        given = args[0] if args else kwargs.pop("input", None)
        if not isinstance(given, torch.Tensor) or not given.requires_grad:
            return PASS
        if self._line:
            where = self._points.line()
            if where is None or where[1] != self._line or not where[0].endswith(self._file):
                return PASS
        self._points.acted(self.name)
        if self._dimension is not None:
            kwargs.pop("dim", None)
            kwargs.pop("_stacklevel", None)
            kwargs.pop("dtype", None)
            return called.function(given, dim=self._dimension, **kwargs)
        if self._by == "random":
            drawn = 2.0 * torch.randn(given.shape, generator=self._generator)
            return called.function(drawn.to(given) + 0.0 * given, *args[1:], **kwargs)
        if self._by == "amplify":
            return self._amount * called.function(given, *args[1:], **kwargs)
        if self._by == "shift":
            return called.function(given + self._amount, *args[1:], **kwargs)
        return _FUNCTIONS[self._by](given)  # type: ignore[operator]
