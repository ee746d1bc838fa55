from __future__ import annotations

import functools
import math

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
from flatline.causes.reference import WIDE, reference_loss
from flatline.observe.events import Checked, CriterionCall, ModelSeen
from flatline.record.recording import Line

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
        A network of 2 x 64 units on half of the kept rows: on the other half its loss is far below the program's, and
        far below that of a network which is linear, or as narrow, as the program's model.

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
        main = case.main_call
        if not isinstance(decision, Found) or main is None:
            return []
        return [
            Experiment(
                "does a wider network do better on the same rows, and one of the model's own size not?",
                [],
                functools.partial(_against_references, 0 if self._linear(case) else self._narrow(case, main)),
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
        # A fused layer is one node of the graph, and what bends in it is not seen there.
        parts = {kind for model in case.recording.all(ModelSeen) for _, kind, _ in model.parts}
        if parts & {"LSTM", "GRU", "RNN", "MultiheadAttention"}:
            return False
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


def _against_references(narrow: int, control: Case, trials: list[Case]) -> Judgement:
    """Beside a wide network, one that is no more than the program's own model: linear, or as narrow."""
    wide, same = reference_loss(control, WIDE), reference_loss(control, [64, narrow] if narrow else [])
    own = last(control)
    if wide is None or same is None or not math.isfinite(own):
        return Judgement(Outcome.UNDECIDED, "too few rows were kept to train another network on")
    small = f"with {narrow} numbers at its narrowest" if narrow else "without a hidden layer"
    numbers = (
        ends(control),
        f"held-out loss on the same rows: 2 x 64 units {wide:.4g}, a network {small} {same:.4g}",
    )
    if wide > own:
        return Judgement(Outcome.REFUTED, "a wider network does no better on the same rows", *numbers)
    if wide < 0.8 * own and wide < 0.8 * same:
        text = "a wider network does far better on the same rows, and one of the model's own size does not"
        return Judgement(Outcome.CONFIRMED, text, *numbers)
    if wide < 0.8 * own:
        text = "a network of the model's own size does as well as a wide one: its size is not what holds it"
        return Judgement(Outcome.UNDECIDED, text, *numbers)
    return Judgement(Outcome.UNDECIDED, "a wider network does a little better", *numbers)
