from __future__ import annotations

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.judging import contrast
from flatline.changes import Change
from flatline.observe.events import Forward, LearningRate
from flatline.record.ranks import Parameter, Replicas, exchanges_weights, largest_exchange, replicas, wrapper
from flatline.record.recording import Line, Recording


class RanksDiverged(Cause):
    """The weights of the processes drift apart: each trains a model of its own, and one of them is kept.

    What you see
        The loss falls on every rank, yet the saved model, that of rank 0, is no better than one trained on a part of
        the data; losses and accuracies of the ranks differ; an evaluation over all ranks disagrees with one on rank 0.

    What is measured
        Up to four numbers of each weight before each measured step, on every rank; how far they stand apart, and how
        far they have moved. Whether the norms of the gradients, as the optimizer saw them, agree over the ranks.

    How it is told apart
        Replicas that take the same updates differ by rounding only. Weights that differ from the start while their
        gradients agree were never made equal. Weights that were equal and drift were given gradients of one rank each.
        Sharded weights are left out, and so are weights whose names or shapes differ. Weights that differ from the
        start and have gradients of their own are parts of one model (tensor or expert parallel) or models of their own
        (an ensemble). Local SGD brings the weights themselves together from time to time; ranks with learning rates of
        their own are a search.

    Experiment
        The same program with the weights of rank 0 given to all ranks before the first step, and the mean of their
        gradients before each: the weights stay together, where those of the untouched program drift apart.

    Fix
        Wrap the model in DistributedDataParallel, after its last layer was added, and call the wrapper, not
        ``.module``; by hand, broadcast the weights of rank 0 once and average the gradients before every step.

    References
        https://docs.pytorch.org/docs/stable/notes/ddp.html
        https://docs.pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html
    """

    name = "ranks-diverged"
    row = "Z3d"
    title = "the weights of the processes drift apart"
    choices = (
        Choice(
            "Wrap the model in DistributedDataParallel, or start all ranks from one state.",
            "one broadcast at the start",
        ),
        Choice(
            "Make the ranks take their steps under the same condition.", "none, where a rank left a step out by itself"
        ),
    )

    def decide(self, case: Case) -> Decision | None:
        recording = case.recording
        weights = replicas(recording) if len(recording.ranks) > 1 else None
        if weights is None or weights.last == weights.start:
            return None
        apart = weights.apart
        if not apart:
            return RuledOut(
                f"the {len(weights.parameters)} weights of all {len(recording.ranks)} ranks were equal before each "
                f"measured step up to step {weights.last}"
            )
        if all(p.again for p in apart) or exchanges_weights(recording):
            return RuledOut("the weights are brought together again from time to time, as in local SGD")
        rates = [[(r.optimizer, r.rates) for r in rank.all(LearningRate)][:1] for rank in recording.ranks]
        if any(one != rates[0] for one in rates[1:]):
            return RuledOut("the ranks have learning rates of their own, as in a search")
        drifted = [p for p in apart if p.first is not None and p.first > weights.start]
        unequal = [p for p in apart if p.first == weights.start]
        if drifted and not any(p.gradients for p in drifted):
            return self._drift(recording, weights, drifted)
        agreed = [p for p in unequal if p.gradients]
        if agreed:
            return self._unequal(recording, weights, agreed)
        return RuledOut(
            f"{len(unequal) or len(apart)} weights differ from the start and have gradients of their own: parts of one "
            "model, or models of their own"
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        return [
            Experiment(
                "do the weights stay together with one state at the start and the mean of all gradients?",
                [Change("ranks", {"how": "equal"})],
                contrast(
                    "ranks",
                    lambda control: bool(_apart(control)),
                    lambda control, trial: _apart(trial) == 0,
                    "given one state and the mean of the gradients, the ranks keep one model",
                    "given one state and the mean of the gradients, the weights drift apart all the same",
                    lambda control, trial: bool(_apart(trial)),
                    lambda some: f"{_apart(some)} weights apart",
                ),
                steps=case.recording.steps,
            )
        ]

    @staticmethod
    def _drift(recording: Recording, weights: Replicas, drifted: list[Parameter]) -> Found:
        """They were equal, and each rank took steps by gradients of its own."""
        elements = sum(_elements(recording, p) for p in drifted)
        exchanged = largest_exchange(recording)
        # Something as large as half of these weights went round: gradients may be averaged in a way that is not seen.
        sure = exchanged < elements / 2 or len(drifted) < len(weights.parameters)
        wrapped = wrapper(recording)
        whole = len(drifted) == len(weights.parameters)
        evidence = _evidence(recording, weights, drifted)
        evidence.append(
            Evidence(
                "largest exchange that the program made by itself after the first step",
                f"{exchanged} numbers" if exchanged else "none",
                f"the {elements} of these weights' gradients" if not wrapped else "",
            )
        )
        if wrapped:
            fix = (
                f"Call the {wrapped} itself and not its .module, outside of no_sync(): only then are gradients averaged."
                if whole
                else f"Wrap the model in {wrapped} after all its layers are there: it averages only what it has found."
            )
        else:
            fix = "Wrap the model in DistributedDataParallel, or average every gradient before optimizer.step()."
        line = _built(recording, drifted) if not whole else _call(recording) if wrapped else None
        return Found(
            Level.LIKELY if sure else Level.POSSIBLE,
            0.97 if sure else 0.5,
            line or _optimizer(recording) or _call(recording),
            evidence,
            fix,
        )

    @staticmethod
    def _unequal(recording: Recording, weights: Replicas, agreed: list[Parameter]) -> Found:
        return Found(
            Level.LIKELY,
            0.97,
            _built(recording, agreed) or _optimizer(recording),
            _evidence(recording, weights, agreed),
            "Make the weights equal once, before training: for p in model.parameters(): dist.broadcast(p.data, 0); or "
            "set the same seed before the model is built. DistributedDataParallel does it by itself.",
        )


def _apart(case: Case) -> int | None:
    """How many weights stand apart; None where they cannot be compared."""
    weights = replicas(case.recording) if len(case.recording.ranks) > 1 else None
    return len(weights.apart) if weights is not None and weights.last > weights.start else None


def _evidence(recording: Recording, weights: Replicas, apart: list[Parameter]) -> list[Evidence]:
    most = max(apart, key=lambda p: p.apart)
    first = min(p.first for p in apart if p.first is not None)
    names = ", ".join(p.name for p in apart[:3]) + (", …" if len(apart) > 3 else "")
    when = "before the first step" if first == weights.start else f"before step {first}"
    agree = [p.gradients for p in apart if p.gradients is not None]
    return [
        Evidence(
            f"weights that differ between the {len(recording.ranks)} ranks, from {when} on",
            f"{len(apart)} of {len(weights.parameters)} ({names})",
            "0",
        ),
        Evidence(
            f"how far {most.name} of two ranks stand apart before step {weights.last}",
            f"{number(most.apart)}, where it has moved by {number(most.moved)}",
            "0",
        ),
        Evidence("weights whose gradients agree over the ranks", f"{sum(agree)} of {len(agree)}", f"{len(agree)}"),
    ]


def _elements(recording: Recording, parameter: Parameter) -> int:
    total = 1
    for size in recording.parameters[parameter.number].shape:
        total *= size
    return total


def _built(recording: Recording, apart: list[Parameter]) -> Line | None:
    """Where the modules that hold them were made."""
    places = [p.place for p in apart if p.place is not None]
    return recording.line(max(set(places), key=places.count)) if places else None


def _call(recording: Recording) -> Line | None:
    call = next((f for f in recording.all(Forward) if f.gradient), None)
    return recording.line(call.place) if call is not None else None


def _optimizer(recording: Recording) -> Line | None:
    return next((recording.line(o.place) for o in recording.optimizers.values()), None)
