from __future__ import annotations

import ast
import math
from dataclasses import dataclass

import numpy as np

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case
from flatline.causes.inputs import assembled_line
from flatline.causes.judging import contrast, loss
from flatline.changes import Change
from flatline.record.association import features, relation
from flatline.record.kept import Table, dense_tables, sliding, tables
from flatline.record.recording import Floats, Line
from flatline.record.source import SourceFile

# Chance of an agreement by accident, over all columns tried: as for a five-sigma find.
CHANCE = 1e-6
# Numbers of 24 bits keep a copy, through a change of unit or standardisation, to some 1e-7 of their spread; a thousandth
# of the spread leaves room for a large offset, and no measured quantity follows another so closely.
RESIDUAL = 1e-3


@dataclass
class Leak:
    """Columns that hold the label: ``whole`` when they give all of it."""

    table: Table
    columns: list[int]
    whole: bool
    how: str
    chance: float


class LabelInInput(Cause):
    """The label stands in the inputs: one column, pixel or token gives it away, in its own or in another unit.

    What you see
        The loss falls to almost nothing, for the validation part too; in use the model is worthless, for there the
        column is missing.

    What is measured
        For labels: input columns that have one value for all rows of a class and another one for another class. For
        numbers: columns that are the target but for a unit or a monotone scale. With the chance of such an agreement by
        accident over all columns. Where there is a target for each place of an image or a sequence, the channels of that
        place are the columns.

    How it is told apart
        A strong natural feature varies within a class and overlaps between classes; a cut through a continuous column
        is no copy. A table whose rows are the same for a whole class, or a made-up task whose label is defined by one
        column and by nothing else, is told by what is left: only where the other columns predict the label in part, as
        in a real task, is the column a leak.

    Experiment
        The column permuted across samples: the loss is higher all along.

    Fix
        Take the column out of the inputs, where they are put together.

    References
        Kaufman et al., Leakage in data mining, 2012.
        https://github.com/mingzhu0527/MASHQA/issues/5
    """

    name = "label-in-input"
    row = "S5"
    title = "the label can be read from a single input"
    before_training = Level.LIKELY
    choices = (
        Choice("Drop the column or channel that holds the answer.", "the score falls to what it is worth"),
        Choice("Keep it, where it is known when the model is used.", "none; then it is a feature"),
    )

    def decide(self, case: Case) -> Decision | None:
        tried = 0
        for table in tables(case.recording):
            if table.x.shape[1] < 2 or len(np.unique(table.y)) < 2 or sliding(table.x):
                continue
            tried += 1
            leak = copies(table)
            if leak is not None:
                return self._found(case, leak)
        for table in dense_tables(case.recording):
            if len(np.unique(table.y)) < 2:
                continue
            tried += 1
            leak = copies(table)
            if leak is not None:
                return self._found(case, leak, "channels")
        return RuledOut("no single input column gives the label away") if tried else None

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        wide = [t for t in tables(case.recording) if t.x.shape[1] >= 2 and len(np.unique(t.y)) >= 2]
        leak = next((found for t in wide if not sliding(t.x) and (found := copies(t)) is not None), None)
        if not isinstance(decision, Found) or decision.level is not Level.LIKELY or leak is None:
            # Every model leans on its best column: that alone makes no leak of it.
            return []
        return [
            Experiment(
                "does the loss return to that of the other columns when this one is permuted across the samples?",
                [Change("inputs", {"how": "column", "columns": leak.columns})],
                contrast(
                    "inputs",
                    lambda control: control.improves,
                    _slower,
                    "with the column permuted the loss is higher all along: it is learned from this column",
                ),
                steps=case.recording.steps,
            )
        ]

    def _found(self, case: Case, leak: Leak, what: str = "columns") -> Decision | None:
        rest = without(leak.table, leak.columns)
        left = relation(rest, leak.table.y) if rest is not None else None
        natural = left is not None and left.found
        names = ", ".join(map(str, leak.columns[:6])) + (", …" if len(leak.columns) > 6 else "")
        evidence = [
            Evidence(
                f"input {what} {names} of {leak.table.x.shape[1]} ({len(leak.table.y)} rows compared)",
                leak.how,
                "no column follows the label exactly",
            ),
            Evidence("chance of that by accident", f"below {max(leak.chance, 1e-300):.1g}"),
        ]
        if left is not None and natural:
            score = "accuracy" if left.classification else "R²"
            evidence.append(
                Evidence(
                    f"the other {what} alone",
                    f"{score} {left.score:.2f} (a constant: {left.baseline:.2f})",
                    "what honest inputs give",
                )
            )
        sure = natural and leak.whole
        return Found(
            Level.LIKELY if sure else Level.POSSIBLE,
            0.97 if sure else 0.5,
            leak_line(case),
            evidence,
            f"Leave input {what} {names} out where the inputs are put together, and look at the score again.",
        )


