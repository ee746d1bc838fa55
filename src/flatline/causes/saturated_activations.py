from __future__ import annotations

import math

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.judging import clearly_lower, contrast, ends
from flatline.changes import Change
from flatline.observe.events import Activation
from flatline.record.recording import Line
from flatline.record.source import SourceFile, input_text

# A unit at the rail passes under 2 % of the gradient (observe/graph.py). With more than half of a layer's units
# there, the typical (median) unit of the layer passes nothing to speak of.
SHARE = 0.5
# Standard normal pre-activations, which the usual initialisations aim at, put tanh beyond 0.99 when |x| > 2.65:
# 0.8 % of units. Anything under this is an ordinary layer.
ORDINARY = 0.2
# At nine units in ten, two such layers pass the gradient of one path in a hundred.
DEEP_SHARE = 0.9
# Only before the first update: later saturation can be the work of the learning rate.
EARLY_STEPS = 1


class SaturatedActivations(Cause):
    """Hidden sigmoid or tanh units sit at their rails before training has begun: their slope is almost 0.

    What you see
        The loss is stuck, often near chance, though gradients exist.

    What is measured
        For every sigmoid and tanh in the autograd graph, the share of units with |tanh| or |2 sigmoid - 1| above 0.99
        in the first steps; the size of the inputs; the gradient of the first layer relative to the last.

    How it is told apart
        An output that saturates at the end of training, because it is right, is no fault: only hidden layers in the
        first steps count. ``vanishing-gradient`` shrinks the gradient without saturation.

    Experiment
        Standardised inputs, or the default initialisation, with everything else the same: the units leave their
        rails, and the loss ends far lower.

    Fix
        Standardise the inputs; use the initialisation made for the activation (xavier for tanh); or use ReLU.

    References
        Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010.
    """

    name = "saturated-activations"
    row = "S3"
    title = "hidden units are stuck at the rails of their activation"
    before_training = Level.POSSIBLE
    choices = (
        Choice("Scale the inputs.", "none, when done with the statistics of the training set"),
        Choice("Smaller initial weights (Xavier).", "training anew"),
        Choice("Use ReLU or normalise before the activation.", "another model"),
    )

    def decide(self, case: Case) -> Decision | None:
        # An untrained output has no reason to be at its rails either, so at the very first step outputs count too.
        early = [
            (a, a.depth == 1 and a.shape == _output_shape(case))
            for b in case.backwards
            if b.step < EARLY_STEPS
            for a in b.activations
            if a.kind in ("sigmoid", "tanh") and math.isfinite(a.saturated)
        ]
        hidden = [a for a, output in early if not output]
        outputs = [a for a, output in early if output][:1]
        worst: Activation | None = max(hidden, key=lambda a: a.saturated, default=None)
        if outputs and case.stuck and outputs[0].saturated > max(SHARE, worst.saturated if worst else 0.0):
            worst = outputs[0]
        if worst is None:
            return (
                RuledOut("no hidden sigmoid or tanh lies between the loss and the weights") if case.backwards else None
            )
        if worst.saturated <= SHARE:
            return RuledOut(
                f"at most {worst.saturated:.1%} of the units of a {worst.kind} are at its rails in the first steps"
            )
        poor = case.explained < 0.5 if math.isfinite(case.explained) else not case.improves
        stuck = case.stuck or (worst.saturated > DEEP_SHARE and poor)
        inputs = _input_scale(case)
        evidence = [
            Evidence(
                f"units of a {worst.kind} at its rails, first steps",
                f"{worst.saturated:.0%}",
                f"under {ORDINARY:.0%}",
            ),
            Evidence("loss, first to last", f"{number(case.first_value)} to {number(case.last_value)}"),
        ]
        if inputs is not None:
            evidence.append(Evidence("largest input", number(inputs), "about 3, for standardised inputs"))
        return Found(
            Level.LIKELY if stuck else Level.POSSIBLE,
            0.9 if stuck else 0.5,
            self._line(case, worst.kind, inputs),
            evidence,
            "Standardise the inputs (mean 0, deviation 1)."
            if inputs is not None and inputs > 10
            else "Use the initialisation made for this activation (nn.init.xavier_uniform_ for tanh and sigmoid).",
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        scaled = (
            "do the units leave their rails, and the loss fall, with standardised inputs?",
            Change("inputs", {"how": "standardise"}),
        )
        drawn = (
            "do the units leave their rails, and the loss fall, from the default initialisation?",
            Change("initialisation", {}),
        )
        larger = (
            "do the units leave their rails, and the loss fall, from weights as large as many layers need?",
            Change("initialisation", {"draw": "he"}),
        )
        inputs = _input_scale(case)
        order = (scaled, drawn, larger) if inputs is not None and inputs > 10 else (drawn, larger, scaled)
        return [
            Experiment(
                asks,
                [change],
                contrast(
                    change.name,
                    lambda control: _at_rails(control) > SHARE,
                    lambda control, trial: (
                        _at_rails(trial) < 0.5 * _at_rails(control) and clearly_lower(control, trial)
                    ),
                    "off their rails, the same units train: the loss ends far lower",
                    value=lambda some: f"{_at_rails(some):.0%} of the units at their rails at first; {ends(some)}",
                ),
                steps=case.recording.steps,
            )
            for asks, change in order
        ]

    @staticmethod
    def _line(case: Case, kind: str, inputs: float | None) -> Line | None:
        from flatline.causes.activations import activation_line
        from flatline.observe.events import Forward
        from flatline.record.provenance import origin_line

        recording = case.recording
        forwards = recording.all(Forward)
        line = recording.line(forwards[0].place) if forwards else SaturatedActivations._prediction_line(case)
        if inputs is not None and inputs > 10:
            return origin_line(recording, line, input_text(recording, line)) or line
        for file in recording.sources:
            source = SourceFile(recording, file)
            for name in ("normal_", "uniform_", "constant_"):
                for call in source.calls_of(name):
                    return source.line(call.lineno)
        return activation_line(case, kind, forwards[0].place if forwards else None)

    @staticmethod
    def _prediction_line(case: Case) -> Line | None:
        """Without modules: the line that gives the prediction its value, from the inputs."""
        line = case.criterion_line
        main = case.main_call
        if line is None or main is None or not main.names or not main.names[0]:
            return line
        source = SourceFile(case.recording, line.file)
        made = [s for s in source.assignments(main.names[0]) if s.lineno <= line.line]
        return source.line(made[-1].lineno) if made else line


def _output_shape(case: Case) -> list[int]:
    main = case.main_call
    return main.input.shape if main is not None and main.input is not None else []


def _input_scale(case: Case) -> float | None:
    from flatline.observe.events import Forward

    for rows in case.recording.rows[:1]:
        for kept in rows.inputs[:1]:
            if kept.dtype.kind == "f" and kept.size:
                return float(abs(kept).max())
    for forward in case.recording.all(Forward):
        for facts in forward.inputs:
            if facts.dtype.startswith("float") and math.isfinite(facts.maximum):
                return max(abs(facts.minimum), abs(facts.maximum))
    return None


def _at_rails(case: Case) -> float:
    shares = [a.saturated for b in case.backwards if b.step < EARLY_STEPS for a in b.activations if _squashes(a)]
    return max(shares, default=0.0)


def _squashes(activation: Activation) -> bool:
    return activation.kind in ("sigmoid", "tanh") and math.isfinite(activation.saturated)
