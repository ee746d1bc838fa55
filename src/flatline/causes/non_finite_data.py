from __future__ import annotations

import numpy as np

from flatline.causes.base import Cause, Decision, Evidence, Found, Level, RuledOut
from flatline.causes.case import Case
from flatline.causes.constant_targets import target_line
from flatline.observe.events import Forward
from flatline.record.provenance import made_at
from flatline.record.reader import Line
from flatline.record.source import SourceFile, input_text


class NonFiniteData(Cause):
    """NaN or infinite values are in the inputs or the targets.

    What you see
        The loss is NaN from the first batch that holds such a value on, and for ever after: one step spoils the weights.

    What is measured
        The non-finite elements of each measured batch of inputs and of targets, with the first row and feature.

    How it is told apart
        The data are bad before any arithmetic of the model. With ``numeric-overflow`` they are finite.

    Experiment
        Replay without those rows: finite.

    Fix
        Fill or drop the values; guard the division or the logarithm that made them.

    References
        https://github.com/prs-eth/Marigold/issues/111
        https://github.com/Nixtla/neuralforecast/issues/186
        https://github.com/ml5js/ml5-next-gen/issues/204
    """

    name = "non-finite-data"
    row = "F11"
    title = "NaN or infinite values are in the data"

    def decide(self, case: Case) -> Decision | None:
        bad = case.symptom("non-finite-loss")
        checked = 0
        for forward in case.recording.all(Forward):
            for facts in forward.inputs:
                checked += 1
                if facts.non_finite and forward.gradient and not self._weights_bad_before(case, forward.step):
                    where = facts.first_non_finite
                    return self._found(case, "inputs", forward.step, facts.non_finite, facts.elements, where, bad is not None)
        for call in case.calls:
            if call.target is not None:
                checked += 1
                if call.target.non_finite:
                    return self._found(
                        case, "targets", call.step, call.target.non_finite, call.target.elements,
                        call.target.first_non_finite, bad is not None,
                    )
        for rows in case.recording.rows:
            for kept in rows.inputs:
                checked += 1
                if kept.dtype.kind == "f" and not np.isfinite(kept).all():
                    where = [int(i) for i in np.argwhere(~np.isfinite(kept))[0]]
                    return self._found(
                        case, "inputs", rows.step, int((~np.isfinite(kept)).sum()), kept.size, where, bad is not None
                    )
        return RuledOut(f"all {checked} measured inputs and targets are finite") if checked else None

    @staticmethod
    def _weights_bad_before(case: Case, step: int) -> bool:
        return any(p.non_finite_weight for u in case.updates if u.step < step for p in u.parameters)

    def _found(
        self, case: Case, what: str, step: int, count: int, total: int, where: list[int], shown: bool
    ) -> Decision:
        place = f"row {where[0]}" + (f", element {', '.join(map(str, where[1:]))}" if len(where) > 1 else "") if where else ""
        return Found(
            Level.LIKELY if shown else Level.POSSIBLE, 0.98 if shown else 0.5, self._line(case, what),
            [
                Evidence(f"non-finite values in the {what} at step {step}", f"{count} of {total}", "0"),
                Evidence("the first of them", place),
            ],
            f"Find what makes NaN or infinity in the {what}: missing values, a division by zero, a logarithm of zero.",
        )

    @staticmethod
    def _line(case: Case, what: str) -> Line | None:
        if what == "targets":
            return target_line(case)
        recording = case.recording
        forwards = recording.all(Forward)
        line = recording.line(forwards[0].place) if forwards else case.criterion_line
        trail = made_at(recording, line, input_text(recording, line))
        # The nearest statement that can make such a value: a division, a logarithm, a root, or a NaN written down.
        for made in trail:
            if any(word in made.source for word in ("/", "log(", "sqrt(", "nan", "genfromtxt", "read_csv")):
                return made
        if line is not None:
            source = SourceFile(recording, line.file)
            for call in source.calls_of("float"):
                if call.args and "nan" in source.line(call.lineno).source:
                    return source.line(call.lineno)
        return trail[-1] if trail else line
