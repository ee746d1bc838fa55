"""The scalar that ``backward`` runs on: what is really optimised, whatever it is made of."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from threading import get_ident
from typing import Any

import torch

from flatline.observe import graph, measure, numerics
from flatline.observe.captured import Captured
from flatline.observe.events import Backward, Update
from flatline.observe.expression import Expression, loss_expression
from flatline.observe.lines import Lines
from flatline.observe.patching import Patches, unseen
from flatline.observe.probes.criterion import CriterionProbe
from flatline.observe.probes.inner import InnerProbe
from flatline.observe.probes.samples import Samples
from flatline.observe.probes.structure import StructureProbe
from flatline.observe.registry import Registry
from flatline.observe.series import Arriving, Numbers
from flatline.observe.session import Session
from flatline.observe.weights import Before

# Of so many losses that are 0 or NaN, what follows is measured; of so many that are not finite, the origin is looked for.
MOST_ODD = 2


class BackwardProbe:
    """Observes ``torch.autograd.backward``, through which ``Tensor.backward`` goes too."""

    def __init__(
        self,
        session: Session,
        registry: Registry,
        criterion: CriterionProbe,
        samples: Samples,
        training_began: Callable[[], None],
        backward_begins: Callable[[], None],
        after_step: Callable[[], None],
    ) -> None:
        self._began = session.guarded("built", training_began)
        self._after_step = after_step
        self._backward_begins = backward_begins
        self._session = session
        self._registry = registry
        self._criterion = criterion
        self._before = session.guarded("backward", self._observe)
        self._after = session.guarded("backward", self._finished)
        self._samples = samples
        self.captured: Captured | None = None
        self._kept: Before | None = None
        self._kept_step = -1
        self._last_step = -1
        self._odd = 0
        self._lines = Lines(session)
        self._take = self._lines.taker("backward")
        self._structure = StructureProbe(session, registry)
        self._inner = InnerProbe(session, registry)
        self._bad = 0

    def install(self, patches: Patches) -> None:
        patches.replace(torch.autograd, "backward", self._wrapped)
        self._structure.install(patches)

    @property
    def hooked(self) -> bool:
        """Whether the program has hooks on tensors."""
        return self._structure.hooked

    def _wrapped(self, original: Callable[..., Any]) -> Callable[..., Any]:
        take, before, after = self._take, self._before, self._after
        session, began = self._session, self._began
        here = session.spared("backward", session.trains_here, None)
        look, inner, registry = self._structure.look, self._inner.look, self._registry
        optimizers = registry.live_optimizers.known
        is_compiling, this_frame = torch.compiler.is_compiling, sys._getframe

        def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            if is_compiling() or not session.active:
                return original(tensors, *args, **kwargs)
            if get_ident() != session.trainer:
                here()
            # None where a thread begins with this function.
            frame = this_frame().f_back
            value = take("", tensors, None, frame)
            if value is not None:
                session.last_loss = value
            else:
                seen: list[tuple[torch.Tensor, graph.Walk]] = []
                before(tensors, frame, seen)
                if seen:
                    loss, behind = seen.pop()
                    look(behind)
                    inner(loss, behind)
                    # Nothing of ours holds the graph while the program frees it.
                    del loss, behind
                if session.backwards == 0:
                    began()
            del frame
            result = original(tensors, *args, **kwargs)
            session.backwards += 1
            if session.sampled or registry.inputs or registry.outputs or not optimizers:
                after()
            registry.criterion_called = False
            return result

        return unseen(backward, original)

    def _observe(self, tensors: Any, frame: Any, seen: list[tuple[torch.Tensor, graph.Walk]]) -> None:
        if isinstance(tensors, (tuple, list)):
            if not tensors:
                return
            tensors = tensors[0]
        if not isinstance(tensors, torch.Tensor) or not measure.eager():
            return
        loss: torch.Tensor = tensors
        session = self._session
        user_frame = session.locator.frame(frame)
        place = session.locator.number(user_frame) if user_frame is not None else None
        tick = session.now()
        value: float | None = None
        bad = False
        if loss.numel() == 1 and measure.readable(loss):
            series = session.numbers("optimised", "loss", place)
            number = self._number(loss, series)
            self._lines.learn("", frame, series)
            inputs = self._registry.inputs
            series.add(tick, session.step, number, inputs[0].shape[0] if inputs and inputs[0].dim() else 1)
            session.last_loss = series.latest
            if isinstance(number, float):
                value = number
                bad = value - value != 0.0 and self._first_bad(tick, place, loss)
                if value == 0.0 or value != value:
                    self._odd += 1
                    if self._odd <= MOST_ODD:
                        session.schedule.event(session.step // max(len(self._registry.live_optimizers.known), 1))
                        session.calm_until = 0
                if self._odd >= MOST_ODD:
                    # Of those that follow nothing more is asked than their value.
                    series.let_pass = [math.inf if self._bad >= MOST_ODD else 0, math.inf]
        if not session.crowded and (session.sampled or bad or not loss.requires_grad):
            behind = graph.walk(loss.grad_fn, measure_activations=not session.checkpointing)
            if session.sampled and behind.order:
                seen.append((loss, behind))
            self._graph(loss, behind, value, tick, place, user_frame)

    def _number(self, loss: torch.Tensor, series: Numbers) -> float | Arriving:
        """The loss: where it is computed by a device, nobody waits for it but to measure a step or find a cause."""
        if self._session.sampled or not loss.requires_grad:
            return measure.scalar(loss)
        number = measure.arriving(loss)
        if isinstance(number, float):
            return number
        series.settle()
        if series.odd and (self._odd < MOST_ODD or (series.latest - series.latest != 0.0 and self._bad < MOST_ODD)):
            return measure.scalar(loss)
        return number

    def _graph(
        self, loss: torch.Tensor, found: graph.Walk, value: float | None, tick: int, place: int | None, frame: Any
    ) -> None:
        """What stands between the scalar and the parameters."""
        session = self._session
        expression = loss_expression(frame) if frame is not None else None
        if expression is not None and not self._registry.criterion_called and loss.numel() == 1:
            self._hand_written(loss, expression, frame)
        self._by_hand(found.leaves)
        if self.captured is not None:
            self.captured.reached(found.leaves, value, not self._registry.live_optimizers.known)
        reached = {self._registry.parameter(leaf) for leaf in found.leaves}
        owned = {self._registry.parameter(p) for p in self._registry.owned() if p.requires_grad}
        self._backward_begins()
        # Weights moved by hand have no optimizer that could be asked.
        stale = (
            not self._registry.live_optimizers.known
            and session.step > 0
            and self._last_step != session.step
            and any(p.grad is not None and measure.readable(p.grad) and bool(p.grad.any()) for p in found.leaves[:8])
        )
        if not session.checkpointing:
            for singular in numerics.singular_points(tick, session.step, found.order):
                session.emit(singular)
        session.emit(
            Backward(
                tick,
                session.step,
                place,
                value,
                list(loss.shape),
                loss.requires_grad,
                found.head,
                found.activations,
                sorted(reached),
                sorted(owned - reached),
                found.nodes,
                found.terms,
                expression=expression.text if expression is not None else "",
                stale=stale,
                elements=_elements(loss.grad_fn),
                outer=found.outer,
                advantages=[] if session.checkpointing else graph.advantages(found.order),
            )
        )

    def _first_bad(self, tick: int, place: int | None, loss: torch.Tensor) -> bool:
        """Where a NaN or an infinity came from, for the first two losses that are one."""
        self._bad += 1
        session = self._session
        if self._bad <= MOST_ODD and not session.checkpointing:
            found = numerics.first_non_finite(tick, session.step, place, loss, self._registry.parameter)
            if found is not None:
                session.emit(found)
        return self._bad <= MOST_ODD

    def _hand_written(self, loss: torch.Tensor, expression: Expression, frame: Any) -> None:
        """Records a loss formula as a criterion: the prediction has a gradient, the target has none."""
        registry = self._registry
        named = [(name, t) for name, t in expression.named if t.dim() > 0 and t is not loss]
        predictions = [(name, t) for name, t in named if t.grad_fn is not None]
        prediction: tuple[str, torch.Tensor | None] = ("", None)
        if predictions:
            prediction = predictions[0]
        elif registry.outputs:
            prediction = ("output", registry.outputs[-1])
        constants = [(n, t) for n, t in named if not t.requires_grad]
        given = {id(t) for t in registry.inputs}
        candidates = [pair for pair in constants if id(pair[1]) not in given]
        output = prediction[1]
        if output is not None:
            candidates = [p for p in candidates if p[1].shape[:1] == output.shape[:1]] or candidates
        # Where inputs and targets stand side by side, as in mse(f(x), y), the target is the smaller of the two.
        target = min(reversed(candidates), key=lambda p: p[1].numel(), default=("", None))
        if target[1] is None and output is not None:
            # ``error = f(x) - y`` stands a line above ``(error ** 2).mean()``.
            alike = [p for p in expression.behind if not p[1].requires_grad and p[1].shape == output.shape]
            target = next((p for p in alike if id(p[1]) not in given), target)
        if output is None and target[1] is None:
            return
        if not registry.inputs:
            behind = [
                t
                for _, t in [*constants, *expression.behind]
                if t is not target[1]
                and not t.requires_grad
                and t.dim() > 0
                and (target[1] is None or t.shape[:1] == target[1].shape[:1])
            ]
            for index, tensor in enumerate(behind[:1]):
                registry.inputs.append(tensor)
                self._samples.keep(self._session.now(), "input", f"input {index}", tensor)
        self._criterion.observe_values(
            "expression",
            output,
            target[1],
            loss,
            "",
            {"expression": expression.text, "line": expression.line},
            frame,
            names=[prediction[0], target[0]],
        )

    def _by_hand(self, leaves: list[torch.Tensor]) -> None:
        """Without an optimizer, what happened to the weights between two measured backward passes."""
        session = self._session
        if self._registry.live_optimizers.known:
            self._kept = None
            return
        if self._kept is not None and self._kept_step + 1 == session.step:
            session.emit(Update(session.now(), self._kept_step, -1, self._kept.facts(self._registry)))
        self._kept_step = session.step
        self._kept = Before(leaves)

    def _finished(self) -> None:
        session = self._session
        self._inner.finish()
        self._registry.clear_step()
        self._last_step = session.step
        if not self._registry.live_optimizers.known:
            # Weights are moved by hand: a step of training is then a backward.
            session.step += 1
            self._registry.counted_by_hand = True
            self._after_step()
        session.flush()


def _elements(node: Any) -> int:
    """How many numbers a mean or a sum is over, by what its autograd node saved; -1 for another node."""
    sizes = getattr(node, "_saved_self_sym_sizes", None)
    if sizes is None:
        return -1
    total = 1
    for size in sizes:
        total *= int(size)
    return total
