from __future__ import annotations

import math

import numpy as np

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import BINARY, CLASSIFICATION, REGRESSION, Case, number
from flatline.causes.judging import contrast, last, loss
from flatline.changes import Change
from flatline.observe.events import CriterionCall
from flatline.record import quoting
from flatline.record.provenance import origin_line
from flatline.record.recording import Line
from flatline.record.source import argument_name

# Chance that every measured batch is pure though the order is random; one in a million, as for a five-sigma find.
CHANCE_OF_ORDER = 1e-6
# Eight samples of two classes as frequent as each other are all of one with a chance of 2^-7; fewer say nothing.
FEWEST = 8


class ConstantTargets(Cause):
    """Every target has the same value, or every batch holds one class only: a constant output is the answer.

    What you see
        The loss decays to 0 over some steps and accuracy is 1; predictions do not depend on the inputs.

    What is measured
        The distinct target values over all measured batches, and whether each batch is of one class although the
        whole is not.

    How it is told apart
        From step 0 the loss is not 0 (``one-class-softmax``, ``all-targets-masked``). A GAN's criterion is given
        ones in one call and zeros in another: its targets are counted together.

    Experiment
        The same model with its inputs replaced by noise reaches the same loss, under a tenth of the first.

    Fix
        Look at the labels after each transform: a scale of 255, a cast to integers or a threshold made them equal;
        or shuffle.

    References
        https://github.com/milesial/Pytorch-UNet/issues/228
        https://github.com/Smadx/USTC-ML24-Fall/issues/35
        https://github.com/Project-MONAI/tutorials/issues/122
    """

    name = "constant-targets"
    row = "Z6"
    title = "the targets are constant, so there is nothing to learn"
    before_training = Level.POSSIBLE
    choices = (
        Choice(
            "Correct the step that makes the labels (a threshold, a cast, a column).",
            "the labels have to be made again",
        ),
        Choice("Shuffle the data, where they are sorted by label.", "none, when the order carries nothing"),
        Choice(
            "Take the majority as answer and train nothing.",
            "the model tells nothing; right only where the data really have one class",
        ),
    )

    def decide(self, case: Case) -> Decision | None:
        main = case.main_call
        if main is None or main.target is None or main.classes == 1:
            return None
        names = (*CLASSIFICATION, *BINARY, *REGRESSION, "expression")
        calls = [c for c in case.calls if c.name in names and c.target is not None and c.target.shape]
        calls = [c for c in calls if c.valid_targets != 0]
        samples = sum(c.target.elements for c in calls if c.target)
        if not calls or samples < FEWEST:
            return None
        values: set[str] = set()
        many = False
        for call in calls:
            assert call.target is not None
            ignored = str(call.options.get("ignore_index", ""))
            values |= {value for value in call.target.counts if value != ignored}
            many = many or not call.target.counts
        if many:
            return RuledOut("the targets take many values")
        if values == {"0"} and main.value == 0:
            # Zeros that make the loss 0 before any update multiply it: no-positive-targets tells that.
            return None
        if len(values) == 1:
            return self._constant(case, values.pop(), samples)
        ordered = self._ordered(case, calls)
        if ordered is not None:
            return ordered
        return RuledOut(f"the targets take {len(values)} values over the {samples} measured")

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found) or len(case.label_counts) > 1 or not _inputs_vary(case):
            return []
        return [
            Experiment(
                "does the loss fall as far when the inputs are noise?",
                [Change("inputs", {"how": "noise"})],
                contrast(
                    "inputs",
                    lambda control: _fallen(control) and len(control.label_counts) == 1,
                    lambda control, trial: _fallen(trial) and len(trial.label_counts) == 1,
                    "with noise for inputs the loss falls as far: the targets alone are learned",
                    "with noise for inputs the loss does not fall: the inputs are used",
                    lambda control, trial: last(trial) > 0.5 * float(loss(trial)[0]),
                ),
                steps=case.recording.steps,
            )
        ]

    def _constant(self, case: Case, value: str, samples: int) -> Decision:
        shown = quoting.value(case.recording, value)
        return Found(
            Level.LIKELY,
            0.97,
            target_line(case),
            [
                Evidence(
                    "distinct target values", f"1{f' ({shown})' if shown else ''} over {samples} targets", "at least 2"
                ),
                Evidence("loss, first to last", f"{number(case.first_value)} to {number(case.last_value)}"),
            ],
            f"Every label that reaches the loss is {shown or 'one value'}: follow the labels from the file to the criterion and find "
            "the scale, cast, threshold or column that makes them equal.",
        )

    def _ordered(self, case: Case, calls: list[CriterionCall]) -> Decision | None:
        """Batches of one class each, in a set of several: the order of the files is the order of training."""
        main = case.main_call
        assert main is not None
        same = [c for c in calls if c.series == main.series]
        if main.name not in (*CLASSIFICATION, *BINARY) or len({c.step for c in same}) < len(same):
            return None
        counts = case.label_counts
        total = sum(counts.values())
        if len(counts) < 2 or any(len(c.target.counts) != 1 for c in same if c.target):
            return None
        log_chance = sum(
            math.log(sum((n / total) ** (c.target.elements if c.target else 1) for n in counts.values())) for c in same
        )
        if log_chance > math.log(CHANCE_OF_ORDER):
            return None
        return Found(
            Level.LIKELY,
            0.9,
            target_line(case),
            [
                Evidence("classes in each measured batch", f"1, in all {len(same)}", f"a mixture of {len(counts)}"),
                Evidence("chance of that in random order", f"1 in 10^{-log_chance / math.log(10):.0f}"),
            ],
            "The samples are sorted by class and not shuffled: pass shuffle=True, or shuffle before splitting.",
        )


def target_line(case: Case) -> Line | None:
    """Where the targets were made, as far as the source tells; else where they enter the criterion."""
    main = case.main_call
    line = case.criterion_line
    if main is None or line is None:
        return line
    name = main.names[1] if len(main.names) > 1 and main.names[1] else argument_name(case.recording, line, 1)
    return origin_line(case.recording, line, name) or line


def _inputs_vary(case: Case) -> bool:
    """Whether there are different inputs: where all are one row, equal targets follow from that."""
    rows = [x for r in case.recording.rows if r.gradient for x in r.inputs[:1] if x.ndim and len(x)]
    first = rows[0][:1] if rows else None
    return first is None or any(
        x.shape[1:] != first.shape[1:] or not np.array_equal(x, np.broadcast_to(first, x.shape)) for x in rows
    )


def _fallen(case: Case) -> bool:
    """Targets that vary leave noise no better than their own entropy or variance; a tenth of the start is below that."""
    values = loss(case)
    return len(values) > 1 and abs(last(case)) < 0.1 * abs(float(values[0]))
