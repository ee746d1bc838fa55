"""A thinned curve loses nothing that stands out, however its points come in."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatline.live import curves
from flatline.live.curves import ThinnedCurve

VALUES = st.lists(st.one_of(st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, -math.inf])), max_size=200)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "CAPACITY", 16)


def reference(values: list[float], stride: int) -> list[tuple[int, float | None, float | None, float | None, int]]:
    result = []
    for start in range(0, len(values), stride):
        piece = values[start : start + stride]
        good = [v for v in piece if math.isfinite(v)]
        mean = sum(good) / len(good) if good else None
        result.append((start, min(good, default=None), mean, max(good, default=None), len(piece) - len(good)))
    return result


@settings(max_examples=80, deadline=None)
@given(VALUES, st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_it_is_what_thinning_all_points_at_once_would_give(values: list[float], sizes: list[int]) -> None:
    curve, at, turn = ThinnedCurve(), 0, 0
    while at < len(values):
        size = sizes[turn % len(sizes)]
        curve.add(range(at, min(at + size, len(values))), values[at : at + size], turn + 1)
        at, turn = at + size, turn + 1
    part = curve.since(0)
    expected = reference(values, part.stride)
    assert len(expected) <= 16
    assert part.stride == 1 or len(values) > 16 * part.stride // 2
    assert part.steps == [row[0] for row in expected]
    assert part.bad == [row[4] for row in expected]
    assert part.mean == [None if row[2] is None else pytest.approx(row[2], rel=1e-6, abs=1e-9) for row in expected]
    if part.stride > 1:
        assert part.low == [None if row[1] is None else pytest.approx(row[1], rel=1e-6) for row in expected]
        assert part.high == [None if row[3] is None else pytest.approx(row[3], rel=1e-6) for row in expected]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=2, max_size=12), st.data())
def test_a_viewer_that_asks_now_and_then_holds_the_whole(sizes: list[int], data: st.DataObject) -> None:
    """Parts put together as the page does it are what a viewer gets who comes last."""
    curve = ThinnedCurve()
    held: list[tuple[int, float | None, int]] = []
    known, total = 0, 0
    for row, size in enumerate(sizes, 1):
        curve.add(range(total, total + size), np.sin(np.arange(total, total + size)), row)
        total += size
        if data.draw(st.booleans()) or row == len(sizes):
            part = curve.since(known)
            held = [*held[: part.start], *zip(part.steps, part.mean, part.bad)]
            known = row
    last = curve.since(0)
    assert held == list(zip(last.steps, last.mean, last.bad))


def test_nothing_is_sent_when_nothing_is_new() -> None:
    curve = ThinnedCurve()
    curve.add(range(8), np.ones(8), 3)
    assert curve.since(3).steps == []
    assert curve.since(2).steps == list(range(8))


def test_values_that_a_broken_store_may_hold() -> None:
    curve = ThinnedCurve()
    with pytest.raises(ValueError, match="2 steps and 1 values"):
        curve.add([0, 1], [0.0], 1)
    curve.add(range(40), np.full(40, 1.7e308), 1)
    assert curve.since(0).high == [1.7e308] * 10
    assert curve.since(0).mean == [None] * 10, "a sum that overflows has no mean that JSON could hold"
