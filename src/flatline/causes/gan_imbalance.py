from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import BINARY, Case, number
from flatline.causes.inputs import model_argument
from flatline.causes.judging import contrast
from flatline.changes import Change
from flatline.observe.events import Backward, CriterionCall, Forward, LearningRate, StepCount
from flatline.record.provenance import made_at
from flatline.record.recording import Curve, Line
from flatline.record.source import SourceFile, enclosing_calls

# One turn of each may be the warm-up of a schedule.
FEWEST_TURNS = 3
# The discriminator's loss on real and made samples when it is right with odds of 19 to 1 (99 to 1): -2 ln 0.95 (0.99),
# and the generator's then: -ln 0.05 (0.01). At balance they are 2 ln 2 and ln 2.
RIGHT, VERY_RIGHT = 0.95, 0.99
# Ten times the rate is more than any recipe for two rates asks for (Heusel et al. 2017 use up to 4); five updates to
# one is the most that is usual.
RATES, TURNS = 10.0, 6.0
# What a bounded output can reach, with room for rounding.
_BOUNDS = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}
ROOM = 0.01


@dataclass
class Side:
    """One of two optimizers that take turns: its parameters, those its losses reach, its steps and its curve."""

    optimizer: int
    owned: set[int]
    reached: set[int] = field(default_factory=set)
    backwards: list[Backward] = field(default_factory=list)
    curve: Curve | None = None
    steps: int = 0


