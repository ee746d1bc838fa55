"""What ``flatline.watch`` was not told of is found out while the program runs."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import flatline
from flatline.observe.events import Cost, ProbeFailed, Signal, Update
from flatline.record.reader import read
from flatline.record.recording import Recording


def _watched(store: Path, steps: int, told: bool, by_hand: bool = False) -> Recording:
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.randn(8, 4), torch.randint(0, 2, (8,))
    with flatline.watch(*([model, optimizer] if told else []), store=store, show=False):
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            if by_hand:
                with torch.no_grad():
                    for weight in model.parameters():
                        weight -= 0.1 * weight.grad
            else:
                optimizer.step()
    return read(store)


@pytest.mark.parametrize("steps", [1, 5, 40])
def test_an_optimizer_that_was_made_before_counts_its_steps_once(steps: int, tmp_path: Path) -> None:
    found = [_watched(tmp_path / f"{told}.sqlite", steps, told) for told in (True, False)]
    assert [r.steps for r in found] == [steps, steps]
    told, untold = ([u.step for u in r.all(Update)] for r in found)
    assert told == untold and told[0] == 0


def test_steps_by_hand_are_counted_though_there_is_an_optimizer(tmp_path: Path) -> None:
    assert _watched(tmp_path / "run.sqlite", 5, told=False, by_hand=True).steps == 5


def test_a_budget_is_a_share_and_reaches_the_record(tmp_path: Path) -> None:
    for wrong in (3, -0.1, float("nan")):
        with pytest.raises(ValueError, match=r"a share of the run's time from 0 to 1"):
            flatline.watch(budget=wrong)
    with flatline.watch(store=tmp_path / "run.sqlite", show=False, budget=0.5):
        torch.nn.functional.mse_loss(torch.ones(2, requires_grad=True), torch.zeros(2)).backward()
    assert read(tmp_path / "run.sqlite").all(Cost)[-1].budget == 0.5


def test_a_backward_pass_that_is_compiled_has_no_hook_of_ours(tmp_path: Path) -> None:
    from torch._dynamo import compiled_autograd

    model = torch.nn.Sequential(*[part for _ in range(4) for part in (torch.nn.Linear(4, 4), torch.nn.Tanh())])
    with warnings.catch_warnings(record=True) as told, flatline.watch(store=tmp_path / "run.sqlite", show=False):
        warnings.simplefilter("always")
        with compiled_autograd._enable(torch.compile(backend="eager")):
            model(torch.ones(2, 4)).mean().backward()
        model(torch.ones(2, 4)).mean().backward()
    # Of a hook, the compiler would say that it cannot follow the clock in it.
    assert not [str(warning.message) for warning in told]
    recording = read(tmp_path / "run.sqlite")
    assert not recording.all(ProbeFailed) and len(recording.all(Signal)) == 1
