from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from flatline.causes.base import Cause, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case
from flatline.causes.judging import contrast, last, loss
from flatline.causes.places import candidates
from flatline.changes import Change
from flatline.fixes.patch import Patch
from flatline.record.copying import Aligned, aligned, copies
from flatline.record.recording import Line
from flatline.record.source import SourceFile

# With fewer rows "most" is no majority at the usual significance: 12 of 16 have p = 0.04 against one in two.
FEWEST_ROWS = 16
# An end token would be the last one of most rows; the last tokens of texts without it are many.
MOST_SAME = 0.5
FEWEST_LAST = 3
_END = re.compile(r"(?i:eos|eot_|end_?of_?|end_?id|end_?tok|stop_?id|stop_?tok|</s>|<end>|<\|end)|\b(END|STOP|EOT)\b")
_FILL = re.compile(r"(?i)pad|eos|end|stop|fill")


@dataclass
class Endings:
    """How rows end: the token that fills them, rows that end in it, how often it counts in the loss, last tokens."""

    token: int
    rows: int
    filled: int
    counted: int
    last: Counter[int]


class EosMasked(Cause):
    """The end token is the padding token, and is masked with it: the model is never taught to stop.

    What you see
        The loss looks normal; generation does not stop, or ends each text with something else.

    What is measured
        In sequences whose targets are tokens of the input: which token fills the masked end of each row, whether it
        ever counts in the loss, and what the last token is that counts.

    How it is told apart
        With a padding token of its own the last token that counts is the end token, the same in every row. When rows
        are filled up to the longest one, that one has no filling: if it ends in the token as well, the token is an end.
        In tagging, targets are no tokens of the input.

    Experiment
        The loss of the first masked token of each row, watched while the program trains as it does: it does not fall.
        Not where a mask of the program's own multiplies the losses.

    Fix
        Mask by position (after the first end token) and not by value, or use a padding token of its own.

    References
        https://github.com/huggingface/blog/issues/1302
        https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/4660
    """

    name = "eos-masked"
    row = "F16"
    title = "the end token is masked as padding, so the model is never taught to stop"
    before_training = Level.LIKELY

    def decide(self, case: Case) -> Decision | None:
        for copy in copies(case.recording):
            same = [a for a in aligned(case.recording) if a.index == copy.index]
            found = endings(same, copy.shift)
            if found is None or found.rows < FEWEST_ROWS:
                continue
            if found.counted:
                return RuledOut(f"token {found.token} fills the rows, and {found.counted} of it count in the loss")
            common = found.last.most_common(1)[0][1] / found.rows
            if found.filled < found.rows or common > MOST_SAME or len(found.last) < FEWEST_LAST:
                return RuledOut(
                    "the last tokens that count are "
                    + (
                        f"mostly the same ({common:.0%})"
                        if common > MOST_SAME
                        else "followed by no filling in some rows"
                    )
                )
            named = any(_END.search(text) for text in case.recording.sources.values())
            return Found(
                Level.LIKELY if named else Level.POSSIBLE,
                0.95 if named else 0.5,
                mask_line(case, found.token),
                [
                    Evidence(
                        f"rows that end in token {found.token}", f"all {found.rows}, the longest of each batch too"
                    ),
                    Evidence(f"targets {found.token} that count in the loss", "0", "one in each row"),
                    Evidence(
                        "last token that counts", f"{len(found.last)} different ones", "the end token in each row"
                    ),
                ],
                "Let the first end token of each row count: mask what comes after it by position, or give the padding a "
                "token of its own.",
            )
        return None

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        token = _end_token(case)
        if not isinstance(decision, Found) or token is None:
            return []
        return [
            Experiment(
                "does the loss of the end tokens fall, while the program trains as it does?",
                [Change("ending", {"token": token})],
                contrast(
                    "ending",
                    lambda control: control.improves,
                    lambda control, trial: last(trial) > 0.9 * float(loss(trial)[0]),
                    "the loss of the end tokens does not fall while that of all others does: the model is not taught to stop",
                    "the loss of the end tokens falls with that of the others: the model is taught to stop",
                    lambda control, trial: last(trial) < 0.5 * float(loss(trial)[0]),
                ),
                steps=case.recording.steps,
            )
        ]

    def patches(self, case: Case, found: Found) -> list[Patch]:
        from flatline.fixes.replace_expression import replace_expression

        line = found.line
        made: list[Patch] = []
        for source in [SourceFile(case.recording, line.file)] if line is not None else []:
            for node in source.nodes():
                if not isinstance(node, ast.Compare) or len(node.ops) != 1 or node.lineno != (line.line if line else 0):
                    continue
                left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
                ends = f"({left} == {right}).cumsum(-1)"
                new = {ast.Eq: f"{ends} > 1", ast.NotEq: f"{ends} <= 1"}.get(type(node.ops[0]))
                if new is not None:
                    text = "The first end token of each row counts; what comes after it is masked."
                    made += candidates(text, replace_expression(ast.unparse(node), new), [line])
        return made