class GanImbalance(Cause):
    """One network of an adversarial pair wins: it is far stronger, or the other one's optimizer moves it as well.

    What you see
        One loss goes to 0 and the other grows; what the generator makes does not get better.

    What is measured
        Which parameters each optimizer holds and which its losses reach; the losses of both at the end against what
        they are when the discriminator is right with odds of 19 or 99 to 1; learning rates, numbers of steps, and
        whether the real samples lie where the generator's last activation can never reach.

    How it is told apart
        Early in training the discriminator often wins for a while: the end of training counts. Two optimizers that do
        not pass gradients through each other's network are no adversarial pair.

    Experiment
        Weights that both optimizers hold moved by the discriminator's only; or real samples scaled to the
        generator's range: the other network keeps up.

    Fix
        Give each optimizer the parameters of its own network; scale the real samples to the range of the generator's
        last activation; weaken the discriminator.

    References
        https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix/issues/910
        https://github.com/soumith/ganhacks/issues/29
        https://github.com/simontomaskarlsson/GAN-MRI/issues/11
    """

    name = "gan-imbalance"
    row = "Z12"
    title = "one network of the adversarial pair wins, and the other gets nothing to learn from"
    choices = (
        Choice(
            "Train the weaker network more often, or the stronger at a lower rate.",
            "two rates to balance instead of one",
        ),
        Choice("Preprocess real and generated data alike.", "none, where they differ by mistake"),
        Choice(
            "Smooth the labels, or use a loss that does not saturate.",
            "another objective: losses no longer compare with earlier runs",
        ),
    )

    def decide(self, case: Case) -> Decision | None:
        pair = adversaries(case)
        if pair is None:
            return None
        g, d = pair
        shared = g.owned & d.owned
        if len(shared) * 2 > len(d.owned) and g.owned - d.owned:
            return self._overlap(case, g, d, len(shared))
        return self._won(case, g, d)

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        pair = adversaries(case)
        if not isinstance(decision, Found) or pair is None:
            return []
        g, d = pair
        bounds = [_BOUNDS[a.kind] for b in g.backwards[:1] for a in b.activations if a.kind in _BOUNDS]
        if len(g.owned & d.owned) * 2 > len(d.owned):
            asks, change = "is the discriminator balanced when only its own optimizer moves it?", "parameters"
            made = Change(change, {"exclusive": True})
        elif self._outside(case, g, d) is not None and bounds:
            asks, change = "is neither network ahead with the real samples in the generator's range?", "inputs"
            made = Change(change, {"how": "fit", "low": bounds[0][0], "high": bounds[0][1]})
        else:
            return []
        return [
            Experiment(
                asks,
                [made],
                contrast(
                    change,
                    lambda control: isinstance(self.decide(control), Found),
                    lambda control, trial: (
                        adversaries(trial) is not None and not isinstance(self.decide(trial), Found)
                        if change == "inputs"
                        else _level(trial, d.optimizer) < 0.8 * _level(control, d.optimizer)
                    ),
                    "with that changed alone, the other network keeps up",
                ),
                steps=case.recording.steps,
            )
        ]

    @staticmethod
    def _overlap(case: Case, g: Side, d: Side, shared: int) -> Decision:
        seen = case.recording.optimizers[g.optimizer]
        values = d.curve.values if d.curve is not None else np.zeros(0)
        rises = len(values) > 4 and float(np.mean(values[-len(values) // 5 :])) > 2 * float(values[0])
        sure = rises or opposed(case)
        return Found(
            Level.LIKELY if sure else Level.POSSIBLE,
            0.98 if sure else 0.5,
            case.recording.line(seen.place),
            [
                Evidence(
                    "parameters of the discriminator in the generator's optimizer", f"{shared} of {len(d.owned)}", "0"
                ),
                Evidence(
                    "discriminator's loss, first and last",
                    f"{number(float(values[0]))} and {number(float(values[-1]))}" if len(values) else "not seen",
                ),
            ],
            "Give this optimizer the generator's parameters only: now each of its steps teaches the discriminator that "
            "made samples are real.",
        )

    def _won(self, case: Case, g: Side, d: Side) -> Decision | None:
        if g.curve is None or d.curve is None or not logarithmic(case, d) or not logarithmic(case, g):
            return None
        d_end, g_end = (float(np.mean(c.values[-max(1, len(c) // 10) :])) for c in (d.curve, g.curve))
        reason = self._outside(case, g, d) or self._rates(case, g, d) or self._turns(case, g, d)
        right = RIGHT if reason is not None else VERY_RIGHT
        if not (d_end < -2 * math.log(right) and g_end > -math.log(1 - right)):
            return RuledOut(f"neither network wins: the losses end at {number(d_end)} and {number(g_end)}")
        evidence = [
            Evidence("discriminator's loss at the end", number(d_end), "about 2 ln 2 = 1.386"),
            Evidence("generator's loss at the end", number(g_end), "about ln 2 = 0.693"),
        ]
        line = case.recording.line(case.recording.optimizers[d.optimizer].place)
        fix = "Weaken the discriminator: fewer steps, a smaller rate or network, noise on its inputs."
        if reason is not None:
            line, fix = reason[0] or line, reason[2]
            evidence.append(reason[1])
        return Found(Level.LIKELY, 0.95 if reason is not None else 0.8, line, evidence, fix)

    @staticmethod
    def _outside(case: Case, g: Side, d: Side) -> tuple[Line | None, Evidence, str] | None:
        """Real samples beyond what the generator's last activation can give."""
        made = [(a.kind, a.shape) for b in g.backwards[:1] for a in b.activations if a.kind in _BOUNDS]
        for forward in case.recording.all(Forward):
            if not set(forward.called) & d.owned or not forward.inputs or set(forward.called) & (g.owned - d.owned):
                continue
            facts = forward.inputs[0]
            for kind, shape in made:
                low, high = _BOUNDS[kind]
                room = ROOM * (high - low)
                if shape == facts.shape and (facts.minimum < low - room or facts.maximum > high + room):
                    here = case.recording.line(forward.place)
                    lines = made_at(case.recording, here, model_argument(case.recording, here))
                    return (
                        lines[-1] if lines else here,
                        Evidence(
                            "real samples",
                            f"from {number(facts.minimum)} to {number(facts.maximum)}",
                            f"what the generator's {kind} can give: {low:g} to {high:g}",
                        ),
                        f"Scale the real samples to the range {low:g} to {high:g} of the generator's {kind}.",
                    )
        return None

    @staticmethod
    def _rates(case: Case, g: Side, d: Side) -> tuple[Line | None, Evidence, str] | None:
        rates: dict[int, float] = {}
        for rate in case.recording.all(LearningRate):
            rates.setdefault(rate.optimizer, max(rate.rates, default=0.0))
        mine, other = rates.get(g.optimizer, 0.0), rates.get(d.optimizer, 0.0)
        if not 0 < mine * RATES <= other:
            return None
        return (
            case.recording.line(case.recording.optimizers[g.optimizer].place),
            Evidence("learning rates of generator and discriminator", f"{mine:g} and {other:g}", "of one size"),
            "Give both networks rates of one size.",
        )

    @staticmethod
    def _turns(case: Case, g: Side, d: Side) -> tuple[Line | None, Evidence, str] | None:
        if not g.steps or d.steps < TURNS * g.steps or not d.backwards:
            return None
        return (
            _inner_loop(case, case.recording.line(d.backwards[0].place)),
            Evidence("steps of the discriminator for one of the generator", f"{d.steps / g.steps:.1f}", "1 to 5"),
            "Update both networks about equally often.",
        )


def adversaries(case: Case) -> tuple[Side, Side] | None:
    """Generator and discriminator: two optimizers that take turns, the loss of one reaching through the other's
    network, the other's not reaching back."""
    sides: dict[int, Side] = {
        number: Side(number, set(seen.parameters)) for number, seen in case.recording.optimizers.items()
    }
    updates = sorted(case.updates, key=lambda u: u.tick)
    order = [u.optimizer for u in updates]
    if len(set(order)) != 2 or sum(a != b for a, b in pairwise(order)) < 2 * FEWEST_TURNS:
        return None
    waiting = sorted(case.backwards, key=lambda b: b.tick)
    for update in updates:
        side = sides.get(update.optimizer)
        before = [b for b in waiting if b.tick < update.tick]
        waiting = [b for b in waiting if b.tick > update.tick]
        if side is not None:
            side.backwards += before
            for backward in before:
                side.reached |= set(backward.reached)
    for count in case.recording.all(StepCount):
        if count.optimizer in sides:
            sides[count.optimizer].steps = count.steps
    one, two = (sides[n] for n in sorted(set(order)))
    for side in (one, two):
        places = {b.place for b in side.backwards}
        side.curve = next((c for c in case.recording.optimised if c.place in places), None)
    for g, d in ((one, two), (two, one)):
        own = g.owned - d.owned
        if (
            own
            and d.owned
            and len(g.reached & d.owned) >= 0.9 * len(d.owned)
            and own & g.reached
            and not own & d.reached
            and d.owned & d.reached
        ):
            return g, d
    return None


def opposed(case: Case) -> bool:
    """Whether one criterion was given only ones in some calls and only zeros in others."""
    constant: set[str] = set()
    calls: list[CriterionCall] = case.calls_named(*BINARY, "mse_loss")
    for call in calls:
        if call.target is not None and len(call.target.counts) == 1:
            constant |= set(call.target.counts)
    return len(constant) >= 2 and "0" in constant


def logarithmic(case: Case, side: Side) -> bool:
    """Whether a side's loss is the logarithm of a probability, for which the levels at balance are known."""
    for backward in side.backwards[:1]:
        head = " ".join(backward.head)
        kinds = {a.kind for a in backward.activations[:4]}
        return "BinaryCrossEntropy" in head or bool(kinds & {"log", "softplus", "log_sigmoid"})
    return False


def _inner_loop(case: Case, line: Line | None) -> Line | None:
    """The innermost loop around a line, or around the call of its function."""
    for _ in range(3):
        if line is None:
            return None
        source = SourceFile(case.recording, line.file)
        function = source.function_around(line.line)
        loops = [x for x in source.loops_around(line.line) if function is None or x.lineno >= function.lineno]
        if loops:
            return source.line(loops[-1].lineno)
        callers = enclosing_calls(case.recording, line)
        line = callers[0] if callers else None
    return line


def _level(case: Case, optimizer: int) -> float:
    """Where the loss ends that the steps of an optimizer follow."""
    pair = adversaries(case)
    side = next((s for s in pair if s.optimizer == optimizer), None) if pair is not None else None
    values = side.curve.values if side is not None and side.curve is not None else np.zeros(0)
    return float(np.mean(values[-max(1, len(values) // 10) :])) if len(values) else math.nan
