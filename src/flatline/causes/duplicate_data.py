from __future__ import annotations

import ast
from dataclasses import dataclass

import numpy as np

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case
from flatline.causes.inputs import input_lines, model_argument
from flatline.causes.judging import contrast, formula, loss
from flatline.changes import Change
from flatline.observe.events import Forward
from flatline.record.kept import continuous, keys
from flatline.record.passes import Pass, passes, repeated_by_workers
from flatline.record.provenance import made_at
from flatline.record.recording import Line
from flatline.record.source import SourceFile

# In smaller batches half a batch is a handful: programs that overfit one sample on purpose.
FEWEST_ROWS = 8
# On average each row stands twice in one batch, and no batch brought others: by counting pigeonholes, not by chance.
COPIES = 2
# Rows of fewer whole numbers (the states of a game, corners of a cube) are few by nature.
MANY_COLUMNS = 8
_REPEATING = ("repeat", "tile", "expand", "full", "seed", "default_rng", "RandomState", "manual_seed")


@dataclass
class Repeats:
    """``distinct`` rows in all measured steps, ``batch`` rows in one; ``continuous``: no accident of few values."""

    distinct: int
    batch: int
    steps: int
    total: int
    continuous: bool
    columns: int


class DuplicateData(Cause):
    """A few samples are repeated: the training set is far smaller than it looks.

    What you see
        The training loss falls fast, and nothing that was learned holds for other data.

    What is measured
        Rows of inputs with their targets, compared exactly within each step and over all measured steps: how many
        different ones there are, and how many a single batch has. For a stream that several workers read, a hash of
        each row of its first pass.

    How it is told apart
        Over epochs every row comes back; so copies count within one batch only, and only when all of training brought
        fewer different rows than half a batch. Rows of a rare class drawn more often stand beside many others.
        A stream of which each row comes exactly as often as there are workers was read whole by each of them.
        Augmented copies are not equal. Rows of few whole numbers may be equal by nature, and are said to be possible.

    Experiment
        Each batch without its copies: the same loss curve. A stream read without workers: each row comes once.

    Fix
        Look at how an index is made into a sample: a modulo of the wrong length, a repeated index, a generator that is
        seeded anew for every sample.

    References
        https://github.com/huggingface/transformers/issues/5968
    """

    name = "duplicate-data"
    row = "S6"
    title = "a few samples are repeated; the training set is smaller than it looks"
    before_training = Level.LIKELY
    choices = (
        Choice("Keep one of each row, before the split.", "less data; the held-out score falls to what it is worth"),
        Choice("Give each worker its own part of a stream.", "a few lines with get_worker_info"),
        Choice("Leave them, where repeats are wanted as weights.", "none; the loss is then one over the weights"),
    )

    def decide(self, case: Case) -> Decision | None:
        for stream in passes(case.recording):
            if repeated_by_workers(stream):
                return self._workers(case, stream)
        found = repeats(case)
        if found is None:
            return None
        if COPIES * found.distinct > found.batch:
            return RuledOut(f"{found.distinct} different rows in {found.steps} measured steps of up to {found.batch}")
        if not found.continuous and found.columns < MANY_COLUMNS:
            return RuledOut(f"{found.distinct} different rows of few whole numbers: they may well be all there are")
        sure = found.continuous
        return Found(
            Level.LIKELY if sure else Level.POSSIBLE,
            0.98 if sure else 0.4,
            repeating_line(case),
            [
                Evidence(
                    "different rows in all measured steps",
                    f"{found.distinct} of {found.total}",
                    "several batches of them",
                ),
                Evidence(
                    "rows in one step",
                    f"{found.batch}, each {found.batch / found.distinct:.0f} times on average",
                    "each once",
                ),
            ],
            f"Find why only {found.distinct} sample{'s' if found.distinct > 1 else ''} reach the model: print the index "
            "and the first numbers of the first samples.",
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found) or decision.level is not Level.LIKELY:
            # Of rows that may be equal by nature, leaving copies out proves nothing.
            return []
        if any(repeated_by_workers(stream) for stream in passes(case.recording)):
            alone = {"renew": False, "keep_last": False, "one_reader": True}
            return [
                Experiment(
                    "does each row come once in a pass when one process alone reads the stream?",
                    [Change("iterators", alone)],
                    contrast(
                        "iterators",
                        lambda control: _copies(control) > 1,
                        lambda control, trial: _copies(trial) == 1,
                        "without workers each row comes once: every worker read all of it",
                        "without workers the rows come as often",
                        lambda control, trial: _copies(trial) >= _copies(control),
                        lambda some: f"each row {_copies(some):.3g} times in a pass",
                    ),
                    steps=case.recording.steps,
                )
            ]
        return [
            Experiment(
                "is the loss curve the same on the distinct rows alone?",
                [Change("inputs", {"how": "unique", **formula(case)})],
                contrast(
                    "inputs",
                    lambda control: isinstance(self.decide(control), Found),
                    _same_curve,
                    "each batch without its copies gives the same curve: the copies teach nothing",
                    "each batch without its copies gives another curve",
                    lambda control, trial: not _same_curve(control, trial),
                ),
                steps=case.recording.steps,
            )
        ]

    @staticmethod
    def _workers(case: Case, stream: Pass) -> Decision:
        workers = stream.loader.workers
        distinct = len(np.unique(stream.keys))
        return Found(
            Level.LIKELY,
            0.98,
            case.recording.line(stream.loader.place) or case.criterion_line,
            [
                Evidence("rows in one pass over the stream", str(len(stream.keys))),
                Evidence("different ones among them", str(distinct), "all of them"),
                Evidence("worker processes that read it", f"{workers}, each from its beginning"),
            ],
            "An IterableDataset is copied into every worker: let each read its share, rows[info.id :: info.num_workers] "
            "with torch.utils.data.get_worker_info(), or use one worker.",
        )


