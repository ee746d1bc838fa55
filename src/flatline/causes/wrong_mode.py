from __future__ import annotations

import ast

import numpy as np

from flatline.causes.base import Cause, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.judging import clearly_lower, contrast, ends, loss
from flatline.causes.places import candidates, models, receivers
from flatline.changes import Change
from flatline.fixes.patch import Patch
from flatline.observe.events import Forward, ModeSlip, ParametersWritten
from flatline.record.recording import Line
from flatline.record.source import SourceFile

# Dense sampling at the start shows whether a call without gradients belongs to every step or to an evaluation.
DENSE = 12


class WrongMode(Cause):
    """Dropout or batch normalisation runs in evaluation mode while training, or in training mode while evaluating.

    What you see
        Validation is far worse than training, changes with the batch it is computed on, or differs from run to run.

    What is measured
        The mode of every dropout and batch normalisation that is called, with gradients and without; a functional
        dropout that drops inside a model in evaluation mode.

    How it is told apart
        A model without such layers needs no mode. Frozen batch normalisation over loaded weights is a choice, and so
        is dropout in evaluation that is asked for by name.

    Experiment
        Training mode with gradients and evaluation mode without: the same weights give other outputs, or train
        to a lower loss.

    Fix
        model.train() before each training epoch, model.eval() before each evaluation; F.dropout(x, p, self.training).

    References
        https://github.com/pytorch/pytorch/issues/4741
    """

    name = "wrong-mode"
    row = "F15"
    title = "layers that differ between training and evaluation run in the wrong mode"
    before_training = Level.LIKELY

    def decide(self, case: Case) -> Decision | None:
        slip = next((s for s in case.recording.all(ModeSlip) if not _asked(case, s)), None)
        if slip is not None:
            return Found(
                Level.LIKELY,
                0.95,
                case.recording.line(slip.place),
                [
                    Evidence(f"{slip.operation} in a model in evaluation mode", "drops", "passes everything on"),
                    *self._losses(case),
                ],
                "Pass the mode on: F.dropout(x, p, training=self.training), or use nn.Dropout.",
            )
        forwards = [f for f in case.recording.all(Forward) if f.modes]
        if not forwards:
            return None
        return self._training(case, forwards) or self._evaluating(case, forwards) or self._right(forwards)

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        return [
            Experiment(
                "does the model give something else in the mode that belongs there?",
                [Change("mode", {})],
                contrast(
                    "mode",
                    lambda control: bool(control.backwards),
                    lambda control, trial: clearly_lower(control, trial) or _evaluates_otherwise(control, trial),
                    "in the mode that belongs there the same weights give other outputs, or train to a lower loss",
                    "the mode makes no difference to the outputs",
                    lambda control, trial: (
                        not _evaluates_otherwise(control, trial) and np.array_equal(loss(control), loss(trial))
                    ),
                    _evaluated,
                ),
                steps=case.recording.steps,
            )
        ]

    def patches(self, case: Case, found: Found) -> list[Patch]:
        from flatline.fixes.insert_statement import insert_before, insert_before_with
        from flatline.fixes.set_argument import set_argument_throughout
        from flatline.fixes.source import together

        slip = next((s for s in case.recording.all(ModeSlip) if not _asked(case, s)), None)
        if slip is not None:
            text = "Dropout follows the mode of its model."
            return candidates(
                text, set_argument_throughout((slip.operation,), "training", "self.training"), [found.line]
            )
        back, line = case.backward_line, found.line
        if back is None or line is None or back.file != line.file:
            return []
        source = SourceFile(case.recording, line.file)
        made: list[Patch] = []
        for name in receivers(source, "eval"):
            text = "The model is put into training mode before each pass over the training data."
            made += candidates(text, insert_before(f"{name}.train()", loop=True), [back])
        for name in models(source, line.line) if not made else []:
            edit = together(
                (line.line, insert_before_with(f"{name}.eval()")),
                (back.line, insert_before(f"{name}.train()", loop=True)),
            )
            made += candidates("The model is evaluated in evaluation mode, and trained in training mode.", edit, [line])
        return made

    def _training(self, case: Case, forwards: list[Forward]) -> Found | None:
        """The model is trained in evaluation mode, for more than half of the run."""
        owned = {p for o in case.recording.optimizers.values() for p in o.parameters}
        trained = [f for f in forwards if f.gradient and (owned & set(f.called) or not owned)]
        if not trained:
            return None
        steps = max(case.recording.steps, 1)
        asleep = 0
        for forward, following in zip(trained, [*trained[1:], None]):
            end = following.step if following is not None else steps
            if all(mode.endswith("eval") for mode in forward.modes):
                asleep += max(end - forward.step, 0)
        if asleep * 2 <= steps:
            return None
        normalised = any("Norm" in mode for f in trained for mode in f.modes)
        loaded = any(w.operation == "load_state_dict" for w in case.recording.all(ParametersWritten))
        # Without dropout a model trains as well as any; without batch statistics it is not normalised at all.
        sure = normalised and not loaded
        return Found(
            Level.LIKELY if sure else Level.POSSIBLE,
            0.93 if sure else 0.4,
            self._switch(case, "eval") or case.recording.line(trained[-1].place),
            [
                Evidence(
                    "training steps with every such layer in evaluation mode",
                    f"{asleep / steps:.0%}",
                    "0%",
                ),
                Evidence("layers", ", ".join(sorted({m.split()[0] for f in trained for m in f.modes}))),
                *self._losses(case),
            ],
            "Call model.train() at the start of each training epoch, after each evaluation.",
        )

    def _evaluating(self, case: Case, forwards: list[Forward]) -> Found | None:
        """The model that is trained is evaluated, and never in evaluation mode."""
        if case.preflight:
            # Before training a pass in training mode may only find out shapes.
            return None
        if len(case.recording.optimizers) > 1:
            # A generator gives its samples in training mode while the discriminator learns.
            return None
        trained = {f.model for f in forwards if f.gradient and any(m.endswith("train") for m in f.modes)}
        checks = [f for f in case.recording.all(Forward) if not f.gradient and f.model in trained]
        if not checks or any(not f.training or any(m.endswith("eval") for m in f.modes) for f in checks):
            return None
        early = {f.step for f in forwards if f.gradient and f.step < DENSE}
        beside = {f.step for f in checks} & early
        if len(early) > 2 and len(beside) * 2 > len(early):
            # A pass without gradients at every step is a part of training: targets, or a teacher.
            return None
        normalised = any("Norm" in mode for f in checks for mode in f.modes)
        return Found(
            Level.LIKELY if normalised else Level.POSSIBLE,
            0.88 if normalised else 0.5,
            case.recording.line(checks[0].place),
            [
                Evidence(
                    "evaluations seen in training mode",
                    f"{len(checks)} of {len(checks)}",
                    "0",
                ),
                Evidence("layers", ", ".join(sorted({m.split()[0] for f in checks for m in f.modes}))),
                *self._losses(case),
            ],
            "Call model.eval() before the evaluation and model.train() after it: batch normalisation otherwise uses, and "
            "learns, the statistics of the evaluated batch.",
        )

    @staticmethod
    def _right(forwards: list[Forward]) -> RuledOut:
        kinds = sorted({m.split()[0] for f in forwards for m in f.modes})
        return RuledOut(f"{', '.join(kinds)}: in training mode in training, in evaluation mode in evaluation")

    @staticmethod
    def _losses(case: Case) -> list[Evidence]:
        main = case.main_call
        kept = [c.values for c in case.recording.evaluations if main is not None and c.name == main.name]
        if not kept or not len(case.finite):
            return []
        return [
            Evidence(
                "loss in training and in evaluation, at the end",
                f"{number(case.last_value)} and {number(float(kept[0][-1]))}",
            )
        ]

    @staticmethod
    def _switch(case: Case, method: str) -> Line | None:
        for file in case.recording.sources:
            source = SourceFile(case.recording, file)
            calls = [c for c in source.calls_of(method) if isinstance(c.func, ast.Attribute) and not c.args]
            if calls:
                return source.line(calls[0].lineno)
        return None


