from __future__ import annotations

import ast
import math
from typing import Any

from flatline.causes.base import Cause, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import BINARY, REGRESSION, Case, number
from flatline.causes.judging import at, clearly_lower, contrast, formula
from flatline.causes.places import candidates
from flatline.changes import Change
from flatline.fixes.patch import Patch
from flatline.observe.events import Backward, CriterionCall
from flatline.record.recording import Line
from flatline.record.source import SourceFile

_FIX = "Give both the same shape: prediction.squeeze(1), or target.unsqueeze(1)."


class TargetBroadcast(Cause):
    """Prediction [N, 1] and target [N] are broadcast to [N, N]: every sample is compared with every target.

    What you see
        The loss stops at the variance of the targets and every prediction goes to their mean.

    What is measured
        The shapes that enter the loss, and how many differences it averages: N² where there are N targets.

    How it is told apart
        A broadcast that is meant, as of one target against several quantiles, is no larger than the prediction
        itself.

    Experiment
        The same program with the target in the prediction's shape: the loss ends far lower.

    Fix
        prediction.squeeze(1), or target.unsqueeze(1).

    References
        https://github.com/deepset-ai/FARM/issues/229
        https://github.com/IntelLabs/matsciml/pull/347
    """

    name = "target-broadcast"
    row = "F4"
    title = "prediction and target shapes differ, so every sample is compared with every target"
    before_training = Level.LIKELY

    def decide(self, case: Case) -> Decision | None:
        compared = 0
        for call in case.calls:
            if call.target is None or not call.target.shape or call.target.elements < 2:
                continue
            if call.name in (*REGRESSION, *BINARY) and call.input is not None:
                compared += 1
                size = _broadcast(call.input.shape, call.target.shape)
                if size > max(call.input.elements, call.target.elements):
                    return self._found(case, call, str(tuple(call.input.shape)), size)
            elif call.name == "expression":
                backward = next((b for b in case.backwards if b.step == call.step and b.tick > call.tick - 2), None)
                compared += 1
                targets = call.target.elements
                # The mean is over the square of the number of targets: only an outer difference is.
                if backward is not None and backward.elements == targets**2 and "Sub" in backward.head[:4]:
                    shape = str(tuple(call.input.shape)) if call.input is not None else "another shape"
                    return self._found(case, call, shape, backward.elements)
        for backward in case.backwards:
            if _squared(backward):
                return self._by_hand(case, backward)
        return RuledOut("predictions and targets have shapes that go together") if compared else None

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        return [
            Experiment(
                "does the loss fall when target and prediction have one shape?",
                [Change("targets", {"how": "shape", **where})],
                contrast(
                    "targets",
                    lambda control: control.stuck or control.chance is None,
                    clearly_lower,
                    "with one shape for both, the same training brings the loss far below that of the mean",
                ),
                steps=case.recording.steps,
            )
            for where in _places(case, decision)
        ]

    def patches(self, case: Case, found: Found) -> list[Patch]:
        from flatline.fixes.append_call import append_to_argument, append_to_operand

        made: list[Patch] = []
        for first, what in ((True, "prediction"), (False, "target")):
            text = f"The {what} loses its dimension of size 1, so both have one shape."
            for edit in (append_to_operand(first, ".squeeze(1)"), append_to_argument(int(not first), ".squeeze(1)")):
                made += candidates(text, edit, [found.line])
        return made

    @staticmethod
    def _by_hand(case: Case, backward: Backward) -> Found:
        """``error = model(x) - y`` a line above the loss."""
        before, after = backward.outer
        line = case.recording.line(backward.place)
        call = next((c for c in case.calls if c.step == backward.step and c.name == "expression"), None)
        if call is not None:
            line = case.call_line(call) or line
        return Found(
            Level.LIKELY,
            0.97,
            _difference(case, line) or line,
            [
                Evidence(
                    "prediction, and its difference from the targets",
                    f"{tuple(before)} and {tuple(after)}",
                    "the same shape",
                ),
                Evidence("differences that the loss averages", str(backward.elements), str(math.prod(before))),
            ],
            _FIX,
        )

    @staticmethod
    def _found(case: Case, call: CriterionCall, shape: str, size: int) -> Found:
        target = tuple(call.target.shape) if call.target is not None else ()
        evidence = [
            Evidence("prediction and target", f"{shape} and {target}", "the same shape"),
            Evidence("differences that the loss averages", str(size), str(math.prod(target))),
        ]
        if case.chance is not None:
            evidence.append(
                Evidence(
                    "loss at the end", number(case.last_value), f"below {number(case.chance.value)}, {case.chance.what}"
                )
            )
        return Found(
            Level.LIKELY,
            0.98,
            case.call_line(call),
            evidence,
            _FIX,
        )


def _squared(backward: Backward) -> bool:
    """Whether the loss averages an outer difference: [N, 1] less [N] is [N, N], which no other pair of shapes gives by
    chance. Distances to a grid or to a codebook have another size, or more dimensions."""
    if not backward.outer:
        return False
    before, after = backward.outer
    rows = math.prod(before)
    return rows > 1 and 1 in before and after == [rows, rows] and backward.elements == rows * rows


def _difference(case: Case, line: Line | None) -> Line | None:
    """The line that assigns a difference to a name which the loss line uses."""
    if line is None:
        return None
    source = SourceFile(case.recording, line.file)
    try:
        names = {node.id for node in ast.walk(ast.parse(line.source)) if isinstance(node, ast.Name)}
    except SyntaxError:
        return None
    for name in sorted(names):
        for statement in source.assignments(name):
            value = getattr(statement, "value", None)
            if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Sub) and statement.lineno <= line.line:
                return source.line(statement.lineno)
    return None


def _broadcast(one: list[int], other: list[int]) -> int:
    """The number of elements of the broadcast of two shapes; 0 when they do not go together.

    >>> _broadcast([32, 1], [32]), _broadcast([32, 3], [32, 1]), _broadcast([32], [32])
    (1024, 96, 32)
    """
    size = 1
    for i in range(max(len(one), len(other))):
        a = one[-1 - i] if i < len(one) else 1
        b = other[-1 - i] if i < len(other) else 1
        if a != b and 1 not in (a, b):
            return 0
        size *= max(a, b)
    return size


def _places(case: Case, decision: Found) -> list[dict[str, Any]]:
    """Where the target of a formula is: as recorded, or, of an error a line above, by how many differences there are."""
    known = formula(case)
    line = at(decision.line)
    main = case.main_call
    if known or main is None or main.name != "expression" or not line:
        return [known]
    number = math.isqrt(max((b.elements for b in case.backwards), default=0))
    return [{**line, "shape": shape, "floating": True} for shape in ([number], [number, 1])]
