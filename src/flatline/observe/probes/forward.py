"""Calls of the program's models on sampled steps: inputs, outputs, mode, and the parameters that took part.

Torch's global module hooks are used, and only between the start and the end of a sampled step. They do not count
as hooks of a module, so fused fast paths that look for those are taken as without us.
"""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch.nn.modules.loss import _Loss
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from flatline.observe import measure
from flatline.observe.events import Cut, Forward
from flatline.observe.probes.criterion import CriterionProbe
from flatline.observe.probes.samples import Samples
from flatline.observe.registry import Registry
from flatline.observe.session import Session

MOST_TENSORS = 8


class ForwardProbe:
    """Observes top-level module calls while a step is sampled."""

    def __init__(
        self, session: Session, registry: Registry, samples: Samples, criterion: CriterionProbe
    ) -> None:
        self._session = session
        self._registry = registry
        self._samples = samples
        self._criterion = criterion
        self._stack: list[torch.nn.Module] = []
        self._called: list[torch.nn.Module] = []
        self._cut: list[tuple[torch.nn.Module, int | None]] = []
        self._gradient = True
        self._handles: list[Any] = []
        self._top = session.guarded("forward", self._observe)
        self._evaluations = 0

    def start(self) -> None:
        """Registers the hooks, for a step that is sampled."""
        if not self._handles and not self._session.compiled:
            self._stack.clear()
            self._handles = [
                register_module_forward_pre_hook(self._before),
                register_module_forward_hook(self._after, always_call=True),
            ]

    def stop(self) -> None:
        if not self._stack:
            for handle in self._handles:
                handle.remove()
            self._handles = []

    def _before(self, module: torch.nn.Module, args: Any) -> None:
        if torch.compiler.is_compiling() or self._session.busy:
            return
        if not self._stack:
            self._called.clear()
            self._cut.clear()
            self._gradient = torch.is_grad_enabled()
        self._stack.append(module)

    def _after(self, module: torch.nn.Module, args: Any, output: Any) -> None:
        if torch.compiler.is_compiling() or self._session.busy or module not in self._stack:
            return
        while self._stack and self._stack.pop() is not module:
            pass
        self._called.append(module)
        if self._gradient and not torch.is_grad_enabled() and len(self._cut) < MOST_TENSORS:
            self._cut.append((module, self._session.locator.here(sys._getframe(1))))
        if not self._stack:
            self._top(module, args, output, sys._getframe(1))

    def _observe(self, module: torch.nn.Module, args: Any, output: Any, frame: Any) -> None:
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
        inputs = _tensors(args)
        outputs = _tensors(output)
        registered = set(map(id, module.modules()))
        called: list[int] = []
        for part in self._called:
            for name, parameter in part.named_parameters(recurse=False):
                called.append(
                    registry.parameter(parameter, name, part, registered=id(part) in registered)
                )
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
                tick, session.step, number, module.training, gradient, session.locator.here(frame),
                [measure.facts(t, with_counts=False) for t in inputs],
                [measure.facts(t, with_counts=False) for t in outputs],
                sorted(set(called)),
            )
        )
        for index, tensor in enumerate(inputs[:2]):
            self._samples.keep(tick, "input", f"input {index}", tensor, gradient)
        if gradient and outputs:
            self._samples.keep(tick, "prediction", "model output", outputs[0], gradient)


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
