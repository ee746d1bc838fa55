from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.initialization import parts_line, random_weight_line
from flatline.causes.judging import clearly_lower, contrast, ends
from flatline.changes import Change
from flatline.observe.events import ModelSeen, Signal
from flatline.record.recording import Line

# A gradient smaller than this share of another is lost when float32 adds the two up, as a recurrent weight's does
# over its steps.
LOST = 2.0**-23
# A layer with a gradient a thousand times smaller needs a thousand steps for what another does in one; in a run of more
# steps, so many more.
FEWEST_STEPS = 1000
# Bounds on time only: more rows or values change the medians by less than they vary between batches.
MOST_ROWS = 1024
MOST_VALUES = 64
# Of the falls from one measured layer to the next: a gradient that fades through the layers does so at almost each.
FALLS = 0.75
# These divide each gradient by its own size, so that a small one moves its weight as far as a large one.
_ADAPTIVE = ("Adam", "AdamW", "RMSprop", "Adagrad", "NAdam", "RAdam", "Adamax", "Adadelta", "Lion")
_RECURRENT = ("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell")
_UNITS = ("Sigmoid", "Tanh", "ReLU", "GELU", "SiLU", "ELU", "LeakyReLU", "Softplus", "Hardtanh")


class VanishingGradient(Cause):
    """The gradient shrinks from layer to layer, or from step to step back in time, until nothing of it is left.

    What you see
        The loss stays near chance though every layer has a gradient; the layers near the loss move, the others do not.

    What is measured
        The norm of the gradient at activations of growing distance from the loss, before the first update and after
        ten; whether it falls at almost each of them.

    How it is told apart
        With ``saturated-activations`` the units are at their rails; with ``dead-relu`` and ``graph-cut`` the gradient
        is exactly 0. It only matters when the loss is stuck, and in a sequence when what tells the target is so far
        back: that is looked for in the inputs, position by position.

    Experiment
        Weights of the size that He's initialisation gives, and ReLU: the gradient arrives at the first layers,
        and the loss falls.

    Fix
        ReLU with kaiming initialisation, normalisation layers, residual connections; LSTM or GRU for long sequences.

    References
        Hochreiter, The vanishing gradient problem during learning recurrent neural nets, 1998.
        Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010.
    """

    name = "vanishing-gradient"
    row = "V1"
    title = "the gradient fades on its way back through the layers"
    before_training = Level.POSSIBLE
    choices = (
        Choice("Use ReLU, or normalise between layers.", "another model"),
        Choice("Add residual connections.", "another model; trains deeper"),
        Choice("Scale the initial weights to the width (Xavier, Kaiming).", "training anew"),
    )

    def decide(self, case: Case) -> Decision | None:
        signals = [s for s in case.recording.all(Signal) if all(math.isfinite(g) for g in s.gradients)]
        if not signals:
            return None
        # The less vanishing one: a fault that the first ten steps cure is none.
        signal = max(signals, key=_share)
        share = _share(signal)
        depth = signal.depths[-1]
        if share == 0:
            # Exactly 0 is a dead or cut path, or below the range of the type: other causes tell those.
            return None
        text = f"the gradient at depth {depth} is {number(share)} of that nearest the loss"
        pairs = list(zip(signal.gradients, signal.gradients[1:]))
        fading = sum(b < a for a, b in pairs) >= FALLS * len(pairs)
        recurrent = self._recurrent(case, depth)
        adaptive = case.optimizer is not None and case.optimizer.name in _ADAPTIVE
        steps = max(case.recording.steps, FEWEST_STEPS)
        slow = share < 1 / steps and not adaptive and not recurrent
        if not fading or not (share < LOST or slow):
            return RuledOut(text)
        if not case.stuck or case.has("zero-loss", "near-zero-loss", "non-finite-loss", "rising-loss"):
            return RuledOut(f"{text}, and the loss falls all the same")
        if self._saturated(case) or not case.moves:
            return None
        # Where the inputs tell nothing of the targets, a loss at chance needs no other cause.
        told = case.association is None or case.association.found or case.association.features == 0
        if recurrent:
            back = _steps_back(case)
            if back is None:
                told = False
            elif _lost_after(signal, back[0] / back[1]) > LOST:
                return RuledOut(f"{text}, but what tells the targets is {back[0]} of {back[1]} steps back")
        return Found(
            Level.LIKELY if told else Level.POSSIBLE,
            0.92 if told else 0.4,
            self._line(case, recurrent),
            [
                Evidence(
                    f"gradient at depth {depth} over that at depth {signal.depths[0]}",
                    number(share),
                    f"above {number(LOST if recurrent or adaptive else 1 / steps)}",
                ),
                Evidence("gradient by depth", ", ".join(number(g) for g in signal.gradients), "about the same"),
                Evidence("loss, first to last", f"{number(case.first_value)} to {number(case.last_value)}"),
            ],
            "Use an LSTM or GRU, or shorter sequences."
            if recurrent
            else "Use ReLU with its initialisation, residual connections or normalisation; or fewer layers.",
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        drawn = Change("initialisation", {"draw": "he"})
        relu = Change("operation", {"names": ["sigmoid", "tanh"], "by": "relu"})
        return [
            Experiment(
                f"does the loss fall, and the gradient arrive, with {words}?",
                changes,
                contrast(
                    "initialisation",
                    lambda control: _arriving(control) < LOST or control.stuck,
                    lambda control, trial: _arriving(trial) > 10 * _arriving(control) and clearly_lower(control, trial),
                    f"with {words} the gradient arrives at the first layers, and the loss falls",
                    value=lambda some: f"share of the gradient at the first layer {_arriving(some):.2g}; {ends(some)}",
                ),
                steps=case.recording.steps,
            )
            for words, changes in (
                ("weights of the usual size", [drawn]),
                ("ReLU and its initialisation", [relu, drawn]),
            )
        ]

    @staticmethod
    def _recurrent(case: Case, depth: int) -> bool:
        """Whether more activations follow each other than the program has layers: the same weights again and again."""
        kinds = [kind for m in case.recording.all(ModelSeen) for _, kind, _ in m.parts]
        if any(kind in _RECURRENT for kind in kinds):
            return True
        weights = {
            p
            for b in case.backwards[:1]
            for p in b.reached
            if len(getattr(case.recording.parameters.get(p), "shape", [])) >= 2
        }
        return depth > 2 * max(len(weights), 1)

    @staticmethod
    def _saturated(case: Case) -> bool:
        first = case.backwards[0] if case.backwards else None
        hidden = [a for a in first.activations if a.kind in ("sigmoid", "tanh") and a.depth > 1] if first else []
        return any(a.saturated > 0.5 for a in hidden)

    @staticmethod
    def _line(case: Case, recurrent: bool) -> Line | None:
        if recurrent:
            line = parts_line(case, *_RECURRENT)
            if line is not None:
                return line
        # Weights that the program draws itself are to blame before the layers that are made of them.
        drawn = random_weight_line(case)
        return drawn or parts_line(case, *_UNITS) or parts_line(case, "Linear") or case.criterion_line


def _share(signal: Signal) -> float:
    return signal.gradients[-1] / signal.gradients[0] if signal.gradients[0] > 0 else math.inf


def _lost_after(signal: Signal, part: float) -> float:
    """The gradient's share that is left at a part (0 to 1) of the way back."""
    depth = signal.depths[0] + part * (signal.depths[-1] - signal.depths[0])
    logs = [math.log(max(g, 1e-300) / signal.gradients[0]) for g in signal.gradients]
    return float(np.exp(np.interp(depth, signal.depths, logs)))


def _steps_back(case: Case) -> tuple[int, int] | None:
    """How many steps before the end of a sequence the inputs tell most of the target, of how many; None if unknown."""
    inputs: list[NDArray[Any]] = []
    targets: list[NDArray[Any]] = []
    for rows in case.recording.rows:
        if rows.gradient and rows.inputs and rows.target is not None and rows.target.ndim == 1:
            x = rows.inputs[0]
            if x.ndim in (2, 3) and len(x) == len(rows.target) and (not inputs or x.shape[1:] == inputs[0].shape[1:]):
                inputs.append(x)
                targets.append(rows.target)
        if sum(map(len, targets)) >= MOST_ROWS:
            break
    if not inputs:
        return None
    x, y = np.concatenate(inputs)[:MOST_ROWS], np.concatenate(targets)[:MOST_ROWS]
    values, length = np.unique(x), x.shape[1]
    if x.dtype.kind == "i" and x.ndim == 2 and len(values) <= MOST_VALUES:
        x = (x[:, :, None] == values).astype(np.float64)
    classes = np.unique(y)
    onehot = (
        (y[:, None] == classes).astype(np.float64) if len(classes) <= MOST_VALUES else y[:, None].astype(np.float64)
    )
    one = x.reshape(len(x), length, -1).astype(np.float64)
    one, onehot = one - one.mean(0), onehot - onehot.mean(0)
    one, onehot = one / np.maximum(one.std(0), 1e-9), onehot / np.maximum(onehot.std(0), 1e-9)
    told = np.abs(np.einsum("ntf,nc->tfc", one, onehot) / len(y)).max((1, 2))
    best = int(told.argmax())
    # Five standard errors of a correlation: one in a million for each of those looked at.
    return (length - 1 - best, max(length - 1, 1)) if told[best] > 5 / math.sqrt(len(y)) else None


def _arriving(case: Case) -> float:
    signals = [s for s in case.recording.all(Signal) if all(math.isfinite(g) for g in s.gradients)]
    return max((_share(s) for s in signals), default=math.nan)
