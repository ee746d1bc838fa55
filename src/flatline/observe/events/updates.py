"""Optimizers, and what they and the program itself did to the weights."""

from __future__ import annotations

from typing import Any

import msgspec

from flatline.observe.events.base import Record


class OptimizerSeen(Record):
    number: int
    name: str
    place: int | None
    options: dict[str, Any]
    parameters: list[int]
    tick: int = 0


class LearningRate(Record):
    """The learning rate of each parameter group, recorded when it changes."""

    tick: int
    step: int
    optimizer: int
    rates: list[float]
    momenta: list[float]


class StepCount(Record):
    """How often each optimizer stepped, and how often its gradients were cleared, so far."""

    tick: int
    step: int
    optimizer: int
    steps: int
    clears: int
    backwards: int


class ParameterFacts(msgspec.Struct, array_like=True):
    """A parameter around one optimizer step. Norms are Euclidean; ``moved`` is bitwise."""

    parameter: int
    gradient: float
    weight: float
    update: float
    moved: bool
    has_gradient: bool
    non_finite_gradient: bool = False
    non_finite_weight: bool = False


class Update(Record):
    """One optimizer step on a sampled step. ``stale``: its gradients were not cleared since its step before."""

    tick: int
    step: int
    optimizer: int
    parameters: list[ParameterFacts]
    stale: bool = False


class ParametersWritten(Record):
    """Weights were written by hand before the first optimizer step (``copy_``, ``load_state_dict`` …)."""

    tick: int
    step: int
    operation: str
    place: int | None


class Alike(Record):
    """A weight whose slices along the first (``rows``) or second dimension were equal before the first update: how far
    they differ now, as a share of the largest weight (1 where there is one slice only)."""

    tick: int
    step: int
    parameter: int
    shape: list[int]
    rows: float
    columns: float


class LossScale(Record):
    """One ``GradScaler.step``. ``skipped``: the optimizer did not step, because gradients were not finite.

    ``place`` is where the scaler was made; ``attempts`` and ``skips`` count so far; ``non_finite`` lists the parameters
    with such a gradient, ``nan`` whether one of them is NaN, which no smaller scale cures.
    """

    tick: int
    step: int
    place: int | None
    scale: float
    skipped: bool
    attempts: int
    skips: int
    non_finite: list[int] = []
    nan: bool = False
