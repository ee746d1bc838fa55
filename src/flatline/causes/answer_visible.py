from __future__ import annotations

import ast
import math

import numpy as np

from flatline.causes.base import Cause, Decision, Evidence, Experiment, Found, Level, RuledOut, Untested
from flatline.causes.case import CLASSIFICATION, Case
from flatline.causes.constant_targets import target_line
from flatline.causes.inputs import input_lines, model_argument
from flatline.causes.judging import contrast, formula, last
from flatline.changes import Change
from flatline.observe.events import Visible
from flatline.record.copying import Copies, Overlap, copies, overlap
from flatline.record.kept import sliding, tables
from flatline.record.provenance import made_at
from flatline.record.reader import Line
from flatline.record.source import SourceFile

# Constructors of layers that mix positions, and how a call of one is told that it must look back only.
_MIXERS = ("MultiheadAttention", "TransformerEncoderLayer", "TransformerEncoder", "TransformerDecoder", "Transformer")
_CAUSAL = ("mask", "causal")


class AnswerVisible(Cause):
    """The model sees what it is asked to predict: the next token, its own target, or rows it was trained on.

    What you see
        The loss goes below what the data allow, on held-out data too; what the model then generates is worthless.

    What is measured
        Whether each target is a token of the input, and at which distance; with one more backward pass through the
        graph, which input positions the output of one position depends on. For windows over a series: whether the
        target is one of the numbers in the window. For splits: equal rows in the training and the evaluation part.

    How it is told apart
        In a causal model the target is the next token and its gradient is exactly 0. In a masked model hidden tokens
        are no copies. An autoencoder repeats its input on purpose, but sees all of it: only a model that looks back
        and is asked for the token it was just given has lost a shift. One column of a plain table is
        ``label-in-input``. An evaluation of the training part itself is no leak.

    Experiment
        Random tokens (or numbers), new at every step, with targets made from them as before: a causal model
        stays at ln V, one that sees the answer goes far below. For splits: a random label for each row, the
        same whenever the row comes; on the evaluated rows that were trained on, memory brings the loss far
        below ln C.

    Fix
        A causal mask; or targets shifted by one; or windows that end before the target; or a split before rows are
        repeated.

    References
        https://github.com/huggingface/transformers/issues/48745
        https://github.com/huggingface/transformers/issues/3711
        https://github.com/alex-matton/causal-transformer-decoder/issues/1
        https://github.com/marin-community/marin/pull/2700
        https://github.com/MakazhanAlpamys/Soup/issues/680
    """

    name = "answer-visible"
    row = "Z7"
    title = "the model can see the answer it is asked to predict"

    def decide(self, case: Case) -> Decision | None:
        return self._tokens(case) or self._window(case) or self._split(case)

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        if overlap(case.recording) is not None and not case.recording.all(Visible):
            return [
                Experiment(
                    "are random labels, one for each row, known on the evaluated rows?",
                    [Change("memory", {})],
                    contrast(
                        "memory",
                        lambda control: overlap(control.recording) is not None,
                        lambda control, trial: _remembered(trial) < 0.8,
                        "random labels of evaluated rows are known: these rows were trained on",
                        "random labels of evaluated rows are not known",
                        lambda control, trial: _remembered(trial) > 1 and trial.explained > 0.5,
                        lambda some: f"held-out loss over chance: {_remembered(some):.3g}",
                    ),
                    steps=case.recording.steps,
                )
            ]
        return [
            Experiment(
                "does the loss fall on random data, which nobody can predict?",
                [Change("tokens", formula(case))],
                contrast(
                    "tokens",
                    lambda control: math.isfinite(last(control)),
                    lambda control, trial: last(trial) < 0.5 * _unpredictable(control),
                    "the loss falls on random data that are new at every step: the model is shown what it is asked",
                    "random data are not predicted: the model does not see the answer",
                    lambda control, trial: last(trial) > 0.9 * _unpredictable(control) > last(control),
                ),
                steps=case.recording.steps,
            )
        ]

    def _tokens(self, case: Case) -> Decision | None:
        looks = case.recording.all(Visible)
        found = [c for c in copies(case.recording) if c.index == 0]
        if not found:
            return None
        copy = found[0]
        if not looks:
            return Untested("targets are tokens of the input, but the graph does not tell which of them an output sees")
        look = max(looks, key=lambda v: len(v.seen))
        sees = look.position + copy.shift in look.seen
        causal = max(look.seen) <= look.position
        evidence = [
            Evidence(
                f"targets equal to the input {copy.shift} places on"
                if copy.shift
                else "targets equal to the input at the same place",
                f"{copy.share:.1%} of {copy.tokens}",
                f"{copy.expected:.0%} by accident",
            ),
            Evidence(
                f"input places on which output {look.position} of {look.length} depends",
                f"{min(look.seen)} to {max(look.seen)}",
                f"none beyond {look.position + copy.shift - 1}",
            ),
        ]
        if not sees:
            return RuledOut(
                f"the target is the token {copy.shift} on, and output {look.position} depends on tokens up to "
                f"{max(look.seen)} only"
            )
        if copy.shift:
            return Found(
                Level.LIKELY,
                0.98,
                mixing_line(case) or case.criterion_line,
                evidence,
                "Let each position look back only: give the attention a causal mask, make recurrent layers "
                "one-directional, pad convolutions on the left.",
            )
        return self._same_place(case, copy, causal, evidence)

    @staticmethod
    def _same_place(case: Case, copy: Copies, causal: bool, evidence: list[Evidence]) -> Decision:
        return Found(
            Level.LIKELY if causal else Level.POSSIBLE,
            0.97 if causal else 0.4,
            case.criterion_line,
            evidence,
            "Ask for the next token: compare the outputs without the last one with the tokens without the first, "
            "logits[:, :-1] with tokens[:, 1:].",
        )

    def _window(self, case: Case) -> Decision | None:
        for table in tables(case.recording):
            x, y = table.x, table.y
            if not sliding(x) or len(np.unique(y)) < 3:
                continue
            # The model may have been given another precision than the loss.
            close = np.abs(x - y[:, None]) <= 1e-5 * np.abs(y).max()
            columns = np.nonzero(close.all(0))[0]
            if len(columns):
                lines = [line for line in (target_line(case), *input_lines(case)[-1:]) if line is not None]
                return Found(
                    Level.LIKELY,
                    0.98,
                    _sliced(case, lines),
                    [
                        Evidence("rows that continue in another row", "the inputs are windows over one series"),
                        Evidence(
                            f"target equal to number {columns[0] + 1} of {x.shape[1]} in its own window",
                            f"in all of {len(y)} rows",
                            "in none: the target comes after the window",
                        ),
                    ],
                    f"Let the target be what follows the window: its index is {x.shape[1] - int(columns[0])} too small.",
                )
        return None

    def _split(self, case: Case) -> Decision | None:
        found = overlap(case.recording)
        if found is None:
            return None
        return Found(
            Level.LIKELY,
            0.95,
            split_line(case, found),
            [
                Evidence("evaluated rows that were trained on", f"{found.shared} of {found.rows}", "0"),
                Evidence("rows in the training part, and repetitions among them", f"{found.trained}, {found.repeated}"),
            ],
            "Split first, and repeat, draw or augment rows in the training part only; split by source where several "
            "rows come from one.",
        )


