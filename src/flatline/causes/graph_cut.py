from __future__ import annotations

import numpy as np

from flatline.causes.base import Cause, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.judging import contrast, loss
from flatline.causes.places import candidates
from flatline.changes import Change
from flatline.fixes.patch import Patch
from flatline.observe.events import Cut, Forward
from flatline.record.recording import Line


class GraphCut(Cause):
    """The computation leaves the autograd graph on the way to the loss, so a part of the model gets no gradient.

    What you see
        The loss does not move, or only the last layers learn; or backward raises "does not require grad".

    What is measured
        Whether the optimised scalar has a graph; the parameters that took part in the forward pass, are held by an
        optimizer, and are reached by no backward; the line of each detach, argmax, item, numpy, no_grad or new tensor
        that such parameters stand above.

    How it is told apart
        In a GAN the generator is cut off in one backward and reached in another: only parameters that no backward
        reaches count. With ``parameters-not-optimized`` the gradient is there.

    Experiment
        Noise on the weights that no backward reaches: the loss changes, so it depends on them although no
        gradient tells.

    Fix
        Keep tensors as tensors until after backward; no .data, .item(), torch.tensor(…) or argmax on the way.

    References
        https://github.com/guopengf/FL-MRCM/issues/10
        https://github.com/huggingface/transformers/issues/26221
    """

    name = "graph-cut"
    row = "F7"
    title = "the loss is cut off from weights that should learn"
    before_training = Level.LIKELY

    def decide(self, case: Case) -> Decision | None:
        if not case.backwards:
            return None
        cut_off = [b for b in case.backwards if not b.requires_grad or (b.nodes == 0 and not b.reached)]
        if len(cut_off) == len(case.backwards) or (cut_off and not cut_off[-1].requires_grad):
            first = cut_off[0]
            what = "has no graph" if not first.requires_grad else "is a new leaf: its graph holds no parameter"
            return Found(
                Level.LIKELY,
                0.99,
                self._made(case, first.expression) or self._last_cut(case) or case.backward_line,
                [Evidence("the optimised scalar", what, "a graph that reaches the parameters")],
                "Compute the loss from the model's output without .item(), .data, detach(), numpy or torch.tensor().",
            )
        held = {p for o in case.recording.optimizers.values() for p in o.parameters}
        stopped = case.recording.stopped
        if stopped is not None:
            # Another optimizer, as that of a generator, has its turn after the first update.
            held &= set(stopped.parameters)
        used: set[int] = set()
        for forward in case.recording.all(Forward):
            if forward.gradient:
                used |= set(forward.called)
        reached = {p for b in case.backwards for p in b.reached}
        if not case.recording.all(Forward) and len(case.recording.optimizers) == 1:
            # Plain tensors as weights: no module call says which took part, so those the optimizer holds count.
            used = set(held)
        lost = {p for p in (held & used) - reached if case.recording.parameters[p].requires_grad}
        if not lost:
            return RuledOut(f"backward reaches all {len(held & used) or len(reached)} parameters that took part")
        names = ", ".join(sorted(case.recording.parameter_name(p) for p in lost)[:4])
        cut = self._cut_above(case, lost)
        checked = case.checked("gradient everywhere", "failed")
        evidence = [
            Evidence(
                "parameters used in the forward pass that no backward reaches",
                f"{len(lost)} of {len(held & used)} ({names})",
                "0",
            ),
        ]
        if checked is not None and checked.numbers.get("none"):
            evidence.append(Evidence("gradients before the first update", checked.text, "one for each parameter"))
        if cut is not None:
            evidence.append(Evidence("where the graph was left above them", cut.operation))
        line = case.recording.line(cut.place) if cut is not None else self._source_cut(case) or case.backward_line
        return Found(
            Level.LIKELY,
            0.95 if cut is not None else 0.85,
            line,
            evidence,
            "Keep the graph there: remove the detach, .data, no_grad or conversion, or hand only the trained part to "
            "the optimizer if it was meant to be frozen.",
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found) or not case.recording.optimizers:
            return []
        return [
            Experiment(
                "does the loss depend on the weights that no gradient reaches?",
                [Change("weights", {})],
                contrast(
                    "weights",
                    _some_unreached,
                    _differs_from_second,
                    "noise on the weights that no backward reaches changes the loss: it depends on them, "
                    "and the graph is cut between",
                    "noise on the weights that no backward reaches leaves the loss as it is: it does not depend on them",
                    lambda control, trial: len(loss(trial)) > 1 and np.array_equal(loss(trial), loss(control)),
                    lambda some: f"first losses {', '.join(number(float(v)) for v in loss(some)[:3])}",
                ),
                steps=5,
            )
        ]

    def patches(self, case: Case, found: Found) -> list[Patch]:
        from flatline.fixes.drop_attribute import drop_attribute
        from flatline.fixes.drop_call import drop_calls
        from flatline.fixes.replace_expression import stacked
        from flatline.fixes.set_argument import set_argument

        cuts = ("detach", "numpy", "item", "from_numpy", "as_tensor", "cpu")
        text = "The graph is kept there."
        lines = [found.line]
        return [
            *candidates(text, set_argument(("checkpoint",), "use_reentrant", "False", add=False), lines),
            *candidates(text, stacked, lines),
            *candidates(text, drop_attribute("data"), lines),
            *candidates(text, drop_calls(*cuts), lines),
            *candidates("The graph is kept in this function.", drop_calls(*cuts, function=True), lines),
        ]

    @staticmethod
    def _cut_above(case: Case, lost: set[int]) -> Cut | None:
        """The last cut that every lost parameter stands above; else the one above most of them."""
        cuts = [c for c in case.recording.all(Cut) if lost & set(c.above)]
        return max(cuts, key=lambda c: (len(lost & set(c.above)), -len(set(c.above) - lost)), default=None)

    @staticmethod
    def _last_cut(case: Case) -> Line | None:
        first = case.backwards[0]
        cuts = [c for c in case.recording.all(Cut) if c.tick < first.tick]
        return case.recording.line(cuts[-1].place) if cuts else None

    @staticmethod
    def _made(case: Case, expression: str) -> Line | None:
        """The line of a new tensor that the scalar is, when the program writes ``torch.tensor(…)`` for it."""
        if not any(word in expression for word in ("tensor(", ".data", "detach", "item", "Variable(")):
            return None
        from flatline.record.source import SourceFile

        line = case.backward_line
        if line is None:
            return None
        import ast

        source = SourceFile(case.recording, line.file)
        for node in source.nodes():
            if isinstance(node, ast.Assign) and ast.unparse(node.value) == expression:
                return source.line(node.lineno)
        return None

    @staticmethod
    def _source_cut(case: Case) -> Line | None:
        """``.data`` cannot be watched at run time: the line of the source that reads it, when there is one."""
        import ast

        from flatline.record.source import SourceFile

        for file in case.recording.sources:
            source = SourceFile(case.recording, file)
            for node in source.nodes():
                if isinstance(node, ast.Attribute) and node.attr == "data" and isinstance(node.ctx, ast.Load):
                    text = ast.unparse(node)
                    if not text.startswith(("torch.", "data.", "self.data.")) and "utils" not in text:
                        return source.line(node.lineno)
        return None


def _some_unreached(case: Case) -> bool:
    return any(b.unreached or not b.requires_grad or not b.reached for b in case.backwards)


def _differs_from_second(control: Case, trial: Case) -> bool:
    """The first loss is the same, bit for bit; the second differs by more than rounding of float32."""
    one, other = loss(control)[:5], loss(trial)[:5]
    if len(one) < 2 or len(one) != len(other) or one[0] != other[0]:
        return False
    return bool(np.any(np.abs(other[1:] - one[1:]) > 1e-4 * np.maximum(np.abs(one[1:]), 1e-12)))
