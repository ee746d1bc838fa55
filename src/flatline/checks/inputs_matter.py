"""The outputs must depend on the inputs: a model that ignores them can only learn a constant."""

from __future__ import annotations

from flatline.checks.base import Step, outcome
from flatline.checks.gradient_reaches import zero_weights
from flatline.checks.replay import Undone, difference
from flatline.observe.events import Checked

NAME = "inputs matter"
# Below the resolution of a float32 beside the largest output nothing can be learned from a difference.
RESOLUTION = 1.2e-7


def check(step: Step) -> Checked:
    """Gives every row its neighbour's inputs: the outputs must change. A weight that starts at zero and lets nothing
    through is a custom (a zero head, a zero gate) and is called expected."""
    reasons: list[str] = []
    asked = 0
    for replay in step.models():
        step.in_time()
        try:
            base = replay.base()
            other = replay.run(replay.rolled())
        except Undone as reason:
            reasons.append(str(reason))
            continue
        if [o.shape for o in base] != [o.shape for o in other]:
            asked += 1
            continue
        asked += 1
        scale = max(float(o.abs().max()) for o in base if o.numel())
        change = max(difference(a, b) for a, b in zip(base, other))
        if change > max(RESOLUTION * scale, 10 * replay.noise):
            continue
        zeros = zero_weights(replay.module)
        if zeros:
            return outcome(
                NAME,
                "expected",
                f"{replay.name} does not depend on its inputs yet: {zeros[0]} starts at zero",
                zeros[:4],
            )
        return outcome(
            NAME,
            "failed",
            f"{replay.name} gives the same outputs for other inputs: it can only learn a constant",
            change=change,
        )
    if not asked:
        raise Undone("; ".join(dict.fromkeys(reasons)))
    return outcome(NAME, "passed", "other inputs give other outputs")