def copies(table: Table) -> Leak | None:
    """The columns that are a function of the label, when they are few among those that vary."""
    classes = table.classes
    return _labels(table, classes) if classes is not None else _numbers(table)


def _labels(table: Table, classes: Floats) -> Leak | None:
    x, y = table.x, table.y
    groups = [x[y == c] for c in classes]
    constant = np.all([(g == g[0]).all(0) for g in groups], axis=0)
    values = np.stack([g[0] for g in groups])
    differs = (values != values[0]).any(0)
    columns = np.nonzero(constant & differs)[0]
    varying = int((x != x[0]).any(0).sum())
    # When all that varies follows the label, the rows are one prototype for each class, and there is no other task.
    if not len(columns) or 2 * len(columns) > varying:
        return None
    chance = varying * max(math.exp(min(_log_accident(x[:, c]), 0.0)) for c in columns)
    if chance > CHANCE:
        return None
    whole = len(np.unique(values[:, columns], axis=0)) == len(classes)
    return Leak(table, columns.tolist(), whole, "one value for all rows of a class, another for another", chance)


def _log_accident(column: Floats) -> float:
    """Logarithm of the chance that a column of these values lines up with classes of these sizes: one arrangement of
    all n! / (n1! n2! …)."""
    _, counts = np.unique(column, return_counts=True)
    return sum(math.lgamma(n + 1) for n in counts) - math.lgamma(len(column) + 1)


def _numbers(table: Table) -> Leak | None:
    x, y = table.x.astype(np.float64), table.y.astype(np.float64)
    if len(np.unique(y)) < len(y) // 2 or y.std() == 0:
        return None
    varying = np.nonzero(x.std(0) > 1e-9 * np.maximum(np.abs(x).max(0), 1e-30))[0]
    if len(varying) < 2:
        return None
    z = (x[:, varying] - x[:, varying].mean(0)) / x[:, varying].std(0)
    t = (y - y.mean()) / y.std()
    r = (z * t[:, None]).mean(0)
    linear = varying[1 - r**2 < RESIDUAL**2]
    order = y.argsort(kind="stable")
    steps = np.diff(x[order][:, varying], axis=0)
    distinct = np.diff(y[order]) > 0
    # Every pair of neighbours in the order of the target is in that order (or in its reverse) in the column.
    monotone = varying[((steps > 0)[distinct].all(0)) | ((steps < 0)[distinct].all(0))]
    columns = np.union1d(linear, monotone)
    if not len(columns) or 2 * len(columns) > len(varying):
        return None
    how = "the target itself, but for offset and scale" if len(linear) else "the target on another scale"
    # n! orders are equally likely; a correlation of 1 - 1e-6 is no more likely than that for 30 rows and above.
    chance = len(varying) * 2 * math.exp(-math.lgamma(min(int(distinct.sum()), 100) + 1))
    return Leak(table, columns.tolist(), True, how, chance) if chance < CHANCE else None


def without(table: Table, columns: list[int]) -> Floats | None:
    """The features of a table without some columns; None when nothing is left."""
    rest = np.delete(table.x, columns, axis=1)
    return features(rest) if rest.shape[1] else None


def leak_line(case: Case) -> Line | None:
    """Where the inputs are put together; of several writes into one array, the first."""
    line = assembled_line(case)
    if line is None:
        return None
    source = SourceFile(case.recording, line.file)
    for node in source.nodes():
        if isinstance(node, ast.Assign) and node.lineno == line.line and isinstance(node.targets[0], ast.Subscript):
            name = ast.unparse(node.targets[0].value)
            function = source.function_around(line.line)
            writes = [
                s.lineno
                for s in source.assignments(name)
                if isinstance(s, ast.Assign)
                and isinstance(s.targets[0], ast.Subscript)
                and source.function_around(s.lineno) is function
            ]
            return source.line(min(writes, default=line.line))
    return line


def _slower(control: Case, trial: Case) -> bool:
    """A quarter higher on average over the run, and by over three standard errors of the difference, step by step.

    Not at the end alone: rows that come again and again are learned by heart without the column too.
    """
    one, other = loss(control), loss(trial)
    if len(one) < 2 or len(one) != len(other):
        return False
    apart = other - one
    return (
        float(other.mean()) > 1.25 * float(one.mean())
        and float(apart.mean()) > 3 * float(apart.std()) / len(one) ** 0.5
    )
