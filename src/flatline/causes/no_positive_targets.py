from __future__ import annotations

import ast
import math

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.constant_targets import target_line
from flatline.causes.judging import contrast, formula
from flatline.changes import Change
from flatline.observe.events import CriterionCall
from flatline.record.provenance import made_at
from flatline.record.recording import Line
from flatline.record.source import SourceFile

# Single images without an object are usual. With half of the images empty, as many as a detection set may hold, a batch
# of one is empty 20 times in a row with probability 2^-20, one in a million.
FEWEST = 20
# A one-hot target is 0 in most places by nature; it has a 1 in every row.
_NAMES = ("cross_entropy", "expression")


class NoPositiveTargets(Cause):
    """No positive target reaches the loss: the boxes, pixels or labels were filtered out or matched nothing.

    What you see
        The box or class part of the loss is exactly 0 from the first step, perhaps beside a part that falls; or the
        whole loss is.

    What is measured
        Criterion calls on tensors without an element; one-hot targets without a single 1, whose product with anything
        is 0.

    How it is told apart
        ``all-targets-masked``: there the targets exist and carry the ignore index, or a mask is 0.
        ``constant-targets``: there the loss is not 0 at the first step and learns the constant.

    Experiment
        One positive target planted where there is none: that part of the loss is above 0.

    Fix
        Count the targets before and after every filter, crop, lookup and match; compare the units of boxes and anchors,
        and the spelling of names.

    References
        https://github.com/ultralytics/yolov5/issues/7634
        https://github.com/AILab-CVC/YOLO-World/issues/337
        https://github.com/SakuraRiven/EAST/issues/16
        https://github.com/open-mmlab/mmdetection/issues/3357
    """

    name = "no-positive-targets"
    row = "Z5"
    title = "no positive target reaches the loss"
    before_training = Level.POSSIBLE
    choices = (
        Choice(
            "Match names, units or thresholds between labels and configuration.",
            "one run over the data to count positives",
        ),
        Choice("Sample so that each batch has positives.", "the share of positives is no longer that of the data"),
    )

    def decide(self, case: Case) -> Decision | None:
        series: dict[int, list[CriterionCall]] = {}
        for call in case.calls:
            if call.input is not None:
                series.setdefault(call.series, []).append(call)
        partly = 0
        for calls in series.values():
            empty = [c for c in calls if c.input is not None and c.input.elements == 0]
            if empty and len(empty) == len(calls) and len(calls) >= FEWEST:
                return self._empty(case, calls)
            partly += len(empty)
        zero = without_positives(case)
        if zero is not None:
            return self._zero(case, zero)
        if partly:
            total = sum(len(calls) for calls in series.values())
            return RuledOut(f"only {partly} of {total} measured calls of a loss were without targets")
        return None

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        return [
            Experiment(
                "is the loss above 0 when one positive target is planted?",
                [Change("targets", {"how": "plant", **formula(case)})],
                contrast(
                    "targets",
                    lambda control: _least(control) == 0,
                    lambda control, trial: _least(trial) > 0,
                    "one planted target, and that part of the loss is above 0: only the targets are missing",
                    "with a target planted that part of the loss is still 0",
                    lambda control, trial: _least(trial) == 0,
                    lambda some: f"least value of a loss at step 0: {number(_least(some))}",
                ),
                steps=3,
            )
        ]

    def _empty(self, case: Case, calls: list[CriterionCall]) -> Found:
        first = calls[0]
        shape = tuple(first.input.shape) if first.input is not None else ()
        return Found(
            Level.LIKELY,
            0.97,
            self._selection(case, first),
            [
                Evidence(
                    f"elements that enter {first.name}",
                    f"0 (shape {shape}) in all {len(calls)} measured calls",
                    "some in most batches",
                ),
                Evidence("its value", number(first.value) if first.value is not None else "empty"),
            ],
            "Nothing is selected for this loss: count the targets before and after each filter and match, and compare "
            "units and names on both sides.",
        )

    def _zero(self, case: Case, calls: list[CriterionCall]) -> Found:
        first = calls[0]
        shape = tuple(first.target.shape) if first.target is not None else ()
        line = target_line(case)
        return Found(
            Level.LIKELY,
            0.97,
            guard(case, line) or line,
            [
                Evidence(
                    "elements of the targets that are not 0",
                    f"0 of shape {shape} in all {len(calls)} measured batches",
                    "a 1 for each object or label",
                ),
                Evidence("loss before any update", number(first.value or 0.0), "above 0: it multiplies the targets"),
            ],
            "Every label was dropped or matched nothing: compare one raw label with what it is looked up in (spelling, "
            "line ends, colours, units), and the threshold of each filter.",
        )

    def _selection(self, case: Case, call: CriterionCall) -> Line | None:
        """What selects the elements: the guard that writes the targets, else the mask in the criterion's arguments."""
        line = case.call_line(call)
        if line is None:
            return None
        source = SourceFile(case.recording, line.file)
        calls = [n for n in source.calls_of(call.name) if n.lineno <= line.line <= (n.end_lineno or n.lineno)]
        for argument in [a for n in calls for a in n.args[:2]]:
            mask = _index(argument)
            made = [s for s in source.assignments(mask) if s.lineno <= line.line] if mask is not None else []
            if made:
                here = source.line(made[-1].lineno)
                return self._behind(case, here, made[-1]) or here
        return line

    @staticmethod
    def _behind(case: Case, here: Line, statement: ast.stmt) -> Line | None:
        """For a mask such as ``targets > 0``: the guard under which those targets are written, if there is one."""
        value = getattr(statement, "value", None)
        compared = [n.left for n in ast.walk(value) if isinstance(n, ast.Compare)] if value is not None else []
        names = [ast.unparse(n) for n in compared if isinstance(n, (ast.Name, ast.Attribute))]
        for name in names:
            trail = made_at(case.recording, here, name)
            found = guard(case, trail[-1]) if trail else None
            if found is not None:
                return found
            # The trail was lost on the way: the one guarded place of the file that writes a tensor of that name.
            writes = [w for w in _writes(SourceFile(case.recording, here.file)) if _owner(w) == name.split(".")[-1]]
            guards = {g.line: g for w in writes if (g := guard(case, case.recording.line_at(here.file, w.lineno)))}
            if len(guards) == 1:
                return next(iter(guards.values()))
        return None


