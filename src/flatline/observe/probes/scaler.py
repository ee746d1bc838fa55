"""Gradient scalers: the scale, and the optimizer steps that were left out because a gradient was not finite."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import Any

import torch

from flatline.observe import measure
from flatline.observe.events import LossScale
from flatline.observe.patching import Patches, unseen
from flatline.observe.probes.built import builder_frame
from flatline.observe.registry import Registry
from flatline.observe.session import Session

DENSE = 16
MOST_PARAMETERS = 256


class ScalerProbe:
    """Observes ``GradScaler.step``: the optimizer did not step inside it when a gradient was not finite."""

    def __init__(self, session: Session, registry: Registry) -> None:
        self._session = session
        self._registry = registry
        self._places: weakref.WeakKeyDictionary[Any, int | None] = weakref.WeakKeyDictionary()
        self._attempts = 0
        self._skipped = 0
        self._created = session.guarded("scaler", self._observe_created)
        self._stepped = session.guarded("scaler", self._observe_step)

    def install(self, patches: Patches) -> None:
        created, stepped, session = self._created, self._stepped, self._session

        def make_init(original: Callable[..., None]) -> Callable[..., None]:
            def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
                original(self, *args, **kwargs)
                created(self, sys._getframe().f_back)

            return unseen(__init__, original)

        def make_step(original: Callable[..., Any]) -> Callable[..., Any]:
            def step(self: Any, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
                before = session.step
                result = original(self, optimizer, *args, **kwargs)
                stepped(self, optimizer, session.step == before)
                return result

            return unseen(step, original)

        scaler = getattr(torch.amp, "GradScaler", None)
        if scaler is not None:
            patches.replace(scaler, "__init__", make_init)
            patches.replace(scaler, "step", make_step)

    def _observe_created(self, scaler: Any, frame: Any) -> None:
        locator = self._session.locator
        found = builder_frame(locator, scaler, frame)
        self._places[scaler] = locator.number(found) if found is not None else None

    def _observe_step(self, scaler: Any, optimizer: Any, skipped: bool) -> None:
        if not scaler.is_enabled():
            return
        self._attempts += 1
        self._skipped += skipped
        count = self._skipped if skipped else self._attempts
        # At the start each one; later those whose number is a power of two, and those on sampled steps.
        if count > DENSE and count & (count - 1) and (skipped or not self._session.sampled):
            return
        bad: list[int] = []
        nan = False
        if skipped:
            for parameter in [p for group in optimizer.param_groups for p in group["params"]][:MOST_PARAMETERS]:
                gradient = parameter.grad
                if gradient is not None and measure.readable(gradient):
                    if not bool(torch.isfinite(gradient).all()):
                        bad.append(self._registry.parameter(parameter))
                        nan = nan or bool(torch.isnan(gradient).any())
        session = self._session
        session.emit(
            LossScale(
                session.now(),
                session.step,
                self._places.get(scaler),
                float(scaler.get_scale()),
                skipped,
                self._attempts,
                self._skipped,
                bad,
                nan,
            )
        )
