"""The scalar that ``backward`` runs on: what is really optimised, whatever it is made of."""

from __future__ import annotations

import sys
from typing import Any, Callable

import torch

from flatline.observe import graph, measure
from flatline.observe.events import Backward
from flatline.observe.expression import loss_expression
from flatline.observe.patching import Patches, unseen
from flatline.observe.probes.criterion import CriterionProbe
from flatline.observe.registry import Registry
from flatline.observe.session import Session


class BackwardProbe:
    """Observes ``torch.autograd.backward``, through which ``Tensor.backward`` goes too."""

    def __init__(
        self,
        session: Session,
        registry: Registry,
        criterion: CriterionProbe,
        training_began: Callable[[], None],
        after_step: Callable[[], None],
    ) -> None:
        self._began = session.guarded("built", training_began)
        self._after_step = after_step
        self._session = session
        self._registry = registry
        self._criterion = criterion
        self._before = session.guarded("backward", self._observe)
        self._after = session.guarded("backward", self._finished)
        self._last_step = -1
        self._odd = 0

    def install(self, patches: Patches) -> None:
        patches.replace(torch.autograd, "backward", self._wrapped)

    def _wrapped(self, original: Callable[..., Any]) -> Callable[..., Any]:
        before, after, session, began = self._before, self._after, self._session, self._began

        def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            if torch.compiler.is_compiling() or not session.active:
                return original(tensors, *args, **kwargs)
            before(tensors, sys._getframe().f_back)
            if session.backwards == 0:
                began()
            result = original(tensors, *args, **kwargs)
            after()
            return result

        return unseen(backward, original)

    def _observe(self, tensors: Any, frame: Any) -> None:
        if isinstance(tensors, (tuple, list)):
            if not tensors:
                return
            tensors = tensors[0]
        if not isinstance(tensors, torch.Tensor) or not measure.ordinary():
            return
        loss: torch.Tensor = tensors
        session = self._session
        user_frame = session.locator.frame(frame)
        place = session.locator.number(user_frame) if user_frame is not None else None
        tick = session.now()
        value: float | None = None
        if loss.numel() == 1 and measure.readable(loss):
            value = session.last_loss = measure.scalar(loss)
            size = self._registry.inputs[0].shape[0] if self._registry.inputs and self._registry.inputs[0].dim() else 1
            session.numbers("optimised", "loss", place).add(tick, session.step, value, size)
            if value == 0.0 or value != value:
                self._odd += 1
                if self._odd <= 2:
                    session.schedule.event(session.step)
        if not (session.sampled or not loss.requires_grad):
            return
        found = graph.walk(loss.grad_fn, measure_activations=not session.checkpointing)
        text, line = "", 0
        if user_frame is not None:
            text, line, named = loss_expression(user_frame)
            if self._registry.calls_since_backward == 0 and loss.numel() == 1 and named:
                self._hand_written(loss, text, named, user_frame, line)
        reached = {self._registry.parameter(leaf) for leaf in found.leaves}
        owned = {self._registry.parameter(p) for p in self._registry.owned() if p.requires_grad}
        first_since_step = self._last_step != session.step
        stale = first_since_step and session.step > 0 and any(
            p.grad is not None and measure.readable(p.grad) and bool(p.grad.any())
            for p in list(self._registry.owned())[:8]
        )
        session.emit(
            Backward(
                tick, session.step, place, value, list(loss.shape), loss.requires_grad, found.head,
                found.activations, sorted(reached), sorted(owned - reached), found.nodes, found.terms,
                expression=text, stale=stale,
            )
        )

    def _hand_written(
        self, loss: torch.Tensor, text: str, named: list[tuple[str, torch.Tensor]], frame: Any, line: int
    ) -> None:
        """Records a loss formula as a criterion: the prediction has a gradient, the target has none."""
        session = self._session
        predictions = [(name, t) for name, t in named if t.requires_grad and t.dim() > 0]
        inputs = {id(t) for t in self._registry.inputs}
        targets = [(n, t) for n, t in named if not t.requires_grad and t.dim() > 0 and id(t) not in inputs]
        if not predictions and self._registry.outputs:
            predictions = [("output", self._registry.outputs[-1])]
        if not predictions:
            return
        prediction = next(((n, t) for n, t in predictions if t.grad_fn is not None), predictions[0])
        same = [pair for pair in targets if pair[1].shape[:1] == prediction[1].shape[:1]]
        target = (same or targets or [("", None)])[-1]
        self._criterion.observe_values(
            "expression", prediction[1], target[1], loss, "", {"expression": text, "line": line}, frame,
            names=[prediction[0], target[0]],
        )

    def _finished(self) -> None:
        session = self._session
        session.backwards += 1
        self._last_step = session.step
        self._registry.clear_step()
        if not self._registry.live_optimizers:
            # Weights are moved by hand: a step of training is then a backward.
            session.step += 1
            self._after_step()
        session.flush()
