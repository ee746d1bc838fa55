"""What watching may cost: its clock, the steps it puts off, the option, and a record that stays small."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import flatline.commands.run
from flatline.observe.budget import ALLOWED_SECONDS, Budget
from flatline.observe.schedule import FIRST, Schedule
from flatline.observe.session import Session
from flatline.observe.weights import Before
from runs import write

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))
import scale

PROGRAM = """
    import torch
    import torch.nn.functional as F
    model = torch.nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(30):
        loss = F.cross_entropy(model(torch.ones(8, 4)), torch.zeros(8, dtype=torch.long))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


def flatline_run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    write(folder, "train.py", PROGRAM)
    command = [sys.executable, "-m", "flatline", "run", "--quiet", "--json", "v.json", *options, "train.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_the_option_reaches_the_verdict_with_the_seconds_that_were_taken(tmp_path: Path) -> None:
    assert flatline_run(tmp_path, "--budget", "0.5").returncode == 0
    overhead = json.loads((tmp_path / "v.json").read_text())["overhead"]
    assert overhead["budget"] == 0.5
    # Starting up alone takes longer than ten milliseconds.
    assert overhead["ratio"] > 1 and 0.01 < overhead["seconds"] < 60


@pytest.mark.parametrize(("given", "meant"), [("5%", 0.05), ("0.25", 0.25), (".5 %", 0.005), ("0", 0.0), ("100%", 1.0)])
def test_a_share_is_a_part_or_a_percentage(given: str, meant: float) -> None:
    command = flatline.commands.run.run
    option = next(o for o in command.params if o.name == "budget")
    assert flatline.commands.run.share(click.Context(command), option, given) == pytest.approx(meant)


@pytest.mark.parametrize("given", ["60s", "3", "-1%", "much"])
def test_what_is_no_share_is_refused_and_told_apart_from_the_time_of_experiments(tmp_path: Path, given: str) -> None:
    done = flatline_run(tmp_path, f"--budget={given}")
    assert done.returncode == 2
    assert f"{given!r} is no share of the run's time; write 3% or 0.03" in done.stderr and "prove" in done.stderr


def test_hooks_are_timed_with_what_they_cannot_see_themselves() -> None:
    session = Session(lambda events: None)
    hook = session.guarded("test", lambda: time.sleep(0.01))
    assert session.budget.spent == session.budget.sampling == 0
    for _ in range(3):
        hook()
    empty = session.guarded("test", lambda: None)
    before = session.budget.spent
    empty()
    assert 0.03 <= before < 3
    # Sleeping is no work.
    assert session.budget.sampling < 0.02 and session.budget.spent > before


def test_start_up_counts_and_lengthens_the_run() -> None:
    budget = Budget()
    budget.since(time.perf_counter() - 5)
    cost = budget.cost(time.perf_counter())
    assert 5 <= cost.probes <= cost.total < 6 and cost.budget == 0.03


def test_a_step_is_measured_while_it_can_be_paid() -> None:
    budget = Budget(0.1)
    budget.started -= 100
    budget.spent, budget.sampling = 6.0, 6.0
    assert budget.affordable()
    # A third of it is left for what the clock does not see.
    budget.spent = 7.0
    assert not budget.affordable()
    # What every step costs may take the whole; a third is for the measured ones.
    budget.sampling = 3.0
    assert budget.affordable()
    short = Budget(0.0)
    short.spent, short.sampling = 1.0, 0.9 * ALLOWED_SECONDS
    assert short.affordable()
    short.sampling = 1.1 * ALLOWED_SECONDS
    assert not short.affordable()


def test_the_first_steps_and_events_are_measured_whatever_they_cost() -> None:
    schedule = Schedule()
    wanted = [step for step in range(100) if schedule.wants(step, lambda: False)]
    assert wanted == list(range(FIRST))
    schedule.event(100)
    assert [step for step in range(100, 200) if schedule.wants(step, lambda: False)] == [100, 101, 102, 103]


def test_weights_are_compared_bit_by_bit_and_by_norm() -> None:
    class _Names:
        def parameter(self, parameter: torch.Tensor) -> int:
            return numbers[id(parameter)]

    tiny = nn.Parameter(torch.full((3,), 1e-30))
    still, half = nn.Parameter(torch.tensor([1.0, float("inf")])), nn.Parameter(torch.ones(4, dtype=torch.float16))
    large = nn.Parameter(torch.randn(70_000, generator=torch.Generator().manual_seed(0)))
    broken, empty = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(0))
    parameters = [tiny, still, half, large, broken, empty]
    numbers = {id(p): i for i, p in enumerate(parameters)}
    before = Before(parameters)
    large.grad = torch.full((70_000,), 2.0)
    broken.grad = torch.tensor([float("nan"), 1.0])
    with torch.no_grad():
        tiny += 1e-35
        half += 2
        large.mul_(2)
        broken[0] = float("nan")
    facts = {f.parameter: f for f in before.facts(_Names())}  # type: ignore[arg-type]
    assert [facts[i].moved for i in range(6)] == [True, False, True, True, True, False]
    assert [facts[i].non_finite_weight for i in range(6)] == [False, True, False, False, True, False]
    assert [facts[i].has_gradient for i in range(6)] == [False, False, False, True, True, False]
    assert facts[4].non_finite_gradient and not facts[3].non_finite_gradient
    assert facts[2].weight == 2.0 and facts[2].update == 4.0
    # Of 70,000 elements every second is looked at.
    assert facts[3].update == pytest.approx(facts[3].weight) and facts[3].gradient == pytest.approx(2 * 35_000**0.5)