def without_positives(case: Case) -> list[CriterionCall] | None:
    """The calls of the main criterion, when it gives 0 before any update because its one-hot targets are all 0.

    One-hot targets have the shape of the softmax or sigmoid that they belong to. A mask or an advantage, which is one
    number for each sample or position, has not: there the class dimension is gone.
    """
    main = case.main_call
    if main is None or main.name not in _NAMES or main.value != 0:
        return None
    calls = [c for c in case.calls if c.series == main.series]
    if main.name == "expression" and main.target is not None:
        kinds = ("softmax", "log_softmax", "sigmoid")
        first = next((b for b in case.backwards if b.step == main.step), None)
        shapes = [a.shape for a in first.activations if a.kind in kinds] if first is not None else []
        if main.target.shape not in shapes:
            return None
    for call in calls:
        given, target = call.input, call.target
        if given is None or target is None or not target.dtype.startswith("float") or given.shape != target.shape:
            return None
        if not target.elements or not target.minimum == target.maximum == 0 or given.minimum == given.maximum == 0:
            return None
    return calls


def guard(case: Case, line: Line | None) -> Line | None:
    """The condition under which the statement on ``line`` writes into a tensor, in the source.

    Either it stands inside an ``if``, or an ``if …: continue`` stands before it in the same loop. A line that makes the
    tensor, as ``t = torch.zeros(n)``, stands for the writes into it in the same function.
    """
    if line is None:
        return None
    source = SourceFile(case.recording, line.file)
    function = source.function_around(line.line)
    if function is None:
        return None
    lines = {line.line}
    for statement in ast.walk(function):
        if isinstance(statement, ast.Assign) and statement.lineno == line.line:
            names = {ast.unparse(t) for t in statement.targets}
            lines |= {
                w.lineno
                for w in _writes(source)
                if _owner(w) in names and function.lineno <= w.lineno <= (function.end_lineno or 0)
            }
    for number_ in sorted(lines):
        for node in ast.walk(function):
            if isinstance(node, ast.If) and node.body[0].lineno <= number_ <= (node.end_lineno or node.lineno):
                return source.line(node.lineno)
            if isinstance(node, ast.For):
                before = [s for s in node.body if s.lineno < number_ <= (node.end_lineno or node.lineno)]
                skips = [s for s in before if isinstance(s, ast.If) and isinstance(s.body[-1], ast.Continue)]
                if skips:
                    return source.line(skips[-1].lineno)
    return None


def _writes(source: SourceFile) -> list[ast.Assign]:
    return [n for n in source.nodes() if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Subscript)]


def _owner(write: ast.Assign) -> str:
    target = write.targets[0]
    return ast.unparse(target.value) if isinstance(target, ast.Subscript) else ""


def _index(node: ast.expr) -> str | None:
    """The name that an expression such as ``out[:, 1:3].permute(0, 2)[positive]`` is indexed by last."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, (ast.Name, ast.Attribute)):
        return ast.unparse(node.slice)
    return None


def _least(case: Case) -> float:
    """The smallest value that a loss has before any update."""
    values = [c.value for c in case.calls if c.step == 0 and c.value is not None]
    values += [b.value for b in case.backwards if b.step == 0 and b.value is not None]
    return min(values, default=math.nan)
