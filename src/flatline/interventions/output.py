"""What stands between the model and the criterion."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from flatline.interventions.base import OWN_SEED, Intervention
from flatline.interventions.points import PASS, Operation, Points

_VIEWS = frozenset(
    [
        "squeeze",
        "unsqueeze",
        "flatten",
        "reshape",
        "view",
        "transpose",
        "permute",
        "float",
        "clamp",
        "contiguous",
        "__getitem__",
        "select",
        "narrow",
        "T",
    ]
)
_ADDED: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "log_softmax": lambda x: F.log_softmax(x, 1 if x.dim() > 1 else 0),
    "sigmoid": torch.sigmoid,
    "softplus": F.softplus,
    "exp": torch.exp,
}
MOST_HELD = 64


class Output(Intervention):
    """Changes the prediction that a functional loss is called with.

    Patch points: the functional losses of ``torch.nn.functional``, and, for ``remove``, the activations that the program
    calls. Left as it is: what the program itself does with its outputs (its accuracy, its samples); the random numbers.

    Args:
        how: ``remove`` gives the loss what the last activation was given; ``add`` applies one more function; ``random``
            gives the loss normal numbers of deviation 2, new at every call, to which the model is tied with a weight of
            0, so that ``backward`` runs; ``rival`` gives a table of scores with one column a second one, of zeros.
        kinds: the activations to be removed.
        function: what to add: log_softmax (over classes), sigmoid, softplus or exp.
    """

    name = "output"

    def __init__(self, how: str = "remove", kinds: list[str] | None = None, function: str = "log_softmax") -> None:
        if how not in ("remove", "add", "random", "rival") or function not in _ADDED:
            raise TypeError(f"the output cannot be changed by {how!r} with {function!r}")
        self._how, self._function = how, _ADDED[function]
        self._kinds = frozenset(kinds or ("softmax", "sigmoid", "relu", "tanh"))
        self._generator = torch._C.Generator().manual_seed(OWN_SEED)
        # What came of an activation or a view: the result, its source, and for a view how to make it again.
        self._made: list[tuple[weakref.ref[torch.Tensor], torch.Tensor, Operation | None]] = []

    def after_probes(self, points: Points) -> None:
        self._points = points
        points.on_criterion.append((self.name, self._criterion))
        if self._how == "remove":
            points.on_operation.append((self.name, self._operation))
            points.on_backward.append((self.name, lambda loss: self._made.clear()))

    def _operation(self, operation: Operation) -> Any:
        source = operation.args[0] if operation.args else operation.kwargs.get("input")
        if not isinstance(source, torch.Tensor) or not source.requires_grad:
            return PASS
        activation = operation.name in self._kinds
        if not activation and operation.name not in _VIEWS:
            return PASS
        result = operation.run()
        if isinstance(result, torch.Tensor):
            del self._made[:-MOST_HELD]
            self._made.append((weakref.ref(result), source, None if activation else operation))
        return result

    def _criterion(self, name: str, arguments: dict[str, Any]) -> None:
        given = arguments.get("input")
        if not isinstance(given, torch.Tensor) or not given.is_floating_point():
            return
        changed: torch.Tensor | None
        if self._how == "remove":
            changed = self._before(given, 0)
        elif self._how == "rival":
            single = given.dim() == 2 and given.shape[1] == 1
            changed = torch.cat([given, torch.zeros_like(given)], 1) if single else None
        elif self._how == "add":
            changed = self._function(given)
        else:
            drawn = 2.0 * torch.randn(given.shape, generator=self._generator)
            changed = drawn.to(given) + 0.0 * given if given.requires_grad else drawn.to(given)
        if changed is not None:
            arguments["input"] = changed
            self._points.acted(self.name)

    def _before(self, tensor: torch.Tensor, depth: int) -> torch.Tensor | None:
        """What the tensor would be without the activation that it came of; None when there is none."""
        for result, source, view in reversed(self._made):
            if result() is not tensor or depth > 8:
                continue
            if view is None:
                return source
            inner = self._before(source, depth + 1)
            if inner is None:
                return None
            rest = view.args[1:] if view.args else ()
            return inner if view.name == "clamp" else view.function(inner, *rest, **view.kwargs)
        return None
