from __future__ import annotations

import ast
from dataclasses import dataclass

import numpy as np

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.judging import contrast
from flatline.changes import Change
from flatline.observe.events import CriterionCall
from flatline.record.recording import Line
from flatline.record.source import SourceFile

# Single clips that are too short for their text are found in every speech corpus, and zero_infinity is made for them.
# One sample in twenty is no longer an accident of the recording: it changes the mean of a batch of twenty every time.
SHARE = 0.05


@dataclass
class _Count:
    samples: int = 0
    impossible: int = 0
    worst: tuple[int, int, int] = (0, 0, 0)
    call: CriterionCall | None = None


class CtcImpossibleAlignment(Cause):
    """The output is too short for the text: no path through the time steps spells it, so its probability is 0.

    What you see
        The CTC loss is 0 (with ``zero_infinity=True``, for these samples) or infinite, then NaN (without).

    What is measured
        For each sample the time steps T, the labels U and the repeated neighbours R among them: a path needs U + R time
        steps, since a blank must stand between two equal labels.

    How it is told apart
        From arithmetic alone, before any training: other overflows depend on the weights.

    Experiment
        The same batches with zero_infinity=False are infinite (with True, where they were infinite: finite).

    Fix
        Less stride or pooling along time; the lengths that the model really gives; drop texts that are longer than
        their recording.

    References
        https://github.com/SeanNaren/deepspeech.pytorch/issues/681
        https://github.com/wenet-e2e/wenet/pull/2299
        https://github.com/ypwhs/captcha_break/issues/29
    """

    name = "ctc-impossible-alignment"
    row = "Z11"
    title = "the CTC output has fewer time steps than the text needs"
    before_training = Level.LIKELY
    choices = (
        Choice("Downsample the input less.", "more steps to align: memory and time grow"),
        Choice("Cut or leave out targets that are too long for their input.", "less data, and never a long answer"),
        Choice("Correct the lengths that are passed.", "none, where they were counted wrongly"),
    )

    def decide(self, case: Case) -> Decision | None:
        calls = case.calls_named("ctc_loss")
        if not calls:
            return None
        count = _Count()
        for call in calls:
            self._count(case, call, count)
        if not count.samples:
            return None
        share = count.impossible / count.samples
        if count.call is None:
            return RuledOut(f"each of the {count.samples} measured texts fits into its time steps")
        call = count.call
        steps, labels, repeats = count.worst
        infinite = call.value is not None and not np.isfinite(call.value)
        evidence = [
            Evidence("samples that no alignment fits", f"{count.impossible} of {count.samples} ({share:.0%})", "none"),
            Evidence(
                "the worst of them",
                f"{steps} time steps for {labels} labels with {repeats} repeats",
                f"at least {labels + repeats} time steps",
            ),
            Evidence("loss of such a batch", number(call.value) if call.value is not None else "one for each sample"),
            Evidence("zero_infinity", str(call.options.get("zero_infinity"))),
        ]
        certain = share >= SHARE or infinite
        return Found(
            Level.LIKELY if certain else Level.POSSIBLE,
            0.99 if certain else 0.5,
            self._line(case, call),
            evidence,
            "Give the model more time steps (less stride or pooling along time), check the lengths handed to the loss, "
            "and leave out texts that are too long for their input.",
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        hidden = any(c.options.get("zero_infinity") for c in case.calls_named("ctc_loss"))
        return [
            Experiment(
                "is the loss of these batches infinite when that is not hidden?"
                if hidden
                else "is the loss finite when infinite losses count as 0?",
                [Change("option", {"key": "zero_infinity", "value": not hidden})],
                contrast(
                    "option",
                    lambda control: _infinite(control) != hidden,
                    lambda control, trial: _infinite(trial) == hidden,
                    "only what zero_infinity does makes the difference: these texts do not fit into their time steps",
                    "zero_infinity makes no difference: every text fits",
                    lambda control, trial: _infinite(trial) != hidden,
                    lambda some: f"first losses {', '.join(str(c.value) for c in some.calls_named('ctc_loss')[:3])}",
                ),
                steps=10,
            )
        ]

    @staticmethod
    def _count(case: Case, call: CriterionCall, count: _Count) -> None:
        steps, labels = call.options.get("input_lengths"), call.options.get("target_lengths")
        if not isinstance(steps, list) or not isinstance(labels, list) or len(steps) != len(labels):
            return
        rows = next((r for r in case.recording.rows if r.tick == call.tick), None)
        texts = _texts(rows.target if rows is not None else None, call, labels)
        for index, (time, length) in enumerate(zip(steps, labels)):
            text = texts[index] if index < len(texts) else None
            repeats = int((text[1:] == text[:-1]).sum()) if text is not None and len(text) == length else 0
            count.samples += 1
            if length + repeats > time:
                count.impossible += 1
                short = length + repeats - time
                if count.call is None or short > sum(count.worst[1:]) - count.worst[0]:
                    count.worst, count.call = (time, length, repeats), call

    @staticmethod
    def _line(case: Case, call: CriterionCall) -> Line | None:
        """The call of the loss; where the lengths say less than the output has, the line that computes the lengths."""
        here = case.call_line(call)
        lengths = call.options.get("input_lengths")
        given = call.input.shape[0] if call.input is not None and call.input.shape else 0
        if here is None or not isinstance(lengths, list) or not lengths or max(lengths) >= given:
            return here
        source = SourceFile(case.recording, here.file)
        for node in source.nodes():
            spans = isinstance(node, ast.Call) and node.lineno <= here.line <= (node.end_lineno or node.lineno)
            if spans and isinstance(node, ast.Call) and len(node.args) > 2 and isinstance(node.args[2], ast.Name):
                made = [s for s in source.assignments(node.args[2].id) if s.lineno < here.line]
                if made:
                    return source.line(made[-1].lineno)
        return here


def _texts(
    target: np.ndarray[tuple[int, ...], np.dtype[np.int64]] | None, call: CriterionCall, lengths: list[int]
) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """The labels of each sample, padded or one after the other, as far as they were kept."""
    if target is None:
        return []
    if target.ndim == 2:
        return [row[:length] for row, length in zip(target, lengths)]
    ends = np.cumsum(lengths)
    return [target[end - length : end] for end, length in zip(ends, lengths) if end <= len(target)]


def _infinite(case: Case) -> bool:
    return any(c.value is not None and np.isinf(c.value) for c in case.calls_named("ctc_loss"))
