"""Rows of two parts that are no copies but come from one source: windows over one series, takes of one subject.

Exact search, on the rows that were kept: at most 800 by 400. For these numpy takes some 10 ms; to import scikit-learn,
faiss or pynndescent alone takes longer than all other statistics of a diagnosis together (docs/leaks.md has the numbers).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flatline.record.kept import calls, continuous, keys, tables
from flatline.record.passes import enumerable
from flatline.record.recording import Floats, Integers, Recording

# Bounds on time; 20 rows of which most are shared have a probability below 1e-5 if one in ten is shared by accident.
MOST_TRAINED = 800
MOST_EVALUATED = 400
MOST_COLUMNS = 2000
FEWEST_EVALUATED = 20
# Numbers in a row that are compared as one; 8 floats of 24 bits agree by accident in no data set.
RUN = 8
# So many of the 8 differ, or the run says nothing: flat ground, a drawn edge, a pad.
DISTINCT = 6
# The held-out part is not apart when most of it has the greater part of its numbers in common with rows trained on.
MOST = 0.5
# For points drawn independently from any density there are at least as many pairs at distances from r to 2r as within r
# (their number grows as r^D with D >= 1, so there are 2^D - 1 times as many). A tenth of that is a gap.
GAP = 0.1
# Fewer sources may be classes, clusters of a made-up set or points of a grid.
FEWEST_SOURCES = 10
SOURCES_A_CLASS = 5
FEWEST_COLUMNS = 8
# Rows of one source have one label: a patient's diagnosis, a speaker's age.
ONE_LABEL = 0.99


@dataclass
class Windows:
    """Evaluated rows of which at least half the numbers stand, in the same order, in rows that were trained on."""

    rows: int
    shared: int
    place: int | None


@dataclass
class Sources:
    """Groups of rows so near to each other that they come from one source, and evaluated rows that fall into them."""

    sources: int
    rows: int
    shared: int
    near: float
    apart: float
    place: int | None


@dataclass
class _Parts:
    trained: NDArray[Any]
    labels: NDArray[Any]
    evaluated: NDArray[Any]
    place: int | None


def _parts(recording: Recording) -> _Parts | None:
    """Rows of both parts [N, d] and [M, d]; the evaluated ones are none of those trained on. None when there are few."""
    table = next((t for t in tables(recording) if t.index == 0), None)
    seen = [c for c in calls(recording) if not c.forward.gradient and len(c.rows)]
    if table is None or not seen or table.x.dtype.kind != "f":
        return None
    width = table.x.shape[1]
    place = seen[0].forward.place
    flat = [c.rows.reshape(len(c.rows), -1) for c in seen if c.forward.place == place]
    rows = [r for r in flat if r.shape[1] == width and r.dtype == table.x.dtype]
    if width < FEWEST_COLUMNS or not rows:
        return None
    evaluated = np.concatenate(rows)
    evaluated = evaluated[np.isfinite(evaluated).all(1)]
    known = keys(table.x)
    here = keys(evaluated)
    _, first = np.unique(here, return_index=True)
    first = np.sort(first)
    evaluated = evaluated[first[~np.isin(here[first], known)]][:MOST_EVALUATED]
    if len(evaluated) < FEWEST_EVALUATED or not continuous(table.x) or enumerable(table.x):
        return None
    return _Parts(table.x[:MOST_TRAINED], table.y[:MOST_TRAINED], evaluated, place)


def windows(recording: Recording) -> Windows | None:
    """Whether evaluated rows are windows over the same series as rows that were trained on."""
    parts = _parts(recording)
    if parts is None or parts.trained.shape[1] < 2 * RUN:
        return None
    known, _ = _runs(parts.trained)
    runs, telling = _runs(parts.evaluated)
    same = np.isin(runs, known[_runs(parts.trained)[1]]) & telling
    shared = int((same.mean(1) >= MOST).sum())
    return Windows(len(runs), shared, parts.place) if shared > MOST * len(runs) else None


def _runs(x: NDArray[Any]) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """A hash of every run of 8 numbers in each row [N, d - 7], and whether enough of the 8 differ."""
    x = np.ascontiguousarray(x[:, :MOST_COLUMNS], np.float32)
    weights = np.random.default_rng(0).integers(1, 2**63, RUN, dtype=np.uint64) | np.uint64(1)
    cut = np.lib.stride_tricks.sliding_window_view(x.view(np.uint32), RUN, axis=1)
    hashes = np.zeros(cut.shape[:2], np.uint64)
    for i in range(RUN):
        hashes += cut[:, :, i].astype(np.uint64) * weights[i]
    ordered = np.sort(np.lib.stride_tricks.sliding_window_view(x, RUN, axis=1), axis=2)
    return hashes, (np.diff(ordered, axis=2) != 0).sum(2) >= DISTINCT - 1


def sources(recording: Recording) -> Sources | None:
    """Whether the rows fall into many tight groups with a gap around each, and evaluated rows into the same groups."""
    parts = _parts(recording)
    if parts is None or len(np.unique(parts.labels)) < 2:
        return None
    x, z = _scaled(parts.trained, parts.evaluated)
    grouped = _groups(x)
    if grouped is None:
        return None
    within, cut, groups = grouped
    _, sizes = np.unique(groups, return_counts=True)
    large = np.flatnonzero(sizes >= 2)
    held = np.isin(groups, large)
    classes = np.unique(parts.labels)
    if len(large) < FEWEST_SOURCES or held.mean() < MOST:
        return None
    if len(classes) <= max(2, len(parts.labels) // 5) and len(large) < SOURCES_A_CLASS * len(classes):
        return None
    alike = sum(int(np.unique(parts.labels[groups == g], return_counts=True)[1].max()) for g in large)
    if alike < ONE_LABEL * held.sum():
        return None
    centres = np.stack([x[groups == g].mean(0) for g in large])
    # Centres that differ in one or two places only are points of a grid, which the program means to be few.
    if enumerable(np.round(centres / max(cut / math.sqrt(x.shape[1]) * 2, 1e-12))):
        return None
    nearest = _distances(z, x[held]).min(1)
    shared = int((nearest <= cut).sum())
    if shared <= MOST * len(z):
        return None
    outside = within[groups[:, None] != groups[None]]
    return Sources(len(large), len(z), shared, float(np.median(nearest)), float(outside.min()), parts.place)


def radius(recording: Recording) -> float | None:
    """A distance between the rows themselves that holds rows of one source together and those of different ones apart.

    Halfway, in proportion, between the widest source and the nearest two; None where these overlap.
    """
    parts = _parts(recording)
    if parts is None:
        return None
    x, _ = _scaled(parts.trained, parts.evaluated)
    grouped = _groups(x)
    if grouped is None:
        return None
    groups = grouped[2]
    rows = parts.trained.astype(np.float64)
    raw, same = _distances(rows, rows), groups[:, None] == groups[None]
    if same.all() or (same.sum() == len(rows)):
        return None
    widest, nearest = float(raw[same].max()), float(raw[~same].min())
    return math.sqrt(widest * nearest) if 0 < widest < nearest else None


def _groups(x: Floats) -> tuple[Floats, float, Integers] | None:
    """The distances between rows, those to themselves infinite; the widest within a group; the group of each row."""
    within = _distances(x, x)
    np.fill_diagonal(within, np.inf)
    cut = _gap(within)
    return (within, cut, _components(within <= cut)) if cut is not None else None


def _scaled(x: NDArray[Any], z: NDArray[Any]) -> tuple[Floats, Floats]:
    stride = math.ceil(x.shape[1] / MOST_COLUMNS)
    x, z = x[:, ::stride].astype(np.float64), z[:, ::stride].astype(np.float64)
    deviation = x.std(0)
    good = deviation > 1e-9 * np.maximum(np.abs(x).max(0), 1e-30)
    return (x[:, good] - x[:, good].mean(0)) / deviation[good], (z[:, good] - x[:, good].mean(0)) / deviation[good]


def _distances(a: Floats, b: Floats) -> Floats:
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(squares, 0)))


def _gap(within: Floats) -> float | None:
    """A distance r with most rows having a neighbour nearer than r, and next to no pairs between r and 2r."""
    nearest = np.sort(within.min(1))
    pairs = np.sort(within[np.triu_indices(len(within), 1)])
    start = float(np.quantile(nearest, MOST))
    if start <= 0:
        return None
    for factor in (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0):
        inside, beyond = np.searchsorted(pairs, [factor * start, 2 * factor * start], side="right")
        if inside >= len(within) / 2 and beyond - inside <= GAP * inside:
            return factor * start
    return None


def _components(near: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The number of its group for each row, groups being joined by nearness (single linkage)."""
    groups = np.full(len(near), -1)
    for row in range(len(near)):
        if groups[row] >= 0:
            continue
        reached = np.zeros(len(near), bool)
        reached[row] = True
        edge = reached
        while edge.any():
            edge = near[edge].any(0) & ~reached
            reached |= edge
        groups[reached] = row
    return np.unique(groups, return_inverse=True)[1]
