"""Optimizers: how they were made, their learning rates at every step, and what a step did to each parameter."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from flatline.observe import measure
from flatline.observe.events import LearningRate, OptimizerSeen, StepCount, Update
from flatline.observe.patching import Patches, unseen
from flatline.observe.probes.built import builder_frame
from flatline.observe.probes.replicas import Replicas
from flatline.observe.registry import Registry
from flatline.observe.session import Session
from flatline.observe.sharding import local
from flatline.observe.weights import Before

NAN = float("nan")


class OptimizerProbe:
    """Observes every optimizer through torch's global step hooks, and where each was made."""

    def __init__(self, session: Session, registry: Registry, after_step: Callable[[], None]) -> None:
        self._session = session
        self._registry = registry
        self._after_step = after_step
        self._replicas = Replicas(session, registry)
        self._handles: list[Any] = []
        self._rates: dict[int, tuple[list[float], list[float]]] = {}
        self._steps: dict[int, int] = {}
        self._clears: dict[int, int] = {}
        # Optimizers whose gradients were cleared since their last step, and those whose next step is judged by it.
        self._cleared: set[int] = set()
        self._watched: set[int] = set()
        self._kept: dict[int, Before] = {}
        self._created = session.guarded("optimizer", self._observe_created)
        self.before = session.guarded("optimizer", self.observe_before)
        self.after = session.guarded("optimizer", self.observe_after)
        self._told: dict[int, tuple[int, int]] = {}
        self._clear = session.spared("optimizer", self._observe_clear, None)
        session.before_flush.append(session.spared("optimizer", self._counts, None))

    def install(self, patches: Patches) -> None:
        session, pre, post = self._session, self.before, self.after

        def before(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
            # Also asked in it: most steps are to cost no call.
            if session.sampled:
                pre(optimizer)

        def after(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
            post(optimizer)

        self._handles = [register_optimizer_step_pre_hook(before), register_optimizer_step_post_hook(after)]
        created = self._created

        def make(original: Callable[..., None]) -> Callable[..., None]:
            def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
                original(self, *args, **kwargs)
                created(self, sys._getframe().f_back)

            return unseen(__init__, original)

        patches.replace(torch.optim.Optimizer, "__init__", make)

        patches.replace(torch.optim.Optimizer, "zero_grad", self.clearing)

    def clearing(self, original: Callable[..., None]) -> Callable[..., None]:
        """``zero_grad`` of an optimizer, counted."""
        clear = self._clear

        def zero_grad(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            clear(self)

        return unseen(zero_grad, original)

    def uninstall(self) -> None:
        for handle in self._handles:
            handle.remove()

    def _observe_created(self, optimizer: torch.optim.Optimizer, frame: Any) -> None:
        self.announce(optimizer, builder_frame(self._session.locator, optimizer, frame))

    def announce(self, optimizer: Any, frame: Any, place: int | None = None) -> int:
        """The number of an optimizer; it is recorded the first time, with the line that made it when that is known.

        It is one of torch's, or has ``param_groups`` as these have, its ``kind`` and perhaps ``defaults``.
        """
        number, new = self._registry.optimizers.add(optimizer)
        if new:
            session = self._session
            self._registry.live_optimizers.add(optimizer)
            options = {
                key: value
                for key, value in {**getattr(optimizer, "defaults", {}), **_numbers(optimizer.param_groups[0])}.items()
                if isinstance(value, (int, float, bool, str))
                or (isinstance(value, tuple) and all(isinstance(v, (int, float)) for v in value))
            }
            parameters = [self._registry.parameter(p) for group in optimizer.param_groups for p in group["params"]]
            place = session.locator.number(frame) if frame is not None else place
            kind = str(getattr(optimizer, "kind", type(optimizer).__name__))
            session.emit(OptimizerSeen(number, kind, place, options, parameters, session.now()))
        return number

    def _observe_clear(self, optimizer: Any) -> None:
        number = self._registry.optimizers.get(optimizer)
        if number is not None:
            self._clears[number] = self._clears.get(number, 0) + 1
            self._cleared.add(number)

    def observe_before(self, optimizer: Any) -> None:
        """Keeps the weights before a measured step; on others it does nothing."""
        if not self._session.sampled:
            return
        number = self._stepping(optimizer)
        self._observe_rates(optimizer, number)
        self._replicas.look(number, optimizer)
        self._kept[number] = Before(p for group in optimizer.param_groups for p in group["params"])

    def _stepping(self, optimizer: Any) -> int:
        """The number of an optimizer that takes a step; it may have been made before the probes were there."""
        registry = self._registry
        if registry.counted_by_hand and registry.optimizers.get(optimizer) is None:
            # This step is not one by hand, and has been counted when its backward was.
            self._session.step -= 1
        registry.counted_by_hand = False
        return self.announce(optimizer, None)

    def _observe_rates(self, optimizer: torch.optim.Optimizer, number: int) -> None:
        rates = [group.get("lr", NAN) for group in optimizer.param_groups]
        momenta = [_momentum(group) for group in optimizer.param_groups]
        if not self._session.sampled and any(isinstance(rate, torch.Tensor) and not rate.is_cpu for rate in rates):
            # To compare it would be to wait for the device.
            return
        if self._rates.get(number) != (rates, momenta):
            # A copy of a rate that is a tensor: the program changes it in place.
            self._rates[number] = ([float(rate) for rate in rates], momenta)
            session = self._session
            session.emit(LearningRate(session.now(), session.step, number, self._rates[number][0], momenta))

    def observe_after(self, optimizer: Any) -> None:
        session = self._session
        number = self._registry.optimizers.get(optimizer)
        if number is None:
            number = self._stepping(optimizer)
        self._steps[number] = self._steps.get(number, 0) + 1
        kept = self._kept.pop(number, None)
        if kept is not None and not session.crowded:
            # A closure clears the gradients inside the step, so it is only after it that this can be said.
            stale = number in self._watched and number not in self._cleared
            facts = kept.facts(self._registry)
            if facts:
                session.emit(Update(session.now(), session.step, number, facts, stale))
        else:
            self._observe_rates(optimizer, number)
        self._cleared.discard(number)
        session.step += 1
        self._after_step()
        # Only before a measured step is it seen when the program clears gradients in its own way.
        self._watched = set(self._steps) if session.sampled else set()
        session.flush()

    def backward_begins(self) -> None:
        """Before a backward of a measured step: gradients that are gone or 0 were cleared, however that was done."""
        for optimizer in list(self._registry.live_optimizers):
            number = self._registry.optimizers.get(optimizer)
            if number is None or number in self._cleared or number not in self._watched:
                continue
            some = [p for group in optimizer.param_groups for p in group["params"]][:4]
            if all(p.grad is None or (measure.readable(local(p.grad)) and not bool(local(p.grad).any())) for p in some):
                self._cleared.add(number)

    def _counts(self, force: bool) -> None:
        session = self._session
        for number, steps in self._steps.items():
            clears = self._clears.get(number, 0)
            # A program may go through thousands of optimizers: only those that moved are told of.
            if self._told.get(number) != (steps, clears):
                self._told[number] = (steps, clears)
                session.emit(StepCount(session.tick, session.step, number, steps, clears, session.backwards))


def _numbers(group: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in group.items() if k != "params" and isinstance(v, (int, float, tuple))}


def _momentum(group: dict[str, Any]) -> float:
    momentum = group.get("momentum", group.get("mom"))
    if momentum is not None:
        return float(momentum)
    betas = group.get("betas")
    return float(betas[0]) if isinstance(betas, (tuple, list)) and betas else 0.0
