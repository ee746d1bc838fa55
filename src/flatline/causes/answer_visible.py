from __future__ import annotations

import ast
import math

import numpy as np

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut, Untested
from flatline.causes.case import CLASSIFICATION, Case, number
from flatline.causes.constant_targets import target_line
from flatline.causes.evaluated_rows import loaders_in_both, rows_in_both, sources_in_both
from flatline.causes.inputs import input_lines
from flatline.causes.judging import contrast, formula, last, loss
from flatline.causes.remembered import labels_remembered
from flatline.changes import Change
from flatline.observe.events import Visible
from flatline.record.copying import Copies, copies
from flatline.record.kept import sliding, tables
from flatline.record.recording import Line
from flatline.record.source import SourceFile

# Constructors of layers that mix positions, and how a call of one is told that it must look back only.
_MIXERS = ("MultiheadAttention", "TransformerEncoderLayer", "TransformerEncoder", "TransformerDecoder", "Transformer")
_CAUSAL = ("mask", "causal")
_LOOK_BACK = (
    "Let each position look back only: give the attention a causal mask, make recurrent layers one-directional, pad "
    "convolutions on the left."
)


class AnswerVisible(Cause):
    """The model sees what it is asked to predict: the next token, its own target, or rows it was trained on.

    What you see
        The loss goes below what the data allow, on held-out data too; what the model then generates is worthless.

    What is measured
        Whether each target is a token of the input, and at which distance; with one more backward pass through the
        graph, which input positions the output of one position depends on. For windows over a series: whether the
        target is one of the numbers in the window. For splits: equal rows in the training and the evaluation part, by a
        hash of each row that a loader gives first; windows that share half their numbers with one trained on; groups of
        near rows, with a gap around each, that lie in both parts.

    How it is told apart
        In a causal model the target is the next token and its gradient is exactly 0. In a masked model hidden tokens
        are no copies. An autoencoder repeats its input on purpose, but sees all of it: only a model that looks back
        and is asked for the token it was just given has lost a shift. One column of a plain table is
        ``label-in-input``. An evaluation of the training part itself is no leak, unless the program calls it validation
        or test. Rows of few possible values are equal by nature; near rows count as one source only where many groups
        of one label each stand apart with next to no pairs in between, which rows drawn one by one never do.

    Experiment
        Random tokens (or numbers), new at every step, with targets made from them as before: a causal model
        stays at ln V, one that sees the answer goes far below. Where that leaves it open: the tokens that are asked
        for exchanged, once most of the training is done; the loss jumps. For splits: a random label for each row (or
        each source of rows), the same whenever it comes; on evaluated rows it is known only to a model that was trained
        on them, or on others of their source.

    Fix
        A causal mask; or targets shifted by one; or windows that end before the target; or a split before rows are
        repeated; a split by patient, speaker or recording.

    References
        https://github.com/huggingface/transformers/issues/48745
        https://github.com/huggingface/transformers/issues/3711
        https://github.com/alex-matton/causal-transformer-decoder/issues/1
        https://github.com/marin-community/marin/pull/2700
        https://github.com/MakazhanAlpamys/Soup/issues/680
        https://github.com/theislab/multimil/issues/75
    """

    name = "answer-visible"
    row = "Z7"
    title = "the model can see the answer it is asked to predict"
    before_training = Level.LIKELY
    choices = (
        Choice(
            "Mask what comes later, or shift the targets by one.",
            "the loss goes up to what can be predicted: it was too good before",
        ),
        Choice(
            "Split by group, time or source instead of by row.",
            "the score on held-out data falls to what it is worth; part of the data may go",
        ),
    )

    def decide(self, case: Case) -> Decision | None:
        looks = (self._tokens, self._checked, self._window, rows_in_both, loaders_in_both, sources_in_both)
        first: Decision | None = None
        for look in looks:
            decision = look(case)
            if isinstance(decision, Found):
                return decision
            first = first or decision
        return first

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        inside = (self._tokens(case), self._checked(case), self._window(case))
        if not any(isinstance(found, Found) for found in inside):
            return [labels_remembered(case)]
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
            ),
            *self._future(case),
        ]

    @staticmethod
    def _future(case: Case) -> list[Experiment]:
        """For targets that are later tokens: what the trained model makes of another future."""
        copy = next((c for c in copies(case.recording) if c.index == 0 and c.shift), None)
        after = 9 * len(loss(case)) // 10
        if copy is None or not after:
            return []

        def ahead(some: Case) -> float:
            return float(np.mean(loss(some)[after:]))

        return [
            Experiment(
                "does the loss jump when the tokens that are asked for are exchanged, after most of the training?",
                [Change("future", {"after": after, "shift": copy.shift})],
                contrast(
                    "future",
                    lambda control: math.isfinite(last(control)),
                    lambda control, trial: ahead(trial) > max(2 * ahead(control), 0.5 * _unpredictable(control)),
                    "the outputs change with tokens that come after them: the model is shown what it is asked",
                    "tokens that come after it do not change what the model says",
                    lambda control, trial: ahead(trial) < ahead(control) + 0.1 * _unpredictable(control),
                    lambda some: f"loss over the last tenth {number(ahead(some))}",
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
                _LOOK_BACK,
            )
        return self._same_place(case, copy, causal, evidence)

    @staticmethod
    def _checked(case: Case) -> Decision | None:
        """What was seen before training, by giving the model other values at later places."""
        hidden = case.checked("future hidden", "passed", "failed")
        if hidden is None:
            return None
        if hidden.outcome == "passed":
            return RuledOut(hidden.text)
        measured = hidden.numbers
        shift, position = int(measured["shift"]), int(measured["position"])
        return Found(
            Level.LIKELY,
            0.98,
            mixing_line(case) or case.criterion_line,
            [
                Evidence(
                    f"targets equal to the input {shift} places on",
                    f"{measured['share']:.1%} of {int(measured['targets'])}",
                ),
                Evidence(
                    f"places up to which output {position} of {int(measured['length'])} changes with its input",
                    f"{int(measured['last'])}",
                    f"{position + shift - 1}",
                ),
            ],
            _LOOK_BACK,
        )

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


def _unpredictable(case: Case) -> float:
    """The loss of the best guess at random data: ln of the number of tokens, or the variance of the numbers."""
    if len(case.label_counts) > 1 and case.main_call is not None and case.main_call.name in CLASSIFICATION:
        return math.log(len(case.label_counts))
    return case.chance.value if case.chance is not None else 0.0
