from __future__ import annotations

import numpy as np

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut, Untested
from flatline.causes.case import Case, number
from flatline.causes.constant_targets import target_line
from flatline.causes.inputs import assembled_line, input_line, input_lines, model_argument
from flatline.causes.judging import contrast, formula, same_course
from flatline.causes.slipped_labels import judged, neighbours, shuffled
from flatline.causes.two_orders import one_reordered, one_sorted, two_draws, two_loaders
from flatline.changes import Change
from flatline.observe.events import Forward, HalfOverflow, LoaderSeen
from flatline.record.association import features, relation
from flatline.record.kept import FEWEST_ROWS, keys, label, sliding
from flatline.record.provenance import made_at
from flatline.record.recording import Floats, Line
from flatline.record.source import SourceFile

SHIFTS = (-2, -1, 1, 2)
# A relation at another alignment, over the four tried: as for a five-sigma find.
CHANCE = 1e-6


class InputsUnrelated(Cause):
    """The inputs have lost what they held, or stand beside the targets of other samples.

    What you see
        The loss stays at ln C or at the variance of the targets, whatever the model.

    What is measured
        Whether the inputs of all rows are the same while targets differ; whether any probe predicts the targets; two
        loaders that are shuffled apart and read side by side; inputs and targets that are shuffled by two different
        draws, or read from one collection in two orders, or of which one alone is sorted or shuffled after they had stood
        side by side; the targets of the rows before or after.

    How it is told apart
        In ``no-signal`` the data are what they are. Here something shows that they were related once: the way they were
        brought together draws two independent orders, or another alignment of the same rows predicts.

    Experiment
        Each sample with the target of another one: the loss takes the same course. Behind a loader that shuffles: each
        with the target of the row before, or after, in the data set: a probe predicts these.

    Fix
        Look at the inputs after each step of preprocessing; shuffle inputs and targets with one order.

    References
        https://github.com/1204BUPT/Zhu-Net-image-steganalysis/issues/1
        https://github.com/nikhilroxtomar/FANet/issues/1
        https://github.com/NVIDIA/Isaac-GR00T/pull/758
    """

    name = "inputs-unrelated"
    row = "F14"
    title = "inputs and targets do not belong together, or the inputs are constant"
    choices = (
        Choice(
            "Keep inputs and labels together, and shuffle them with one permutation.",
            "none; earlier results are worth nothing",
        ),
        Choice(
            "Correct the step that makes the inputs constant (a scale, a cast).", "the inputs have to be made again"
        ),
    )

    def decide(self, case: Case) -> Decision | None:
        constant = self._constant(case)
        if constant is not None:
            return constant
        found = case.association
        if found is None or found.features == 0:
            return None
        if found.found:
            return RuledOut(f"the targets can be predicted, by {found.method} (p = {found.p:.1g})")
        if found.rows < 2 * FEWEST_ROWS or not case.has("chance-plateau", "rising-loss", "constant-loss"):
            return None
        evidence = [
            Evidence(f"best probe of {found.rows} rows ({found.method})", f"p = {found.p:.2g}", "below 0.001"),
        ]
        for look in (two_loaders, two_draws, one_sorted, one_reordered, self._shifted):
            decision = look(case, evidence)
            if decision is not None:
                return decision
        if shuffled(case):
            return Untested(
                "the rows come in a random order: whether the labels of the row before or after fit, an experiment tells"
            )
        return None

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if isinstance(decision, Untested) and shuffled(case):
            first, *others = neighbours(case)
            asks = "do the labels of the row before, or of the row after, fit the inputs?"
            return [Experiment(asks, first, judged, steps=case.recording.steps, also=others)]
        if not isinstance(decision, Found):
            return []
        return [
            Experiment(
                "is the loss the same when each sample gets the target of another?",
                [Change("targets", {"how": "shuffle", **formula(case)})],
                contrast(
                    "targets",
                    lambda control: control.chance is not None and control.moves and control.stuck,
                    same_course,
                    "with targets of other samples the loss takes the same course: these inputs tell nothing of them",
                ),
                steps=case.recording.steps,
            )
        ]

    def _constant(self, case: Case) -> Decision | None:
        """Every row that a model was given is the same, and the targets are not."""
        rows = [r for r in case.recording.rows if r.gradient and r.inputs and r.target is not None]
        total = sum(len(r.inputs[0]) for r in rows if r.inputs[0].ndim)
        if total < FEWEST_ROWS or any(x.ndim < 2 for r in rows for x in r.inputs):
            return None
        first = rows[0].inputs[0][:1]
        for r in rows:
            for x in r.inputs:
                # A first row of another length (text of another batch) is another input already.
                if x.shape[1:] != first.shape[1:] or not np.array_equal(x, np.broadcast_to(first, x.shape)):
                    return None
        targets = [t for t in (r.target for r in rows) if t is not None]
        if case.recording.all(HalfOverflow):
            return RuledOut("the inputs are constant because numbers behind them left the range of half precision")
        values = np.concatenate([t.reshape(-1) for t in targets])
        labels = [y for y in (label(t) for t in targets) if y is not None]
        if not labels or len(np.unique(np.concatenate(labels))) < 2:
            return None
        return Found(
            Level.LIKELY,
            0.98,
            constant_line(case),
            [
                Evidence(
                    f"spread of the inputs over {total} rows",
                    f"0; every number is between {first.min():.4g} and {first.max():.4g}, the same in each row",
                    "rows differ",
                ),
                Evidence("distinct targets", str(len(np.unique(values)))),
            ],
            "The inputs are the same for every sample: print them after each step of preprocessing. A division in whole "
            "numbers, an array of an integer type, or a scale applied twice makes them so.",
        )

    @staticmethod
    def _shifted(case: Case, evidence: list[Evidence]) -> Decision | None:
        """The targets of the rows before or after fit, where the rows came in the order of the data."""
        if any(x.shuffle for x in case.recording.all(LoaderSeen)):
            return None
        rows = _in_order(case)
        if rows is None or sliding(rows[0]):
            return None
        x, y = rows
        table = features(x)
        for shift in SHIFTS:
            moved = np.roll(y, shift)
            found = relation(table[2:-2], moved[2:-2])
            if found is not None and len(SHIFTS) * found.p < CHANCE:
                # In a series of times the next target may depend on this row and nothing on what is to come.
                return Found(
                    Level.POSSIBLE,
                    0.6,
                    target_line(case),
                    [
                        *evidence,
                        Evidence(
                            f"the same probe on the targets {abs(shift)} rows {'later' if shift < 0 else 'earlier'}",
                            f"p = {number(found.p)}",
                        ),
                    ],
                    f"Inputs and targets may be {abs(shift)} apart: compare the first rows of both with their source.",
                )
        return None


