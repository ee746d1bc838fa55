from __future__ import annotations

from flatline.causes.activations import activation_line
from flatline.causes.base import Cause, Decision, Evidence, Expected, Experiment, Found, Level, RuledOut
from flatline.causes.case import CLASSIFICATION, Case, number
from flatline.causes.contrast import contrastive
from flatline.causes.judging import contrast, loss
from flatline.causes.places import calls, candidates
from flatline.changes import Change
from flatline.fixes.patch import Patch
from flatline.observe.events import ModelSeen
from flatline.record.recording import Line

# Keras keeps probabilities at most 1 - 1e-7 before their logarithm (its epsilon()), so its 0 is the float32 next to that.
CLIPPED = 1e-6


class OneClassSoftmax(Cause):
    """A softmax over a single class is 1 whatever the logit, so its cross entropy is 0 and its gradient is 0.

    What you see
        The loss is exactly 0 from the first step, for any data and any weights; or one part of a detector's loss is.

    What is measured
        The size of the class dimension of what enters the cross entropy, or the size of the dimension a softmax in
        the autograd graph runs over; the value of the loss before any update.

    How it is told apart
        Masked targets (``all-targets-masked``) give 0 only for those targets; here no target can give another value.
        When other terms of the loss are not 0, as in a detector for one class, the zero part is expected.

    Experiment
        The same criterion on random outputs and permuted targets is still exactly 0.

    Fix
        Two outputs, or one output with BCEWithLogitsLoss.

    References
        https://github.com/ultralytics/yolov3/issues/191
        https://github.com/huggingface/transformers/issues/45479
    """

    name = "one-class-softmax"
    row = "Z1"
    title = "softmax over a single class is always 1, so its loss is always 0"
    before_training = Level.LIKELY

    def decide(self, case: Case) -> Decision | None:
        calls = [c for c in case.calls_named(*CLASSIFICATION) if c.classes >= 1]
        single = [c for c in calls if c.classes == 1 and c.name == "cross_entropy"]
        if single and contrastive(case, single[0]):
            # One row and one column of similarities: what is single is the sample, not the class.
            return None
        if single:
            facts = single[0].input
            shape = f"input of shape {tuple(facts.shape)}" if facts is not None else "1 class"
            return self._found(case, single[0].place, shape, single[0].value)
        for backward in case.backwards:
            for activation in backward.activations:
                size = _size(activation.shape, activation.dimension)
                # Clipping before the logarithm, as Keras does, makes no other function of the softmax.
                clips = sum(
                    a.kind in ("clamp", "clamp_min") for a in backward.activations if a.depth < activation.depth
                )
                if activation.kind in ("softmax", "log_softmax") and size == 1 and activation.depth - clips <= 2:
                    text = f"{activation.kind} over dimension {activation.dimension} of shape {tuple(activation.shape)}"
                    if backward.value is not None and abs(backward.value) <= CLIPPED:
                        return self._found(case, backward.place, text, backward.value, activation.kind)
        if calls:
            return RuledOut(f"the cross entropy sees {calls[0].classes} classes")
        return None

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        functional = any(c.classes == 1 for c in case.calls)
        random = Change("output", {"how": "random"})
        if not functional:
            random = Change("operation", {"names": ["softmax", "log_softmax"], "by": "random"})
        changes = [random, Change("targets", {"how": "permute"})] if functional else [random]
        return [
            Experiment(
                "is the loss 0 for random outputs and other targets as well?",
                changes,
                contrast(
                    random.name,
                    _always_zero,
                    lambda control, trial: _always_zero(trial),
                    "random outputs and permuted targets give exactly 0 too: no output can give another value",
                    "random outputs give another value than 0",
                    lambda control, trial: not _always_zero(trial),
                ),
                steps=5,
            )
        ]

    def patches(self, case: Case, found: Found) -> list[Patch]:
        from flatline.fixes.rename_call import rename_call
        from flatline.fixes.set_argument import set_argument

        call = next((c for c in case.calls if c.classes == 1), None)
        binary = {"CrossEntropyLoss": "BCEWithLogitsLoss", "cross_entropy": "binary_cross_entropy_with_logits"}
        if call is not None and call.input is not None and call.target is not None:
            if call.target.shape == call.input.shape and call.target.dtype.startswith(("float", "bfloat")):
                # A probability for each output, as this loss wants it.
                return candidates(
                    "One output and a probability as target: the binary cross entropy.",
                    rename_call(binary, refused={"ignore_index", "label_smoothing"}),
                    calls(case, *binary),
                )
            if not call.target.dtype.startswith(("float", "bfloat")):
                lines = [*_heads(case), *calls(case, "Linear")]
                return candidates("The model has two outputs.", set_argument(_HEADS, "", "2", 1, add=False), lines)
            return []
        softmax = ("softmax", "log_softmax")
        return candidates(
            "The scores are compared along the dimension that has several of them.",
            set_argument(softmax, "dim", "1", 1),
            [found.line, *calls(case, *softmax)],
        )

    def _found(self, case: Case, place: int | None, shape: str, value: float | None, kind: str = "") -> Decision:
        line = activation_line(case, kind, place) if kind else case.recording.line(place)
        others = [b for b in case.backwards if b.value not in (None, 0.0)]
        if others and (value or 0) == 0:
            return Expected(
                f"the class part of the loss is 0 because there is one class ({shape}); "
                f"the whole loss is not ({number(others[0].value or 0)})",
                line,
            )
        return Found(
            Level.LIKELY,
            0.99,
            line,
            [
                Evidence("size of the class dimension", shape, "at least 2 classes"),
                Evidence("loss before any update", number(case.first_value), "about ln C, ln 2 = 0.693 for two"),
            ],
            "Give the model two outputs, or keep one output and use BCEWithLogitsLoss with float targets.",
        )


def _size(shape: list[int], dimension: int | None) -> int:
    return shape[dimension] if dimension is not None and dimension < len(shape) else -1


def _always_zero(case: Case) -> bool:
    values = loss(case)
    single = [c for c in case.calls if c.classes == 1]
    if single:
        return all(c.value == 0 for c in single if c.value is not None)
    return len(values) > 0 and bool((values == 0).all())


_HEADS = ("Linear", "Conv1d", "Conv2d", "Conv3d", "LazyLinear")


def _heads(case: Case) -> list[Line | None]:
    """Where the layers that may be the last were made, the last first."""
    places = [part[2] for model in case.recording.all(ModelSeen) for part in model.parts if part[1] in _HEADS]
    return [case.recording.line(place) for place in reversed(places)]