def _end_token(case: Case) -> int | None:
    for copy in copies(case.recording):
        found = endings([a for a in aligned(case.recording) if a.index == copy.index], copy.shift)
        if found is not None:
            return found.token
    return None


def endings(steps: list[Aligned], shift: int) -> Endings | None:
    """How the rows end; None when no masked filling of one token is at their ends."""
    fill: Counter[int] = Counter()
    last: Counter[int] = Counter()
    counted: Counter[int] = Counter()
    rows = filled = 0
    for step in steps:
        beside = step.tokens[:, shift : shift + step.targets.shape[1]]
        width = beside.shape[1]
        # What a masked place would have asked for stands in the input, or in the target itself when that is a token.
        asked = step.targets.copy()
        unknown = asked[:, :width] < 0
        asked[:, :width][unknown] = beside[unknown]
        # Nothing follows the last token: what is asked for there is masked in every row (transformers).
        length = asked.shape[1] if (asked[:, width:] >= 0).any() else width
        asked = asked[:, :length]
        for target, valid in zip(asked, step.valid[:, :length]):
            places = np.nonzero(valid)[0]
            if not len(places):
                continue
            rows += 1
            end = int(places[-1])
            last[int(target[end])] += 1
            counted.update(target[valid].tolist())
            if end + 1 < length:
                filled += 1
                fill.update(target[end + 1 :].tolist())
    if len(fill) != 1:
        return None
    token = next(iter(fill))
    return Endings(token, rows, filled, counted[token], last) if token >= 0 else None


def mask_line(case: Case, token: int) -> Line | None:
    """Where the token is masked: the criterion that ignores it, or the comparison that a mask is made of."""
    recording = case.recording
    main = case.main_call
    if main is not None and main.options.get("ignore_index") == token:
        return recording.line(main.built) or case.criterion_line
    for file in recording.sources:
        source = SourceFile(recording, file)
        for node in source.nodes():
            if not isinstance(node, ast.Assign):
                continue
            tested = [node.value, *(t.slice for t in node.targets if isinstance(t, ast.Subscript))]
            for part in tested:
                for compare in ast.walk(part):
                    if isinstance(compare, ast.Compare) and isinstance(compare.ops[0], (ast.Eq, ast.NotEq)):
                        other = compare.comparators[0]
                        text = ast.unparse(other)
                        constant = isinstance(other, ast.Constant) and other.value == token
                        if constant or _FILL.search(text):
                            return source.line(node.lineno)
            if "masked_fill" in ast.unparse(node.value) and _FILL.search(ast.unparse(node.value)):
                return source.line(node.lineno)
    # A collator of a library's masks it: what can be changed is the token.
    for file in recording.sources:
        source = SourceFile(recording, file)
        for node in source.nodes():
            if isinstance(node, ast.Assign) and re.search(r"(?i)eos|end", ast.unparse(node.value)):
                if any(re.search(r"(?i)pad", ast.unparse(target)) for target in node.targets):
                    return source.line(node.lineno)
    return case.criterion_line
