from __future__ import annotations

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.initialization import constant_weight_line
from flatline.causes.judging import clearly_lower, contrast
from flatline.changes import Change
from flatline.observe.events import Alike
from flatline.record.recording import Line

# Equal units get equal updates; they differ by the rounding of float32 only, 1.2e-7 for each of some dozens of steps.
# Units with gradients of their own differ by far more after one step of any rate that trains.
ROUNDING = 1e-5
# Measured steps in which the units are equal: in one it may be an accident of a batch, such as all inputs at 0.
FEWEST = 3


class SymmetricInitialization(Cause):
    """The units of a hidden layer start with the same weights, so they get the same gradient and stay copies.

    What you see
        The loss stops early, as if the layer had a single unit; with zeros throughout it does not move at all.

    What is measured
        Weights whose rows (or columns) are equal before the first update, compared again at every measured step.

    How it is told apart
        An output layer, or the last layer of a residual block, may start from zeros: its rows get different gradients
        and differ after one step. Only units that stay equal count.

    Experiment
        The equal weights drawn at random: they stay different, and the loss ends far lower.

    Fix
        Draw the weights (the default initialisation does); constants are for biases.

    References
        Goodfellow, Bengio and Courville, Deep Learning, 2016, section 8.4.
    """

    name = "symmetric-initialization"
    row = "F19"
    title = "the units of a layer start equal and stay copies of each other"
    before_training = Level.POSSIBLE
    choices = (
        Choice("Leave the layers at PyTorch's own initialisation.", "training anew"),
        Choice("Draw the weights at random with a scale that fits (Xavier, Kaiming).", "training anew; a seed to set"),
    )

    def decide(self, case: Case) -> Decision | None:
        records: dict[int, list[Alike]] = {}
        for record in case.recording.all(Alike):
            records.setdefault(record.parameter, []).append(record)
        if not records:
            return RuledOut("no weight starts with equal rows or columns") if case.backwards else None
        if not case.moves:
            return None
        moved = {p.parameter for u in case.updates for p in u.parameters if p.moved}
        stay = {
            number: seen
            for number, seen in records.items()
            if len(seen) >= FEWEST and (_equal([r.rows for r in seen]) or _equal([r.columns for r in seen]))
        }
        copies = [number for number in stay if number in moved]
        weights = {p for b in case.backwards for p in b.reached if len(self._shape(case, p)) >= 2}
        # Zeros behind zeros pass no gradient to each other: nothing but the last bias moves.
        still = [number for number in stay if number not in moved]
        saddle = bool(still) and set(still) == weights
        if not copies and not saddle:
            return RuledOut(
                f"{len(records)} weights start with equal rows or columns, and get different gradients from the first step"
            )
        chosen = copies or still
        first = stay[chosen[0]]
        units = first[0].shape[0] if _equal([r.rows for r in first]) else first[0].shape[1]
        shapes = ", ".join(str(tuple(stay[n][0].shape)) for n in chosen[:3])
        fits = case.explained > 0.9
        return Found(
            Level.POSSIBLE if fits else Level.LIKELY,
            0.5 if fits else 0.985,
            constant_weight_line(case) or self._built(case, chosen[0]) or case.criterion_line,
            [
                Evidence(
                    "weights whose units started equal and still are", f"{len(chosen)} of {len(weights)}: {shapes}", "0"
                ),
                Evidence(
                    f"greatest difference between {units} units, in {len(first)} measured steps",
                    number(max(min(r.rows, r.columns) for r in first)),
                    "the size of the weights",
                ),
                Evidence("loss, first to last", f"{number(case.first_value)} to {number(case.last_value)}"),
            ],
            "Draw the weights at random (leave the default initialisation, or xavier/kaiming); set constants in biases only.",
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        return [
            Experiment(
                "does the loss fall when the equal weights are drawn at random?",
                [Change("initialisation", {"draw": "symmetric"})],
                contrast(
                    "initialisation",
                    lambda control: isinstance(self.decide(control), Found),
                    lambda control, trial: not isinstance(self.decide(trial), Found) and clearly_lower(control, trial),
                    "with these weights drawn at random, and nothing else changed, the loss falls",
                ),
                steps=case.recording.steps,
            )
        ]

    @staticmethod
    def _shape(case: Case, number: int) -> list[int]:
        seen = case.recording.parameters.get(number)
        return seen.shape if seen is not None else []

    @staticmethod
    def _built(case: Case, number: int) -> Line | None:
        seen = case.recording.parameters.get(number)
        return case.recording.line(seen.place) if seen is not None else None


def _equal(differences: list[float]) -> bool:
    return differences[0] == 0 and max(differences) < ROUNDING
