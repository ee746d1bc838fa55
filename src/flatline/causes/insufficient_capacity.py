from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from flatline.causes.base import (
    Cause,
    Choice,
    Decision,
    Evidence,
    Experiment,
    Found,
    Judgement,
    Level,
    Outcome,
    RuledOut,
)
from flatline.causes.case import CLASSIFICATION, Case, number
from flatline.causes.initialization import constant_weight_line, parts_line, random_weight_line
from flatline.causes.judging import ends, last
from flatline.observe.events import Checked, CriterionCall
from flatline.record.kept import tables
from flatline.record.reader import Line

# The loss no longer falls: between the third and the last quarter of the run by less than a twentieth, the usual
# significance of a change, of all it has fallen or of the chance loss.
LEVEL = 0.05
# A floor cannot be told from a slow start in fewer steps: the quarters compared above have 25 each.
FEWEST_STEPS = 100
# A difference of two shares of n rows each, five of its standard errors: one in a million by chance.
ERRORS = 5.0
# The learner must see what the model does not by more than a hair: a fifth of what a constant leaves to be explained.
GAP = 0.2
_HIDDEN = (
    "relu",
    "tanh",
    "sigmoid",
    "gelu",
    "silu",
    "elu",
    "leaky_relu",
    "softplus",
    "hardtanh",
)


