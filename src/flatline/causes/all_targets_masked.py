from __future__ import annotations

import ast
import math

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import CLASSIFICATION, Case, number
from flatline.causes.judging import contrast
from flatline.causes.no_positive_targets import without_positives
from flatline.changes import Change
from flatline.observe.events import CriterionCall
from flatline.record.recording import Line
from flatline.record.source import SourceFile


class AllTargetsMasked(Cause):
    """Every target carries the ignore index, or a mask of zeros multiplies the loss: nothing is supervised.

    What you see
        The loss is exactly 0 (``reduction="sum"`` or ``"none"``, a guarded mean) or NaN (a mean over nothing).

    What is measured
        The number of targets in each measured batch that are not the ignore index; for losses without reduction,
        whether they are non-zero while the optimised scalar made from them is 0.

    How it is told apart
        The logits are finite and there is more than one class, so neither ``one-class-softmax`` nor an overflow.

    Experiment
        The same rows with the mask lifted, and a legal class at random for each target that it hid: the loss is
        about ln C.

    Fix
        Correct the marker or template the mask is built from, raise the maximal length, or keep a real class apart
        from the ignore index.

    References
        https://github.com/unslothai/unsloth/issues/1290
        https://github.com/lm-sys/FastChat/issues/2871
        https://github.com/pytorch/pytorch/issues/70348
    """

    name = "all-targets-masked"
    row = "Z2"
    title = "every target is masked, so the loss is computed from nothing"
    before_training = Level.LIKELY
    choices = (
        Choice("Raise the length limit, so that answers are not cut off.", "memory and time grow with the length"),
        Choice(
            "Correct the marker or the template that the mask looks for.",
            "one run over the data to count the targets that count",
        ),
        Choice(
            "Leave out rows without a single target that counts.",
            "less data; right only where those rows hold nothing to learn",
        ),
    )

    def decide(self, case: Case) -> Decision | None:
        calls = [c for c in case.calls_named(*CLASSIFICATION) if c.valid_targets >= 0]
        # Nothing at all is not masked: that is for no-positive-targets.
        masked = [c for c in calls if c.valid_targets == 0 and c.target is not None and c.target.elements]
        if masked:
            share = len(masked) / len(calls)
            first = masked[0]
            total = first.target.elements if first.target else 0
            all_zero = share > 0.5
            return Found(
                Level.LIKELY if all_zero else Level.POSSIBLE,
                0.99 if all_zero else 0.6,
                mask_line(case, first) or case.call_line(first),
                [
                    Evidence(
                        "targets that are not the ignore index",
                        f"0 of {total} in {len(masked)} of {len(calls)} measured batches",
                        "some in every batch",
                    ),
                    Evidence("ignore index", str(first.options.get("ignore_index"))),
                    Evidence("loss of such a batch", number(first.value) if first.value is not None else "unreduced"),
                ],
                "Print the targets that are not the ignore index for one row: the marker, the length arithmetic or "
                "the label that doubles as the ignore index masks them all.",
            )
        for call in case.calls:
            facts = call.result
            if facts is None or call.value is not None or not facts.shape or facts.maximum <= 0:
                continue
            zero = [b for b in case.backwards if b.step == call.step and b.value == 0]
            if zero:
                return Found(
                    Level.LIKELY,
                    0.95,
                    factor_line(case) or case.backward_line,
                    [
                        Evidence("loss of the elements before masking", f"mean {number(facts.mean)}"),
                        Evidence("optimised loss made from them", "0", "above 0: some element counts"),
                    ],
                    "The mask that multiplies the loss is zero everywhere: print mask.sum() for one batch.",
                )
        hidden = self._formula(case)
        if hidden is not None:
            return hidden
        if calls:
            least = min(c.valid_targets / max(c.target.elements if c.target else 1, 1) for c in calls)
            return RuledOut(f"at least {least:.0%} of the targets of every measured batch count")
        return None

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        return [
            Experiment(
                "is the loss above 0 when the masked targets are let in?",
                [Change("mask", {})],
                contrast(
                    "mask",
                    _nothing_counts,
                    _counts,
                    "with the mask lifted the same rows give the loss that untrained outputs have",
                    "with the mask lifted the loss is still 0",
                    lambda control, trial: _nothing_counts(trial) and not _counts(control, trial),
                    _first,
                ),
                steps=3,
            )
        ]

    def _formula(self, case: Case) -> Decision | None:
        """A loss of 0 out of log-probabilities that are all clearly below 0: every element was multiplied away."""
        if without_positives(case) is not None:
            # The factor is the one-hot target itself, and has no 1: no-positive-targets tells that.
            return None
        if any(c.value is not None and c.value > 0 for c in case.calls):
            # The criterion itself is above 0: what makes it 0 comes after it, and is no mask.
            return None
        zero = [b for b in case.backwards if b.value == 0 and b.activations]
        if not zero or len(zero) < len(case.backwards) / 2:
            return None
        for backward in zero[:3]:
            first = backward.activations[0]
            size = (
                first.shape[first.dimension]
                if first.dimension is not None and first.dimension < len(first.shape)
                else 0
            )
            if first.kind == "log_softmax" and size > 1 and first.maximum < -CERTAIN and "Mul" in backward.head[:6]:
                return Found(
                    Level.LIKELY,
                    0.95,
                    factor_line(case) or case.criterion_line,
                    [
                        Evidence("log-probabilities before masking", f"at most {number(first.maximum)}", "below 0"),
                        Evidence("optimised loss made from them", "0", "above 0: some element counts"),
                    ],
                    "The mask that multiplies the log-probabilities is zero everywhere: print mask.sum() for one batch, "
                    "and the targets it is made from.",
                )
        return None


