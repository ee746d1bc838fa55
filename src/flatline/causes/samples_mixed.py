from __future__ import annotations

import ast

from flatline.causes.activations import activation_line, call_over
from flatline.causes.base import Cause, Decision, Evidence, Expected, Experiment, Found, Level, RuledOut, Untested
from flatline.causes.case import Case, number
from flatline.causes.grouping import by_chance, elsewhere
from flatline.causes.judging import at, clearly_lower, contrast, finite, named
from flatline.causes.places import calls, candidates
from flatline.changes import Change
from flatline.fixes.patch import Patch
from flatline.observe.events import Activation, Forward, ModelSeen, SequenceLayer
from flatline.record.recording import Line
from flatline.record.source import SourceFile

_LAYERS = (
    "LSTM",
    "GRU",
    "RNN",
    "MultiheadAttention",
    "TransformerEncoderLayer",
    "TransformerDecoderLayer",
    "Transformer",
)


class SamplesMixed(Cause):
    """A layer runs along the samples of the batch, so that what the model gives for one depends on the others.

    What you see
        The loss stays near the chance level, or falls a little and stops; the answer for a sample is another one when it
        is asked alone, or in a batch of another size.

    What is measured
        For each recurrent and attention layer of torch's, along which dimension it runs, and the sizes of what it was
        given beside those of the model's input. Where it was given the memory of that input in another layout, sizes and
        strides say to which sample each step of a sequence belongs; that is arithmetic, and nothing is run again. For
        softmaxes inside the model: the dimension. Whether the first dimension counts samples: a loader that shuffles
        draws as many, or rows that came again came beside others; what is drawn at random is no sequence.

    How it is told apart
        With time first, [T, N, F], each sequence is one sample. A sequence that is one on purpose comes in its order, and
        is not drawn at random. A model that also runs along the places of each sample compares the samples on purpose;
        where convolutions do that, and it trains, the cause is `possible` only.
        Batch normalisation, losses that compare samples, pairs within a batch and graphs have no such layer. The softmax
        of the loss itself is ``softmax-wrong-dim``.

    Experiment
        The same program with the layers along the other dimension (or the two dimensions exchanged, where memory was cut
        anew; or the softmax over the places): the loss ends far lower.

    Fix
        batch_first=True for inputs [N, T, F]; x.transpose(0, 1), not x.view(T, N, F), for a layer that wants time first;
        softmax over the places of a sample.

    References
        https://github.com/pytorch/pytorch/issues/1538
        https://github.com/AndersonJo/dqn-pytorch/issues/1
        https://github.com/IBM/TabFormer/pull/14
        https://github.com/DaoyuanLi2816/Molecule-Generator/pull/22
        https://github.com/HHTseng/video-classification/issues/42
        https://github.com/PetrochukM/PyTorch-NLP/issues/2
    """

    name = "samples-mixed"
    row = "F20"
    title = "a layer runs along the samples of the batch and mixes them"
    before_training = Level.LIKELY

    def decide(self, case: Case) -> Decision | None:
        layers = case.recording.all(SequenceLayer)
        mixing = [layer for layer in layers if _mixes(layer)]
        apart = [layer for layer in layers if _apart(layer)]
        if mixing and apart:
            if _stuck(case):
                return Untested(
                    "some layers run along the samples and some along the places of each; which is meant is open"
                )
            return Expected("the samples of a batch are compared on purpose: other layers run along the places of each")
        if mixing:
            return self._layer(case, mixing[0])
        checked = case.checked("samples apart", "passed")
        if checked is not None:
            return RuledOut(checked.text)
        softmax = self._softmax(case)
        if softmax is not None:
            return softmax
        if apart:
            return RuledOut(f"each sequence of {_told(apart[0])} is one sample")
        return None

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        mixing = next((layer for layer in case.recording.all(SequenceLayer) if _mixes(layer)), None)
        if mixing is not None:
            change = Change("sequences", {"how": "torn" if _torn(mixing) else "axis"})
        else:
            change = Change("operation", {"names": ["softmax"], "dimension": 1, **at(named(decision))})
        return [
            Experiment(
                "does the loss fall further when each sample is kept to itself?",
                [change],
                contrast(
                    change.name,
                    finite,
                    clearly_lower,
                    "with each sample kept to itself, the same training brings the loss far lower",
                ),
                steps=case.recording.steps,
            )
        ]

    def patches(self, case: Case, found: Found) -> list[Patch]:
        from flatline.fixes.set_argument import set_argument
        from flatline.fixes.transpose_view import transpose_view

        mixing = next((layer for layer in case.recording.all(SequenceLayer) if _mixes(layer)), None)
        if mixing is None:
            softmax = set_argument(("softmax", "Softmax"), "dim", "1", 1)
            return candidates("The softmax runs over the places of a sample.", softmax, [found.line])
        if _torn(mixing):
            text = "The first two dimensions are exchanged, and each sample stays whole."
            return candidates(text, transpose_view, [found.line])
        first = set_argument(_LAYERS, "batch_first", "True")
        return candidates("The layer takes samples first.", first, [found.line, *calls(case, *_LAYERS)])

    def _layer(self, case: Case, layer: SequenceLayer) -> Decision | None:
        samples = layer.given[0]
        counted = elsewhere(case, layer.given[0], layer.shape[1 - layer.axis])
        if counted:
            return RuledOut(f"{_told(layer)} keeps the samples apart: {counted}")
        drawn = by_chance(case, layer.given)
        if not drawn and not _stuck(case):
            return Untested(
                f"{_told(layer)} runs along the {samples} rows of the model's input, and whether these are samples or the "
                "steps of one sequence was not seen"
            )
        distinct = len(set(layer.owners))
        along = f"{distinct} different rows in {len(layer.owners)} steps" if distinct else f"all {samples} rows"
        line = (_view_line(case) if _torn(layer) else None) or self._built(case, layer)
        checked = case.checked("samples apart", "failed")
        evidence = [
            Evidence(
                f"rows of the model's input in one sequence of {_told(layer)}", along, "1: a sequence is one sample"
            ),
            Evidence("what the rows are", drawn or "not seen: a sequence on purpose would be no fault"),
            Evidence("loss, first to last", f"{number(case.first_value)} to {number(case.last_value)}"),
        ]
        if checked is not None:
            evidence.append(
                Evidence("another sample in the batch", checked.text, "no output of another sample changes")
            )
        # Attention over the samples beside convolutions over the places may be meant (BatchFormer): then it trains.
        meant = not _stuck(case) and not layer.owners and _convolves(case)
        return Found(
            Level.LIKELY if drawn and not meant else Level.POSSIBLE,
            0.98 if drawn and not meant else 0.5,
            line,
            evidence,
            "Exchange the dimensions with x.transpose(0, 1): view and reshape cut the memory anew, across samples."
            if _torn(layer)
            else f"Give {layer.kind} batch_first=True, or an input with the samples in dimension 1.",
        )

    def _softmax(self, case: Case) -> Decision | None:
        """Scores of the places of each sample, normalised over the samples."""
        given = next(
            (f for f in case.recording.all(Forward) if f.gradient and f.inputs and len(f.inputs[0].shape) > 1), None
        )
        if given is None:
            return None
        shape = given.inputs[0].shape
        for backward in case.backwards:
            for activation in backward.activations:
                if not _over_places(activation, shape, [o.shape for o in given.outputs]):
                    continue
                drawn = by_chance(case, shape)
                checked = case.checked("samples apart", "failed")
                if checked is not None and len(shape) > 2:
                    # Not a table, whose rows may be the nodes of a graph: each row has places, with features each.
                    drawn = drawn or checked.text
                if not drawn and not _stuck(case):
                    return Untested(
                        "a softmax runs over the rows of the model's input; whether these are samples is open"
                    )
                line = call_over(case, "softmax", 0) or activation_line(case, "softmax", backward.place)
                return Found(
                    Level.LIKELY if drawn else Level.POSSIBLE,
                    0.95 if drawn else 0.4,
                    line,
                    [
                        Evidence(
                            "a softmax inside the model runs over",
                            f"dimension 0 of {tuple(activation.shape)}, the samples",
                            f"dimension 1, the {shape[1]} places of each",
                        ),
                        Evidence("what the rows are", drawn or "not seen"),
                        Evidence("loss, first to last", f"{number(case.first_value)} to {number(case.last_value)}"),
                    ],
                    "Let the weights of the places of one sample add up to 1: dim=1, or dim=-1.",
                )
        return None

    def _built(self, case: Case, layer: SequenceLayer) -> Line | None:
        line = case.recording.line(layer.place)
        if line is not None:
            return line
        # Copies, as TransformerEncoder makes of its layer, were built by torch.
        made = calls(case, "TransformerEncoderLayer", "TransformerDecoderLayer", "Transformer", layer.kind)
        return made[0] if made else case.criterion_line


