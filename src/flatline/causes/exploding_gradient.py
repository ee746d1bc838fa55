from __future__ import annotations

import math

import numpy as np

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.initialization import random_weight_line
from flatline.causes.judging import contrast, loss
from flatline.changes import Change
from flatline.observe.events import Signal
from flatline.record.recording import Line

# Weights that are drawn too large by the root of the fan-in, as standard normal ones are, multiply the signal by
# sqrt(n) in one layer and by n in two. More than n is growth from layer to layer.
# An untrained output whose error is a hundred times that of a constant is ten deviations of the targets away.
ERROR = 100.0


class ExplodingGradient(Cause):
    """The signal grows from layer to layer, or from step to step of a recurrent cell, and the gradient with it.

    What you see
        The first loss is enormous, the next is NaN or larger still; only a vanishing learning rate survives.

    What is measured
        Before the first update: the spread of the outputs over the spread of the inputs, against the greatest width of
        a layer; the first loss against that of a constant prediction.

    How it is told apart
        With ``learning-rate-too-high`` the first loss is ordinary and grows by the updates. Targets in large units
        give a large first loss too, but no large outputs.

    Experiment
        The same program from the default initialisation: the first loss is near chance.

    Fix
        Scale the weights by 1/sqrt(fan-in) (kaiming or xavier), keep a recurrent matrix orthogonal; clip the gradient.

    References
        Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013.
        He et al., Delving deep into rectifiers, 2015.
    """

    name = "exploding-gradient"
    row = "V2"
    title = "signal and gradient grow from layer to layer"
    before_training = Level.POSSIBLE
    choices = (
        Choice(
            "Clip the gradient's norm before the step.",
            "a threshold to choose, from the norms in the report; hides the reason",
        ),
        Choice(
            "Scale the initial weights down, or normalise between layers.", "another model: it has to be trained anew"
        ),
        Choice("Lower the learning rate.", "longer training; the gradient stays as large"),
    )

    def decide(self, case: Case) -> Decision | None:
        chance = self._chance(case)
        if case.curve is None or chance is None or chance <= 0:
            return None
        first = case.first_value
        error = first / chance if math.isfinite(first) else math.inf
        gain, how = self._gain(case)
        width = self._width(case)
        if gain is None or not width:
            return None
        if gain <= width or error <= ERROR:
            return RuledOut(f"before the first update the outputs spread {number(gain)} times as much as {how}")
        end = case.last_value
        lost = case.has("non-finite-loss", "rising-loss") or not math.isfinite(end) or end > chance
        evidence = [
            Evidence("spread of the untrained outputs over " + how, number(gain), f"about 1, and below {width}"),
            Evidence("first loss over that of a constant", number(error), "about 1"),
            Evidence("loss, first to last", f"{number(first)} to {number(end)}"),
        ]
        return Found(
            Level.LIKELY if lost else Level.POSSIBLE,
            0.96 if lost else 0.5,
            self._line(case),
            evidence,
            "Scale the initial weights by 1/sqrt(fan-in), or leave the default initialisation; clip the gradient norm.",
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        chance = self._chance(case)
        if not isinstance(decision, Found) or chance is None:
            return []
        return [
            Experiment(
                "is the first loss near chance with the default initialisation?",
                [Change("initialisation", {})],
                contrast(
                    "initialisation",
                    lambda control: not _near(control, ERROR * chance),
                    lambda control, trial: _near(trial, 3 * chance),
                    "from weights of the usual size the first loss is near that of a constant prediction",
                    "from weights of the usual size the first loss is as large",
                    lambda control, trial: not _near(trial, 0.5 * float(loss(control)[0])),
                ),
                steps=5,
            )
        ]

    @staticmethod
    def _chance(case: Case) -> float | None:
        if case.chance is not None:
            return case.chance.value
        # A formula of squares that is not known as one: the targets' own variance is the scale.
        main = case.main_call
        if (
            main is None
            or main.target is None
            or main.name not in ("expression", "smooth_l1_loss", "huber_loss", "l1_loss")
        ):
            return None
        deviation = main.target.deviation
        return deviation**2 if main.name == "expression" else deviation

    @staticmethod
    def _gain(case: Case) -> tuple[float | None, str]:
        """How much more the untrained outputs vary over the batch than what went in."""
        for rows in case.recording.rows[:1]:
            if rows.step == 0 and rows.inputs and rows.output is not None and rows.inputs[0].dtype.kind == "f":
                given, made = _spread(rows.inputs[0]), _spread(rows.output)
                # Outputs that are not finite may come of one operation in half precision: the layers must tell.
                if given > 0 and math.isfinite(made):
                    return made / given, "the inputs"
        signal = next((s for s in case.recording.all(Signal) if s.step == 0), None)
        spreads = [s for s in signal.spreads if 0 < s < math.inf] if signal is not None else []
        if len(spreads) >= 3:
            return spreads[0] / spreads[-1], "the first layer"
        return None, ""

    @staticmethod
    def _width(case: Case) -> int:
        reached = {p for b in case.backwards[:1] for p in b.reached}
        shapes = [case.recording.parameters[p].shape for p in reached if p in case.recording.parameters]
        # The fan-in of a layer: all of a filter's weights, or the larger side of a matrix.
        return max((max(math.prod(s[1:]), s[0] if len(s) == 2 else 1) for s in shapes if len(s) >= 2), default=0)

    @staticmethod
    def _line(case: Case) -> Line | None:
        """Where the weight with the largest norm for its size is made; it is the one that multiplies most."""
        best: tuple[float, str] | None = None
        for update in case.updates[:1]:
            for fact in update.parameters:
                seen = case.recording.parameters.get(fact.parameter)
                if seen is not None and len(seen.shape) == 2 and min(seen.shape) > 1:
                    # The root mean square of the singular values.
                    size = fact.weight / math.sqrt(min(seen.shape))
                    if best is None or size > best[0]:
                        best = (size, seen.name)
        line = random_weight_line(case, best[1] if best is not None else "")
        return line or case.optimizer_line or case.backward_line


def _spread(values: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
    if len(values) < 2:
        return 0.0
    with np.errstate(all="ignore"):
        return float(np.mean(np.std(values.reshape(len(values), -1).astype(np.float64), axis=0)))


def _near(case: Case, most: float) -> bool:
    values = loss(case)
    return len(values) > 0 and bool(values[0] <= most)
