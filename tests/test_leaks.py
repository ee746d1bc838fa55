"""Rows of two parts: equal ones by hash, near ones by the gap around them; and what looks like either and is neither."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from flatline.observe import events as e
from flatline.observe.probes.fingerprints import Fingerprints
from flatline.observe.session import Session
from flatline.record import near
from flatline.record.kept import Table, continuous
from flatline.record.passes import enumerable, passes, repeated_by_workers, shared_rows
from recordings import Tape

Rows = NDArray[np.float64]
Data = tuple[Rows, NDArray[np.int64]]


def gauss(rng: np.random.Generator) -> Data:
    return rng.normal(size=(860, 8)), rng.integers(0, 2, 860)


def surface(rng: np.random.Generator) -> Data:
    """A surface of two dimensions in twenty: neighbours are near because there are many rows."""
    u = rng.normal(size=(860, 2))
    return np.tanh(u @ rng.normal(size=(2, 20))), (u[:, 0] > 0).astype(int)


def heavy_tails(rng: np.random.Generator) -> Data:
    return rng.standard_t(2, size=(860, 12)), rng.integers(0, 3, 860)


def clusters_of_classes(rng: np.random.Generator) -> Data:
    group = rng.integers(0, 6, 860)
    return 3 * rng.normal(size=(6, 16))[group] + 0.1 * rng.normal(size=(860, 16)), group % 3


def classes(rng: np.random.Generator) -> Data:
    group = rng.integers(0, 20, 860)
    return rng.normal(size=(20, 16))[group] + 0.05 * rng.normal(size=(860, 16)), group


def corners(rng: np.random.Generator) -> Data:
    bits = rng.integers(0, 2, (860, 4))
    x = np.concatenate([2.0 * bits - 1, np.zeros((860, 6))], 1) + 0.05 * rng.normal(size=(860, 10))
    return x, bits.sum(1) % 2


def smooth_images(rng: np.random.Generator) -> Data:
    x = np.cumsum(np.cumsum(rng.normal(size=(860, 8, 8)), 1), 2)
    return x.reshape(860, -1), rng.integers(0, 2, 860)


def speakers(rng: np.random.Generator) -> Data:
    group = rng.integers(0, 30, 860)
    return rng.normal(size=(30, 24))[group] + 0.15 * rng.normal(size=(860, 24)), rng.integers(0, 2, 30)[group]


def slices(rng: np.random.Generator) -> Data:
    series = np.cumsum(rng.normal(size=900))
    return np.lib.stride_tricks.sliding_window_view(series, 32)[:860], rng.integers(0, 2, 860)


def split(data: Data, rng: np.random.Generator | None) -> Tape:
    """A run that trains on 560 of the rows and then evaluates the others: at random, or (None) in their order."""
    order = rng.permutation(len(data[0])) if rng is not None else np.arange(len(data[0]))
    x, y = data[0][order].astype(np.float32), data[1][order]
    tape = Tape("model(x)")
    place = tape.place(1)
    for part, gradient in ((slice(0, 560), True), (slice(560, 860), False)):
        tick = tape.now()
        facts = e.TensorFacts(shape=list(x[part].shape), dtype="float32", device="cpu", requires_grad=False)
        tape.add(e.Forward(tick, tape.step, 0, gradient, gradient, place, [facts], [], []))
        tape.add(
            e.Sample(tick, tape.step, "input", "input 0", "float32", list(x[part].shape), x[part].tobytes(), gradient)
        )
        labels = y[part].astype(np.int64)
        now = tape.now()
        tape.add(e.Sample(now, tape.step, "target", "target", "int64", [len(labels)], labels.tobytes(), gradient))
        tape.step += 1
    return tape


@pytest.mark.parametrize("data", [gauss, surface, heavy_tails, clusters_of_classes, classes, corners, smooth_images])
def test_rows_that_are_near_by_nature_come_from_no_common_source(data: Callable[[np.random.Generator], Data]) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        recording = split(data(rng), rng).recording()
        assert near.sources(recording) is None
        assert near.windows(recording) is None


def test_takes_of_the_same_speakers_in_both_parts_are_found() -> None:
    rng = np.random.default_rng(0)
    found = near.sources(split(speakers(rng), rng).recording())
    assert found is not None and found.sources == 30 and found.shared == found.rows == 300
    assert 2 * found.near < found.apart


def test_windows_over_one_series_in_both_parts_are_found() -> None:
    rng = np.random.default_rng(0)
    found = near.windows(split(slices(rng), rng).recording())
    assert found is not None and found.shared == found.rows == 300


def test_whole_speakers_held_out_are_apart() -> None:
    rng = np.random.default_rng(0)
    group = np.sort(rng.integers(0, 60, 860))
    x = rng.normal(size=(60, 24))[group] + 0.15 * rng.normal(size=(860, 24))
    assert near.sources(split((x, rng.integers(0, 2, 60)[group]), None).recording()) is None


def test_rows_of_few_possible_values_are_told_from_copies() -> None:
    rng = np.random.default_rng(0)
    answers = rng.integers(1, 4, (500, 6)).astype(float)
    assert enumerable(answers) and enumerable((answers - answers.mean(0)) / answers.std(0))
    assert enumerable(np.eye(5)[rng.integers(0, 5, (300, 2))].reshape(300, -1))
    pixels = rng.integers(0, 17, (300, 64)) / 16
    assert not enumerable(pixels) and not enumerable(np.repeat(pixels, 3, axis=0))
    assert not enumerable(rng.normal(size=(300, 10))) and continuous(rng.normal(size=(300, 10)))


def loaders(source: str, rows: list[list[bytes]], **options: int | bool) -> Tape:
    """A training loader and others that are only evaluated, each passed over once, built on lines 1, 2, …"""
    tape = Tape(source)
    for number, keys in enumerate(rows):
        tape.add(e.LoaderSeen(number, tape.place(number + 1), 1, len(keys), False, True, len(keys), **options))
        tape.add(e.EpochStarted(tape.now(), tape.step, number, None), e.RowKeys(tape.step, number, b"".join(keys)))
        tape.step += number == 0
        tape.add(e.EpochEnded(tape.now(), tape.step, number, 1, len(keys), True))
    return tape


def row(number: int) -> bytes:
    return number.to_bytes(8, "little")


def test_equal_rows_of_two_loaders_are_counted_against_those_within_one() -> None:
    trained, held = [row(i % 90) for i in range(100)], [row(i) for i in range(80, 120)]
    found = shared_rows(loaders("train = DataLoader(a)\nval_loader = DataLoader(b)\n", [trained, held]).recording())
    assert [(s.rows, s.named) for s in found] == [(10, "val loader")]
    # Ten rows stand twice among a hundred, so a row has an equal one with chance 0.2.
    assert found[0].expected == pytest.approx(0.2 * 40)


def test_a_loader_named_after_training_is_not_held_out() -> None:
    rows = [row(i) for i in range(50)]
    found = shared_rows(loaders("train = DataLoader(a)\ntrain_test = DataLoader(a)\n", [rows, rows]).recording())
    assert [(s.share, s.named) for s in found] == [(1.0, "")]


def test_a_pass_that_was_not_hashed_whole_is_not_compared() -> None:
    rows = [row(i) for i in range(50)]
    tape = loaders("train = DataLoader(a)\n", [rows])
    tape.add(e.LoaderSeen(1, tape.place(1), 1, 50, False, True, 50))
    tape.add(e.EpochStarted(tape.now(), tape.step, 1, None), e.RowKeys(tape.step, 1, b"".join(rows[:30])))
    tape.add(e.EpochEnded(tape.now(), tape.step, 1, 1, 50, True))
    assert shared_rows(tape.recording()) == []


@pytest.mark.parametrize(("workers", "copies", "found"), [(2, 2, True), (2, 1, False), (3, 2, False), (0, 2, False)])
def test_a_stream_that_each_worker_reads_whole(workers: int, copies: int, found: bool) -> None:
    keys = [row(i) for i in range(40)] * copies
    (seen,) = passes(loaders("x = DataLoader(s)\n", [keys], iterable=True, workers=workers).recording())
    assert repeated_by_workers(seen) is found


def test_rows_are_hashed_by_their_bytes_once_for_each_loader() -> None:
    events: list[e.Event] = []
    session = Session(events.extend)
    prints = Fingerprints(session)
    x = torch.arange(12.0).reshape(3, 4)
    x[2] = x[0]
    before = x.clone()
    prints.drawn(0, [x, torch.zeros(3)])
    prints.drawn(0, {"pixels": x.T.contiguous().T})
    prints.ended(0)
    prints.drawn(0, [x])
    prints.drawn(1, [torch.zeros(3)])
    session.flush(force=True)
    first, second = [k.data for k in events if isinstance(k, e.RowKeys)]
    assert first == second and first[:8] == first[16:] != first[8:16]
    assert torch.equal(x, before)


def test_channels_beside_a_target_for_each_place_are_a_table() -> None:
    from flatline.causes.label_in_input import copies
    from flatline.record.kept import dense_tables

    rng = np.random.default_rng(0)
    masks = rng.integers(0, 2, (8, 10, 10))
    honest = rng.normal(size=(8, 2, 10, 10)) + 0.5 * masks[:, None]
    for x, columns in ((honest, None), (np.concatenate([honest, 5.0 * masks[:, None] - 1], 1), [2])):
        tape = Tape()
        for name, array in (("input", x.astype(np.float32)), ("target", masks)):
            label = "input 0" if name == "input" else name
            tape.add(e.Sample(tape.now(), 0, name, label, str(array.dtype), list(array.shape), array.tobytes(), True))
        (table,) = dense_tables(tape.recording())
        assert isinstance(table, Table) and table.x.shape == (800, x.shape[1])
        leak = copies(table)
        assert (leak.columns if leak is not None else None) == columns