def _train(compiled: str | None, checkpointed: bool, half: bool) -> list[Any]:
    torch.manual_seed(0)
    torch._dynamo.reset()
    inner = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16))
    head = nn.Linear(16, 3)
    optimizer = torch.optim.AdamW([*inner.parameters(), *head.parameters()], lr=0.01)
    scaler = torch.amp.GradScaler("cpu", enabled=half)

    def forward(x: torch.Tensor) -> torch.Tensor:
        hidden = torch.utils.checkpoint.checkpoint(inner, x, use_reentrant=False) if checkpointed else inner(x)
        return head(hidden.relu())  # type: ignore[no-any-return]

    run = torch.compile(forward, backend=compiled) if compiled else forward
    losses = []
    for _ in range(16):
        x, y = torch.randn(4, 8), torch.randint(0, 3, (4,))
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = F.cross_entropy(run(x), y)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    return [losses, *[p.detach().clone() for p in [*inner.parameters(), *head.parameters()]], torch.get_rng_state()]


@pytest.mark.parametrize(
    ("compiled", "checkpointed", "half"),
    [("aot_eager", True, True), (None, True, True), (None, False, True)],
)
def test_compiled_checkpointed_and_mixed_training_stay_the_same_bit_by_bit(
    compiled: str | None, checkpointed: bool, half: bool
) -> None:
    plain = _train(compiled, checkpointed, half)
    with flatline.watch(show=False) as watched:
        seen = _train(compiled, checkpointed, half)
    assert plain[0] == seen[0]
    assert all(torch.equal(a, b) for a, b in zip(plain[1:], seen[1:], strict=True))
    assert watched.verdict.run.steps == 16 and not watched.verdict.probe_failures


def test_a_long_run_of_a_deep_model_stays_small(tmp_path: Path) -> None:
    """What a step adds to the record, over the steps that are not measured, and what the whole of it holds."""
    grown = scale.simulate(tmp_path / "run.sqlite", 20_000, 100)
    size = sum(f.stat().st_size for f in tmp_path.iterdir())
    half = tmp_path / "half"
    half.mkdir()
    scale.simulate(half / "run.sqlite", 10_000, 100)
    added = size - sum(f.stat().st_size for f in half.iterdir())
    assert 100 * added < 64 * scale.MEGABYTE and size < 4 * scale.MEGABYTE
    assert grown < 50
