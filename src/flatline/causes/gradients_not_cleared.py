from __future__ import annotations

import ast
import math

from flatline.causes.base import Cause, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case
from flatline.causes.judging import clearly_lower, contrast
from flatline.causes.places import candidates, optimizers, receivers
from flatline.changes import Change
from flatline.fixes.patch import Patch
from flatline.observe.events import Backward, StepCount, Update
from flatline.record.source import SourceFile, update_line


class GradientsNotCleared(Cause):
    """Gradients of earlier steps are still there when the next step begins: every update adds all that came before.

    What you see
        The loss falls, then rises or swings; the gradient grows from step to step.

    What is measured
        Whether the first backward after an optimizer step finds gradients that are not 0; how often gradients were
        cleared against how often the optimizer stepped.

    How it is told apart
        Gradient accumulation adds within a step and clears after it. A rate that is too high overshoots with fresh
        gradients too.

    Experiment
        Clear the gradients before each backward that follows a step: the gradient stops growing.

    Fix
        Call optimizer.zero_grad() once for each optimizer.step().

    References
        https://github.com/xingyizhou/CenterNet/issues/928
        https://github.com/huggingface/accelerate/issues/2341
    """

    name = "gradients-not-cleared"
    row = "F5"
    title = "gradients are not cleared between steps"

    def decide(self, case: Case) -> Decision | None:
        after: list[Update | Backward] = [u for u in case.updates if u.optimizer >= 0]
        if not after:
            moved = {u.step for u in case.updates if any(p.moved for p in u.parameters)}
            after = [b for b in case.backwards if b.step - 1 in moved]
        if len(after) < 2 or not case.moves:
            return None
        stale = sum(item.stale for item in after)
        if not case.accumulates:
            return RuledOut(f"{len(after) - stale} of {len(after)} measured steps began with cleared gradients")
        counts = case.recording.all(StepCount)
        evidence = [
            Evidence("steps that began with the gradients of the step before", f"{stale} of {len(after)}", "0"),
        ]
        if counts:
            evidence.append(
                Evidence(
                    "gradients cleared against optimizer steps", f"{counts[-1].clears} to {counts[-1].steps}", "equal"
                )
            )
        return Found(
            Level.LIKELY,
            0.97,
            case.backward_line,
            evidence,
            "Call optimizer.zero_grad() before loss.backward(), once for each step.",
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        return [
            Experiment(
                "does the loss come down when gradients are cleared before each backward that follows a step?",
                [Change("gradients", {"clear": True})],
                contrast(
                    "gradients",
                    lambda control: control.accumulates,
                    lambda control, trial: (
                        not trial.accumulates
                        and (clearly_lower(control, trial) or _longest(control) > 2 * _longest(trial) > 0)
                    ),
                    "with gradients cleared they stop growing, and the loss follows",
                ),
                steps=case.recording.steps,
            )
        ]

    def patches(self, case: Case, found: Found) -> list[Patch]:
        from flatline.fixes.insert_statement import insert_after, insert_before

        line = case.backward_line
        if line is None:
            return []
        source = SourceFile(case.recording, line.file)
        loops = source.loops_around(line.line)
        inner = loops[-1] if loops else None
        # Cleared outside of the loop does not count.
        cleared = receivers(source, "zero_grad", inner)
        missing = [name for name in optimizers(source) if name not in cleared]
        if missing:
            statements = [f"{name}.zero_grad()" for name in missing]
            text = "Gradients are cleared before each backward pass."
            return candidates(text, insert_before(*statements), [line])
        moved = update_line(case.recording, line)
        if moved is None:
            return []
        steps = [
            node
            for node in source.nodes()
            if isinstance(node, ast.AugAssign) and f"{ast.unparse(node.target)}.grad" in ast.unparse(node.value)
        ]
        if not steps:
            return []
        statements = [f"{ast.unparse(node.target)}.grad = None" for node in steps]
        last = source.line(max(node.lineno for node in steps))
        return candidates("Gradients are cleared after each update.", insert_after(*statements), [last])


def _longest(case: Case) -> float:
    """The greatest norm of all gradients together in a measured step."""
    lengths = [math.sqrt(sum(p.gradient**2 for p in u.parameters if p.has_gradient)) for u in case.updates]
    return max((v for v in lengths if math.isfinite(v)), default=0.0)
