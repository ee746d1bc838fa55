"""The patch points: where interventions get between the program and torch."""

from __future__ import annotations

import inspect
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch.optim import optimizer as torch_optimizer
from torch.overrides import TorchFunctionMode

from flatline.observe.events import Intervened, ProbeFailed
from flatline.observe.patching import Patches, unseen
from flatline.observe.probes.criterion import FUNCTIONS
from flatline.observe.session import Session

# Says of an operation "not mine": the next one is asked, and in the end torch.
PASS = object()


class Operation:
    """One call of a torch function or tensor method by the program: ``function(*args, **kwargs)``."""

    __slots__ = ("args", "function", "kwargs", "name")

    def __init__(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function = function
        self.name: str = getattr(function, "__name__", "")
        self.args = args
        self.kwargs = kwargs

    def run(self) -> Any:
        return self.function(*self.args, **self.kwargs)


class _Operations(TorchFunctionMode):
    """Every torch function that the program calls, but not those that torch calls within one."""

    def __init__(self, points: Points) -> None:
        super().__init__()
        self._points = points

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if torch.compiler.is_compiling():
            return func(*args, **(kwargs or {}))
        points = self._points
        operation = Operation(func, args, kwargs or {})
        if points.session.busy or points.inside:
            return operation.run()
        points.inside = True
        try:
            for name, handler in points.on_operation:
                result = points.attempt(name, handler, operation)
                if result is not PASS and result is not None:
                    return result
        finally:
            points.inside = False
        return operation.run()


class _Depth(threading.local):
    calls = 0
    criteria = 0


class Points:
    """Where interventions register, and the patches that call them.

    ``on_operation``, ``on_criterion``, ``on_call``, ``on_result``, ``on_batch``, ``on_backward``, ``on_step`` hold pairs of
    an intervention's name and its function. A point is patched only when something is registered there.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        # For interventions: what they replace before the probes are installed.
        self.patches = Patches()
        self._above = Patches()
        self.inside = False
        self.on_operation: list[tuple[str, Callable[[Operation], Any]]] = []
        self.on_criterion: list[tuple[str, Callable[[str, dict[str, Any]], None]]] = []
        self.on_call: list[tuple[str, Callable[[torch.nn.Module, list[Any], dict[str, Any]], None]]] = []
        self.on_result: list[tuple[str, Callable[[torch.nn.Module, Any], Any]]] = []
        self.on_backward: list[tuple[str, Callable[[torch.Tensor], torch.Tensor | None]]] = []
        self.on_step: list[tuple[str, Callable[[torch.optim.Optimizer], Callable[[], None] | None]]] = []
        self._counts: dict[str, int] = {}
        self._told: dict[str, int] = {}
        self._failed: set[str] = set()
        self._depth = _Depth()
        self._mode: _Operations | None = None
        self._handles: list[Any] = []
        self._undo: dict[int, list[Callable[[], None]]] = {}
        session.before_flush.append(session.spared("interventions", self._tell, None))

    # words to the record -----------------------------------------------------------------------------------------

    def acted(self, name: str) -> None:
        """An intervention made its change once more."""
        self._counts[name] = self._counts.get(name, 0) + 1

    def attempt(self, name: str, function: Callable[..., Any], *args: Any) -> Any:
        """Calls a part of an intervention; a fault of it is recorded, and the program goes on unchanged."""
        try:
            return function(*args)
        except Exception as error:
            if name not in self._failed:
                self._failed.add(name)
                self.session.emit(ProbeFailed(f"intervention {name}", f"{type(error).__name__}: {error}"[:500]))
            return PASS

    def _tell(self, force: bool) -> None:
        for name, count in self._counts.items():
            if self._told.get(name) != count:
                self._told[name] = count
                self.session.emit(Intervened(self.session.tick, self.session.step, name, count))

    # patches -----------------------------------------------------------------------------------------------------

    def install_below(self) -> None:
        if self.on_call or self.on_result:
            # Under the forward probe, which comes and goes.
            self.patches.replace(torch.nn.Module, "__call__", self._calling)

    def install_above(self) -> None:
        if self.on_criterion:
            for name in FUNCTIONS:
                self._above.replace(F, name, lambda original, name=name: self._judging(name, original))  # type: ignore[misc]
        if self.on_backward:
            self._above.replace(torch.autograd, "backward", self._differentiating)
        if self.on_step:
            before = torch_optimizer.register_optimizer_step_pre_hook(lambda o, args, kwargs: self._before_step(o))
            after = torch_optimizer.register_optimizer_step_post_hook(lambda o, args, kwargs: self._after_step(o))
            # Before the hooks of the probes: these see the step as it is taken.
            hooks: OrderedDict[int, Any] = torch_optimizer._global_optimizer_pre_hooks  # type: ignore[assignment]
            hooks.move_to_end(before.id, last=False)
            self._handles += [before, after]
        if self.on_operation:
            self._mode = _Operations(self)
            self._mode.__enter__()  # type: ignore[no-untyped-call]

    def remove_above(self) -> None:
        if self._mode is not None:
            self._mode.__exit__(None, None, None)  # type: ignore[no-untyped-call]
            self._mode = None
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._above.remove()

    def remove_below(self) -> None:
        self.patches.remove()

    def _judging(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(original)
        depth = self._depth

        def criterion(*args: Any, **kwargs: Any) -> Any:
            if depth.criteria or self.session.busy or torch.compiler.is_compiling():
                return original(*args, **kwargs)
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            for intervention, change in self.on_criterion:
                self.attempt(intervention, change, name, bound.arguments)
            depth.criteria += 1
            try:
                # Given as the program gave them, by place or by name: the probes above look there.
                values = list(bound.arguments.items())
                return original(*(v for _, v in values[: len(args)]), **dict(values[len(args) :]))
            finally:
                depth.criteria -= 1

        return unseen(criterion, original)

    def _calling(self, original: Callable[..., Any]) -> Callable[..., Any]:
        depth = self._depth

        def __call__(module: torch.nn.Module, *args: Any, **kwargs: Any) -> Any:
            top = depth.calls == 0 and next(module.parameters(), None) is not None
            if not top or self.session.busy or torch.compiler.is_compiling():
                return original(module, *args, **kwargs)
            given = list(args)
            for intervention, change in self.on_call:
                self.attempt(intervention, change, module, given, kwargs)
            depth.calls += 1
            try:
                result = original(module, *given, **kwargs)
            finally:
                depth.calls -= 1
            for intervention, alter in self.on_result:
                changed = self.attempt(intervention, alter, module, result)
                if changed is not PASS and changed is not None:
                    result = changed
            return result

        return unseen(__call__, original)

    def _differentiating(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            loss = tensors[0] if isinstance(tensors, (tuple, list)) and len(tensors) == 1 else tensors
            if isinstance(loss, torch.Tensor):
                for intervention, change in self.on_backward:
                    changed = self.attempt(intervention, change, loss)
                    if isinstance(changed, torch.Tensor):
                        loss = changed
                tensors = (loss,) if isinstance(tensors, (tuple, list)) else loss
            return original(tensors, *args, **kwargs)

        return unseen(backward, original)

    def _before_step(self, optimizer: torch.optim.Optimizer) -> None:
        for intervention, change in self.on_step:
            undo = self.attempt(intervention, change, optimizer)
            if undo is not PASS and undo is not None:
                self._undo.setdefault(id(optimizer), []).append(undo)

    def _after_step(self, optimizer: torch.optim.Optimizer) -> None:
        for undo in reversed(self._undo.pop(id(optimizer), [])):
            undo()

    # where -------------------------------------------------------------------------------------------------------

    def lines(self, most: int = 4) -> list[tuple[str, int]]:
        """File and line of the user's code that is being executed, and of its callers, innermost first."""
        locator = self.session.locator
        found: list[tuple[str, int]] = []
        frame = locator.frame(sys._getframe(1))
        while frame is not None and len(found) < most:
            found.append((frame.f_code.co_filename, frame.f_lineno))
            frame = locator.frame(frame.f_back) if frame.f_back is not None else None
        return found

    def line(self) -> tuple[str, int] | None:
        """File and line of the user's code that is being executed."""
        frame = self.session.locator.frame(sys._getframe(1))
        return (frame.f_code.co_filename, frame.f_lineno) if frame is not None else None
