"""Each symptom on a recording where it shows, and on the nearest one where it does not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from flatline.observe import events as e
from flatline.record.recording import Recording
from flatline.symptoms.base import detectors, find_all
from recordings import Tape, labels, numbers

LOOP = """
    for epoch in range(3):
        for x, y in loader:
            loss.backward()
        print("loss", total)
"""


def trained(*values: float) -> Recording:
    tape = Tape()
    tape.train(values)
    return tape.recording()


def classified(values: list[float], classes: int = 2, epochs: int = 1) -> Recording:
    """Cross entropy with labels in equal shares; the criterion itself is optimised."""
    tape = Tape()
    share = {f"_{c}": 10 for c in range(classes)}
    for part in np.array_split(values, epochs):
        tape.add(e.EpochStarted(tape.now(), tape.step, 0, None))
        for value in part:
            tape.criterion("cross_entropy", float(value), labels(**share), classes)
            tape.train([float(value)])
        tape.add(e.EpochEnded(tape.now(), tape.step, 0, len(part), 8 * len(part), True))
    return tape.recording()


def logged(*texts: str, losses: list[float], label: str = "loss") -> Recording:
    """An epoch of these losses before each printed text."""
    tape = Tape(LOOP)
    for text in texts:
        tape.train(losses, line=3)
        tape.prints(f"{label} {text}", line=4)
    return tape.recording()


def names(recording: Recording) -> set[str]:
    return {s.name for s in find_all(recording)}


FALLING = [1 / (1 + 0.3 * n) for n in range(30)]


def squared(values: list[float], deviation: float) -> Recording:
    tape = Tape()
    for value in values:
        tape.criterion("mse_loss", value, numbers(5.0, deviation))
        tape.train([value])
    return tape.recording()


def with_passes(*batches: int) -> Recording:
    tape = Tape()
    for count in batches:
        tape.epoch([1.0 / (1 + tape.step + n) for n in range(count)])
    return tape.recording()


def printed_after(*steps: int) -> Recording:
    """A line that is printed after so many steps each time, in the loop that trains."""
    tape = Tape(LOOP)
    for count in steps:
        tape.train([1.0 + tape.step + n for n in range(count)], line=3)
        tape.prints("loss 0.5", line=4)
    return tape.recording()


def moving(*moved: bool, backwards: int = 3, optimizer: bool = True) -> Recording:
    tape = Tape()
    if optimizer:
        tape.add(e.OptimizerSeen(0, "SGD", None, {}, [0]))
    for value in range(backwards):
        tape.value(float(value + 1))
    for each in moved:
        tape.updated(each)
        tape.step += 1
    return tape.recording()


SHOWS = {
    "zero-loss": [
        trained(0.0, 0.0, 0.0),
        trained(*FALLING, 0.0, 0.0, 0.0),
        trained(1.0, 0.0, 1.0, 0.0),
        logged("0.5000", "0.0000", "0.0000", losses=[0.5, 0.7, 0.9]),
    ],
    "near-zero-loss": [trained(*FALLING, 4e-5, 1e-6, 0.0, 1e-6), trained(1.0, *[-4e-5] * 10)],
    "constant-loss": [
        trained(0.7, 0.7, 0.7),
        trained(*[2.5] * 20),
    ],
    "chance-plateau": [
        classified([0.70, 0.69, 0.694, 0.693]),
        classified([2.5, 2.303, 2.31, 2.30], classes=10),
        squared([5.0, 4.0, 3.9], deviation=2.0),
    ],
    "rising-loss": [classified([0.7, 4.5, 9.0, 12.0]), trained(1.0, 1.1, 2.5, 5.0, 9.0)],
    "non-finite-loss": [trained(1.0, math.nan), trained(1.0, math.inf, 1.0), trained(-math.inf)],
    "too-good": [classified([0.69, 0.001, 0.001, 0.0005])],
    "reported-differs": [
        logged("0.25", "0.25", losses=[0.5, 0.5]),
        logged("0.0000", "0.0000", losses=[0.5, 0.7]),
    ],
    "empty-epoch": [with_passes(3, 0, 0), printed_after(4, 0, 0)],
    "nothing-moves": [moving(False, False), moving(backwards=3)],
}
NEAR_MISSES = {
    "zero-loss": [
        trained(0.0, 1.0, 0.0, 1.0, 1.0),
        trained(*FALLING, 0.0, 0.0),
        trained(1e-30, 1e-30, 1e-30),
        logged("0.0000", "0.4000", losses=[0.5, 0.7, 0.9]),
        logged("0.0000", "0.0000", losses=[0.5, 0.7], label="val loss"),
    ],
    "near-zero-loss": [trained(*FALLING, 6e-5, 6e-5, 6e-5), trained(0.0, 0.0, 0.0)],
    "constant-loss": [trained(0.7, 0.7), trained(0.7, 0.7, 0.7000001), trained(0.0, 0.0, 0.0)],
    "chance-plateau": [
        classified([0.70, 0.65, 0.63, 0.61]),
        classified([0.7, 1.2, 1.3, 1.4]),
        squared([5.0, 3.0, 2.0], deviation=2.0),
    ],
    "rising-loss": [classified([0.7, 1.2, 1.3, 1.3]), trained(1.0, 1.5, 1.9, 1.9, 1.9), trained(*FALLING)],
    "non-finite-loss": [trained(1e300, -1e300, 0.0)],
    "too-good": [
        classified([0.69, 0.3, 0.1, 0.008]),
        classified([0.69, 0.3, 0.2, 0.1, 0.001, 0.001], epochs=3),
    ],
    "reported-differs": [
        logged("0.50", "0.50", losses=[0.5, 0.5]),
        logged("1.00", "1.00", losses=[0.5, 0.5]),
        logged("0.0000", losses=[1e-5, 2e-5]),
        logged("87.31", "91.02", losses=[0.5, 0.7]),
    ],
    "empty-epoch": [with_passes(3, 1, 3), printed_after(4, 0, 4), printed_after(0, 4)],
    "nothing-moves": [moving(False, True), moving(False), moving(backwards=2), moving(backwards=3, optimizer=False)],
}


def flatten(table: dict[str, list[Recording]]) -> list[object]:
    return [pytest.param(name, r, id=f"{name}-{i}") for name, rs in table.items() for i, r in enumerate(rs)]


@pytest.mark.parametrize(("name", "recording"), flatten(SHOWS))
def test_shows(name: str, recording: Recording) -> None:
    assert name in names(recording)


@pytest.mark.parametrize(("name", "recording"), flatten(NEAR_MISSES))
def test_near_miss(name: str, recording: Recording) -> None:
    assert name not in names(recording)


def test_every_symptom_is_tested_both_ways() -> None:
    assert set(detectors()) == set(SHOWS) == set(NEAR_MISSES)


def test_an_empty_recording_shows_nothing() -> None:
    assert names(Recording([])) == set()


def test_values_that_repeat_once_an_epoch_are_constant() -> None:
    tape = Tape()
    for _ in range(3):
        tape.epoch([0.5, 0.6, 0.4])
    found = [s for s in find_all(tape.recording()) if s.name == "constant-loss"]
    assert "every 3 steps" in found[0].text


def test_first_step_and_epoch() -> None:
    tape = Tape()
    tape.epoch([1.0, 0.5, 0.4])
    tape.epoch([math.nan, 0.3, math.nan])
    found = next(s for s in find_all(tape.recording()) if s.name == "non-finite-loss")
    assert (found.first_step, found.epoch) == (3, 2)


def test_symptoms_come_in_the_order_in_which_they_show() -> None:
    found = find_all(trained(1.0, *[0.0] * 8, math.nan))
    assert [(s.name, s.first_step) for s in found] == [("zero-loss", 1), ("non-finite-loss", 9)]