def _copies(case: Case) -> float:
    """How often a row comes in a pass over the loader that repeats the most; 0 when none was seen."""
    return max((len(p.keys) / len(np.unique(p.keys)) for p in passes(case.recording) if len(p.keys)), default=0.0)


def repeats(case: Case) -> Repeats | None:
    """Counts equal rows of training; None without rows of inputs."""
    seen: set[int] = set()
    batch = steps = total = 0
    fractions = False
    inputs: set[int] = set()
    columns = 0
    for rows in case.recording.rows:
        if not rows.gradient or not rows.inputs or not len(rows.inputs[0]):
            continue
        size = len(rows.inputs[0])
        beside = [x for x in rows.inputs if len(x) == size]
        if rows.target is not None and rows.target.ndim and len(rows.target) == size:
            beside.append(rows.target)
        seen.update(keys(*beside).tolist())
        inputs.update(keys(*beside[:-1] or beside).tolist())
        batch, steps, total = max(batch, size), steps + 1, total + size
        columns = max(columns, rows.inputs[0][0].size)
        fractions = fractions or continuous(rows.inputs[0])
    # Equal inputs with targets that differ are another fault: the inputs hold nothing.
    if batch < FEWEST_ROWS or not steps or len(inputs) == 1 < len(seen):
        return None
    return Repeats(len(seen), batch, steps, total, fractions, columns)


def repeating_line(case: Case) -> Line | None:
    """Of the lines behind the inputs, one that repeats: an index modulo a number, a repetition, or a seed."""
    recording = case.recording
    lines = input_lines(case)
    for forward in recording.all(Forward)[:1]:
        here = recording.line(forward.place)
        lines = lines or made_at(recording, here, model_argument(recording, here))
    lines += [more for line in lines for more in _index_lines(case, line)]
    for line in lines:
        if "%" in line.source and '"' not in line.source:
            return line
    for line in lines:
        if any(f"{name}(" in line.source for name in _REPEATING):
            return line
    return _seeded(case) or (lines[-1] if lines else case.criterion_line)


def _index_lines(case: Case, line: Line) -> list[Line]:
    """Where the indices on a line were made: ``pick`` of ``x[pick]``."""
    found: list[Line] = []
    for node in SourceFile(case.recording, line.file).nodes():
        if isinstance(node, ast.Subscript) and node.lineno == line.line and isinstance(node.slice, ast.Name):
            found += made_at(case.recording, line, node.slice.id)
    return found


def _seeded(case: Case) -> Line | None:
    """A generator with a seed that is made anew inside a function, and so for every sample."""
    for file in case.recording.sources:
        source = SourceFile(case.recording, file)
        for name in ("default_rng", "RandomState", "manual_seed", "seed"):
            for call in source.calls_of(name):
                function = source.function_around(call.lineno)
                looped = function is not None and function.name not in ("main", "__init__")
                if call.args and (looped or source.loops_around(call.lineno)):
                    return source.line(call.lineno)
    return None


def _same_curve(control: Case, trial: Case) -> bool:
    """On average within a tenth of the first loss: how often a row is repeated varies a little between batches."""
    one, other = loss(control), loss(trial)
    if len(one) < 2 or len(one) != len(other) or not np.all(np.isfinite(other)):
        return False
    return float(np.abs(one - other).mean()) < 0.1 * abs(float(one[0]))
