"""Optimizers: how they were made, their learning rates at every step, and what a step did to each parameter."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
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
from flatline.observe.registry import Attached, Registry
from flatline.observe.session import Session
from flatline.observe.sharding import local
from flatline.observe.weights import Before

NAN = float("nan")


@dataclass(slots=True)
class _Steps:
    """What is known of one optimizer from step to step."""

    number: int
    taken: int = 0
    clears: int = 0
    # Steps and clears that have been recorded.
    told: tuple[int, int] = (0, 0)
    # Whether its gradients were cleared since its last step, and whether its next step is judged by that.
    cleared: bool = False
    watched: bool = False
    # The weights before a measured step.
    kept: Before | None = None
    # The learning rate and the momentum of each group as they were recorded.
    rates: tuple[list[float], list[float]] | None = None
    # And the objects that they were read from, with the name of the second.
    settings: list[tuple[object, str, object]] = field(default_factory=list)


class OptimizerProbe:
    """Observes every optimizer through torch's global step hooks, and where each was made."""

    def __init__(self, session: Session, registry: Registry, after_step: Callable[[], None]) -> None:
        self._session = session
        self._registry = registry
        self._after_step = after_step
        self._replicas = Replicas(session, registry)
        self._handles: list[Any] = []
        self._steps: Attached[_Steps] = Attached(session)
        # Also of those that have gone, until what they did is recorded.
        self._all: list[_Steps] = []
        self._created = session.guarded("optimizer", self._observe_created)
        self.before = session.guarded("optimizer", self.observe_before)
        self.after = session.guarded("optimizer", self.observe_after)
        session.before_flush.append(session.spared("optimizer", self._counts, None))

    def install(self, patches: Patches) -> None:
        session, pre = self._session, self.before

        # Always there: torch goes through its hooks without a lock, and another thread may be at it.
        def before(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
            # Also asked in it: most steps are to cost no call.
            if session.sampled:
                pre(optimizer)

        self._handles = [register_optimizer_step_pre_hook(before), register_optimizer_step_post_hook(self._counter())]
        created = self._created

        def make(original: Callable[..., None]) -> Callable[..., None]:
            def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
                original(self, *args, **kwargs)
                created(self, sys._getframe().f_back)

            return unseen(__init__, original)

        patches.replace(torch.optim.Optimizer, "__init__", make)

        patches.replace(torch.optim.Optimizer, "zero_grad", self.clearing)

    def _counter(self) -> Callable[[torch.optim.Optimizer, Any, Any], None]:
        """A hook that counts a step after which nothing begins or ends, and at which no rate has changed; others it passes on.

        Most are such: like ``Lines.taker`` it is one function, asks no more than it must, and waits for nothing.
        """
        session, post, known = self._session, self.after, self._steps.known
        budget, clock = session.budget, session.clock

        def after(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
            if session.calm and session.step + 1 < session.calm_until:
                began = clock()
                try:
                    found = known.get(id(optimizer))
                    if began < session.flush_at and found is not None and found[0]() is optimizer:
                        steps = found[1]
                        groups = optimizer.param_groups
                        if len(groups) == len(steps.settings):
                            for group, (rate, name, momentum) in zip(groups, steps.settings):
                                if group.get("lr") is not rate or group.get(name) is not momentum:
                                    break
                            else:
                                steps.taken += 1
                                steps.cleared = False
                                session.step += 1
                                return
                except Exception as error:
                    session.failed("optimizer", error)
                finally:
                    budget.spent += clock() - began + budget.each
            post(optimizer)

        return after

    def clearing(self, original: Callable[..., None]) -> Callable[..., None]:
        """``zero_grad`` of an optimizer, counted. Nothing of this can fail, so nothing stands around it: each step pays it."""
        known = self._steps.known

        def zero_grad(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            found = known.get(id(self))
            if found is not None and found[0]() is self:
                found[1].clears += 1
                found[1].cleared = True

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
            self._registry.live_optimizers[optimizer] = None
            self._steps[optimizer] = steps = _Steps(number)
            self._all.append(steps)
            session.calm_until = 0
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

    def observe_before(self, optimizer: Any) -> None:
        """Keeps the weights before a measured step; on others it does nothing."""
        if not self._session.sampled:
            return
        steps = self._stepping(optimizer)
        self._observe_rates(optimizer, steps)
        self._replicas.look(steps.number, optimizer)
        steps.kept = Before(p for group in optimizer.param_groups for p in group["params"])

    def _stepping(self, optimizer: Any) -> _Steps:
        """What is known of an optimizer that takes a step; it may have been made before the probes were there."""
        registry = self._registry
        if registry.counted_by_hand and registry.optimizers.get(optimizer) is None:
            # This step is not one by hand, and has been counted when its backward was.
            self._session.step -= 1
        registry.counted_by_hand = False
        self.announce(optimizer, None)
        steps = self._steps.get(optimizer)
        assert steps is not None
        return steps

    def _observe_rates(self, optimizer: Any, steps: _Steps) -> None:
        groups = optimizer.param_groups
        steps.settings = [_setting(group) for group in groups]
        rates = [group.get("lr", NAN) for group in groups]
        momenta = [_momentum(group) for group in groups]
        if not self._session.sampled and any(isinstance(rate, torch.Tensor) and not rate.is_cpu for rate in rates):
            # To compare it would be to wait for the device.
            return
        if steps.rates != (rates, momenta):
            # A copy of a rate that is a tensor: the program changes it in place.
            steps.rates = ([float(rate) for rate in rates], momenta)
            session = self._session
            session.emit(LearningRate(session.now(), session.step, steps.number, steps.rates[0], momenta))

    def observe_after(self, optimizer: Any) -> None:
        session = self._session
        steps = self._steps.get(optimizer)
        if steps is None:
            steps = self._stepping(optimizer)
        steps.taken += 1
        kept, steps.kept = steps.kept, None
        if kept is not None and not session.crowded:
            # A closure clears the gradients inside the step, so it is only after it that this can be said.
            stale = steps.watched and not steps.cleared
            facts = kept.facts(self._registry)
            if facts:
                session.emit(Update(session.now(), session.step, steps.number, facts, stale))
        else:
            self._observe_rates(optimizer, steps)
        steps.cleared = False
        session.step += 1
        self._after_step()
        # Only before a measured step is it seen when the program clears gradients in its own way.
        for each in self._all:
            each.watched = session.sampled and each.taken > 0
        session.flush()

    def backward_begins(self) -> None:
        """Before a backward of a measured step: gradients that are gone or 0 were cleared, however that was done."""
        for optimizer in self._registry.live_optimizers:
            steps = self._steps.get(optimizer)
            if steps is None or steps.cleared or not steps.watched:
                continue
            some = [p for group in optimizer.param_groups for p in group["params"]][:4]
            if all(p.grad is None or (measure.readable(local(p.grad)) and not bool(local(p.grad).any())) for p in some):
                steps.cleared = True

    def _counts(self, force: bool) -> None:
        session = self._session
        for steps in self._all:
            # A program may go through thousands of optimizers: only those that moved are told of.
            if steps.told != (steps.taken, steps.clears):
                steps.told = (steps.taken, steps.clears)
                session.emit(
                    StepCount(session.tick, session.step, steps.number, steps.taken, steps.clears, session.backwards)
                )
        self._all = [steps for _, steps in list(self._steps.known.values())]


def _numbers(group: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in group.items() if k != "params" and isinstance(v, (int, float, tuple))}


def _setting(group: dict[str, Any]) -> tuple[object, str, object]:
    """The learning rate of a group, and the momentum with its name: as long as these are the same objects, nothing has
    changed. For what can change in place, an object that is never met."""
    name = next((name for name in ("momentum", "mom") if group.get(name) is not None), "betas")
    rate, momentum = (value if _is_fixed(value) else object() for value in (group.get("lr"), group.get(name)))
    return rate, name, momentum


def _is_fixed(value: object) -> bool:
    if isinstance(value, tuple):
        return all(_is_fixed(part) for part in value)
    return value is None or isinstance(value, (int, float))


def _momentum(group: dict[str, Any]) -> float:
    momentum = group.get("momentum", group.get("mom"))
    if momentum is not None:
        return float(momentum)
    betas = group.get("betas")
    return float(betas[0]) if isinstance(betas, (tuple, list)) and betas else 0.0