def _mixes(layer: SequenceLayer) -> bool:
    """Whether the steps of one sequence belong to different rows of the model's input, for several sequences."""
    across = layer.shape[1 - layer.axis]
    if across < 2 or len(layer.given) < 2:
        # One sequence, made of all rows: so it was meant.
        return False
    if layer.owners:
        return len(set(layer.owners)) > 1
    rows = layer.given[0]
    # Somewhere in the other dimension the samples may be as well, merged with others.
    return rows > 1 and layer.given.count(rows) == 1 and layer.shape[layer.axis] == rows and across % rows != 0


def _stuck(case: Case) -> bool:
    """Before training nothing has been learned, and that says nothing."""
    return case.stuck and not case.preflight


def _convolves(case: Case) -> bool:
    return any(kind.startswith("Conv") for model in case.recording.all(ModelSeen) for _, kind, _ in model.parts)


def _apart(layer: SequenceLayer) -> bool:
    if layer.owners:
        return len(set(layer.owners)) == 1
    across = layer.shape[1 - layer.axis]
    return bool(layer.given) and across == layer.given[0] and layer.shape[layer.axis] != across


def _torn(layer: SequenceLayer) -> bool:
    """Whether memory was cut anew: then the steps of a sequence are not one row each, in their order."""
    return len(layer.owners) > 1 and layer.owners != list(range(len(layer.owners)))


