"""Wider floating-point numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from flatline.interventions.base import Intervention
from flatline.interventions.points import PASS, Operation, Points
from flatline.observe.patching import unseen

_NARROW = {
    "float32": (torch.float16, torch.bfloat16),
    "float64": (torch.float16, torch.bfloat16, torch.float32),
}
_CASTS = ("half", "bfloat16", "float")
_IN_PLACE_DRAWS = (
    "kaiming_uniform_",
    "uniform_",
    "normal_",
    "bernoulli_",
    "exponential_",
    "cauchy_",
    "log_normal_",
    "geometric_",
    "random_",
)
_DRAWS = ("randn_like", "rand_like", "bernoulli", "dropout", "normal", "multinomial")


class Precision(Intervention):
    """Computes in float32, or float64, whatever the program asks for.

    Patch points: every torch function and tensor method that the program calls. A cast to a narrower type gives the
    wider one, a type named in an argument is the wider one, and so is a tensor made from numbers or arrays. Autocast is
    off, and gradient scalers are disabled. Left as it is: the random numbers, which are drawn in the program's own type
    and widened after; types that are wider already.

    Args:
        dtype: ``float32`` or ``float64``.
    """

    name = "precision"

    def __init__(self, dtype: str = "float32") -> None:
        if dtype not in _NARROW:
            raise TypeError(f"precision can be float32 or float64, not {dtype!r}")
        self._wide: torch.dtype = getattr(torch, dtype)
        self._narrow = _NARROW[dtype]

    def before_probes(self, points: Points) -> None:
        self._points = points

        def autocast(original: Callable[..., None]) -> Callable[..., None]:
            def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
                points.acted("precision")
                original(self, *args, **{**kwargs, "enabled": False})

            return unseen(__init__, original)

        def scaler(original: Callable[..., None]) -> Callable[..., None]:
            def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
                points.acted("precision")
                original(self, *args[:5], **{**kwargs, "enabled": False})

            return unseen(__init__, original)

        points.patches.replace(torch.amp.autocast_mode.autocast, "__init__", autocast)
        points.patches.replace(torch.amp.GradScaler, "__init__", scaler)

    def after_probes(self, points: Points) -> None:
        points.on_operation.append((self.name, self._compute))

    def _compute(self, operation: Operation) -> Any:
        name, args = operation.name, operation.args
        if name in _CASTS and len(args) == 1 and isinstance(args[0], torch.Tensor) and not operation.kwargs:
            if getattr(torch, {"half": "float16", "float": "float32"}.get(name, name)) in self._narrow:
                if args[0].dtype is not self._wide or name != "float":
                    self._points.acted(self.name)
                return args[0].to(self._wide)
            return PASS
        if name in _IN_PLACE_DRAWS:
            drawn = args[0] if args else operation.kwargs.get("tensor")
            if isinstance(drawn, torch.Tensor) and drawn.dtype is torch.float64:
                return self._draw_in_place(operation, drawn)
        if name in _DRAWS and self._wide is torch.float64:
            return self._draw(operation)
        makes = not any(isinstance(a, torch.Tensor) for a in (*args, *operation.kwargs.values()))
        if makes:
            # Made, and drawn, in the type that the program asks for.
            result = operation.run()
            if isinstance(result, torch.Tensor) and result.dtype in self._narrow:
                self._points.acted(self.name)
                with torch.no_grad():
                    wide = result.to(self._wide)
                return wide.requires_grad_() if result.requires_grad else wide
            return result
        operation.args = tuple(self._widened(a) for a in args)
        operation.kwargs = {key: self._widened(value) for key, value in operation.kwargs.items()}
        return PASS

    def _widened(self, value: Any) -> Any:
        if isinstance(value, torch.dtype) and value in self._narrow:
            self._points.acted(self.name)
            return self._wide
        return value

    @staticmethod
    def _draw_in_place(operation: Operation, tensor: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            drawn = torch.empty_like(tensor, dtype=torch.float32)
            if operation.args:
                operation.function(drawn, *operation.args[1:], **operation.kwargs)
            else:
                operation.function(**{**operation.kwargs, "tensor": drawn})
            tensor.copy_(drawn)
        return tensor

    @staticmethod
    def _draw(operation: Operation) -> Any:
        if operation.name == "dropout":
            rate = operation.args[1] if len(operation.args) > 1 else operation.kwargs.get("p", 0.5)
            training = operation.args[2] if len(operation.args) > 2 else operation.kwargs.get("training", True)
            given = operation.args[0] if operation.args else operation.kwargs["input"]
            if not training or given.dtype is not torch.float64:
                return PASS
            kept = torch.nn.functional.dropout(torch.ones_like(given, dtype=torch.float32), rate, True)
            return given * kept.to(given.dtype)
        args = [a.float() if isinstance(a, torch.Tensor) and a.dtype is torch.float64 else a for a in operation.args]
        result = operation.function(*args, **operation.kwargs)
        narrow = isinstance(result, torch.Tensor) and result.dtype is torch.float32
        return result.to(torch.float64) if narrow else result
