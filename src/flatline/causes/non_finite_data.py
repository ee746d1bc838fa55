from __future__ import annotations

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.judging import contrast, finite, formula
from flatline.causes.non_finite import bad_data, first_bad_step
from flatline.changes import Change
from flatline.observe.events import Forward


class NonFiniteData(Cause):
    """The data hold NaN or infinities before any weight or operation touches them.

    What you see
        The loss is NaN from the first step, or from the batch in which the bad row first comes; once a step was taken
        on it, every weight is NaN.

    What is measured
        Non-finite elements in what the model and the criterion are given, up to the first loss or weight that is not
        finite, with the batch, row and feature of the first; and that the weights were finite then.

    How it is told apart
        With an overflow (``numeric-overflow``) or an exploding gradient the data are finite and the first bad number is
        made by an operation. An attention mask of minus infinities is no fault.

    Experiment
        The same program with 0 for each number of the data that is not finite: every loss is finite.

    Fix
        Fill or drop the missing values where the data are read; guard divisions by a range, a deviation or a count that
        can be 0, and logarithms of what can be 0.

    References
        https://github.com/circleAhn/TESLA-tf/issues/1
        https://github.com/ml5js/ml5-next-gen/issues/204
        https://github.com/Nixtla/neuralforecast/issues/186
        https://github.com/prs-eth/Marigold/issues/111
    """

    name = "non-finite-data"
    row = "F11"
    title = "the data hold NaN or infinities"
    before_training = Level.LIKELY
    choices = (
        Choice("Fill gaps, with an indicator of where they were.", "a guess for each gap"),
        Choice("Leave those rows out.", "less data, and a bias where gaps are not random"),
        Choice("Correct the step that divides by 0 or takes the logarithm of 0.", "an epsilon or a floor to choose"),
    )

    def decide(self, case: Case) -> Decision | None:
        found = bad_data(case)
        if found is None:
            if first_bad_step(case) is None:
                seen = case.recording.all(Forward) or case.calls
                return RuledOut("no loss and no weight became NaN or infinite") if seen else None
            return RuledOut("the inputs and targets were finite when the first bad number appeared")
        where = ""
        if found.first:
            where = f"row {found.first[0]}" + (f", element {tuple(found.first[1:])}" if len(found.first) > 1 else "")
        evidence = [
            Evidence(
                f"NaN or infinite elements of the {found.role}s at step {found.step}",
                f"{found.count} of {found.elements}" + (f"; the first is {where}" if where else ""),
                "0",
            ),
            Evidence("first step with a loss or weight that is not finite", str(first_bad_step(case))),
        ]
        if case.finite.size:
            evidence.append(Evidence("last finite loss", number(float(case.finite[-1]))))
        return Found(
            Level.LIKELY,
            0.98,
            found.line,
            evidence,
            "Fill or drop these values where the data are made: look for empty cells, a division by 0 (a constant "
            "feature, a zero range, norm or count) or the logarithm of 0 or less.",
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        bad = bad_data(case)
        if not isinstance(decision, Found) or bad is None:
            return []
        changes = [Change("inputs", {"how": "finite"}), Change("targets", {"how": "finite", **formula(case)})]
        change = "inputs" if bad.role == "input" else "targets"
        return [
            Experiment(
                "is the loss finite when 0 stands for each number of the data that is not finite?",
                changes,
                contrast(
                    change,
                    lambda control: first_bad_step(control) is not None,
                    lambda control, trial: finite(trial) and first_bad_step(trial) is None,
                    "with 0 in place of the bad numbers, and nothing else changed, every loss is finite",
                    "with 0 in place of the bad numbers the loss is not finite either",
                    lambda control, trial: first_bad_step(trial) == first_bad_step(control),
                ),
                steps=case.recording.steps,
            )
        ]
