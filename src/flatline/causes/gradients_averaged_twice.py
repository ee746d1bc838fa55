from __future__ import annotations

import ast
import re

import numpy as np

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.judging import clearly_lower, contrast
from flatline.changes import Change
from flatline.observe.events import StepCount
from flatline.record.ranks import averages
from flatline.record.recording import Line, Recording
from flatline.record.source import SourceFile

_WORLD = re.compile(r"world|n_?gpus?\b|num_(gpus|replicas|processes|ranks)|nprocs", re.IGNORECASE)
# Hooks and settings by which the program may undo the wrapper's average.
_OWN_EXCHANGE = ("register_comm_hook", "set_gradient_divide_factor", "set_reduce_scatter_divide_factor")
# Divided by the mean of squares, or by the sign, a gradient's scale is gone: epsilon and weight decay apart.
_SCALE_FREE = ("Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSprop", "Adagrad", "Adadelta", "Rprop", "Adafactor")
EXACT = 1e-4


class GradientsAveragedTwice(Cause):
    """The loss is divided by the number of processes, and DistributedDataParallel divides once more.

    What you see
        With more processes the loss falls more slowly, as with a smaller learning rate; the logged loss, where it is the
        divided one, is a fraction of what one process shows.

    What is measured
        What backward ran on, over what the criterion gave, in every step: exactly one over the number of processes; the
        division in the source; a wrapper that averages gradients over processes by itself.

    How it is told apart
        Division by the number of micro-batches that are added up for one step is right: it is taken out by counting
        backward passes for each step. A sum of gradients by hand, without a wrapper, needs the division. A
        communication hook may sum where the wrapper would average; then nothing is decided. Adam and its kin divide by
        the gradient's own size, so nothing but epsilon is felt: possible, not likely.

    Experiment
        The learning rate times the number of processes, which is the same as no division for plain SGD.

    Fix
        Call backward on the mean loss of this process's rows; the wrapper averages over processes.

    References
        https://docs.pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html
    """

    name = "gradients-averaged-twice"
    row = "Z3g"
    title = "the loss is divided by the number of processes, and the gradients are averaged over them as well"
    choices = (
        Choice(
            "Leave one of the two divisions out.",
            "steps become larger by the number of ranks: the rate may have to come down",
        ),
        Choice("Keep it, where the rate was tuned with it.", "the rate does not mean what it says"),
    )

    def decide(self, case: Case) -> Decision | None:
        recording = case.recording
        world = len(recording.ranks)
        wrapper = averages(recording)
        if world < 2 or not wrapper:
            return None
        world = max(world, recording.run.world)
        ratio = _ratio(recording)
        if ratio is None:
            return None
        added = _added(recording)
        if abs(ratio * added * world - 1) > EXACT:
            return RuledOut(f"backward runs on {number(ratio)} times the criterion's value, not on 1/{world * added}")
        line = _division(recording)
        if line is None or any(name in text for text in recording.sources.values() for name in _OWN_EXCHANGE):
            return None
        kind = case.optimizer.name if case.optimizer is not None else ""
        harmless = kind in _SCALE_FREE
        return Found(
            Level.POSSIBLE if harmless else Level.LIKELY,
            0.6 if harmless else 0.97,
            line,
            [
                Evidence(
                    "what backward runs on, over the criterion's value",
                    f"{number(ratio)} in every step",
                    number(1 / added),
                ),
                Evidence(f"processes over which {wrapper} averages the gradients", str(world)),
                Evidence(
                    "what it costs",
                    f"next to nothing: {kind} is blind to the scale of gradients"
                    if harmless
                    else f"updates are 1/{world} of what they should be",
                ),
            ],
            f"Leave the division out: {wrapper} averages the gradients over the processes by itself. Divide only what "
            "is printed, after a sum over the processes.",
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found) or decision.level is not Level.LIKELY:
            return []
        world = max(len(case.recording.ranks), case.recording.run.world)
        return [
            Experiment(
                f"does the loss fall further with {world} times the learning rate, which undoes one division?",
                [Change("learning-rate", {"factor": float(world)})],
                contrast(
                    "learning-rate",
                    lambda control: isinstance(self.decide(control), Found),
                    clearly_lower,
                    "with the division undone the loss ends clearly lower",
                ),
                steps=case.recording.steps,
            )
        ]


def _ratio(recording: Recording) -> float | None:
    """The optimised scalar over the criterion's value, where that is one number in all steps."""
    for curve in recording.optimised[:1]:
        for criterion in recording.criteria:
            if len(criterion) != len(curve) or not np.array_equal(criterion.steps, curve.steps):
                continue
            fine = np.isfinite(curve.values) & np.isfinite(criterion.values) & (criterion.values != 0)
            ratios = curve.values[fine] / criterion.values[fine]
            if len(ratios) >= 3 and float(np.ptp(ratios)) <= EXACT * abs(float(ratios[0])):
                return float(np.median(ratios))
    return None


def _added(recording: Recording) -> int:
    """Backward passes for each optimizer step."""
    counts = recording.all(StepCount)
    if not counts or not counts[-1].steps:
        return 1
    return max(1, round(counts[-1].backwards / counts[-1].steps))


def _division(recording: Recording) -> Line | None:
    """A line of the program that divides by the number of processes, the nearest above the backward."""
    backward = recording.line(recording.optimised[0].place)
    if backward is None:
        return None
    source = SourceFile(recording, backward.file)
    lines = []
    for node in source.nodes():
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Div):
            divisor: ast.expr | None = node.value
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            divisor = node.right
        else:
            continue
        if divisor is not None and _WORLD.search(ast.unparse(divisor)):
            lines.append(node.lineno)
    # Further below it may be the mean of what is printed.
    above = [n for n in lines if n <= backward.line]
    return source.line(max(above)) if above else None
