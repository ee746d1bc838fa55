"""The short way of most steps: each loss and each rate is on record as by the long one, and nothing of the program's is
touched."""

from __future__ import annotations

import _thread
import contextlib
import functools
import math
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import flatline
from flatline.observe import lines
from flatline.observe.events import Backward, CriterionCall, LearningRate, NonFinite, ProbeFailed, StepCount
from flatline.observe.lines import MOST_LINES, Lines, Take
from flatline.observe.probes.optimizer import OptimizerProbe
from flatline.observe.series import Numbers
from flatline.record.reader import read
from flatline.record.recording import Recording

STEPS = 60


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    """What went the short way."""
    found: list[tuple[str, float]] = []
    taker = Lines.taker

    def counting(self: Lines, probe: str) -> Take:
        take = taker(self, probe)

        def counted(reduction: str, loss: Any, first: Any, frame: FrameType | None) -> float | None:
            value = take(reduction, loss, first, frame)
            if value is not None:
                found.append((probe, value))
            return value

        return counted

    monkeypatch.setattr(Lines, "taker", counting)
    return found


class Training:
    """A line that is fitted, step by step."""

    def __init__(self, rate: Any = 0.05) -> None:
        torch.manual_seed(0)
        self.model = torch.nn.Linear(4, 1)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=rate)
        self.x = torch.randn(16, 4)
        self.losses: list[float] = []

    def step(self, criterion: Callable[..., torch.Tensor] | None = None) -> None:
        # Not as the default: the function that is watched is not the one that was there when this class was made.
        self.update((criterion or F.mse_loss)(self.model(self.x), self.x[:, :1] + 1))

    def update(self, loss: torch.Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.losses.append(float(loss.detach()))


@pytest.fixture
def watched(tmp_path: Path) -> Callable[[Callable[[], object]], Recording]:
    def run(train: Callable[[], object]) -> Recording:
        # All of the time may be spent: which steps are measured is not to depend on how fast the machine is.
        with flatline.watch(store=tmp_path / "run.sqlite", show=False, budget=1.0):
            train()
        return read(tmp_path / "run.sqlite")

    return run


Watched = Callable[[Callable[[], object]], Recording]


def curves(recording: Recording) -> list[list[float]]:
    return [list(curve.values) for curve in recording.optimised]


def test_most_steps_take_it_and_each_loss_is_on_record(watched: Watched, taken: list[tuple[str, float]]) -> None:
    training = Training()
    recording = watched(lambda: [training.step() for _ in range(STEPS)])
    assert curves(recording) == [training.losses]
    (criterion,) = recording.criteria
    assert list(criterion.values) == training.losses
    assert list(criterion.steps) == list(range(STEPS)) and set(criterion.sizes) == {16}
    assert {name for name, _ in taken} == {"criterion", "backward"}
    assert len(taken) > STEPS


def test_each_line_and_each_reduction_has_a_series_of_its_own(watched: Watched, taken: list[tuple[str, float]]) -> None:
    training = Training()
    summed = torch.nn.MSELoss(reduction="sum")

    def train() -> None:
        for number in range(STEPS):
            if number % 3:
                training.step(summed if number % 2 else F.mse_loss)
            else:
                training.update(F.mse_loss(training.model(training.x), training.x[:, :1] + 1))

    recording = watched(train)
    lines = {(recording.line(c.place).line, c.reduction): list(c.values) for c in recording.criteria}  # type: ignore[union-attr]
    assert len(lines) == 3
    expected = [training.losses[0::3], [v for n, v in enumerate(training.losses) if n % 3 and n % 2]]
    assert all(values in lines.values() for values in expected)
    assert sum(map(len, lines.values())) == STEPS and len(taken) > STEPS


def test_a_criterion_within_a_criterion_is_a_part_of_it_and_one_on_another_thread_is_not(watched: Watched) -> None:
    training = Training()
    other: list[float] = []

    def distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        def elsewhere() -> None:
            # While the outer criterion of this thread is running.
            other.append(float(F.l1_loss(training.model(training.x), training.x[:, :1] + 1).detach()))

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        return F.mse_loss(a, b)

    def criterion(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        # Positive and negative are one: what is left is the margin, and the norm of the output.
        triplet = F.triplet_margin_with_distance_loss(output, target, target, distance_function=distance)
        return triplet + output.square().mean()

    recording = watched(lambda: [training.step(criterion) for _ in range(STEPS)])
    values = {c.name: list(c.values) for c in recording.criteria}
    assert set(values) == {"triplet_margin_with_distance_loss", "l1_loss"}
    assert values["triplet_margin_with_distance_loss"] == [1.0] * STEPS
    assert values["l1_loss"] == other and len(other) == 2 * STEPS


def test_a_thread_may_begin_with_a_loss_or_its_backward(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's line called it then, and there is no frame that could be asked for."""
    training = Training()
    errors: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", errors.append)

    def bare(function: Callable[..., object], *given: torch.Tensor) -> None:
        # In C, so that it has no frame; it is gone when the thread is done.
        job = functools.partial(function, *given)
        done = threading.Event()
        weakref.finalize(job, done.set)
        _thread.start_new_thread(job, ())
        del job
        assert done.wait(30)

    def train() -> None:
        for _ in range(STEPS):
            training.step()
            before = training.model.weight.grad.clone()  # type: ignore[union-attr]
            output = training.model(training.x)
            bare(F.mse_loss, output, training.x[:, :1])
            bare(torch.autograd.backward, output.square().mean() + 1)
            assert not torch.equal(before, training.model.weight.grad)  # type: ignore[arg-type]

    recording = watched(train)
    assert errors == [] and not recording.all(ProbeFailed)
    assert len(recording.optimised) == 2


def test_code_that_is_made_anew_keeps_its_lines_apart(watched: Watched, tmp_path: Path) -> None:
    """Equal code in two files is equal to Python; and of functions that come and go, not all are kept in mind."""
    training = Training()
    text = "def loss(model, x):\n    return F.mse_loss(model(x), x[:, :1] + 1)\n"
    functions = []
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(text)
        space: dict[str, Any] = {"F": F}
        exec(compile(text, str(tmp_path / name), "exec"), space)
        functions.append(space["loss"])
    recording = watched(lambda: [training.update(functions[n % 2](training.model, training.x)) for n in range(STEPS)])
    series = {Path(recording.line(c.place).file).name: list(c.values) for c in recording.criteria}  # type: ignore[union-attr]
    assert series == {"one.py": training.losses[0::2], "two.py": training.losses[1::2]}

    locator = SimpleNamespace(frame=lambda frame: frame)
    kept = Lines(SimpleNamespace(locator=locator))  # type: ignore[arg-type]

    for number in range(3 * MOST_LINES):
        frame = SimpleNamespace(f_code=compile("1", "x", "eval"), f_lasti=number)
        kept.learn("", frame, Numbers(0))  # type: ignore[arg-type]
    assert len(kept._known[""]) <= MOST_LINES


def test_a_line_that_is_met_late_is_not_taken_for_the_one_that_called_it(watched: Watched, tmp_path: Path) -> None:
    training = Training()
    text = "def late(input, target):\n    return F.mse_loss(input, target)\n"
    (tmp_path / "late.py").write_text(text)
    space: dict[str, Any] = {"F": F}
    exec(compile(text, str(tmp_path / "late.py"), "exec"), space)
    recording = watched(lambda: [training.step(None if n < 30 else space["late"]) for n in range(STEPS)])
    series = {Path(recording.line(c.place).file).name: list(c.values) for c in recording.criteria}  # type: ignore[union-attr]
    assert series == {"test_lines.py": training.losses[:30], "late.py": training.losses[30:]}


def test_the_first_zeros_take_the_long_way(watched: Watched, taken: list[tuple[str, float]]) -> None:
    training = Training()
    # After 40 steps it falls to 0 and stays there, until it is NaN.
    scale = [1.0] * 40 + [0.0] * 20 + [float("nan")] * 5
    recording = watched(
        lambda: [training.update(F.mse_loss(training.model(training.x), training.x[:, :1]) * s) for s in scale]
    )
    (values,) = curves(recording)
    assert (
        values[:-5] == training.losses[:-5] and values[40:60] == [0.0] * 20 and all(math.isnan(v) for v in values[60:])
    )
    # The first zero has the steps after it measured; those that follow are like it, and only their value is asked for.
    assert [event.step for event in recording.all(Backward) if event.step >= 40][:4] == [40, 41, 42, 43]
    assert 10 < [value for name, value in taken if name == "backward"].count(0.0) < 17
    # What is of another kind is looked into.
    assert recording.all(NonFinite)[0].step == 60


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_of_a_criterion_that_stays_at_zero_or_nan_ever_fewer_calls_are_measured(watched: Watched, value: float) -> None:
    training = Training()

    def train() -> None:
        for number in range(500):
            # Every third step is as it should be, which changes nothing for the others.
            scale = value if number >= 40 and number % 3 else 1.0
            training.update(F.mse_loss(training.model(training.x) * scale, training.x[:, :1] * scale))
            with torch.no_grad():
                for parameter in training.model.parameters():
                    parameter.nan_to_num_(0.1)

    recording = watched(train)
    (criterion,) = recording.criteria
    odd = [step for step, v in zip(criterion.steps, criterion.values, strict=True) if v == 0.0 or v != v]
    assert odd == [step for step in range(40, 500) if step % 3]
    measured = [call.step for call in recording.all(CriterionCall) if call.step in odd]
    # As many as are looked at in turn; then one whenever there have been twice as many. And the steps that are due.
    assert set(odd[:32]) <= set(measured)
    assert 3 <= len([step for step in measured if step > odd[40]]) <= 24


def test_modes_of_the_program_see_nothing_of_ours(watched: Watched, taken: list[tuple[str, float]]) -> None:
    class Functions(TorchFunctionMode):
        def __init__(self) -> None:
            super().__init__()
            self.names: list[str] = []

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.names.append(getattr(func, "__name__", str(func)))
            return func(*args, **(kwargs or {}))

    class Operations(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.names: list[str] = []

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.names.append(str(func))
            return func(*args, **(kwargs or {}))

    kinds = [(Functions,), (Operations,), (Functions, Operations)]

    def train() -> list[str]:
        training = Training()
        names: list[str] = []
        for number in range(STEPS):
            modes = [kind() for kind in kinds[number % 3]] if number >= 40 else []
            with contextlib.ExitStack() as entered:
                for mode in modes:
                    entered.enter_context(mode)
                training.step()
            names += [name for mode in modes for name in mode.names]
        return names

    alone = train()
    seen: list[list[str]] = []
    watched(lambda: seen.append(train()))
    assert seen == [alone]
    # Meanwhile it went the short way where nothing was watched.
    assert taken


def test_functions_that_are_transformed_are_left_alone(watched: Watched) -> None:
    model = torch.nn.Linear(4, 1)
    weights = {name: p.detach() for name, p in model.named_parameters()}
    x = torch.randn(8, 4)

    def loss(weights: dict[str, torch.Tensor], row: torch.Tensor) -> torch.Tensor:
        return F.mse_loss(torch.func.functional_call(model, weights, (row[None],)), row[None, :1])

    def each() -> torch.Tensor:
        return torch.func.vmap(torch.func.grad(loss), (None, 0))(weights, x)["weight"]

    alone, training = each(), Training()
    found: list[torch.Tensor] = []

    def train() -> None:
        for _ in range(STEPS):
            training.step()
            found.append(each())

    recording = watched(train)
    assert all(torch.equal(one, alone) for one in found)
    assert curves(recording) == [training.losses] and not recording.all(ProbeFailed)


@pytest.mark.parametrize("asked", ["_watched", "tracing", "_item"])
def test_a_fault_on_the_way_is_recorded_and_hurts_nothing(
    watched: Watched, taken: list[tuple[str, float]], monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    original = getattr(lines, asked)
    left = [40]

    def asks(*arguments: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise RuntimeError("put in")
        return original(*arguments)

    def train() -> list[float]:
        training = Training()
        for _ in range(STEPS):
            training.step()
        return training.losses

    alone = train()
    monkeypatch.setattr(lines, asked, asks)
    seen: list[list[float]] = []
    recording = watched(lambda: seen.append(train()))
    assert seen == [alone] and left[0] < 0 and taken
    assert {failure.probe for failure in recording.all(ProbeFailed)} == {"criterion", "backward"}
    # What the short way leaves is taken by the long one, until that probe is switched off.
    (values,) = curves(recording)
    assert len(values) > 20 and values == alone[: len(values)]


def test_a_fault_in_counting_steps_is_recorded_and_hurts_nothing(watched: Watched) -> None:
    class Steps(dict[int, Any]):
        """What the hook looks into at every step."""

        asked = 0

        def get(self, *arguments: Any) -> Any:
            Steps.asked += 1
            if Steps.asked == 100:
                raise RuntimeError("put in")
            return super().get(*arguments)

    def train(spoil: bool) -> list[float]:
        training = Training()
        if spoil:
            training.optimizer.param_groups[0] = Steps(training.optimizer.param_groups[0])  # type: ignore[assignment]
        for _ in range(STEPS):
            training.step()
        return training.losses

    alone = train(False)
    seen: list[list[float]] = []
    recording = watched(lambda: seen.append(train(True)))
    assert seen == [alone] and Steps.asked > 100
    assert [failure.probe for failure in recording.all(ProbeFailed)] == ["optimizer"]
    (count,) = [count for count in recording.all(StepCount) if count.steps][-1:]
    assert count.steps == STEPS


def rates(recording: Recording) -> list[tuple[int, float, float]]:
    """Step, rate and momentum."""
    return [
        (event.step, round(rate, 3), momentum)
        for event in recording.all(LearningRate)
        for rate, momentum in zip(event.rates, event.momenta, strict=True)
    ]


def test_each_change_of_a_rate_is_on_record(watched: Watched) -> None:
    training = Training()

    def train() -> None:
        for number in range(STEPS):
            if number == 30:
                training.optimizer.param_groups[0]["lr"] = 0.01
            if number == 42:
                state = training.optimizer.state_dict()
                state["param_groups"][0]["lr"] = 0.02
                training.optimizer.load_state_dict(state)
            if number == 52:
                training.optimizer.param_groups[0]["momentum"] = 0.9
            training.step()

    # None of these steps is measured.
    assert rates(watched(train)) == [(0, 0.05, 0.0), (30, 0.01, 0.0), (42, 0.02, 0.0), (52, 0.02, 0.9)]


def test_a_rate_that_changes_in_place_is_on_record(watched: Watched) -> None:
    rate = torch.tensor(0.05)
    training = Training(rate)

    def train() -> None:
        for number in range(STEPS):
            if number == 30:
                rate.fill_(0.01)
            training.step()

    assert rates(watched(train)) == [(0, 0.05, 0.0), (30, 0.01, 0.0)]


def test_steps_and_clears_are_counted_for_optimizers_that_come_and_go(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    long: list[bool] = []
    after = OptimizerProbe.observe_after

    def counted(self: OptimizerProbe, optimizer: Any) -> None:
        long.append(self._session.sampled)
        after(self, optimizer)

    monkeypatch.setattr(OptimizerProbe, "observe_after", counted)
    training = Training()

    def train() -> None:
        for number in range(STEPS):
            if number % 20 == 0:
                training.optimizer = torch.optim.SGD(training.model.parameters(), lr=0.05)
            training.step()

    recording = watched(train)
    counts = {count.optimizer: (count.steps, count.clears) for count in recording.all(StepCount)}
    # The first was made before the watch and took no step.
    assert sorted(counts.values())[-3:] == [(20, 20)] * 3
    # Not each step that was not measured came there.
    assert 0 < long.count(False) < STEPS - long.count(True) - 10
