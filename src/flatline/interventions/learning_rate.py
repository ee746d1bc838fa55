"""The learning rate and the momentum, of every optimizer and of updates written by hand."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch

from flatline.interventions.base import Intervention
from flatline.interventions.points import PASS, Operation, Points
from flatline.observe.patching import unseen

_MULTIPLIES = frozenset(("mul", "mul_", "__mul__", "__rmul__", "__imul__"))


class LearningRate(Intervention):
    """Scales or sets the learning rate, and sets the momentum, for the time of each optimizer step.

    Patch point: torch's global hooks around ``Optimizer.step``. The groups carry the program's own numbers again after
    the step, so schedulers and logs are as they were. Where no optimizer exists, the scalar that ``backward`` runs on is
    multiplied instead: every gradient is then that multiple, and so is every update ``p -= lr * p.grad`` written by hand,
    with or without momentum. An update by hand that divides by the gradient's size (Adam, RMSprop) does not scale, and
    neither does one from ``torch.autograd.grad``: the record of the trial shows it, in the size of its updates.

    Left as it is: the data, the initial weights, the random numbers; the first loss.

    Args:
        factor: what the rate is multiplied by.
        value: the rate to be used in place of the program's. For updates by hand it cannot be set.
        momentum: the momentum (the first beta of Adam) to be used.
        written: the momentum that an update written by hand multiplies its velocity with; multiplications of tensors
            without gradients by just that number are then by ``momentum``.
        stepped: an optimizer whose scheduler is stepped after a ``backward``, but which is not itself, takes its step.
        constant: each group keeps the rate that its optimizer was made with; with schedulers, warm-ups and rates that
            the program writes itself out of force.
    """

    name = "learning-rate"

    def __init__(
        self,
        factor: float = 1.0,
        value: float | None = None,
        momentum: float | None = None,
        constant: bool = False,
        stepped: bool = False,
        written: float | None = None,
    ) -> None:
        self._written = written
        self._stepped, self._owed = stepped, False
        self._factor, self._value, self._momentum, self._constant = factor, value, momentum, constant
        self._made: weakref.WeakKeyDictionary[Any, list[float]] = weakref.WeakKeyDictionary()

    def before_probes(self, points: Points) -> None:
        self._points = points
        made = self._made

        def make(original: Callable[..., None]) -> Callable[..., None]:
            def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
                original(self, *args, **kwargs)
                made[self] = [group.get("lr") for group in self.param_groups]

            __init__.__wrapped__ = original  # type: ignore[attr-defined]
            return __init__

        points.patches.replace(torch.optim.Optimizer, "__init__", make)
        if self._stepped:
            points.patches.replace(torch.optim.lr_scheduler.LRScheduler, "step", self._scheduling)

    def after_probes(self, points: Points) -> None:
        points.on_step.append((self.name, self._step))
        points.on_backward.append((self.name, self._backward))
        if self._written is not None:
            points.on_operation.append((self.name, self._multiplied))

    def _multiplied(self, operation: Operation) -> Any:
        if operation.name in _MULTIPLIES and not torch.is_grad_enabled():
            if any(type(a) is float and a == self._written for a in operation.args):
                operation.args = tuple(
                    self._momentum if type(a) is float and a == self._written else a for a in operation.args
                )
                self._points.acted(self.name)
        return PASS

    def _scheduling(self, original: Callable[..., None]) -> Callable[..., None]:
        def step(scheduler: Any, *args: Any, **kwargs: Any) -> None:
            if self._owed:
                scheduler.optimizer.step()
            original(scheduler, *args, **kwargs)

        return unseen(step, original)

    def _step(self, optimizer: torch.optim.Optimizer) -> Callable[[], None]:
        self._owed = False
        kept = [dict(group) for group in optimizer.param_groups]
        first = self._made.get(optimizer, [])
        for index, group in enumerate(optimizer.param_groups):
            if "lr" in group:
                rate = first[index] if self._constant and index < len(first) else group["lr"]
                group["lr"] = (self._value if self._value is not None else rate) * self._factor
            if self._momentum is not None and "momentum" in group:
                group["momentum"] = self._momentum
                if self._momentum == 0 and group.get("nesterov"):
                    group["nesterov"] = False
            elif self._momentum is not None and isinstance(group.get("betas"), (tuple, list)):
                group["betas"] = (self._momentum, *group["betas"][1:])
        self._points.acted(self.name)

        def undo() -> None:
            for group, before in zip(optimizer.param_groups, kept):
                for key in ("lr", "momentum", "nesterov", "betas"):
                    if key in before:
                        group[key] = before[key]

        return undo

    def _backward(self, loss: torch.Tensor) -> torch.Tensor | None:
        self._owed = True
        if len(self._made) or self._factor == 1.0:
            return None
        self._points.acted(self.name)
        return loss if not loss.requires_grad else _Scaled.apply(loss, self._factor)  # type: ignore[no-untyped-call]


class _Scaled(torch.autograd.Function):
    """The same number, with its gradient multiplied."""

    @staticmethod
    def forward(ctx: Any, loss: torch.Tensor, factor: float) -> torch.Tensor:
        ctx.factor = factor
        return loss.view_as(loss)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradient * ctx.factor, None