class InsufficientCapacity(Cause):
    """The model cannot represent the relation: it is linear where the data are not, or squeezes them through one number.

    What you see
        The loss stops early and stays there, at the same level for training and validation.

    What is measured
        Whether the loss has come to rest; what simple learners, cross-validated, predict of the same rows; whether the
        model has any non-linearity, and its narrowest layer.

    How it is told apart
        A model that still learns, or is thrown about, is not at its limit. When the simple learners do no better, the
        rest is noise. Faults of the output, the targets and the rate are looked for first.

    Experiment
        A network of 2 x 64 units on half of the kept rows: on the other half its loss is far below the
        program's.

    Fix
        A hidden layer, or a wider one at the narrowest place.

    References
        Minsky and Papert, Perceptrons, 1969.
    """

    name = "insufficient-capacity"
    row = "S8"
    title = "the model is too small for the relation in the data"
    before_training = Level.POSSIBLE
    choices = (
        Choice("Widen or deepen the model.", "memory and time; more data to fill it"),
        Choice("Add features, or a layer that can bend.", "thought: what does the target depend on?"),
        Choice("Accept the floor.", "the loss stays where it is"),
    )

    def decide(self, case: Case) -> Decision | None:
        main = case.main_call
        learned = case.checked("one batch can be learned", "passed", "failed")
        if learned is not None:
            return self._one_batch(case, learned)
        if case.curve is None or main is None or not case.moves or not math.isfinite(case.explained):
            return None
        if case.recording.steps < FEWEST_STEPS or case.explained > 1 - GAP:
            return None
        if (
            case.has("zero-loss", "near-zero-loss", "non-finite-loss", "rising-loss", "constant-loss")
            or case.accumulates
        ):
            return None
        linear = self._linear(case)
        narrow = self._narrow(case, main)
        if not linear and not narrow:
            return None
        found = case.association
        if found is None or not found.found or not self._rests(case):
            return None
        own = self._own(case, main)
        gap = found.score - own
        spread = math.sqrt(2 * 0.25 / found.rows)
        best = 1 - found.baseline if found.classification else 1.0
        what = "accuracy" if found.classification else "R²"
        if linear and found.method in ("a linear probe", "a single feature"):
            return RuledOut(
                f"a linear probe predicts the targets best ({what} {found.score:.2f}), and the model is linear"
            )
        if not math.isfinite(own) or gap < ERRORS * spread or gap < GAP * best:
            return RuledOut(
                f"{found.method} does no better on the same rows ({what} {found.score:.2f} against {own:.2f})"
            )
        size = "linear: no activation stands between weights" if linear else f"{narrow} numbers at its narrowest"
        return Found(
            Level.LIKELY,
            0.86,
            self._line(case, linear, narrow),
            [
                Evidence("the model", size, "as much as the relation needs"),
                Evidence(
                    f"{what} on the rows seen, of the model and of {found.method}",
                    f"{own:.2f} and {found.score:.2f} ({found.rows} rows, cross-validated)",
                    "the model at least as good",
                ),
                Evidence("loss, first to last", f"{number(case.first_value)} to {number(case.last_value)}"),
            ],
            "Add a hidden layer with an activation." if linear else "Widen the narrowest layer.",
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        return [
            Experiment(
                "does a wider network do better on the same rows, on rows that it did not train on?",
                [],
                _against_reference,
                steps=case.recording.steps,
            )
        ]

    @staticmethod
    def _one_batch(case: Case, learned: Checked) -> Decision:
        """What the training of a copy on one batch says, before the program trains."""
        if learned.outcome == "passed":
            return RuledOut(learned.text)
        return Found(
            Level.POSSIBLE,
            0.5,
            case.criterion_line,
            [
                Evidence(
                    f"loss of one batch, alone, in {learned.numbers.get('steps', 0):.0f} steps of Adam",
                    f"{number(learned.numbers.get('start', math.nan))} to {number(learned.numbers.get('end', math.nan))}",
                    "about 0: as many parameters as targets can learn these by heart",
                )
            ],
            "Look for what keeps the model from one batch before training on all: its narrowest layer, its last "
            "activation, a normalisation after it.",
        )

    @staticmethod
    def _linear(case: Case) -> bool:
        """No activation before the output's own, in any measured step; so no hidden layer."""
        main = case.main_call
        shape = main.input.shape if main is not None and main.input is not None else []
        seen = [b for b in case.backwards if b.requires_grad]
        other = ("Convolution", "MaxPool", "Layer", "Embedding", "Pow", "Sin", "Cos", "Native")
        return bool(seen) and not any(
            any(a.kind in _HIDDEN and a.shape != shape for a in b.activations)
            or any(name.startswith(other) for name in b.head[4:])
            for b in seen
        )

    @staticmethod
    def _narrow(case: Case, main: CriterionCall) -> int:
        """The width of a layer between two others that is narrower than both the input and what the classes need."""
        if main.name not in CLASSIFICATION or main.classes < 3:
            return 0
        shapes = [
            case.recording.parameters[p].shape
            for b in case.backwards[:1]
            for p in b.reached
            if p in case.recording.parameters and len(case.recording.parameters[p].shape) == 2
        ]
        made = {s[0] for s in shapes}
        taken = {s[1] for s in shapes}
        # One or two numbers place the classes on a line or in a plane; fewer than C - 1 is not enough for a linear layer.
        between = [w for w in made & taken if w <= 2 and w < main.classes - 1]
        return min(between, default=0)

    @staticmethod
    def _rests(case: Case) -> bool:
        values = case.finite
        if len(values) < FEWEST_STEPS or case.chance is None:
            return False
        quarter = len(values) // 4
        third, last = float(np.mean(values[-2 * quarter : -quarter])), float(np.mean(values[-quarter:]))
        return abs(third - last) < LEVEL * max(abs(case.first_value - last), case.chance.value)

    @staticmethod
    def _own(case: Case, main: CriterionCall) -> float:
        """The model's own accuracy or R² at the end of training."""
        calls = [c for c in case.calls if c.series == main.series and c.valid_targets > 0 and c.correct >= 0]
        late = calls[-max(1, len(calls) // 4) :]
        if late:
            return sum(c.correct for c in late) / sum(c.valid_targets for c in late)
        return case.explained

    @staticmethod
    def _line(case: Case, linear: bool, narrow: int) -> Line | None:
        recording = case.recording
        if narrow and not linear:
            for seen in recording.parameters.values():
                if len(seen.shape) == 2 and seen.shape[0] == narrow and seen.place is not None:
                    return recording.line(seen.place)
        return (
            parts_line(case, "Linear") or random_weight_line(case) or constant_weight_line(case) or case.criterion_line
        )


# Half of the rows are held out: with fewer the held-out loss itself is noise.
FEWEST_ROWS = 64


def _against_reference(control: Case, trials: list[Case]) -> Judgement:
    reached = reference_loss(control)
    if reached is None or not math.isfinite(last(control)):
        return Judgement(Outcome.UNDECIDED, "too few rows were kept to train another network on")
    numbers = ends(control), f"held-out loss of 2 x 64 units on the same rows: {reached:.4g}"
    if reached < 0.8 * last(control):
        return Judgement(Outcome.CONFIRMED, "a wider network does far better on the same rows", *numbers)
    if reached > last(control):
        return Judgement(Outcome.REFUTED, "a wider network does no better on the same rows", *numbers)
    return Judgement(Outcome.UNDECIDED, "a wider network does a little better", *numbers)


def reference_loss(case: Case) -> float | None:
    """The loss of a network of 2 x 64 units, trained on half of the kept rows, on the other half; None for too few."""
    import torch

    found: list[tuple[Any, Any, bool]] = [(t.x, t.y, t.classes is not None) for t in tables(case.recording)]
    if not found:
        # Inputs of one number each.
        kept = [
            (r.inputs[0], r.target) for r in case.recording.rows if r.gradient and r.inputs and r.target is not None
        ]
        found = [(x, y, False) for x, y in kept[:1] if x.ndim == 1 and x.shape == y.shape]
    for inputs, targets, labels in found:
        x = torch.tensor(np.asarray(inputs, dtype=np.float32)).reshape(len(inputs), -1)
        if len(x) < FEWEST_ROWS:
            continue
        x = (x - x.mean(0)) / x.std(0).clamp_min(1e-6)
        names, codes = np.unique(targets, return_inverse=True)
        y = torch.tensor(codes) if labels else torch.tensor(np.asarray(targets, dtype=np.float32)).reshape(len(x), -1)
        draws = torch.Generator().manual_seed(0)
        order = torch.randperm(len(x), generator=draws)
        fit, test = order[: len(x) // 2], order[len(x) // 2 :]
        outputs = len(names) if labels else y.shape[1]
        sizes = [x.shape[1], 64, 64, outputs]
        weights = [
            (torch.randn(a, b, generator=draws) * (2 / a) ** 0.5).requires_grad_() for a, b in itertools.pairwise(sizes)
        ]
        biases = [torch.zeros(b, requires_grad=True) for b in sizes[1:]]
        optimizer = torch.optim.Adam([*weights, *biases], lr=1e-2, weight_decay=1e-3)
        criterion = torch.nn.functional.cross_entropy if labels else torch.nn.functional.mse_loss
        best = math.inf
        for step in range(300):
            losses = []
            for rows in (fit, test):
                h = x[rows]
                for i, (w, b) in enumerate(zip(weights, biases)):
                    h = h @ w + b if i == len(weights) - 1 else torch.relu(h @ w + b)
                losses.append(criterion(h, y[rows]))
            if step % 20 == 0:
                best = min(best, float(losses[1].detach()))
            optimizer.zero_grad()
            losses[0].backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return best
    return None