def mixing_line(case: Case) -> Line | None:
    """The call of an attention without a causal mask, or the line that builds a layer that looks both ways."""
    for file in case.recording.sources:
        source = SourceFile(case.recording, file)
        for node in source.nodes():
            if not isinstance(node, ast.Call):
                continue
            text = ast.unparse(node)
            if "bidirectional=True" in text and ast.unparse(node.func).rpartition(".")[2] in ("LSTM", "GRU", "RNN"):
                return source.line(node.lineno)
            if ast.unparse(node.func).endswith("scaled_dot_product_attention") and not _told(node):
                return source.line(node.lineno)
        for node in source.nodes():
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                built = ast.unparse(node.value.func).rpartition(".")[2]
                if built in _MIXERS:
                    called = source.calls_of(ast.unparse(node.targets[0]).rpartition(".")[2])
                    open_calls = [c for c in called if not _told(c)]
                    if open_calls:
                        return source.line(open_calls[0].lineno)
        for name in ("softmax", "Conv1d", "matmul", "einsum"):
            made = source.calls_of(name)
            if made:
                return source.line(made[0].lineno)
    return None


def _told(call: ast.Call) -> bool:
    return any(
        k.arg is not None
        and any(word in k.arg for word in _CAUSAL)
        and k.arg != "key_padding_mask"
        and not (isinstance(k.value, ast.Constant) and not k.value.value)
        for k in call.keywords
    )


def _sliced(case: Case, lines: list[Line]) -> Line | None:
    """Of lines that made windows and targets, one that cuts a series; else the first."""
    for line in lines:
        if "[" in line.source and ":" in line.source.partition("[")[2]:
            return line
    return lines[-1] if lines else case.criterion_line


def split_line(case: Case, found: Overlap) -> Line | None:
    """Where the evaluated rows were cut off: the line behind their index, or behind the rows themselves."""
    recording = case.recording
    here = recording.line(found.place)
    argument = model_argument(recording, here)
    if here is None or argument is None:
        return here
    node = ast.parse(argument, mode="eval").body
    if isinstance(node, ast.Subscript) and isinstance(node.slice, (ast.Name, ast.Attribute)):
        lines = made_at(recording, here, ast.unparse(node.slice))
        if lines:
            return lines[0]
    lines = made_at(recording, here, argument)
    cut = [line for line in lines if "split" in line.source or ":" in line.source.partition("[")[2]]
    return (cut or lines or [here])[0]


def _unpredictable(case: Case) -> float:
    """The loss of the best guess at random data: ln of the number of tokens, or the variance of the numbers."""
    if len(case.label_counts) > 1 and case.main_call is not None and case.main_call.name in CLASSIFICATION:
        return math.log(len(case.label_counts))
    return case.chance.value if case.chance is not None else 0.0


def _remembered(case: Case) -> float:
    """The least loss without gradients over ln C."""
    classes = max((c.classes for c in case.calls), default=-1)
    values = [float(c.values[-1]) for c in case.recording.evaluations if len(c)]
    return min(values) / math.log(classes) if values and classes > 1 else math.nan
