from __future__ import annotations

from flatline.causes.base import Cause, Decision, Evidence, Found, Level, RuledOut
from flatline.causes.case import CLASSIFICATION, Case, number


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
        The same rows with the mask lifted: the loss jumps to about ln C.

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

    def decide(self, case: Case) -> Decision | None:
        calls = [c for c in case.calls_named(*CLASSIFICATION) if c.valid_targets >= 0]
        masked = [c for c in calls if c.valid_targets == 0]
        if masked:
            share = len(masked) / len(calls)
            first = masked[0]
            total = first.target.elements if first.target else 0
            all_zero = share > 0.5
            return Found(
                Level.LIKELY if all_zero else Level.POSSIBLE,
                0.99 if all_zero else 0.6,
                case.recording.line(first.place),
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
                    Level.LIKELY, 0.95, case.recording.line(zero[0].place),
                    [
                        Evidence("loss of the elements before masking", f"mean {number(facts.mean)}"),
                        Evidence("optimised loss made from them", "0", "above 0: some element counts"),
                    ],
                    "The mask that multiplies the loss is zero everywhere: print mask.sum() for one batch.",
                )
        if calls:
            least = min(c.valid_targets / max(c.target.elements if c.target else 1, 1) for c in calls)
            return RuledOut(f"at least {least:.0%} of the targets of every measured batch count")
        return None
