from __future__ import annotations

import ast
from typing import Any

from flatline.causes.base import Cause, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.judging import contrast
from flatline.causes.places import candidates, optimizers
from flatline.changes import Change
from flatline.fixes.patch import Patch
from flatline.observe.events import LearningRate, Update
from flatline.record.recording import Line
from flatline.record.source import SourceFile, update_line

# A schedule may end at 0, and a warm-up may begin there; a rate that moves nothing for half of the run is neither.
SHARE = 0.5
# The epsilon of float32: an update of this rate times a gradient of order 1 is lost in a weight of order 1. Weights that
# stand still at a larger rate have arrived, or stand still for another reason.
TOO_SMALL = 1.2e-7
# That so many measured steps left the weights as they were by accident: once in a thousand programs.
CHANCE = 1e-3


class LearningRateZero(Cause):
    """The learning rate is 0, or so small that adding the update to a float32 weight changes nothing.

    What you see
        The loss stays where it is, exactly, from the start or from an epoch on.

    What is measured
        The learning rate of each group at every step; whether weights that have a gradient and are in the optimizer
        change, bit for bit.

    How it is told apart
        With ``parameters-not-optimized`` the optimizer does not hold the weights, with ``graph-cut`` there is no
        gradient. A cosine schedule that ends at 0, or a warm-up that starts there, moves the weights in between.

    Experiment
        The rate that the optimizer was made with throughout (0.01 if that is 0), and a step wherever only the
        scheduler is stepped: every step moves the weights.

    Fix
        Step an epoch schedule once an epoch; check its gamma, and integer divisions in a rate function.

    References
        https://github.com/LINCellularNeuroscience/VAME/issues/26
        https://github.com/leftthomas/SRGAN/issues/94
        https://github.com/ClementPinard/SfmLearner-Pytorch/issues/5
    """

    name = "learning-rate-zero"
    row = "F8"
    title = "the learning rate is zero, or too small to change a weight"

    def decide(self, case: Case) -> Decision | None:
        if not case.stepped and case.recording.optimizers and case.recording.backwards >= 3:
            scheduled = only_calls(case, "step", "sched")
            if scheduled is not None:
                return Found(
                    Level.LIKELY,
                    0.98,
                    scheduled,
                    [
                        Evidence(
                            "optimizer steps", f"0 after {case.recording.backwards} backward passes", "one for each"
                        ),
                        Evidence("what is stepped instead", scheduled.source),
                    ],
                    "Call optimizer.step() after backward; scheduler.step() only changes the rate.",
                )
            return None
        updates = [u for u in case.updates if any(p.has_gradient and p.gradient != 0 for p in u.parameters)]
        if len(updates) < 2:
            return None
        still = [u for u in updates if not any(p.moved for p in u.parameters)]
        steps = max(case.recording.steps, 1)
        # A run of still steps that reaches to the end, or to the first that moves; as a share of all steps.
        first = next((u.step for u in still if all(v in still for v in updates if v.step >= u.step)), None)
        moving = next((u.step for u in updates if u not in still), steps)
        share = max((steps - first) / steps if first is not None else 0.0, moving / steps)
        if not case.recording.optimizers and not self._stopped(case, still, first):
            return None
        rates = [r for record in case.recording.all(LearningRate) for r in record.rates]
        least = min(rates, default=0.0)
        if share < SHARE or least > TOO_SMALL:
            span = f"{number(min(rates))} to {number(max(rates))}" if rates else "not seen"
            return RuledOut(
                f"weights move in {len(updates) - len(still)} of {len(updates)} measured steps (rates {span})"
            )
        return Found(
            Level.LIKELY,
            0.96,
            self._line(case),
            [
                Evidence("share of the run in which no weight changed", f"{share:.0%}", "0%"),
                Evidence(
                    "learning rate, least and greatest",
                    f"{number(least)} and {number(max(rates))}" if rates else "applied by hand",
                ),
                Evidence("gradients meanwhile", "not 0"),
            ],
            "Print the learning rate at each step; step an epoch schedule once an epoch, and check gamma and divisions.",
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found) or not case.recording.optimizers:
            return []
        made = [float(o.options.get("lr", 1.0) or 0.0) for o in case.recording.optimizers.values()]
        # 0 from the start: any usual rate moves the weights.
        arguments: dict[str, Any] = {"constant": True, "stepped": True} if max(made) > 0 else {"value": 1e-2}
        return [
            Experiment(
                "do the weights move when the rate stays what the optimizer was made with?"
                if max(made) > 0
                else "do the weights move at a rate of 0.01?",
                [Change("learning-rate", arguments)],
                contrast(
                    "learning-rate",
                    lambda control: _still(control) > 0.1,
                    lambda control, trial: trial.stepped and bool(trial.updates) and _still(trial) == 0,
                    "at a constant rate every step moves the weights: the rate alone kept them",
                    "at a constant rate the weights do not move either",
                    lambda control, trial: trial.stepped and _still(trial) == 1,
                    lambda some: f"weights at rest in {_still(some):.0%} of the measured steps",
                ),
                steps=case.recording.steps,
            )
        ]

    def patches(self, case: Case, found: Found) -> list[Patch]:
        from flatline.fixes.change_operator import true_division
        from flatline.fixes.drop_call import drop_call
        from flatline.fixes.insert_statement import insert_before
        from flatline.fixes.move_statement import after_loop
        from flatline.fixes.set_argument import set_argument

        if found.line is None:
            return []
        source = SourceFile(case.recording, found.line.file)
        if not case.stepped:
            names = optimizers(source)
            text = "The optimizer takes its step before the schedule moves on."
            return candidates(text, insert_before(f"{names[0]}.step()"), [found.line]) if len(names) == 1 else []
        rounded = [
            source.line(c.lineno) for c in source.calls_of("round") if source.line(c.lineno).line == found.line.line
        ]
        divided = [
            source.line(n.lineno) for n in source.nodes() if isinstance(n, ast.BinOp) and isinstance(n.op, ast.FloorDiv)
        ]
        zeros = ("StepLR", "MultiStepLR", "ExponentialLR")
        none = [source.line(c.lineno) for name in zeros for c in source.calls_of(name) if "gamma=0)" in _closed(c)]
        # In a loop over epochs alone it is where it belongs.
        scheduled = [
            source.line(c.lineno)
            for c in source.calls_of("step")
            if isinstance(c.func, ast.Attribute)
            and "sched" in ast.unparse(c.func).lower()
            and (len(source.loops_around(c.lineno)) > 1 or source.function_around(c.lineno) is not None)
        ]
        return [
            *candidates("The rate is not rounded.", drop_call("round"), list(rounded)),
            *candidates(
                "The rate is lowered to a tenth, not to 0.", set_argument(zeros, "gamma", "0.1", add=False), list(none)
            ),
            *candidates("The division keeps its fraction.", true_division, list(divided)),
            *candidates("The schedule is stepped once an epoch.", after_loop, list(scheduled)),
        ]

    @staticmethod
    def _stopped(case: Case, still: list[Update], first: int | None) -> bool:
        """Without a rate to read: whether the weights stopped for good, and not because they had arrived, nor between
        two updates that gather several gradients each."""
        if case.has("near-zero-loss", "zero-loss"):
            return False
        if len(still) == len(case.updates):
            return True
        before = [u for u in case.updates if first is not None and u.step < first]
        moving = sum(u not in still for u in before) / len(before) if before else 0.0
        # The chance that all later samples fall between two updates.
        return first is not None and (1 - moving) ** sum(u.step >= first for u in still) < CHANCE

    def _line(self, case: Case) -> Line | None:
        recording = case.recording
        for file in recording.sources:
            source = SourceFile(recording, file)
            for node in source.nodes():
                if isinstance(node, ast.Assign) and any("['lr']" in ast.unparse(t) for t in node.targets):
                    return source.line(node.lineno)
            for node in source.nodes():
                if isinstance(node, ast.Call):
                    name = ast.unparse(node.func).rsplit(".", 1)[-1]
                    if name.endswith(("LR", "Scheduler", "WarmRestarts")):
                        return source.line(node.lineno)
        by_hand = update_line(recording, case.backward_line)
        if by_hand is not None and not recording.optimizers:
            source = SourceFile(recording, by_hand.file)
            for name in ("lr", "learning_rate", "eta", "step_size", "rate"):
                made = source.assignments(name)
                if made and name in by_hand.source:
                    return source.line(made[-1].lineno)
            return by_hand
        return self._given(case) or case.optimizer_line

    @staticmethod
    def _given(case: Case) -> Line | None:
        """Where the name that is passed as the rate was given its value."""
        made = case.optimizer_line
        if made is None:
            return None
        source = SourceFile(case.recording, made.file)
        for node in source.nodes():
            if isinstance(node, ast.Call) and node.lineno <= made.line <= (node.end_lineno or node.lineno):
                given = [k.value for k in node.keywords if k.arg == "lr"]
                statements = source.assignments(ast.unparse(given[0])) if given else []
                if statements:
                    return source.line(statements[-1].lineno)
        return None


def only_calls(case: Case, method: str, receiver: str) -> Line | None:
    """A call of ``method`` on something whose name holds ``receiver``, when no other object has it called."""
    for file in case.recording.sources:
        source = SourceFile(case.recording, file)
        calls = [c for c in source.calls_of(method) if isinstance(c.func, ast.Attribute)]
        found = [c for c in calls if receiver in ast.unparse(c.func).lower()]
        if found and len(found) == len(calls):
            return source.line(found[0].lineno)
    return None


def _still(case: Case) -> float:
    """Share of the measured steps with a gradient that moved no weight; 1 when no step was taken."""
    updates = [u for u in case.updates if any(p.has_gradient and p.gradient != 0 for p in u.parameters)]
    if not updates:
        return 1.0 if case.recording.backwards else 0.0
    return sum(not any(p.moved for p in u.parameters) for u in updates) / len(updates)


def _closed(call: ast.Call) -> str:
    """The source of a call without blanks, each argument followed as the last one is."""
    return ast.unparse(call).replace(" ", "").replace(",", ")")
