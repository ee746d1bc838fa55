from __future__ import annotations

import math

from flatline.causes.base import Cause, Decision, Expected, RuledOut
from flatline.causes.case import Case, number

# From a start near chance down to where four decimals print 0: an honest curve passes through what lies between.
PASSES = 3


class HonestFit(Cause):
    """The loss is small because the model has fitted the training data: real convergence, or plain memorising.

    What you see
        The loss falls step by step to almost nothing, and may print as 0.0000.

    What is measured
        The loss at the start, near what an untrained model has; how many steps it spent between start and end; that
        targets vary and weights move.

    How it is told apart
        A fault gives zero at once (``one-class-softmax``, ``all-targets-masked``), or with targets that do not vary
        (``constant-targets``), or with the answer in the inputs (``label-in-input``).

    Experiment
        None: it is no fault. Permuted labels with fresh rows at each step would not be fitted.

    Fix
        None needed for the loss. A validation loss tells convergence from memorising.

    References
        Zhang et al., Understanding deep learning requires rethinking generalization, 2017.
    """

    name = "honest-fit"
    row = "S9"
    title = "the loss is small because the training data are fitted"

    def decide(self, case: Case) -> Decision | None:
        if case.curve is None or not case.has("zero-loss", "near-zero-loss"):
            return None
        values = case.finite
        if len(values) < PASSES + 2 or not case.moves:
            return RuledOut("the loss did not come down over training")
        start, end = float(values[0]), case.last_value
        between = int(((values < 0.5 * start) & (values > 2 * max(end, 0.0))).sum())
        constant = len(case.label_counts) == 1
        if start > 10 * max(end, 1e-12) and between >= PASSES and not constant and math.isfinite(start):
            return Expected(
                f"the loss came down from {number(start)} to {number(end)} over {len(values)} steps, "
                f"{between} of them in between: the training data are fitted. A validation loss would tell "
                "convergence from memorising.",
                case.backward_line,
            )
        return RuledOut(f"the loss did not come down step by step: it starts at {number(start)}")
