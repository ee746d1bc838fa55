from __future__ import annotations

import functools
import math

from flatline.causes.base import (
    Cause,
    Choice,
    Decision,
    Evidence,
    Experiment,
    Found,
    Judgement,
    Level,
    Outcome,
    RuledOut,
    Untested,
)
from flatline.causes.case import Case, number
from flatline.causes.constant_targets import target_line
from flatline.causes.judging import Judge, contrast, ends, formula, last, same_course
from flatline.causes.slipped_labels import exchanged, fitting, looked, mixed, neighbours, shuffled
from flatline.changes import Change

# As in too-few-steps: no first-order method gets anywhere in so few.
FEW_STEPS = 10

# The best of three probes under no relation is below 0.05 / 3 once in twenty (Bonferroni).
DOUBT = 0.05 / 3


class NoSignal(Cause):
    """The labels carry nothing about the inputs: the chance loss is the right answer.

    What you see
        The loss sits at ln C (0.693 for two classes) or at the variance of the targets; trained for long on few rows
        it goes down all the same, by memorising.

    What is measured
        On the rows that were seen: the strongest single feature, a cross-validated linear probe, one on random
        non-linear features, and nearest neighbours, each with the probability of so much by chance.

    How it is told apart
        If any probe predicts better than chance the fault lies in the training. If none does, weak or unusual
        structure may still have escaped: the evidence says what would have been found.

    Experiment
        The labels permuted, in one order for the whole run: the loss takes the same course. And those of the row
        before and of the row after in the data set: no probe predicts them either, so the labels have not slipped by a
        row.

    Fix
        None in the program: check that labels and inputs belong together, or accept the chance loss.

    References
        The three textbook programs, whose labels are drawn at random.
    """

    name = "no-signal"
    row = "S10"
    title = "the labels carry nothing about the inputs; chance is the right answer"
    choices = (
        Choice("Get inputs that tell something of the target.", "new data"),
        Choice("Accept chance.", "none: it is the right answer for these data"),
    )

    def decide(self, case: Case) -> Decision | None:
        if case.main_call is None or case.curve is None or case.has("zero-loss", "nothing-moves"):
            return None
        found = case.association
        if found is None:
            return (
                Untested("inputs and targets were not seen as rows that line up")
                if case.has("chance-plateau")
                else None
            )
        if found.features == 0:
            return None
        what = "accuracy" if found.classification else "R²"
        if found.found:
            constant = f"; a constant has {found.baseline:.2f}" if found.measure == what else ""
            return RuledOut(
                f"the targets can be predicted, by {found.method} "
                f"(p = {found.p:.1g}, {found.measure} {found.score:.2f}{constant})"
            )
        # In a handful of steps even noise is memorised a little: that is no sign of anything learned.
        plateau = case.has("chance-plateau", "rising-loss") or case.recording.steps <= FEW_STEPS
        held_out = case.held_out_explained
        if math.isfinite(held_out) and held_out > 0.1:
            return RuledOut(f"the validation loss is {held_out:.0%} below chance")
        if not plateau and case.explained > 0.1 and case.recording.steps > 50:
            return Untested(
                f"no simple probe predicts the targets ({found.rows} rows), yet the loss falls: a validation loss would "
                "tell learning from memorising"
            )
        # A relation that is nearly established is no ground to say that there is none.
        strong = found.rows >= 60 and found.p >= DOUBT
        return Found(
            Level.LIKELY if plateau and strong else Level.POSSIBLE,
            0.9 if strong else 0.5,
            target_line(case),
            [
                Evidence(
                    f"best probe of {found.rows} rows and {found.features} features ({found.method})",
                    f"{found.measure} {found.score:.2f}, p = {found.p:.2g}",
                    f"with signal, p below 0.001; {what} {found.detectable:.2f} would have been found",
                ),
                Evidence(
                    "loss at the end",
                    number(case.last_value),
                    f"{number(case.chance.value)}, {case.chance.what}, is all that can be reached"
                    if case.chance
                    else "",
                ),
            ],
            "No training can do better than chance on these labels: check how they were made and joined to the inputs.",
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        from flatline.causes.inputs_unrelated import InputsUnrelated

        if not isinstance(decision, Found) or case.association is None or case.association.found or not case.moves:
            return []
        if isinstance(InputsUnrelated().decide(case), Found):
            # Labels that were torn from their inputs take the same course: the way they were joined tells.
            return []
        # Behind a loader that shuffles, one order of the labels for the whole run must be drawn where rows have a number.
        behind = shuffled(case)
        change = Change("labels", formula(case)) if behind else Change("targets", {"how": "shuffle", **formula(case)})
        same = contrast(
            change.name,
            lambda control: control.chance is not None and control.moves,
            same_course,
            "with permuted labels the loss takes the same course: the labels tell nothing of the inputs",
            "the true labels are learned better than permuted ones",
            lambda control, trial: last(control) < 0.8 * last(trial) and control.held_out_explained > 0.1,
        )
        return [
            Experiment(
                "is the loss the same when each sample gets the label of another, and do its neighbours' labels fit no better?",
                [change],
                functools.partial(_judged, same, behind),
                steps=case.recording.steps,
                also=neighbours(case) if mixed(case) else [],
            )
        ]


def _judged(same: Judge, behind: bool, control: Case, trials: list[Case]) -> Judgement:
    """Permuted labels, and those of the rows before and after: labels that slipped by a row look the same when permuted."""
    permuted, moved = trials[:1], trials[1:]
    fits = fitting(moved)
    if fits:
        return Judgement(Outcome.REFUTED, fits, ends(control), ends(moved[0]))
    judgement = same(control, permuted)
    if judgement.outcome is not Outcome.CONFIRMED:
        return judgement
    doubt = ""
    if not exchanged(control, permuted[0]):
        doubt = "the loss did not see other labels"
    elif behind and not looked(control, moved):
        doubt = "the labels of neighbouring rows could not be tried: whether these slipped by a row is open"
    return Judgement(Outcome.UNDECIDED, doubt, judgement.control, judgement.trial) if doubt else judgement