def _told(layer: SequenceLayer) -> str:
    return f"{layer.kind} over dimension {layer.axis} of {tuple(layer.shape)}"


def _over_places(activation: Activation, given: list[int], outputs: list[list[int]]) -> bool:
    """Whether a softmax inside a model runs over the rows of its input, for scores of the places of each row."""
    shape = activation.shape
    return (
        activation.kind == "softmax"
        and activation.dimension == 0
        and len(shape) > 1
        and shape[:2] == given[:2]
        and shape[1] > 1
        and shape not in outputs
        and any(output[:1] == given[:1] for output in outputs)
    )


def _view_line(case: Case) -> Line | None:
    """The call that cuts the memory anew: of several the one with three sizes, when there is one such only."""
    found: list[tuple[Line, int]] = []
    for file in case.recording.sources:
        source = SourceFile(case.recording, file)
        for name in ("view", "reshape"):
            for call in source.calls_of(name):
                sizes = len(call.args)
                if sizes == 1 and isinstance(call.args[0], (ast.Tuple, ast.List)):
                    sizes = len(call.args[0].elts)
                found.append((source.line(call.lineno), sizes))
    three = [line for line, sizes in found if sizes == 3]
    return three[0] if len(three) == 1 else found[0][0] if len(found) == 1 else None
