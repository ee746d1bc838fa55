"""Values that a device has still to compute: nobody waits for them, none is lost, and what is wrong is still found."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import flatline
from flatline.observe import lines, measure
from flatline.observe.events import NonFinite
from flatline.observe.series import Arriving, Numbers
from flatline.record.reader import read
from flatline.record.recording import Recording


class Late:
    """A number that comes after it was asked for that often."""

    def __init__(self, value: float, after: int) -> None:
        self._value, self._after = value, after
        self.waited = False

    @property
    def here(self) -> bool:
        self._after -= 1
        return self._after < 0

    def value(self) -> float:
        self.waited = self._after >= 0
        return self._value


def values(numbers: Numbers) -> list[float | Arriving]:
    return [value for _, _, value, _ in numbers.points]


def test_values_are_taken_up_to_the_first_that_has_not_come() -> None:
    numbers = Numbers(0)
    for tick, value in enumerate([1.0, Late(2.0, after=1), 3.0, Late(4.0, after=3)]):
        numbers.add(tick, tick, value, 1)
    assert numbers.settle() == 1
    numbers.take(1)
    assert numbers.settle() == 2
    assert values(numbers)[:2] == [2.0, 3.0]
    numbers.take(2)
    assert numbers.settle() == 0
    assert numbers.settle(wait=True) == 1
    assert values(numbers) == [4.0] and numbers.latest == 4.0


def test_a_device_that_failed_costs_what_it_has_not_told_and_no_more() -> None:
    class Broken(Late):
        def value(self) -> float:
            raise RuntimeError("CUDA error: device-side assert triggered")

    numbers = Numbers(0)
    for tick, value in enumerate([1.0, Broken(2.0, after=0), 3.0]):
        numbers.add(tick, tick, value, 1)
    assert numbers.settle(wait=True) == 1
    assert numbers.points == [(0, 0, 1.0, 1)]
    numbers.add(3, 3, 5.0, 1)
    assert numbers.settle() == 2


def train(folder: Path, rate: float, steps: int) -> tuple[list[float], Recording]:
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    x = torch.randn(16, 4)
    losses = []
    with flatline.watch(store=folder / "run.sqlite", show=False):
        for _ in range(steps):
            loss = F.mse_loss(model(x), x[:, :1] + 1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
    return losses, read(folder / "run.sqlite")


@pytest.fixture
def a_slow_device(monkeypatch: pytest.MonkeyPatch) -> list[Late]:
    """As if each loss came from a device that is three questions behind."""
    sent: list[Late] = []

    class Sent(Late):
        """Comes when the device has been given three more."""

        place = 0

        @property
        def here(self) -> bool:
            return len(sent) > self.place + 3

        def value(self) -> float:
            self.waited = not self.here
            return self._value

    def arriving(tensor: torch.Tensor) -> Arriving:
        sent.append(late := Sent(measure.scalar(tensor), after=0))
        late.place = len(sent)
        return late

    def leave(*_given: object) -> None:
        """Of a loss on a device, the short way takes none."""

    monkeypatch.setattr(measure, "arriving", arriving)
    monkeypatch.setattr(lines.Lines, "taker", lambda *_given: leave)
    return sent


def test_every_loss_is_recorded_and_none_was_waited_for_in_a_step(tmp_path: Path, a_slow_device: list[Late]) -> None:
    losses, recording = train(tmp_path, 0.05, 200)
    (curve,) = recording.optimised
    assert list(curve.values) == losses
    assert len(a_slow_device) > 200
    # Of those that were waited for, all are of the end: the last ones of the two series.
    assert sum(late.waited for late in a_slow_device) <= 8


def test_a_loss_that_overflows_is_traced_although_its_value_comes_late(
    tmp_path: Path, a_slow_device: list[Late], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of the steps, hardly any is measured: what is found is found because the late values were looked at.
    monkeypatch.setattr("flatline.observe.schedule.GROWTH", 1e9)
    losses, recording = train(tmp_path, 3.0, 300)
    bad = next(step for step, loss in enumerate(losses) if not math.isfinite(loss))
    assert bad > 12
    found = recording.all(NonFinite)
    assert found and bad <= found[0].step <= bad + 4
