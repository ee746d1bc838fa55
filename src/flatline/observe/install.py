"""Puts the probes in place once torch is imported, and takes them away again."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable
from typing import Any

import torch
import torch.jit._builtins
import torch.utils.checkpoint

from flatline.observe.captured import Captured
from flatline.observe.events import StoppedBeforeUpdate
from flatline.observe.patching import Patches, unseen
from flatline.observe.probes.backward import BackwardProbe
from flatline.observe.probes.batches import BatchesProbe
from flatline.observe.probes.built import BuiltProbe
from flatline.observe.probes.criterion import CriterionProbe
from flatline.observe.probes.cuts import CutsProbe
from flatline.observe.probes.exchange import ExchangeProbe
from flatline.observe.probes.first_update import FirstUpdateProbe
from flatline.observe.probes.forward import ForwardProbe
from flatline.observe.probes.framework_optimizers import FrameworkOptimizers
from flatline.observe.probes.keras_losses import KerasLosses
from flatline.observe.probes.optimizer import OptimizerProbe
from flatline.observe.probes.precision import PrecisionProbe
from flatline.observe.probes.samples import Samples
from flatline.observe.probes.scaler import ScalerProbe
from flatline.observe.registry import Registry
from flatline.observe.session import Session


class Probes:
    """All probes that need torch, for one session."""

    def __init__(
        self, session: Session, before_update: Callable[[Captured, StoppedBeforeUpdate], None] | None = None
    ) -> None:
        """With ``before_update`` the first step is kept, and it is called just before weights change first."""
        self._session = session
        self._patches = Patches()
        self._registry = Registry(session)
        samples = Samples(session, self._registry)
        self._criterion = CriterionProbe(session, self._registry, samples)
        self._built = BuiltProbe(session, self._registry)
        self._optimizer = OptimizerProbe(session, self._registry, self._after_step)
        self._frameworks = FrameworkOptimizers(
            session, self._registry, self._optimizer, KerasLosses(session, self._criterion)
        )
        self._built.before_built = self._frameworks.look
        self._backward = BackwardProbe(
            session,
            self._registry,
            self._criterion,
            samples,
            self._training_began,
            self._optimizer.backward_begins,
            self._after_step,
        )
        self._forward = ForwardProbe(session, self._registry, samples, self._criterion)
        self._batches = BatchesProbe(session, self._registry)
        self._cuts = CutsProbe(session, self._registry)
        self._scaler = ScalerProbe(session, self._registry)
        self._exchange = ExchangeProbe(session, self._registry)
        self._precision = PrecisionProbe(session)
        self._first_update: FirstUpdateProbe | None = None
        self._sampling = False
        if before_update is not None:
            backward = self._backward
            captured = self._captured = Captured(hooked=lambda: backward.hooked)
            for probe in (self._criterion, self._backward, self._forward, self._batches):
                probe.captured = captured
            self._first_update = FirstUpdateProbe(
                session, self._registry, captured, lambda stopped: before_update(captured, stopped)
            )

    def install(self) -> None:
        """Installs each probe; one that cannot be installed on this torch is recorded as failed."""
        session = self._session
        # Both are C functions, called in every hook: a function of ours around them would cost as much as they do. A
        # dispatch mode (a counter of operations, a log, a fake tensor) would be told of our operations as well; tensor
        # subclasses and function modes of the program's are not.
        session.hands_off, session.shield = torch._C._len_torch_dispatch_stack, torch._C.DisableTorchFunction
        for probe in (
            self._criterion,
            self._built,
            self._backward,
            self._optimizer,
            self._frameworks,
            self._batches,
            self._scaler,
            self._exchange,
            self._forward,
            self._first_update,
        ):
            try:
                if probe is not None:
                    probe.install(self._patches)
            except Exception as error:
                session.failed(type(probe).__name__, error)
        self._patches.replace(torch, "compile", self._compiling)
        self._patches.replace(torch.utils.checkpoint, "checkpoint", self._checkpointing)
        self._patches.replace(torch.jit._builtins, "_find_builtin", _looking_behind_wrappers)
        self._start_sampling()

    def uninstall(self) -> None:
        """Takes each probe away; a fault in one keeps none of the others in place."""
        first_update = [self._first_update.uninstall] if self._first_update is not None else []
        stops = [self._cuts.stop, self._precision.stop, self._forward.stop, self._optimizer.uninstall, *first_update]
        for remove in (lambda: self._built.training_began([]), *stops, self._patches.remove):
            self._session.spared("uninstall", remove, None)()

    def announce(self, item: Any) -> None:
        """Makes a model or optimizer known that was made before the probes were installed."""
        if isinstance(item, torch.optim.Optimizer):
            self._optimizer.announce(item, None)
        elif isinstance(item, torch.nn.Module):
            self._registry.model(item)
        elif item is not None:
            self._frameworks.announce(item)

    def drawn(self, rows: int) -> None:
        """Says how many samples a batch has, where no loader of torch's gave it."""
        self._captured.batch_rows.add(rows)

    def about_to_update(self, optimizer: torch.optim.Optimizer | None, parameters: list[torch.Tensor]) -> None:
        """Stops before an update that is not going to be made."""
        if self._first_update is not None:
            number = self._registry.optimizers.get(optimizer) if optimizer is not None else None
            self._first_update.stop("check", sys._getframe(), parameters, -1 if number is None else number)

    def _training_began(self) -> None:
        owned = list(self._registry.owned())
        self._built.training_began(owned)

    def _after_step(self) -> None:
        session = self._session
        optimizers = max(len(self._registry.live_optimizers.known), 1)
        # Programs with several optimizers take them in turn: a whole turn is sampled, or none of it.
        if session.step % optimizers == 0:
            wanted = session.schedule.wants(session.step // optimizers, session.budget.affordable)
            session.sampled = wanted and not session.crowded
            if session.sampled:
                self._start_sampling()
                session.calm_until = 0
            else:
                self._stop_sampling()
                # A module that is being called is watched until it has come to its end; a trial counts its steps.
                watching = self._forward.watching or session.limit is not None
                session.calm_until = 0 if watching else session.schedule.due * optimizers

    def _start_sampling(self) -> None:
        self._sampling = True
        self._forward.start()
        self._cuts.start()
        self._precision.start()

    def _stop_sampling(self) -> None:
        # At most steps there is nothing to take away.
        if self._sampling or self._forward.watching:
            self._sampling = False
            self._cuts.stop()
            self._precision.stop()
            self._forward.stop()

    def _compiling(self, original: Callable[..., Any]) -> Callable[..., Any]:
        compiled = self._session.spared("install", self._compiled, None)

        def compile(*args: Any, **kwargs: Any) -> Any:
            compiled()
            return original(*args, **kwargs)

        return unseen(compile, original)

    def _compiled(self) -> None:
        """A compiled program would be compiled again whenever module hooks come or go."""
        self._session.compiled = True
        self._stop_sampling()

    def _checkpointing(self, original: Callable[..., Any]) -> Callable[..., Any]:
        session = self._session

        def checkpoint(*args: Any, **kwargs: Any) -> Any:
            # Reading a saved activation would compute the checkpointed part once more.
            session.checkpointing = True
            return original(*args, **kwargs)

        return unseen(checkpoint, original)


def _looking_behind_wrappers(original: Callable[..., Any]) -> Callable[..., Any]:
    """``torch.jit.script`` knows torch's own functions by their identity."""

    def _find_builtin(function: Any) -> Any:
        return original(inspect.unwrap(function) if isinstance(function, types.FunctionType) else function)

    return unseen(_find_builtin, original)