def _asked(case: Case, slip: ModeSlip) -> bool:
    """Whether the call says ``training=True``: dropout in evaluation on purpose."""
    line = case.recording.line(slip.place)
    if line is None:
        return True
    source = SourceFile(case.recording, line.file)
    for call in source.calls_of(slip.operation):
        if call.lineno <= line.line <= (call.end_lineno or call.lineno):
            given = [k.value for k in call.keywords if k.arg == "training"] + call.args[2:3]
            return bool(given) and isinstance(given[0], ast.Constant) and given[0].value is True
    return False


def _outputs(case: Case) -> list[tuple[float, float]]:
    """Mean and deviation of what the models give without gradients."""
    return [(t.mean, t.deviation) for f in case.recording.all(Forward) if not f.gradient for t in f.outputs[:1]]


def _evaluates_otherwise(control: Case, trial: Case) -> bool:
    """Outputs on the same inputs whose spread or mean differs by over a hundredth: rounding is far below that."""
    pairs = list(zip(_outputs(control), _outputs(trial)))
    return any(abs(a[0] - b[0]) + abs(a[1] - b[1]) > 0.01 * max(a[1], b[1]) for a, b in pairs)


def _evaluated(case: Case) -> str:
    made = _outputs(case)
    return f"outputs in evaluation: mean {number(made[-1][0])}, deviation {number(made[-1][1])}" if made else ends(case)
