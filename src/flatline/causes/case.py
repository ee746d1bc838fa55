"""What the causes ask of a run: measurements that several of them share, each made once."""

from __future__ import annotations

import math
from collections import Counter
from functools import cached_property

import numpy as np

from flatline.observe import events as e
from flatline.record.association import Association, associate
from flatline.record.chance import BINARY, CLASSIFICATION, Chance, chance_level, label_counts, main_call
from flatline.record.matching import Match, match
from flatline.record.printed import printed_losses
from flatline.record.recording import Curve, Floats, Line, Recording
from flatline.record.source import update_line
from flatline.symptoms.base import Symptom

# A printed loss conventionally has four decimals; below half a unit of the last one it reads 0.0000.
PRINTS_AS_ZERO = 5e-5
__all__ = ["BINARY", "CLASSIFICATION", "REGRESSION", "Case", "number"]
REGRESSION = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")


class Case:
    """A recording with its symptoms, and the questions that causes ask of it."""

    def __init__(self, recording: Recording, symptoms: list[Symptom]) -> None:
        self.recording = recording
        self.symptoms = symptoms

    def has(self, *names: str) -> bool:
        return any(s.name in names for s in self.symptoms)

    def symptom(self, *names: str) -> Symptom | None:
        return next((s for s in self.symptoms if s.name in names), None)

    @property
    def preflight(self) -> bool:
        """Whether the program was stopped before its first update: there is no curve, and no weight has moved."""
        return self.recording.stopped is not None

    def checked(self, name: str, *outcomes: str) -> e.Checked | None:
        """A check before training with one of these outcomes."""
        return next((c for c in self.recording.all(e.Checked) if c.name == name and c.outcome in outcomes), None)

    # the loss --------------------------------------------------------------------------------------------------

    @cached_property
    def curve(self) -> Curve | None:
        """The optimised loss; of several, the one that a symptom was seen on, else the longest."""
        for symptom in self.symptoms:
            if symptom.curve is not None and symptom.curve.kind == "optimised":
                return symptom.curve
        return self.recording.optimised[0] if self.recording.optimised else None

    @cached_property
    def finite(self) -> Floats:
        values = self.curve.values if self.curve is not None else np.zeros(0)
        return values[np.isfinite(values)]

    @cached_property
    def first_value(self) -> float:
        """The loss before any update."""
        return float(self.curve.values[0]) if self.curve is not None and len(self.curve) else math.nan

    @cached_property
    def last_value(self) -> float:
        """Mean loss over the last tenth of the steps."""
        if self.curve is None or not len(self.curve):
            return math.nan
        tail = self.curve.values[-max(1, len(self.curve) // 10) :]
        tail = tail[np.isfinite(tail)]
        return float(np.mean(tail)) if len(tail) else math.nan

    @cached_property
    def calls(self) -> list[e.CriterionCall]:
        """Measured criterion calls of training, in order."""
        return self.recording.calls

    def calls_named(self, *names: str) -> list[e.CriterionCall]:
        return [c for c in self.calls if c.name in names]

    @cached_property
    def main_call(self) -> e.CriterionCall | None:
        """The first measured call of the criterion that is called most."""
        return main_call(self.recording)

    @cached_property
    def label_counts(self) -> Counter[str]:
        """How often each label value occurred over the measured calls of the main criterion."""
        return label_counts(self.recording, self.main_call) if self.main_call is not None else Counter()

    @cached_property
    def chance(self) -> Chance | None:
        """The loss of the best constant prediction for the main criterion, when it is known in closed form."""
        return chance_level(self.recording)

    @cached_property
    def explained(self) -> float:
        """Share of the chance loss that training has removed at the end (McFadden's R², or R² for squares)."""
        main = self.main_call
        curve = self.recording.curve(main.series) if main is not None else None
        if main is not None and main.reduction == "none" and self.chance is not None:
            # What each sample gave is averaged outside of the criterion, and that is what is optimised.
            curve = self.recording.optimised[0]
        if self.chance is None or self.chance.value <= 0 or curve is None or not len(curve):
            return math.nan
        # The criterion's own values: what is optimised may be a multiple of them, or have further terms.
        return 1 - float(np.mean(curve.values[-max(1, len(curve) // 10) :])) / self.chance.value

    @cached_property
    def stuck(self) -> bool:
        """Whether training has achieved next to nothing: under a tenth of the chance loss, or of the first loss."""
        if math.isfinite(self.explained):
            return self.explained < 0.1
        return not self.improves

    # steps -----------------------------------------------------------------------------------------------------

    @cached_property
    def updates(self) -> list[e.Update]:
        return self.recording.all(e.Update)

    @cached_property
    def backwards(self) -> list[e.Backward]:
        return self.recording.all(e.Backward)

    @cached_property
    def update_ratios(self) -> list[float]:
        """For each sampled step, the norm of all updates over the norm of all weights before it."""
        ratios: list[float] = []
        for update in self.updates:
            weight = math.sqrt(sum(p.weight**2 for p in update.parameters if math.isfinite(p.weight)))
            change = math.sqrt(sum(p.update**2 for p in update.parameters if math.isfinite(p.update)))
            if weight > 0:
                ratios.append(change / weight)
        return ratios

    @cached_property
    def path(self) -> float:
        """Length of the weights' path over training, relative to their size; between samples it is interpolated."""
        sampled: dict[int, float] = {}
        for update, ratio in zip(self.updates, self.update_ratios):
            sampled[update.step] = sampled.get(update.step, 0.0) + ratio
        if not sampled:
            # Steps of which none could be measured, as Keras takes them on JAX, may have led anywhere.
            return 0.0 if self.recording.optimizers and not self.stepped else math.inf
        steps = sorted(sampled)
        ends = [*steps[1:], max(self.recording.steps, steps[-1] + 1)]
        return sum(sampled[step] * (end - step) for step, end in zip(steps, ends))

    @cached_property
    def moves(self) -> bool:
        """Whether any weight changed; for weights moved by hand, whether the loss ever changed."""
        if self.updates:
            return any(p.moved for u in self.updates for p in u.parameters)
        if self.recording.optimizers and not self.stepped:
            return False
        return self.curve is not None and len(np.unique(self.curve.values)) > 1

    @cached_property
    def stepped(self) -> bool:
        return self.preflight or bool(self.updates) or any(c.steps for c in self.recording.all(e.StepCount))

    @cached_property
    def improves(self) -> bool:
        """Whether the loss ends at least a fifth below where it began."""
        values = self.finite
        if len(values) < 2:
            return False
        first = float(np.mean(values[: max(1, min(5, len(values) // 10))]))
        return first - self.last_value > 0.2 * abs(first)

    @cached_property
    def accumulates(self) -> bool:
        """Whether most steps were taken with the gradients of the step before still in theirs."""
        stale: dict[int, list[bool]] = {}
        for update in self.updates:
            if update.optimizer >= 0:
                stale.setdefault(update.optimizer, []).append(update.stale)
        # Of several optimizers the one that is cleared least: another one that is cleared does not make up for it.
        steps = max(stale.values(), key=lambda seen: sum(seen) / len(seen), default=[])
        by_hand: dict[int, bool] = {}
        # Gradients that are added up before the weights are moved by hand are not stale.
        moved = {u.step for u in self.updates if u.optimizer < 0 and any(p.moved for p in u.parameters)}
        for backward in self.backwards:
            if backward.step - 1 in moved and not self.recording.optimizers:
                by_hand.setdefault(backward.step, backward.stale)
        seen = [*steps, *by_hand.values()]
        # The first measured step of a stretch cannot be judged, so somewhat less than all is all.
        return sum(seen) >= 2 and sum(seen) > len(seen) / 2

    @cached_property
    def gradients_vanish(self) -> bool:
        """Whether every measured gradient is exactly 0."""
        seen = [p for u in self.updates for p in u.parameters if p.has_gradient]
        return bool(seen) and all(p.gradient == 0 for p in seen)

    @cached_property
    def association(self) -> Association | None:
        return associate(self.recording)

    @cached_property
    def held_out_explained(self) -> float:
        """Share of the chance loss that is removed on data seen without gradients; NaN when there is none."""
        main = self.main_call
        if self.chance is None or main is None or self.chance.value <= 0:
            return math.nan
        best = [
            1 - float(np.mean(c.values[-max(1, len(c) // 5) :])) / self.chance.value
            for c in self.recording.evaluations
            if c.name == main.name and np.all(np.isfinite(c.values))
        ]
        return max(best, default=math.nan)

    @cached_property
    def optimizer(self) -> e.OptimizerSeen | None:
        """The optimizer that takes the steps; of several, the first."""
        stepped = {u.optimizer for u in self.updates}
        for number, seen in self.recording.optimizers.items():
            if number in stepped:
                return seen
        return next(iter(self.recording.optimizers.values()), None)

    @property
    def optimizer_line(self) -> Line | None:
        return self.recording.line(self.optimizer.place) if self.optimizer is not None else None

    @property
    def criterion_line(self) -> Line | None:
        return self.call_line(self.main_call) if self.main_call is not None else self.backward_line

    def call_line(self, call: e.CriterionCall) -> Line | None:
        """The line that computes a loss: where the criterion is called, or where the formula stands."""
        line = self.recording.line(call.place)
        formula = call.options.get("line")
        if line is not None and isinstance(formula, int) and formula > 0:
            return self.recording.line_at(line.file, formula, line.function)
        return line

    @property
    def rate_line(self) -> Line | None:
        """Where the learning rate is applied: the optimizer's constructor, or the update written by hand."""
        return self.optimizer_line or update_line(self.recording, self.backward_line) or self.backward_line

    @property
    def backward_line(self) -> Line | None:
        return self.recording.line(self.curve.place) if self.curve is not None else None

    # printed ---------------------------------------------------------------------------------------------------

    @cached_property
    def printed(self) -> list[Match]:
        return [match(p, self.recording) for p in printed_losses(self.recording)]


def number(value: float) -> str:
    """A number as a person writes it.

    >>> number(0.69314718), number(0.0), number(1.5e-9), number(123456.0)
    ('0.6931', '0', '1.5e-09', '123456')
    """
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= 1e5 or abs(value) < 1e-3:
        return f"{value:.3g}" if abs(value) < 1e-3 or abs(value) >= 1e6 else f"{value:.0f}"
    return f"{value:.4g}"
