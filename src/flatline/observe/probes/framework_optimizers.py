"""Optimizers that are not torch's: those of Keras (with its torch backend) and of fastai.

Both move torch's parameters themselves, so torch's optimizer hooks do not see them. Each is shown to the optimizer probe
as one of torch's would be. Their modules are imported after torch, at a time of the program's choosing: they are looked
for when a module is built, which comes before the first step.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch

from flatline.observe.patching import Patches, unseen
from flatline.observe.probes.built import builder_frame
from flatline.observe.probes.keras_losses import MODULE, KerasLosses
from flatline.observe.probes.optimizer import OptimizerProbe
from flatline.observe.registry import Attached, Registry
from flatline.observe.session import Session

_KERAS = "keras.src.optimizers.base_optimizer"
_FASTAI = "fastai.optimizer"
# What torch calls the settings of a Keras optimizer.
_NAMES = {"momentum": "momentum", "epsilon": "eps", "weight_decay": "weight_decay", "nesterov": "nesterov"}


class KerasOptimizer:
    """A Keras optimizer as torch's would look: ``param_groups`` of the torch parameters behind its variables."""

    def __init__(self, optimizer: Any) -> None:
        self.kind = type(optimizer).__name__
        self.defaults: dict[str, Any] = {}
        self.param_groups: list[dict[str, Any]] = []

    def refresh(self, optimizer: Any, variables: Any) -> None:
        if not self.param_groups:
            self.defaults = {
                torchs: value
                for keras, torchs in _NAMES.items()
                if isinstance(value := getattr(optimizer, keras, None), (int, float))
            }
            if isinstance(getattr(optimizer, "beta_1", None), float):
                self.defaults["betas"] = (optimizer.beta_1, getattr(optimizer, "beta_2", 0.0))
        rate = optimizer.learning_rate
        rate = getattr(rate, "value", rate)
        values = [v for variable in variables if isinstance(v := getattr(variable, "value", None), torch.Tensor)]
        self.param_groups = [{"params": values, **self.defaults, "lr": float(torch.as_tensor(rate).detach())}]


class FrameworkOptimizers:
    """Patches the optimizers of the frameworks once they are imported."""

    def __init__(self, session: Session, registry: Registry, probe: OptimizerProbe, losses: KerasLosses) -> None:
        self._session = session
        self._registry = registry
        self._probe = probe
        self._places: Attached[int | None] = Attached(session)
        self._views: Attached[KerasOptimizer] = Attached(session)
        self._waiting: dict[str, Callable[[Any, Patches], bool]] = {
            _KERAS: self._keras,
            MODULE: losses.patch,
            _FASTAI: self._fastai,
        }
        self._patches: Patches | None = None
        self._made = session.guarded("optimizer", self._observe_made)
        self._keras_before = session.guarded("optimizer", self._observe_keras_before)
        self._keras_after = session.guarded("optimizer", self._observe_keras_after)
        self._fastai_before = session.guarded("optimizer", self._observe_fastai_before)

    def install(self, patches: Patches) -> None:
        self._patches = patches
        self.look()

    def look(self) -> None:
        """Patches what has been imported meanwhile."""
        for name in list(self._waiting):
            module = sys.modules.get(name)
            # While it is being imported the module is there, and its classes are not.
            if module is not None and self._patches is not None and self._waiting[name](module, self._patches):
                del self._waiting[name]

    def _keras(self, module: Any, patches: Patches) -> bool:
        base = getattr(module, "BaseOptimizer", None)
        if base is None:
            return False
        before, after = self._keras_before, self._keras_after

        def make_apply(original: Callable[..., Any]) -> Callable[..., Any]:
            def apply(self: Any, grads: Any, trainable_variables: Any = None) -> Any:
                before(self, trainable_variables)
                result = original(self, grads, trainable_variables)
                after(self)
                return result

            return unseen(apply, original)

        patches.replace(base, "__init__", self._constructor)
        patches.replace(base, "apply", make_apply)
        return True

    def _fastai(self, module: Any, patches: Patches) -> bool:
        optimizer = getattr(module, "Optimizer", None)
        if optimizer is None:
            return False
        before, after = self._fastai_before, self._probe.after

        def make_step(original: Callable[..., Any]) -> Callable[..., Any]:
            def step(self: Any, *args: Any, **kwargs: Any) -> Any:
                before(self)
                result = original(self, *args, **kwargs)
                after(self)
                return result

            return unseen(step, original)

        patches.replace(optimizer, "__init__", self._constructor)
        patches.replace(optimizer, "step", make_step)
        patches.replace(optimizer, "zero_grad", self._probe.clearing)
        return True

    def _constructor(self, original: Callable[..., None]) -> Callable[..., None]:
        made = self._made

        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            made(self, sys._getframe().f_back)

        return unseen(__init__, original)

    def _observe_made(self, optimizer: Any, frame: Any) -> None:
        locator = self._session.locator
        found = builder_frame(locator, optimizer, frame)
        self._places[optimizer] = locator.number(found) if found is not None else None
        self.announce(optimizer)

    def announce(self, optimizer: Any) -> None:
        """Makes an optimizer known before the first backward, so that weights are not taken to be moved by hand."""
        if hasattr(optimizer, "param_groups"):
            self._probe.announce(optimizer, None, self._places.get(optimizer))
        elif self._views.get(optimizer) is None and hasattr(optimizer, "apply"):
            # Which parameters it moves, Keras says at its first step.
            view = self._views[optimizer] = KerasOptimizer(optimizer)
            self._registry.live_optimizers[view] = None

    def _observe_keras_before(self, optimizer: Any, variables: Any) -> None:
        if not _moves(optimizer):
            return
        self.announce(optimizer)
        view = self._views.get(optimizer)
        assert view is not None
        view.refresh(optimizer, getattr(optimizer, "_trainable_variables", []) if variables is None else variables)
        if view.param_groups[0]["params"]:
            self._probe.announce(view, None, self._places.get(optimizer))
            self._probe.observe_before(view)

    def _observe_keras_after(self, optimizer: Any) -> None:
        view = self._views.get(optimizer)
        # The count has gone on meanwhile.
        if view is not None and view.param_groups and _moves(optimizer, -1):
            self._probe.observe_after(view)

    def _observe_fastai_before(self, optimizer: Any) -> None:
        self.announce(optimizer)
        self._probe.observe_before(optimizer)


def _moves(optimizer: Any, past: int = 0) -> bool:
    """Whether this call moves weights: with accumulation, each n-th does (``BaseOptimizer.apply``)."""
    every = getattr(optimizer, "gradient_accumulation_steps", None)
    if not every:
        return True
    return (int(optimizer._iterations.value) + past + 1) % int(every) == 0
