"""Kept rows as plain tables, with their values as they were: for causes that look for copies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flatline.observe import events as e
from flatline.record.recording import Recording

# A bound on time; all tests made on the rows reach their significance with some hundred.
MOST_ROWS = 1200
# Fewer rows agree by chance too often for any of the tests made on them.
FEWEST_ROWS = 30


@dataclass
class Table:
    """Distinct rows of one input of the models [N, d] with one target each [N]; ``index`` counts the inputs."""

    index: int
    x: NDArray[Any]
    y: NDArray[Any]

    @property
    def classes(self) -> NDArray[Any] | None:
        """The label values, when the targets are labels: few whole numbers, each seen several times."""
        values = np.unique(self.y)
        whole = np.allclose(values, np.round(values))
        return values if whole and 2 <= len(values) <= max(2, min(64, len(self.y) // 5)) else None


def tables(recording: Recording) -> Iterator[Table]:
    """A table for each input of the training calls whose rows line up with targets of one number each."""
    parts: dict[int, list[tuple[NDArray[Any], NDArray[Any]]]] = {}
    for rows in recording.rows:
        y = label(rows.target) if rows.target is not None and rows.gradient else None
        if y is None:
            continue
        for index, x in enumerate(rows.inputs[:4]):
            if x.ndim >= 2 and len(x) == len(y):
                parts.setdefault(index, []).append((x.reshape(len(x), -1), y))
    for index, found in parts.items():
        width = found[0][0].shape[1]
        found = [(x, y) for x, y in found if x.shape[1] == width]
        x = np.concatenate([x for x, _ in found])
        y = np.concatenate([y for _, y in found])
        good = np.isfinite(x).all(1) & np.isfinite(y.astype(float))
        x, y = x[good], y[good]
        if len(y) < FEWEST_ROWS:
            continue
        _, first = np.unique(keys(x, y), return_index=True)
        first = np.sort(first)[:MOST_ROWS]
        if len(first) >= FEWEST_ROWS:
            yield Table(index, x[first], y[first])


def dense_tables(recording: Recording) -> Iterator[Table]:
    """The same for targets of one number a place (segmentation, depth): a row for each place, a column for each channel.

    Inputs are [N, C, …] with targets [N, …] or [N, 1, …]; at most 1,200 places, evenly spaced over what was kept.
    """
    parts: dict[int, list[tuple[NDArray[Any], NDArray[Any]]]] = {}
    for rows in recording.rows:
        y = rows.target
        if y is None or not rows.gradient:
            continue
        for index, x in enumerate(rows.inputs[:4]):
            if x.ndim < 3 or x.shape[1] < 2 or len(x) != len(y):
                continue
            places = y.reshape(len(y), *y.shape[2:]) if y.ndim == x.ndim and y.shape[1] == 1 else y
            if places.shape == (len(x), *x.shape[2:]):
                parts.setdefault(index, []).append((np.moveaxis(x, 1, -1).reshape(-1, x.shape[1]), places.reshape(-1)))
    for index, found in parts.items():
        width = found[0][0].shape[1]
        found = [(x, y) for x, y in found if x.shape[1] == width]
        x, y = np.concatenate([x for x, _ in found]), np.concatenate([y for _, y in found])
        good = np.isfinite(x).all(1) & np.isfinite(y.astype(float))
        x, y = x[good], y[good]
        stride = max(1, len(y) // MOST_ROWS)
        if len(y) >= FEWEST_ROWS:
            yield Table(index, x[::stride][:MOST_ROWS], y[::stride][:MOST_ROWS])


def label(target: NDArray[Any]) -> NDArray[Any] | None:
    """One number for each row, or None: [N], [N, 1], or the class of one-hot rows."""
    if target.ndim == 2 and target.shape[1] == 1:
        return target[:, 0]
    if target.ndim == 2 and target.dtype.kind == "f" and target.shape[1] > 1:
        onehot = bool(((target == 0) | (target == 1)).all()) and bool((target.sum(1) == 1).all())
        return np.asarray(target.argmax(1)) if onehot else None
    return target if target.ndim == 1 else None


def keys(*columns: NDArray[Any]) -> NDArray[Any]:
    """A number for each row that is equal for equal rows (a hash of 64 bits), over several arrays side by side."""
    text = [c.reshape(len(c), -1) for c in columns]
    return np.array([hash(b"|".join(np.ascontiguousarray(c[i]).tobytes() for c in text)) for i in range(len(text[0]))])


def continuous(x: NDArray[Any]) -> bool:
    """Whether equal rows cannot be a matter of few possible values: fractions, in more than one column."""
    x = x.reshape(len(x), -1)
    return x.dtype.kind == "f" and x.shape[1] > 1 and not np.array_equal(x, np.round(x))


@dataclass
class Seen:
    """What a model was given in one call: ``rows`` of its first input, and whether all of them were kept."""

    forward: e.Forward
    rows: NDArray[Any]
    whole: bool


def calls(recording: Recording) -> list[Seen]:
    """The calls of models with the rows of their first input, in order."""
    kept = {s.tick: s for s in recording.all(e.Sample) if s.role == "input" and s.name == "input 0"}
    result: list[Seen] = []
    for forward in recording.all(e.Forward):
        sample = kept.get(forward.tick)
        if sample is not None and forward.inputs and sample.shape:
            rows = np.frombuffer(sample.data, np.dtype(sample.dtype)).reshape(sample.shape)
            result.append(Seen(forward, rows, sample.shape == forward.inputs[0].shape))
    return result


def sliding(x: NDArray[Any]) -> bool:
    """Whether rows are windows that slide over one series: one row's end is another's beginning."""
    x = x.reshape(len(x), -1)
    if x.shape[1] < 3:
        return False
    ends, beginnings = keys(x[:, 1:]), keys(x[:, :-1])
    constant = (x == x[:, :1]).all(1)
    met = np.isin(ends, beginnings) & ~constant
    # A tenth of random rows does not continue in another one; of 1,200 windows drawn from a series, most do.
    return bool(met.sum() >= max(5, 0.1 * len(x)))
