from __future__ import annotations

import ast
import math

import numpy as np

from flatline.causes.base import Cause, Choice, Decision, Evidence, Expected, Experiment, Found, Level, RuledOut
from flatline.causes.case import CLASSIFICATION, PRINTS_AS_ZERO, Case, number
from flatline.causes.judging import contrast, loss
from flatline.changes import Change
from flatline.observe.events import ModelSeen, ParametersWritten
from flatline.record.chance import is_squared_error
from flatline.record.recording import Line
from flatline.record.source import SourceFile

# A hundredth of the chance loss before any update: the model is right with odds of 99 to 1 without training.
SHARE = 0.01


class LuckyInitialization(Cause):
    """The weights already fit the targets before the first update.

    What you see
        The loss is almost 0 at the very first step and stays there.

    What is measured
        The loss at step 0, before any update, against the loss of a constant prediction; for classification, the
        probability C^-N that untrained outputs get N samples right by luck; whether the program wrote or loaded the
        weights itself before training.

    How it is told apart
        Random weights do not do this: for 20 samples of 2 classes luck has a chance of one in a million. So when it
        is seen, the weights were planted or loaded, or the zero has another cause that also acts at step 0
        (``one-class-softmax``, ``all-targets-masked``, ``constant-targets``), which is looked for first.

    Experiment
        The weights drawn anew on the same data: the first loss is near chance.

    Fix
        None for the loss; initialise anew if training from scratch was meant.

    References
        The first claim of the textbook answer; measured, it does not happen by chance.
    """

    name = "lucky-initialization"
    row = "S1"
    title = "the initial weights already match the targets"
    before_training = Level.LIKELY
    choices = (
        Choice("Start from other weights, where they were set to the answer.", "training, as it was meant"),
        Choice("Leave it, where trained weights were loaded.", "none; a second run needs fewer steps"),
    )

    def decide(self, case: Case) -> Decision | None:
        main = case.main_call
        if case.curve is None or main is None or not math.isfinite(case.first_value):
            return None
        start = case.first_value
        scale = case.chance.value if case.chance is not None else self._scale(case)
        tiny = abs(start) < max(SHARE * scale, 0.0) if scale > 0 else abs(start) < PRINTS_AS_ZERO
        unit = case.chance.what if case.chance is not None else "the targets' own spread"
        if not tiny:
            return RuledOut(f"the loss before any update is {number(start)}, not 0 ({unit}: {number(scale)})")
        if main.classes == 1 or main.valid_targets == 0 or len(case.label_counts) == 1 or not self._fits(case):
            return RuledOut("the zero at step 0 does not come from outputs that match their targets")
        if case.curve.values[0] != main.value and main.value is not None and abs(main.value) > 10 * abs(start):
            return RuledOut("the criterion itself is not small at step 0")
        if scale <= 0:
            return None
        loaded = [w for w in case.recording.all(ParametersWritten) if w.operation == "load_state_dict"]
        if (loaded and loaded[-1].step > 0) or (loaded and self._trained_before(case)):
            return Expected(
                "training starts from loaded weights that already fit", case.recording.line(loaded[-1].place)
            )
        samples = main.target.shape[0] if main.target is not None and main.target.shape else 0
        evidence = [
            Evidence("loss before any update", number(start), f"about {number(scale)} ({unit})"),
        ]
        if main.name in CLASSIFICATION and main.classes > 1 and main.correct == main.valid_targets > 0:
            digits = main.valid_targets * math.log10(main.classes)
            evidence.append(
                Evidence("chance that untrained outputs are all right", f"1 in 10^{digits:.0f} for {samples} samples")
            )
        return Found(
            Level.LIKELY,
            0.93,
            self._line(case),
            evidence,
            "Random weights do not do this by luck: find where the weights are written or loaded before training.",
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        scale = case.chance.value if case.chance is not None else self._scale(case)
        if not isinstance(decision, Found) or scale <= 0:
            return []
        return [
            Experiment(
                "is the first loss near chance when the weights are drawn anew?",
                [Change("initialisation", {})],
                contrast(
                    "initialisation",
                    lambda control: _first(control) < SHARE * scale,
                    lambda control, trial: _first(trial) > 0.3 * scale,
                    "with the weights drawn anew, on the same data, the first loss is that of an untrained model",
                    "with the weights drawn anew the first loss is 0 as well: it is not the weights",
                    lambda control, trial: _first(trial) < SHARE * scale,
                    lambda some: f"first loss {number(_first(some))}",
                ),
                steps=3,
            )
        ]

    @staticmethod
    def _scale(case: Case) -> float:
        """Mean square (or absolute value) of the targets about their mean: what predicting the mean would cost."""
        target = case.main_call.target if case.main_call is not None else None
        if target is None or not math.isfinite(target.deviation):
            return 0.0
        return target.deviation**2 if case.main_call and case.main_call.name != "l1_loss" else target.deviation

    @staticmethod
    def _fits(case: Case) -> bool:
        """Whether the first outputs, as kept, really match varied targets: equal within a tenth of the targets'
        deviation (a hundredth of their variance), or the right class in every row."""
        rows = next((r for r in case.recording.rows if r.gradient and r.target is not None), None)
        if rows is None or rows.target is None:
            return False
        if rows.output is None:
            # The prediction had no name in the formula; a sum of squares is 0 only where it fits.
            main = case.main_call
            return main is not None and is_squared_error(case.recording, main, scaled=True) and rows.target.std() > 0
        output, target = rows.output, rows.target
        if target.dtype.kind == "i" and output.ndim == target.ndim + 1 and output.shape[1] > 1:
            if output[:, 0].shape != target.shape:
                return False
            return bool(np.mean(output.argmax(1) == target) > 1 - SHARE)
        if output.size != target.size or target.std() == 0:
            return False
        output, target = output.reshape(-1), target.reshape(-1)
        binary = case.main_call is not None and case.main_call.name.startswith("binary_cross_entropy")
        if binary:
            middle = 0.0 if case.main_call and case.main_call.name.endswith("logits") else 0.5
            return bool(np.mean((output > middle) == (target > 0.5)) > 1 - SHARE)
        return bool(np.mean((output - target) ** 2) < SHARE * target.var())

    @staticmethod
    def _trained_before(case: Case) -> bool:
        return len(case.recording.optimised) > 1

    @staticmethod
    def _line(case: Case) -> Line | None:
        recording = case.recording
        written = recording.all(ParametersWritten)
        planted = [w for w in written if w.operation in ("copy_", "__setitem__", "load_state_dict")] or written
        if planted:
            return recording.line(planted[0].place)
        line = case.criterion_line
        if not recording.all(ModelSeen) and line is not None:
            source = SourceFile(recording, line.file)
            for node in source.nodes():
                made = isinstance(node, ast.Assign) and "requires_grad" in ast.unparse(node.value)
                if made and isinstance(node, ast.Assign):
                    return source.line(node.lineno)
        models = recording.all(ModelSeen)
        if line is not None and any(model.place is None for model in models):
            # A copied module was never built by a constructor of its own.
            copies = SourceFile(recording, line.file).calls_of("deepcopy")
            if copies:
                return recording.line_at(line.file, copies[0].lineno)
        return recording.line(models[0].place) if models else line


def _first(case: Case) -> float:
    values = loss(case)
    return abs(float(values[0])) if len(values) else math.nan
