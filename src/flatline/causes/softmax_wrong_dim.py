from __future__ import annotations

import ast

from flatline.causes.activations import activation_line, call_over
from flatline.causes.base import Cause, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import BINARY, REGRESSION, Case, number
from flatline.causes.judging import at, clearly_lower, contrast, named
from flatline.causes.places import candidates
from flatline.changes import Change
from flatline.fixes.patch import Patch
from flatline.observe.events import Activation, ClassAxes, CriterionCall, Forward
from flatline.record.recording import Line
from flatline.record.source import SourceFile

# A row of float32 probabilities adds up to 1 within a few units in the last place for each of its terms.
ROW_SUM = 1e-4


class SoftmaxWrongDim(Cause):
    """The softmax runs over the samples, or over positions, instead of over the classes.

    What you see
        The loss falls a little and stops; what is predicted for a sample changes with the others of its batch.

    What is measured
        In the autograd graph, the dimension over which the scores are normalised (softmax, log-softmax, or a division
        by a sum), and the dimension along which the loss picks the right class (nll_loss, gather, indexing, a product
        with one-hot targets), followed through transposes and reshapes.

    How it is told apart
        A layout with one column for each sample has its classes in dimension 0, and its loss picks along dimension 0
        too. With ``output-activation-mismatch`` nothing is normalised.

    Experiment
        The same program with the scores normalised along the classes: the loss ends far lower.

    Fix
        Name the class dimension: softmax(x, dim=-1) for [N, C] and [N, T, C], dim=1 for [N, C, H, W].

    References
        https://github.com/pytorch/pytorch/pull/37399
        https://github.com/Lackel/DPN/issues/1
    """

    name = "softmax-wrong-dim"
    row = "F3"
    title = "the softmax runs over another dimension than the classes"
    before_training = Level.LIKELY

    def decide(self, case: Case) -> Decision | None:
        seen = case.recording.all(ClassAxes)
        for axes in seen:
            if axes.picked != axes.normalised:
                return self._found(
                    case,
                    axes.normalised,
                    axes.shape,
                    f"dimension {axes.picked} of {tuple(axes.shape)}, by {axes.how}",
                    0.995,
                )
        mixed = self._mixed(case)
        if mixed is not None:
            return mixed
        for call in case.calls:
            found = self._against_target(case, call)
            if found is not None:
                return found
        if seen:
            first = seen[0]
            return RuledOut(
                f"the scores add up to 1 along dimension {first.normalised} of {tuple(first.shape)}, where the loss "
                "picks the class"
            )
        return None

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        axes = next((a for a in case.recording.all(ClassAxes) if a.picked != a.normalised), None)
        kinds = {a.kind for b in case.backwards for a in b.activations} & {"softmax", "log_softmax"}
        where = {} if kinds else at(named(decision))
        names = sorted(kinds) or ["sum", "logsumexp"]
        return [
            Experiment(
                "does the loss fall further when the scores are normalised along the classes?",
                [Change("operation", {"names": names, "dimension": axes.picked if axes is not None else 1, **where})],
                contrast(
                    "operation",
                    lambda control: bool(control.backwards),
                    clearly_lower,
                    "normalised along the classes, the same training brings the loss far lower",
                ),
                steps=case.recording.steps,
            )
        ]

    def patches(self, case: Case, found: Found) -> list[Patch]:
        from flatline.fixes.set_argument import set_argument

        names = ("softmax", "log_softmax", "Softmax", "LogSoftmax", "sum", "logsumexp")
        made: list[Patch] = []
        # The classes are last, or follow the samples, as in [N, C, H, W].
        for dimension in ("-1", "1"):
            for callees, position in ((names[:2], 1), (names[2:4], 0), (names[4:], 0)):
                edit = set_argument(callees, "dim", dimension, position)
                made += candidates(f"The scores add up to 1 along dimension {dimension}.", edit, [found.line])
        return made

    def _mixed(self, case: Case) -> Found | None:
        """Samples that were seen to depend on each other before training, with a softmax over them on the way."""
        checked = case.checked("samples apart", "failed")
        if checked is None:
            return None
        rows = int(checked.numbers.get("rows", -1))
        scores = [o.shape for f in case.recording.all(Forward) if f.gradient for o in f.outputs]
        for activation in [a for b in case.backwards for a in b.activations]:
            over = activation.dimension == 0 and activation.kind in ("softmax", "log_softmax")
            # Others inside the model are weights, of places (``samples-mixed``) or of the nodes of a graph.
            if activation.shape in scores and over and activation.shape[:1] == [rows] and len(activation.shape) > 1:
                return self._found(case, 0, activation.shape, f"none: {checked.text}", 0.97)
        return None

    def _against_target(self, case: Case, call: CriterionCall) -> Found | None:
        """A loss that compares probabilities with targets element by element."""
        if call.name not in (*REGRESSION, *BINARY, "kl_div") or call.input is None or call.target is None:
            return None
        softmax = _last_softmax(case, call)
        if softmax is None or softmax.dimension != 0 or call.input.shape[0] < 2:
            return None
        shape, target = call.input.shape, call.target
        if len(shape) == 2 and shape[1] > 1 and len(target.rows) == 6 and call.name not in BINARY:
            across, down = target.rows[:2], target.rows[2:4]
            if all(abs(s - 1) < ROW_SUM for s in across) and any(abs(s - 1) > ROW_SUM for s in down):
                return self._found(case, 0, shape, "dimension 1: there the targets add up to 1", 0.98)
        positives = target.mean * target.elements
        if call.name in BINARY and shape in ([shape[0]], [shape[0], 1]) and positives > 1.5:
            # Outputs that add up to 1 over the batch cannot reach two targets of 1.
            return self._found(case, 0, shape, f"none: the targets of one batch add up to {number(positives)}", 0.95)
        return None

    def _found(self, case: Case, dimension: int, shape: list[int], expected: str, confidence: float) -> Found:
        return Found(
            Level.LIKELY,
            confidence,
            self._line(case, dimension, shape),
            [
                Evidence("the scores add up to 1 along", f"dimension {dimension} of {tuple(shape)}", expected),
                Evidence("loss, first to last", f"{number(case.first_value)} to {number(case.last_value)}"),
            ],
            "Give softmax the dimension of the classes: dim=-1 for [N, C] and [N, T, C].",
        )

    def _line(self, case: Case, dimension: int, shape: list[int]) -> Line | None:
        for backward in case.backwards:
            for activation in backward.activations:
                same = activation.dimension == dimension and len(activation.shape) == len(shape)
                if activation.kind in ("softmax", "log_softmax") and same:
                    return call_over(case, activation.kind, dimension) or activation_line(
                        case, activation.kind, backward.place
                    )
        return _division(case, dimension) or case.criterion_line


def _last_softmax(case: Case, call: CriterionCall) -> Activation | None:
    """The softmax or log-softmax that made what enters a criterion, when that is what it came out of."""
    if call.input is None or call.input.origin not in ("Softmax", "LogSoftmax"):
        return None
    backward = next((b for b in case.backwards if b.step == call.step and b.tick > call.tick), None)
    for activation in backward.activations if backward is not None else []:
        if activation.kind in ("softmax", "log_softmax") and activation.depth == 1:
            return activation
    return None


def _division(case: Case, dimension: int) -> Line | None:
    """``e / e.sum(d)`` or ``z - z.logsumexp(d)`` in the source."""
    for file in case.recording.sources:
        source = SourceFile(case.recording, file)
        for node in source.nodes():
            if not (isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.Sub))):
                continue
            for part in ast.walk(node.right):
                if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute):
                    given = [*part.args, *(k.value for k in part.keywords if k.arg in ("dim", "axis"))]
                    if part.func.attr in ("sum", "logsumexp") and any(ast.unparse(g) == str(dimension) for g in given):
                        return source.line(node.lineno)
    return None