# Log-probabilities are float32: anything beyond a few units in the last place of 1 is a probability below 1.
CERTAIN = 1e-5


def mask_line(case: Case, call: CriterionCall) -> Line | None:
    """The statement that writes the ignore index into the targets, when the source shows one."""
    ignored = call.options.get("ignore_index")
    here = case.recording.line(call.place)
    if here is None or ignored is None:
        return None
    found: list[Line] = []
    whole: list[Line] = []
    for file in case.recording.sources:
        source = SourceFile(case.recording, file)
        names = {str(ignored)}
        for node in source.nodes():
            if isinstance(node, ast.Assign) and ast.unparse(node.value) == str(ignored):
                names |= {ast.unparse(t) for t in node.targets}
        for node in source.nodes():
            if not isinstance(node, (ast.Assign, ast.AugAssign, ast.Expr, ast.Return)) or node.value is None:
                continue
            writes = ast.unparse(node.value)
            if writes in names and not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript)):
                continue
            if file == here.file and node.lineno <= here.line <= (node.end_lineno or node.lineno):
                continue
            used = {
                ast.unparse(part)
                for part in ast.walk(node.value)
                if isinstance(part, (ast.Name, ast.Constant, ast.Attribute, ast.UnaryOp))
            }
            if used & names and not _compares(node.value, names) and _fills(node):
                found.append(source.line(node.lineno))
                # Padding is left out on purpose; what masks the rest is looked for.
                if "pad" not in ast.unparse(node).lower():
                    whole.append(found[-1])
    return (whole or found)[-1] if found else None


def _compares(value: ast.expr, names: set[str]) -> bool:
    """Whether the ignore index is only compared with, as in ``labels != IGNORE``."""
    compared = [
        part
        for node in ast.walk(value)
        if isinstance(node, ast.Compare)
        for part in ast.walk(node)
        if isinstance(part, ast.expr) and ast.unparse(part) in names
    ]
    total = [part for part in ast.walk(value) if isinstance(part, ast.expr) and ast.unparse(part) in names]
    return bool(compared) and len(compared) == len(total)


def _fills(node: ast.stmt) -> bool:
    """Whether a statement puts a value into many elements: ``t[m] = v``, ``[v] * n``, ``full``, ``masked_fill`` …"""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        return True
    text = ast.unparse(node)
    words = ("] *", "full(", "full_like(", "masked_fill", "where(", "fill_(", "append(", "+= [", "new_full", "pad")
    return any(word in text for word in words) and "Loss(" not in text and "cross_entropy(" not in text


def factor_line(case: Case) -> Line | None:
    """Where the factor that multiplies a loss element by element gets its value: the mask in ``(loss * mask).sum()``."""
    line = case.criterion_line
    if line is None:
        return None
    recording = case.recording
    places = {c.place for c in case.calls}
    criterion_lines = {x.line for x in (recording.line(p) for p in places) if x is not None}
    source = SourceFile(recording, line.file)
    for node in source.nodes():
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult):
            continue
        for side in (_bare(node.right), _bare(node.left)):
            if not isinstance(side, ast.Name):
                continue
            made = [s for s in source.assignments(side.id) if s.lineno <= node.lineno]
            if made and made[-1].lineno not in criterion_lines and _mask_like(made[-1]):
                # A mask of targets that are wrong themselves: the targets are what has to change.
                value = getattr(made[-1], "value", None)
                for part in ast.walk(value) if value is not None else []:
                    if isinstance(part, ast.Compare) and isinstance(part.left, ast.Name):
                        behind = [s for s in source.assignments(part.left.id) if s.lineno < made[-1].lineno]
                        if behind and isinstance(getattr(behind[-1], "value", None), ast.Subscript):
                            return source.line(behind[-1].lineno)
                return source.line(made[-1].lineno)
    return None


def _bare(node: ast.expr) -> ast.expr:
    """``mask`` of ``mask.reshape(-1)``, ``mask.float()``, ``mask[:, 1:]``."""
    while True:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            node = node.func.value
        elif isinstance(node, ast.Subscript):
            node = node.value
        else:
            return node


def _mask_like(statement: ast.stmt) -> bool:
    value = getattr(statement, "value", None)
    return value is not None and any(isinstance(n, ast.Compare) for n in ast.walk(value))


def _nothing_counts(case: Case) -> bool:
    """Whether what is optimised is 0 or NaN for want of a target, or a criterion of several is."""
    first = [b.value for b in case.backwards[:3] if b.value is not None]
    masked = [c for c in case.calls if c.valid_targets == 0]
    return bool(masked) or (bool(first) and all(v == 0 or math.isnan(v) for v in first))


def _counts(control: Case, trial: Case) -> bool:
    """Untrained outputs of C classes lose about ln C for each target; twice that and half of it are allowed for."""
    before = [c for c in control.calls if c.step == 0]
    after = [c for c in trial.calls if c.step == 0]
    lifted = [new for old, new in zip(before, after) if old.valid_targets == 0 and new.valid_targets > 0]
    for call in lifted:
        value = call.value if call.value is not None else call.result.mean if call.result is not None else math.nan
        each = value / call.valid_targets if call.reduction == "sum" else value
        if 0.5 * math.log(call.classes) < each < 2 * math.log(call.classes):
            return True
    first = [b.value for b in trial.backwards[:3] if b.value is not None]
    return not lifted and bool(first) and all(math.isfinite(v) and v > 0 for v in first)


def _first(case: Case) -> str:
    counted = sum(max(c.valid_targets, 0) for c in case.calls if c.step == 0)
    first = [number(b.value) for b in case.backwards[:1] if b.value is not None]
    return f"loss at step 0: {first[0] if first else 'none'}" + (f", {counted} targets count" if counted else "")
