"""Every call of a loss function: its inputs, its target, its value.

The functional losses are observed, because the loss modules call them; a module without parameters that takes two
tensors and returns a scalar with a gradient is a hand-written criterion and counts too.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from flatline.observe import measure
from flatline.observe.answers import judge
from flatline.observe.captured import Captured
from flatline.observe.events import CriterionCall
from flatline.observe.lines import Lines
from flatline.observe.location import local_values
from flatline.observe.patching import Patches, unseen
from flatline.observe.probes.samples import Samples
from flatline.observe.registry import Registry
from flatline.observe.series import Arriving, Numbers
from flatline.observe.session import Session

FUNCTIONS = (
    "cross_entropy",
    "nll_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "kl_div",
    "gaussian_nll_loss",
    "poisson_nll_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
    "cosine_embedding_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    "ctc_loss",
)
# So many values that are 0, and as many that are not finite, are measured as they come; after them ever fewer.
MOST_ODD = 32
_OPTIONS = ("ignore_index", "label_smoothing", "margin", "zero_infinity", "blank", "log_target", "beta", "delta")


class _Seen(NamedTuple):
    """One evaluation whose value was recorded."""

    tick: int
    series: Numbers
    place: int | None
    training: bool
    reduction: str
    value: float | None
    measured: bool


class CriterionProbe:
    """Observes the functional losses of ``torch.nn.functional``."""

    def __init__(self, session: Session, registry: Registry, samples: Samples) -> None:
        self._session = session
        self._registry = registry
        self._samples = samples
        # How many calls are running, on all threads together.
        self._running = [0]
        self.captured: Captured | None = None
        self._signatures: dict[str, inspect.Signature] = {}
        self._functions: dict[str, Callable[..., Any]] = {}
        # Not finite, and 0.
        self._odd_calls = [0, 0]
        self._lines = {name: Lines(session) for name in FUNCTIONS}
        self._call = session.guarded("criterion", self._observe)
        self._nested = session.spared("criterion", _within, True)
        self._refused = session.guarded("criterion", self._observe_error)

    def install(self, patches: Patches) -> None:
        for name in FUNCTIONS:
            patches.replace(F, name, functools.partial(self._wrapped, name))

    def _wrapped(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        take, call, refused = self._lines[name].taker("criterion"), self._call, self._refused
        session, registry, running, nested = self._session, self._registry, self._running, self._nested
        is_compiling, this_frame = torch.compiler.is_compiling, sys._getframe
        self._signatures[name] = inspect.signature(original)
        self._functions[name] = original

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if is_compiling() or not session.active:
                return original(*args, **kwargs)
            running[0] += 1
            try:
                result = original(*args, **kwargs)
            except Exception as error:
                # The program is about to fail on this call: what it was given is the evidence.
                refused(name, args, kwargs, error, sys._getframe().f_back)
                raise
            finally:
                running[0] -= 1
            # None where a thread begins with this function.
            frame = this_frame().f_back
            if running[0] and nested(frame, wrapper.__code__):
                return result
            if args and take(kwargs.get("reduction", "mean"), result, args[0], frame) is not None:
                registry.criterion_called = True
            else:
                call(name, args, kwargs, result, frame)
            return result

        return unseen(wrapper, original)

    def module_called(self, module: torch.nn.Module, args: Any, result: Any) -> None:
        """A top-level module without parameters was called: a criterion when it gives a scalar with a gradient."""
        if not (isinstance(result, torch.Tensor) and result.numel() == 1 and result.dim() == 0):
            return
        tensors = [a for a in args if isinstance(a, torch.Tensor)]
        if len(tensors) < 2 or (torch.is_grad_enabled() and not any(t.requires_grad for t in tensors)):
            return
        self.observe_values(
            type(module).__name__,
            tensors[0],
            tensors[1],
            result,
            "",
            {},
            sys._getframe().f_back,
            built=self._registry.built.get(module),
        )

    def _observe(self, name: str, args: Any, kwargs: Any, result: Any, frame: Any) -> None:
        # Keras tries its loss on tensors without storage, to learn their shapes.
        if not isinstance(result, torch.Tensor) or result.is_meta or not measure.eager():
            return
        first = args[0] if args else kwargs.get("input")
        reduction = str(kwargs.get("reduction", "mean"))
        seen = self._value(name, first if isinstance(first, torch.Tensor) else None, result, reduction, frame)
        if seen.training:
            self._lines[name].learn(reduction, frame, seen.series)
        if not seen.measured:
            # What is below costs as much as a small model's step.
            return
        arguments = self._signatures[name].bind(*args, **kwargs).arguments
        tensors = [value for value in arguments.values() if isinstance(value, torch.Tensor)]
        if not tensors:
            return
        if self.captured is not None:
            self.captured.loss_called(name, self._functions[name], dict(arguments), result)
        target = next((arguments[key] for key in ("target", "targets", "negative") if key in arguments), None)
        if not isinstance(target, torch.Tensor):
            target = None
        parameters = self._signatures[name].parameters
        options = {
            key: arguments.get(key, parameters[key].default)
            for key in _OPTIONS
            if key in parameters and isinstance(arguments.get(key, parameters[key].default), (int, float, bool))
        }
        if name == "ctc_loss":
            options["input_lengths"] = _small_list(arguments.get("input_lengths"))
            options["target_lengths"] = _small_list(arguments.get("target_lengths"))
        module = local_values(frame).get("self") if frame is not None and frame.f_code.co_name == "forward" else None
        built = self._registry.built.get(module) if isinstance(module, torch.nn.Module) else None
        self._measure(seen, name, tensors[0], target, result, options, built, [])

    def _observe_error(self, name: str, args: Any, kwargs: Any, error: Exception, frame: Any) -> None:
        arguments = self._signatures[name].bind(*args, **kwargs).arguments
        tensors = [value for value in arguments.values() if isinstance(value, torch.Tensor)]
        target = arguments.get("target")
        session = self._session
        place = session.locator.here(frame)
        series = session.numbers("criterion", name, place, "")
        call = CriterionCall(
            session.now(),
            session.step,
            series.number,
            name,
            place,
            torch.is_grad_enabled(),
            "",
            measure.facts(tensors[0]) if tensors else None,
            measure.facts(target) if isinstance(target, torch.Tensor) else None,
            None,
            [],
            {},
            error=f"{type(error).__name__}: {error}"[:500],
        )
        session.emit(call)

    def observe_values(
        self,
        name: str,
        input: torch.Tensor | None,
        target: torch.Tensor | None,
        result: torch.Tensor,
        reduction: str,
        options: dict[str, Any],
        frame: Any,
        built: int | None = None,
        names: list[str] | None = None,
    ) -> None:
        """Records one evaluation of a criterion; measures its tensors on sampled steps and around a zero or NaN."""
        seen = self._value(name, input if input is not None else target, result, reduction, frame)
        if seen.measured:
            self._measure(seen, name, input, target, result, options, built, names or [])

    def _value(self, name: str, first: torch.Tensor | None, result: torch.Tensor, reduction: str, frame: Any) -> _Seen:
        """Adds the value of one evaluation to its series, and says whether its tensors are to be measured."""
        session = self._session
        grad_enabled = torch.is_grad_enabled()
        training = grad_enabled and (result.requires_grad or session.backwards == 0)
        place = session.locator.here(frame)
        series = session.numbers("criterion" if training else "evaluation", name, place, reduction)
        tick = session.now()
        value: float | None = None
        odd = False
        if result.numel() == 1 and measure.readable(result):
            number = self._number(result, series, training)
            series.add(tick, session.step, number, first.shape[0] if first is not None and first.dim() else 1)
            if isinstance(number, float):
                value = number
                odd = series.odd
        if training:
            self._registry.criterion_called = True
        if odd and session.step > 12:
            odd = not series.passes(series.latest)
            if odd:
                self._count(series)
        # Without gradients a loss module may be called once an epoch: its first calls are always worth a look.
        measured = odd or (session.sampled and training) or (not training and len(series.points) <= 3)
        return _Seen(tick, series, place, training, reduction, value, measured)

    def _count(self, series: Numbers) -> None:
        """Counts a measured value that is 0 or not finite. Ever fewer are measured: a loss may be 0 for a million steps."""
        zero = series.latest == 0.0
        self._odd_calls[zero] += 1
        if self._odd_calls[zero] >= MOST_ODD:
            # The next when there have been twice as many.
            series.let_pass[zero] = self._odd_calls[zero]
            self._odd_calls[zero] *= 2

    def _number(self, result: torch.Tensor, series: Numbers, training: bool) -> float | Arriving:
        """The value: where it is computed by a device, nobody waits for it but in calls that are to be measured."""
        if (self._session.sampled and training) or (not training and len(series.points) < 3):
            return measure.scalar(result)
        number = measure.arriving(result)
        if not isinstance(number, float):
            series.settle()
            if series.odd and self._odd_calls[series.latest == 0.0] < MOST_ODD:
                return measure.scalar(result)
        return number

    def _measure(
        self,
        seen: _Seen,
        name: str,
        input: torch.Tensor | None,
        target: torch.Tensor | None,
        result: torch.Tensor,
        options: dict[str, Any],
        built: int | None,
        names: list[str],
    ) -> None:
        call = CriterionCall(
            seen.tick,
            self._session.step,
            seen.series.number,
            name,
            seen.place,
            seen.training,
            seen.reduction,
            measure.counted(self._registry.facts(input), input) if input is not None else None,
            measure.facts(target) if target is not None else None,
            seen.value,
            list(result.shape),
            options,
            built=built,
            names=names,
        )
        if input is not None:
            judge(call, input, target, options)
        if seen.value is None:
            call.result = measure.facts(result, with_counts=False)
        self._session.emit(call)
        self._samples.targets(seen.tick, input, target, seen.training)


def _within(frame: FrameType | None, code: CodeType) -> bool:
    """Whether a function of that code, which all wrappers of criteria have, is executed at that frame or further out."""
    while frame is not None:
        if frame.f_code == code:
            return True
        frame = frame.f_back
    return False


def _small_list(value: Any) -> list[int]:
    if isinstance(value, torch.Tensor):
        value = value.reshape(-1)[:256].tolist()
    return [int(v) for v in list(value or [])[:256]]
