"""What goes on between the layers: units that are copies of each other, gradients that fade, classes and their axis.

Asked just before the program's backward, on sampled steps.
"""

from __future__ import annotations

import sys

import torch

from flatline.observe import axes, events, graph, measure
from flatline.observe.events import Alike, ClassAxes
from flatline.observe.registry import Registry
from flatline.observe.session import Session
from flatline.observe.signal import Signal

# The gradient is followed through the layers at the first backward, and once more when the first steps are taken.
LATER_LOOK = 10
MOST_COMPARED = 64
MOST_ELEMENTS = 1 << 22


class InnerProbe:
    """Looks at the graph and its weights on sampled steps."""

    def __init__(self, session: Session, registry: Registry) -> None:
        self._session = session
        self._registry = registry
        self._looks = 0
        self._axes = 0
        # Weights whose units were all copies of each other at the first backward; None before it.
        self._alike: list[torch.Tensor] | None = None
        self._signal: Signal | None = None
        self.look = session.guarded("inner", self._observe)

    def _observe(self, loss: torch.Tensor, behind: graph.Walk) -> None:
        session = self._session
        if loss.numel() != 1 or not measure.readable(loss):
            return
        self._compare(behind.leaves)
        if session.checkpointing:
            return
        if self._axes < 2:
            self._axes += 1
            found = axes.class_axes(loss.grad_fn)
            if found is not None:
                session.emit(
                    ClassAxes(session.now(), session.step, found.picked, found.normalised, found.shape, found.how)
                )
        due = self._looks == 0 or (self._looks == 1 and session.step >= LATER_LOOK)
        if due and not torch.is_anomaly_enabled() and not _backward_is_compiled():
            self._looks += 1
            self._signal = Signal(loss, lambda hook: session.guarded("inner", hook))

    def finish(self) -> None:
        """After the backward pass that was looked at."""
        session, signal = self._session, self._signal
        self._signal = None
        if signal is not None:
            signal.finish()
            if signal.depths:
                session.emit(
                    events.Signal(session.now(), session.step, signal.depths, signal.gradients, signal.spreads)
                )

    def _compare(self, leaves: list[torch.Tensor]) -> None:
        """Units that start as copies of each other are compared again at every measured step."""
        session = self._session
        if self._alike is None:
            self._alike = [p for p in leaves if _comparable(p) and 0.0 in _differences(p)][:MOST_COMPARED]
        for parameter in filter(measure.readable, self._alike):
            rows, columns = _differences(parameter)
            number = self._registry.parameter(parameter)
            session.emit(Alike(session.now(), session.step, number, list(parameter.shape), rows, columns))


def _backward_is_compiled() -> bool:
    """Whether torch compiles backward passes too: a hook of ours would be compiled with them, and told of in warnings."""
    # Not imported for this: it is large, and it is there where it is used.
    return bool(getattr(sys.modules.get("torch._dynamo.compiled_autograd"), "compiled_autograd_enabled", False))


def _comparable(parameter: torch.Tensor) -> bool:
    return measure.readable(parameter) and parameter.dim() >= 2 and 4 <= parameter.numel() <= MOST_ELEMENTS


def _differences(parameter: torch.Tensor) -> tuple[float, float]:
    """How far slices along the first and the second dimension differ from their first, as a share of the largest
    weight; 1 where there is only one slice.

    The gates of a recurrent cell stand one below the other in one matrix: slices may be equal within each of 3 or 4.
    """
    with torch.no_grad():
        values = parameter.detach()
        scale = max(float(values.abs().max()), 1e-30)
        rows = 1.0
        for gates in (1, 3, 4):
            units = len(values) // gates
            if units > 1 and units * gates == len(values):
                parts = values.reshape(gates, units, -1)
                rows = min(rows, float((parts - parts[:, :1]).abs().max()) / scale)
        columns = float((values - values[:, :1]).abs().max()) / scale if values.shape[1] > 1 else 1.0
        return rows, columns
