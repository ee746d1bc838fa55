from __future__ import annotations

import ast

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.contrast import contrastive
from flatline.causes.judging import contrast, loss
from flatline.changes import Change
from flatline.observe.events import CriterionCall, EpochStarted, Forward, LoaderSeen
from flatline.record.provenance import made_at
from flatline.record.recording import Line
from flatline.record.source import SourceFile, argument_name, input_text

# A step or two may lack contrast by chance; when nearly all do, it is how the program is made.
SHARE = 0.9


class NoContrast(Cause):
    """The loss compares the members of a group, and the group has one member, or members that are all equal.

    What you see
        The loss is exactly 0 at every step, and so is the gradient: a contrastive loss on batches of one, or
        group-relative advantages of one answer each or of equal rewards.

    What is measured
        The size of the square table of similarities that enters the cross entropy; for advantages, that each loss and
        each gradient is exactly 0 while the loss is a product with a factor made by subtracting a group's mean, or
        with constants beside a ratio of probabilities that are all 0.

    How it is told apart
        ``one-class-softmax``: there the one column is a class that the model's last layer gives. ``zero-by-design``:
        there the gradient is not 0. ``all-targets-masked``: there the factor is a mask.

    Experiment
        One more column of similarities, or unequal rewards: the loss is not 0, and the weights move.

    Fix
        Larger batches (drop_last for the rest), at least two answers to each prompt, a reward that tells them apart.

    References
        https://github.com/jiawei-ren/BalancedMSE/issues/19
        https://github.com/huggingface/trl/issues/3452
    """

    name = "no-contrast"
    row = "Z9"
    title = "there is nothing to compare with inside the group"
    before_training = Level.LIKELY
    choices = (
        Choice("Use larger batches or groups.", "memory"),
        Choice("Make the rewards or labels of a group differ.", "another reward; it has to be right"),
        Choice("Skip groups without contrast.", "fewer samples a step"),
    )

    def decide(self, case: Case) -> Decision | None:
        tables = [c for c in case.calls_named("cross_entropy") if contrastive(case, c)]
        single = [c for c in tables if c.input is not None and c.input.shape[0] == 1]
        if tables and len(single) < SHARE * len(tables):
            least = min(c.input.shape[0] for c in tables if c.input is not None)
            return RuledOut(f"each sample is compared with at least {least - 1} others")
        if single:
            first = single[0]
            return Found(
                Level.LIKELY,
                0.97,
                self._loader(case) or self._drawn(case) or self._table(case, first),
                [
                    Evidence(
                        "samples that each one is compared with",
                        f"0 in {len(single)} of {len(tables)} measured "
                        "batches: the table of similarities has shape (1, 1)",
                        "at least 1",
                    ),
                    Evidence("loss", number(first.value or 0.0), "about ln N for N samples"),
                ],
                "Use larger batches: with one sample the right answer is the only one.",
            )
        return self._group(case)

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        table = any(contrastive(case, c) for c in case.calls_named("cross_entropy"))
        change = Change("output", {"how": "rival"}) if table else Change("mask", {})
        return [
            Experiment(
                "is the loss other than 0 when each sample has something to be compared with?",
                [change],
                contrast(
                    change.name,
                    _zero,
                    lambda control, trial: not _zero(trial) and trial.moves,
                    "with one other to be compared with the loss is not 0, and the weights move",
                    "with one other to be compared with the loss is 0 as well",
                    lambda control, trial: _zero(trial),
                ),
                steps=5,
            )
        ]

    def _group(self, case: Case) -> Decision | None:
        """Advantages: a product whose factor is what its group's mean leaves."""
        if case.curve is None or not len(case.curve) or (case.curve.values != 0).mean() > 1 - SHARE:
            return None
        products = [b for b in case.backwards if b.value == 0 and "Mul" in b.head[:5]]
        if not products or not case.gradients_vanish:
            return None
        weighed = [b for b in case.backwards if b.advantages]
        nothing = [b for b in weighed if b.advantages == [0, 0]]
        if weighed and len(nothing) >= SHARE * len(weighed):
            what = "advantages, the constants that the ratios of probabilities are multiplied by"
            return self._equal(case, what, f" in {len(nothing)} of {len(weighed)} measured steps", self._rewarded(case))
        made = self._centred(case)
        return self._equal(case, f"factor of the loss, {made[0]}", "", made[1]) if made is not None else None

    @staticmethod
    def _equal(case: Case, what: str, where: str, line: Line | None) -> Found:
        assert case.curve is not None
        return Found(
            Level.LIKELY,
            0.95,
            line,
            [
                Evidence("loss", f"0 in {int((case.curve.values == 0).sum())} of {len(case.curve)} steps"),
                Evidence("gradients", "exactly 0", "above 0 even where the loss is 0 by design"),
                Evidence(
                    what,
                    f"0 in every element{where}: each value equals the mean of its group",
                    "positive and negative values",
                ),
            ],
            "Draw at least two answers to each prompt, and look at the rewards of one group: they have to differ.",
        )

    @staticmethod
    def _rewarded(case: Case) -> Line | None:
        """Where a library that compares the rewards (TRL) is given them; else where training runs."""
        here = case.backward_line
        if here is None:
            return None
        source = SourceFile(case.recording, here.file)
        given = [n for n in source.nodes() if isinstance(n, ast.keyword) and (n.arg or "").startswith("reward_func")]
        return source.line(given[0].value.lineno) if len(given) == 1 else here

    @staticmethod
    def _centred(case: Case) -> tuple[str, Line] | None:
        """A factor of the loss that is made by taking a mean from something: its name and the line."""
        here = case.criterion_line or case.backward_line
        if here is None:
            return None
        source = SourceFile(case.recording, here.file)
        for node in source.nodes():
            if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult):
                continue
            for side in (node.left, node.right):
                while isinstance(side, ast.Call) and isinstance(side.func, ast.Attribute):
                    side = side.func.value
                made = [s for s in source.assignments(ast.unparse(side)) if s.lineno <= node.lineno]
                if made and _subtracts_mean(made[-1]):
                    return ast.unparse(side), source.line(made[-1].lineno)
        return None

    @staticmethod
    def _drawn(case: Case) -> Line | None:
        """Where a generator of the program yields what the model is given."""
        for forward in case.recording.all(Forward)[:1]:
            line = case.recording.line(forward.place)
            for step in made_at(case.recording, line, input_text(case.recording, line)):
                if step.source.startswith("yield"):
                    return step
        return None

    @staticmethod
    def _table(case: Case, call: CriterionCall) -> Line | None:
        line = case.call_line(call)
        made = made_at(case.recording, line, argument_name(case.recording, line, 0))
        return made[0] if made else line

    @staticmethod
    def _loader(case: Case) -> Line | None:
        """Where the loader was made that gives one sample at a time."""
        used = {e.loader for e in case.recording.all(EpochStarted)}
        for loader in case.recording.all(LoaderSeen):
            if loader.number in used and loader.batch_size == 1:
                return case.recording.line(loader.place)
        return None


def _subtracts_mean(statement: ast.stmt) -> bool:
    value = getattr(statement, "value", None)
    for part in ast.walk(value) if isinstance(value, ast.expr) else []:
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Sub):
            right = part.right
            if isinstance(right, ast.Call) and isinstance(right.func, ast.Attribute) and right.func.attr == "mean":
                return True
            if isinstance(right, ast.Name) and any(w in right.id.lower() for w in ("mean", "baseline", "mu", "avg")):
                return True
    return False


def _zero(case: Case) -> bool:
    values = loss(case)
    return len(values) > 0 and bool((values == 0).mean() >= SHARE)
