"""Whether targets are copies of tokens in the input, and whether the model can see them; and rows of two splits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flatline.observe import events as e
from flatline.record.chance import main_call
from flatline.record.kept import Seen, calls, continuous, keys
from flatline.record.recording import Recording

# A hundredth of the targets may be edited; more is another task, such as filling in hidden tokens.
SHARE = 0.99
# Below, a share of 0.99 means no token at all may differ; shorter rows have too few places to shift.
FEWEST_TOKENS = 100
FEWEST_LENGTH = 4
FARTHEST = 4


@dataclass
class Copies:
    """``target[:, t] == input[:, t + shift]`` in a ``share`` of the ``tokens`` that were compared; chance gives
    ``expected``."""

    index: int
    shift: int
    share: float
    expected: float
    tokens: int


@dataclass
class Aligned:
    """Tokens of one input of one step [N, T], with their targets [N, S], and which of these count in the loss."""

    index: int
    tokens: NDArray[Any]
    targets: NDArray[Any]
    valid: NDArray[np.bool_]


def aligned(recording: Recording) -> list[Aligned]:
    """The kept steps whose inputs are sequences of tokens and whose targets are sequences of the same batch."""
    main = main_call(recording)
    ignored = main.options.get("ignore_index", -100) if main is not None else -100
    masks = {m.step: m for m in recording.all(e.LossMask)}
    sizes = {c.tick: c.target.elements for c in recording.calls if c.target is not None}
    result: list[Aligned] = []
    for rows in recording.rows:
        y = rows.target
        if y is None or y.dtype.kind != "i" or not rows.gradient:
            continue
        whole = sizes.get(rows.tick, y.size)
        for index, x in enumerate(rows.inputs[:4]):
            if whole > y.size and y.ndim == 1 and len(x) and not whole % len(x):
                # Of flattened targets the first are kept: those of the first sequences.
                x = x[: y.size // (whole // len(x))]
                y = y[: len(x) * (whole // len(rows.inputs[index]))]
            if x.dtype.kind != "i" or x.ndim != 2 or x.shape[1] < FEWEST_LENGTH or y.size % len(x) or y.size == len(x):
                continue
            targets = y.reshape(len(x), -1)
            mask = masks.get(rows.step)
            valid = targets != ignored
            if mask is not None and len(mask.data) == y.size:
                valid &= np.frombuffer(mask.data, np.uint8).reshape(targets.shape) > 0
            result.append(Aligned(index, x, targets, valid))
    return result


def shifted(found: Aligned, shift: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
    """Tokens, targets and validity, cut so that target t stands beside token t + shift."""
    length = min(found.targets.shape[1], found.tokens.shape[1] - shift)
    return found.tokens[:, shift : shift + length], found.targets[:, :length], found.valid[:, :length]


def copies(recording: Recording) -> list[Copies]:
    """For each input the shift from 0 to 4 at which the targets are its tokens, when there is one."""
    steps = aligned(recording)
    result: list[Copies] = []
    for index in sorted({s.index for s in steps}):
        for shift in range(FARTHEST + 1):
            same = [s for s in steps if s.index == index]
            cut = [shifted(s, shift) for s in same]
            tokens = np.concatenate([x[v] for x, _, v in cut])
            targets = np.concatenate([y[v] for _, y, v in cut])
            if len(targets) < FEWEST_TOKENS:
                continue
            _, counts = np.unique(targets, return_counts=True)
            expected = float(((counts / counts.sum()) ** 2).sum())
            share = float((tokens == targets).mean())
            # With one token in most places, copies say nothing.
            if share >= SHARE and expected < 0.5:
                result.append(Copies(index, shift, share, expected, len(targets)))
                break
    return result


@dataclass
class Overlap:
    """Rows seen without gradients at one place, and how many of them had been trained on before."""

    place: int | None
    rows: int
    shared: int
    trained: int
    repeated: int


# Below five a few rows may be equal by nature; above 90 % it is the training part itself that is evaluated.
FEWEST_SHARED = 5
MOST_SHARED = 0.9


def overlap(recording: Recording) -> Overlap | None:
    """Rows in both the training and the evaluation part, where the record shows both parts whole.

    The training part is whole when every step up to the first evaluation was kept, and no later step brought a row
    that was not there before. An evaluation of the training part itself, or of everything, is no overlap.
    """
    seen = calls(recording)
    first = next((i for i, s in enumerate(seen) if not s.forward.gradient), None)
    if first is None or not all(continuous(s.rows) for s in seen[:1]):
        return None
    before = [s for s in seen[:first] if s.forward.gradient]
    after = [s for s in seen[first:] if s.forward.gradient]
    step = seen[first].forward.step
    if not before or not all(s.whole for s in before) or {s.forward.step for s in before} != set(range(step)):
        return None
    trained = _hashes(before)
    later = _hashes(after)
    if len(later) < 30 or not set(later.tolist()) <= set(trained.tolist()):
        return None
    evaluated = [s for s in seen[first:] if not s.forward.gradient and s.forward.step == step]
    for place in dict.fromkeys(s.forward.place for s in evaluated):
        same = [s for s in evaluated if s.forward.place == place]
        if not all(s.whole and s.rows.shape[1:] == before[0].rows.shape[1:] for s in same):
            continue
        rows = _hashes(same)
        shared = int(np.isin(rows, trained).sum())
        covered = float(np.isin(trained, rows).mean())
        if shared >= FEWEST_SHARED and shared < MOST_SHARED * len(rows) and covered < MOST_SHARED:
            return Overlap(place, len(rows), shared, len(trained), len(trained) - len(np.unique(trained)))
    return None


def _hashes(seen: list[Seen]) -> NDArray[Any]:
    return np.concatenate([keys(s.rows) for s in seen]) if seen else np.zeros(0, np.int64)