def _in_order(case: Case) -> tuple[Floats, Floats] | None:
    """The first rows as they came, until one comes again: a row that is there twice predicts its own target, whatever
    the shift."""
    xs, ys = [], []
    seen: set[int] = set()
    for rows in case.recording.rows:
        y = label(rows.target) if rows.target is not None and rows.gradient and rows.inputs else None
        if y is not None and rows.inputs[0].ndim >= 2 and len(rows.inputs[0]) == len(y):
            here = set(keys(rows.inputs[0]).tolist())
            if len(here) < len(y) or here & seen:
                break
            seen |= here
            xs.append(rows.inputs[0].reshape(len(y), -1))
            ys.append(y)
            if sum(map(len, ys)) >= 800:
                break
    if not xs or len({x.shape[1] for x in xs}) != 1 or sum(map(len, ys)) < 2 * FEWEST_ROWS:
        return None
    return np.concatenate(xs)[:800], np.concatenate(ys)[:800]


def constant_line(case: Case) -> Line | None:
    """Where the inputs were made: a function of the program's that fills an array of an integer type, else the last
    line of their way."""
    recording = case.recording
    lines = input_lines(case)
    for forward in recording.all(Forward)[:1]:
        lines = lines or made_at(
            recording, recording.line(forward.place), model_argument(recording, recording.line(forward.place))
        )
    for line in lines:
        if any(whole in line.source for whole in ("//", "astype(", ".int()", ".long()")):
            return line
    for line in lines:
        source = SourceFile(recording, line.file)
        function = source.function_around(line.line)
        for name in ("zeros_like", "zeros", "empty_like", "empty", "astype", "int", "long"):
            for call in source.calls_of(name):
                if function is not None and function.lineno <= call.lineno <= (function.end_lineno or 0):
                    return source.line(call.lineno)
    if len(lines) == 1:
        return assembled_line(case)
    return lines[0] if lines else input_line(case)
