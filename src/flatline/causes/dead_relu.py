from __future__ import annotations

from flatline.causes.activations import activation_line
from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.initialization import bias_line, random_weight_line
from flatline.causes.judging import clearly_lower, contrast
from flatline.causes.learning_rate_too_high import UPDATE_RATIO
from flatline.changes import Change
from flatline.observe.events import Activation, Backward, Forward
from flatline.record.recording import Line

# In three measured steps apart from each other, so that it is no matter of one batch.
FEWEST = 3


class DeadRelu(Cause):
    """A ReLU gives 0 for every unit and every sample: nothing passes forward, and no gradient passes back.

    What you see
        The loss is stuck; the prediction is the same for all inputs, or 0. Another seed may train.

    What is measured
        For every ReLU in the autograd graph, the share of outputs that are exactly 0 in a batch; the gradients of the
        weights before it, which are exactly 0 when it is dead.

    How it is told apart
        Half of the outputs are 0 in an ordinary ReLU layer. A ReLU that belongs to a loss (a margin) is 0 when the
        loss is (``inactive-margin``). When a layer dies after large updates, ``learning-rate-too-high`` is the cause.

    Experiment
        The same program without the ReLU on the output, with LeakyReLU, or from the default initialisation: no ReLU is dead,
        and the loss ends far lower.

    Fix
        No ReLU on the output of a regression (softplus, if it must be positive); biases from 0, inputs with mean 0.

    References
        https://github.com/jvargasmu/population_estimation/issues/68
        https://community.deeplearning.ai/t/loss-values-do-not-change/324182
    """

    name = "dead-relu"
    row = "F9"
    title = "a ReLU gives 0 for every sample, so nothing before it can learn"
    before_training = Level.POSSIBLE
    choices = (
        Choice(
            "Scale the inputs, or lower the rate: units die of updates that are too large.",
            "a run to see that they stay alive",
        ),
        Choice("Use LeakyReLU or GELU.", "another model: earlier checkpoints no longer fit its behaviour"),
        Choice("Leave the ReLU after the last layer out.", "the output may be negative, where that is allowed"),
    )

    def decide(self, case: Case) -> Decision | None:
        backwards = [b for b in case.backwards if any(a.kind == "relu" for a in b.activations)]
        if len(backwards) < FEWEST:
            return None
        found = self._dead(backwards)
        if found is None:
            live = min(max(a.saturated for a in b.activations if a.kind == "relu") for b in backwards)
            return RuledOut(f"no ReLU gives 0 throughout; the fullest has {live:.0%} zeros")
        first, activation, which = found
        if all(b.value == 0 for b in backwards if b.step >= first):
            return None
        blocked, all_weights = self._blocked(case, first)
        if not blocked:
            return RuledOut("a ReLU gives 0 throughout, and all weights get a gradient by other ways")
        output = self._is_output(case, activation)
        early = [r for u, r in zip(case.updates, case.update_ratios) if u.step < first]
        thrown = first > 0 and not output and max(early, default=0.0) > UPDATE_RATIO
        stuck = case.stuck or not case.improves
        sure = not thrown and (stuck or len(blocked) * 2 >= len(all_weights))
        when = "before the first update" if first == 0 else f"from step {first} on"
        return Found(
            Level.LIKELY if sure else Level.POSSIBLE,
            0.97 if sure else 0.5,
            self._line(case, activation, output, first),
            [
                Evidence(
                    f"outputs of a ReLU of shape {tuple(activation.shape)} that are 0, {when}",
                    f"all, in {which} measured steps",
                    "about half",
                ),
                Evidence("weights whose gradient is exactly 0 since", f"{len(blocked)} of {len(all_weights)}", "0"),
                Evidence("loss, first to last", f"{number(case.first_value)} to {number(case.last_value)}"),
            ],
            "Take the ReLU off the output (softplus, if the prediction must be positive)."
            if output
            else "Start biases at 0 and weights from the default initialisation, and centre the inputs; or use LeakyReLU.",
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found) or decision.level is not Level.LIKELY:
            # What died in the course of training comes alive with any gentler start: what killed it is the cause.
            return []
        backwards = [b for b in case.backwards if any(a.kind == "relu" for a in b.activations)]
        found = self._dead(backwards)
        off = (
            "does the loss fall without the ReLU on the output?",
            Change("output", {"how": "remove", "kinds": ["relu", "relu_"]}),
        )
        return [
            Experiment(
                asks,
                [change],
                contrast(
                    change.name,
                    _has_dead,
                    lambda control, trial: not _has_dead(trial) and clearly_lower(control, trial),
                    "with the ReLU alive the same training brings the loss down",
                ),
                steps=case.recording.steps,
            )
            for asks, change in (
                *([off] if found is not None and self._is_output(case, found[1]) else []),
                (
                    "does the loss fall with LeakyReLU in place of ReLU?",
                    Change("operation", {"names": ["relu", "relu_"], "by": "leaky_relu"}),
                ),
                ("does the loss fall from the default initialisation?", Change("initialisation", {})),
            )
        ]

    @staticmethod
    def _dead(backwards: list[Backward]) -> tuple[int, Activation, int] | None:
        """The ReLU nearest the loss that is 0 throughout from some step to the end, and that step."""
        last = backwards[-1]
        for index, activation in enumerate(last.activations):
            if activation.kind != "relu" or activation.saturated != 1.0:
                continue
            first, count = last.step, 0
            for backward in reversed(backwards):
                same = backward.activations[index] if index < len(backward.activations) else None
                if (
                    same is None
                    or same.kind != "relu"
                    or same.saturated != 1.0
                    or same.shape[1:] != activation.shape[1:]
                ):
                    break
                first, count = backward.step, count + 1
            if count >= FEWEST:
                return first, activation, count
        return None

    @staticmethod
    def _blocked(case: Case, first: int) -> tuple[set[int], set[int]]:
        """Weights whose gradient is exactly 0 at every measured step from ``first`` on, and all that have one."""
        zero: dict[int, bool] = {}
        for update in case.updates:
            if update.step >= first:
                for fact in update.parameters:
                    if fact.has_gradient:
                        zero[fact.parameter] = zero.get(fact.parameter, True) and fact.gradient == 0
        if not zero and case.updates and case.updates[0].optimizer < 0:
            # Gradients of weights moved by hand are gone when they are looked at; what does not move had none.
            for update in case.updates:
                if update.step >= first:
                    for fact in update.parameters:
                        zero[fact.parameter] = zero.get(fact.parameter, True) and not fact.moved
        return {p for p, is_zero in zero.items() if is_zero}, set(zero)

    @staticmethod
    def _is_output(case: Case, activation: Activation) -> bool:
        main = case.main_call
        if main is not None and main.input is not None and main.input.origin == "Relu" and activation.depth == 1:
            return True
        forward = next((f for f in case.recording.all(Forward) if f.gradient and f.outputs), None)
        return forward is not None and activation.depth == 1 and forward.outputs[0].origin == "Relu"

    @staticmethod
    def _line(case: Case, activation: Activation, output: bool, first: int) -> Line | None:
        place = case.main_call.place if case.main_call is not None else None
        if not output and first == 0:
            written = bias_line(case) or random_weight_line(case)
            if written is not None:
                return written
        return activation_line(case, "relu", place)


def _has_dead(case: Case) -> bool:
    backwards = [b for b in case.backwards if any(a.kind == "relu" for a in b.activations)]
    return len(backwards) >= FEWEST and DeadRelu._dead(backwards) is not None
