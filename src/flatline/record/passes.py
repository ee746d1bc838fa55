"""What the loaders gave: the rows of their first passes, compared within one loader and between two."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flatline.observe import events as e
from flatline.record.recording import Recording
from flatline.record.source import SourceFile

# What people call data that were not trained on; "eval" alone may be an evaluation of the training part.
_HELD_OUT = re.compile(
    r"(?<![a-z])(val|valid|validation|test|testing|dev|held|heldout|holdout)(?![a-z])", re.IGNORECASE
)
_TRAINING = re.compile(r"train", re.IGNORECASE)
MOST_COMPARED = 300


@dataclass
class Pass:
    """The first pass over a loader: ``keys`` of its rows [N]; ``trains`` when optimizer steps were taken in it."""

    loader: e.LoaderSeen
    keys: NDArray[np.uint64]
    trains: bool
    whole: bool


def passes(recording: Recording) -> list[Pass]:
    """The first passes in which rows could be hashed, in the order of the loaders."""
    parts: dict[int, list[e.RowKeys]] = defaultdict(list)
    for part in recording.all(e.RowKeys):
        parts[part.loader].append(part)
    starts: dict[int, e.EpochStarted] = {}
    for started in recording.all(e.EpochStarted):
        starts.setdefault(started.loader, started)
    first: dict[int, e.EpochEnded] = {}
    trains: set[int] = set()
    begun = {number: iter([s for s in recording.all(e.EpochStarted) if s.loader == number]) for number in starts}
    for ended in recording.epochs:
        first.setdefault(ended.loader, ended)
        start = next(begun.get(ended.loader, iter(())), None)
        if start is not None and ended.step > start.step:
            trains.add(ended.loader)
    result = []
    for loader in recording.all(e.LoaderSeen):
        found = parts.get(loader.number)
        end = first.get(loader.number)
        if found is None or end is None:
            continue
        keys = np.frombuffer(b"".join(p.data for p in found), np.uint64)
        result.append(Pass(loader, keys, loader.number in trains, len(keys) == end.samples))
    return result


@dataclass
class Shared:
    """Rows of an evaluated loader that the training loader gave too, and what repeats within the training part."""

    trained: Pass
    evaluated: Pass
    rows: int
    expected: float
    named: str

    @property
    def share(self) -> float:
        return self.rows / max(len(self.evaluated.keys), 1)


def shared_rows(recording: Recording) -> list[Shared]:
    """For each loader that is only evaluated, its rows that a training loader gave, where both passes were seen whole.

    ``expected`` is how many there would be if rows that are equal by nature had been dealt to both parts at random: by
    linearity, the mean number of equal partners of a training row, times the ratio of the sizes of the two parts, is
    the chance that a row has a partner there.
    """
    seen = [p for p in passes(recording) if p.whole and len(p.keys)]
    result = []
    for evaluated in seen:
        if evaluated.trains:
            continue
        for trained in seen:
            if not trained.trains:
                continue
            _, counts = np.unique(trained.keys, return_counts=True)
            within = float((counts > 1).astype(float) @ counts) / len(trained.keys)
            rows = int(np.isin(evaluated.keys, trained.keys).sum())
            name = loader_name(recording, evaluated.loader)
            held = name if _HELD_OUT.search(name) and not _TRAINING.search(name) else ""
            result.append(Shared(trained, evaluated, rows, within * len(evaluated.keys), held))
    return result


def loader_name(recording: Recording, loader: e.LoaderSeen) -> str:
    """The name that the program gives to a loader; "" when the source does not show one."""
    line = recording.line(loader.place)
    if line is None:
        return ""
    for node in SourceFile(recording, line.file).nodes():
        if not isinstance(node, ast.Assign) or not node.lineno <= line.line <= (node.end_lineno or node.lineno):
            continue
        target, value = node.targets[0], node.value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            calls = [i for i, v in enumerate(value.elts) if isinstance(v, ast.Call)]
            # Several loaders on one line are numbered in the order in which they are built.
            same = [x.number for x in recording.all(e.LoaderSeen) if x.place == loader.place]
            position = sorted(same).index(loader.number)
            return ast.unparse(target.elts[calls[position]]) if position < len(calls) == len(same) else ""
        return ast.unparse(target).replace("_", " ")
    return ""


def enumerable(x: NDArray[Any]) -> bool:
    """Whether equal rows come about by themselves, because there are few possible ones: answers to a questionnaire,
    states of a game, points of a grid.

    In such a space a row has more possible neighbours that differ in one or two places than it has twins, so where twins
    come by chance, such neighbours come at least as often. Copies of rows come without neighbours.
    """
    x = x.reshape(len(x), -1)
    x = np.unique(x, axis=0)
    x = x[np.random.default_rng(0).permutation(len(x))[:MOST_COMPARED]]
    if len(x) < 2 or x.shape[1] <= 2:
        return True
    stride = max(1, x.shape[1] // 1000)
    x = np.ascontiguousarray(x[:, ::stride])
    near = sum(int((((x[i + 1 :] != x[i]).sum(1)) <= 2).sum()) for i in range(len(x) - 1))
    # A twentieth of the rows having such a neighbour in this sample is far from the none of copies.
    return near > len(x) / 20


def repeated_by_workers(found: Pass) -> bool:
    """Whether each of several workers gave the whole of a stream: every row as often as there are workers."""
    loader = found.loader
    if not loader.iterable or loader.workers < 2 or not found.whole or len(found.keys) < 8:
        return False
    _, counts = np.unique(found.keys, return_counts=True)
    return bool((counts % loader.workers == 0).all())
