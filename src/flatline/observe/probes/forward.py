"""Calls of the program's models on sampled steps: inputs, outputs, mode, and the parameters that took part.

``nn.Module.__call__`` is replaced, and only between the start and the end of a sampled step.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.loss import _Loss

from flatline.observe import measure
from flatline.observe.captured import Captured
from flatline.observe.events import Cut, Forward, ModeSlip
from flatline.observe.patching import Looked, Patches, unseen
from flatline.observe.probes.criterion import CriterionProbe
from flatline.observe.probes.samples import Samples
from flatline.observe.registry import Registry
from flatline.observe.sequences import Sequences
from flatline.observe.session import Session

MOST_TENSORS = 8
# Evaluation seldom falls on a sampled step, so it is watched by itself: a few times for each line that begins one.
MOST_EVALUATIONS = 4
_NO_INPUTS = ("label", "target", "mask", "position", "token_type", "num_items", "past_key")
_DROPOUTS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout")


class ForwardProbe:
    """Observes top-level module calls while a step is sampled."""

    def __init__(self, session: Session, registry: Registry, samples: Samples, criterion: CriterionProbe) -> None:
        self._session = session
        self._registry = registry
        self._samples = samples
        self._criterion = criterion
        self.captured: Captured | None = None
        self._stack: list[torch.nn.Module] = []
        self._called: list[torch.nn.Module] = []
        self._cut: list[tuple[torch.nn.Module, int | None]] = []
        self._gradient = True
        self._sequences = Sequences(session, registry)
        self._patches = Patches()
        self._ended = session.guarded("forward", self._end)
        self._evaluations = 0
        self._begun: dict[int | None, int] = {}
        self._slips: set[int | None] = set()
        self._evaluation = session.guarded("forward", self._evaluation_begins)
        self._slipped = session.guarded("forward", self._observe_slip)

    def install(self, patches: Patches) -> None:
        """Watches for evaluation: what begins with ``torch.no_grad()`` or ``torch.inference_mode()``."""

        def make(original: Any) -> Looked:
            return Looked(original, lambda context, frame: self._evaluation(frame))

        for context in (torch.no_grad, torch.inference_mode):
            patches.replace(context, "__enter__", make)

    @property
    def watching(self) -> bool:
        return bool(len(self._patches))

    def _evaluation_begins(self, frame: Any) -> None:
        session = self._session
        if session.sampled or session.compiled or session.backwards == 0 or len(self._patches):
            return
        place = session.locator.here(frame)
        begun = self._begun[place] = self._begun.get(place, 0) + 1
        if begun <= MOST_EVALUATIONS:
            self.start()

    def start(self) -> None:
        """Watches module calls, for a step that is sampled."""
        if not len(self._patches) and not self._session.compiled:
            self._stack.clear()
            self._session.calm_until = 0
            self._patches.replace(torch.nn.Module, "__call__", self._wrapped)
            for name in _DROPOUTS:
                self._patches.replace(F, name, self._dropping)

    def stop(self) -> None:
        if not self._stack:
            self._patches.remove()

    def _wrapped(self, original: Callable[..., Any]) -> Callable[..., Any]:
        # Not torch's global hooks: with one of those, a module's call takes another way through torch, which shows
        # in the traceback of an error. Nor a module's own: those switch off fused fast paths.
        before, after, stack = self._session.spared("forward", self._begin, False), self._ended, self._stack

        def __call__(self: torch.nn.Module, *args: Any, **kwargs: Any) -> Any:
            if not before(self):
                return original(self, *args, **kwargs)
            depth = len(stack)
            try:
                output = original(self, *args, **kwargs)
            finally:
                del stack[depth - 1 :]
            after(self, args, kwargs, output, sys._getframe().f_back)
            return output

        return unseen(__call__, original)

    def _dropping(self, original: Callable[..., Any]) -> Callable[..., Any]:
        stack, slipped = self._stack, self._slipped

        def dropout(*args: Any, **kwargs: Any) -> Any:
            if stack and not stack[-1].training:
                slipped(original, args, kwargs, sys._getframe().f_back)
            return original(*args, **kwargs)

        return unseen(dropout, original)

    def _observe_slip(self, original: Callable[..., Any], args: Any, kwargs: Any, frame: Any) -> None:
        # Bound to its own signature: of these functions, one drops by default and another does not.
        bound = inspect.signature(original).bind(*args, **kwargs)
        bound.apply_defaults()
        p, name = bound.arguments["p"], original.__name__
        session = self._session
        place = session.locator.here(frame)
        if bound.arguments["training"] and p > 0 and place not in self._slips and not torch.is_grad_enabled():
            self._slips.add(place)
            session.emit(ModeSlip(session.now(), session.step, place, name))

    def _begin(self, module: torch.nn.Module) -> bool:
        if torch.compiler.is_compiling() or self._session.busy or not self._session.active:
            return False
        if not self._stack:
            self._called.clear()
            self._cut.clear()
            self._sequences.began()
            self._gradient = torch.is_grad_enabled()
        self._stack.append(module)
        return True

    def _end(self, module: torch.nn.Module, args: Any, kwargs: Any, output: Any, frame: Any) -> None:
        self._called.append(module)
        if self._gradient and not torch.is_grad_enabled() and len(self._cut) < MOST_TENSORS:
            self._cut.append((module, self._session.locator.here(frame)))
        self._sequences.called(module, args, kwargs)
        if not self._stack:
            self._observe(module, args, kwargs, output, frame)

    def _observe(self, module: torch.nn.Module, args: Any, kwargs: Any, output: Any, frame: Any) -> None:
        if not measure.ordinary() or isinstance(module, _Loss):
            return
        registry, session = self._registry, self._session
        gradient = torch.is_grad_enabled()
        if next(module.parameters(), None) is None:
            self._criterion.module_called(module, args, output)
            return
        if not gradient:
            self._evaluations += 1
            if self._evaluations > 64:
                return
        number = registry.model(module)
        if self.captured is not None:
            self.captured.model_called(number, module, args, kwargs, output)
        inputs = _tensors(args) or _tensors(_named_inputs(kwargs))
        outputs = _tensors(output)
        registered = set(map(id, module.modules()))
        called: list[int] = []
        for part in self._called:
            for name, parameter in part.named_parameters(recurse=False):
                called.append(registry.parameter(parameter, name, part, registered=id(part) in registered))
        for part, place in self._cut:
            numbers = sorted({registry.parameter(p) for p in part.parameters() if p.requires_grad})
            if numbers:
                session.emit(Cut(session.now(), session.step, "no_grad", place, numbers))
        if gradient:
            registry.inputs.extend(inputs)
            registry.outputs.extend(outputs)
        tick = session.now()
        session.emit(
            Forward(
                tick,
                session.step,
                number,
                module.training,
                gradient,
                session.locator.here(frame),
                [measure.facts(t, with_counts=False) for t in inputs],
                [registry.facts(t) for t in outputs],
                sorted(set(called)),
                modes=sorted({_mode(part) for part in self._called if _has_mode(part)}),
            )
        )
        self._sequences.ended(number, inputs, gradient)
        for index, tensor in enumerate(inputs[:2]):
            self._samples.keep(tick, "input", f"input {index}", tensor, gradient)
        # Only of outputs that are one vector a sample is more asked than the criterion's input tells.
        if gradient and outputs and outputs[0].dim() == 2:
            self._samples.keep(tick, "prediction", "model output", outputs[0], gradient)


def _named_inputs(kwargs: dict[str, Any]) -> list[Any]:
    """What a model is given by name, as transformers does, without the answers and what only says where data stand."""
    return [value for name, value in kwargs.items() if not any(word in name for word in _NO_INPUTS)]


def _has_mode(module: torch.nn.Module) -> bool:
    """Whether the module computes something else in training than in evaluation."""
    if isinstance(module, _DropoutNd):
        return module.p > 0
    return isinstance(module, _NormBase) and module.track_running_stats


def _mode(module: torch.nn.Module) -> str:
    return f"{type(module).__name__} {'train' if module.training else 'eval'}"


def _tensors(value: Any, depth: int = 0) -> list[torch.Tensor]:
    """The tensors in nested tuples, lists, dictionaries and model outputs, at most eight."""
    if isinstance(value, torch.Tensor):
        return [value]
    found: list[torch.Tensor] = []
    if depth < 3:
        items = value.values() if hasattr(value, "values") and callable(value.values) else value
        if isinstance(value, (tuple, list, dict)) or hasattr(value, "keys"):
            for item in items:
                found += _tensors(item, depth + 1)
                if len(found) >= MOST_TENSORS:
                    break
    return found[:MOST_TENSORS]
