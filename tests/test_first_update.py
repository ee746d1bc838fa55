"""Where a training is stopped before its first update, whatever form the update has; and what is found there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from first_steps import first_step, outcomes, text

Weights = list[torch.Tensor]
made: Weights = []


@pytest.fixture(autouse=True)
def _fresh() -> None:
    torch.manual_seed(0)
    made.clear()


def rows(columns: int = 10) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(32, columns), torch.randint(0, 3, (32,))


def kept(module: nn.Module) -> nn.Module:
    """Remembers the weights that a program starts with, as they are, to see that they stay."""
    made.extend(p for p in module.parameters())
    starts.extend(p.detach().clone() for p in module.parameters())
    return module


starts: Weights = []


def plain() -> None:
    model = kept(nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 3)))
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(3):
        x, y = rows()
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def lbfgs() -> None:
    model, (x, y) = kept(nn.Linear(10, 3)), rows()
    optimizer = torch.optim.LBFGS(model.parameters())

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss

    optimizer.step(closure)


def named_closure() -> None:
    model, (x, y) = kept(nn.Linear(10, 3)), rows()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def closure() -> torch.Tensor:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss

    optimizer.step(closure=closure)


def two_optimizers() -> None:
    body, head = kept(nn.Linear(10, 16)), kept(nn.Linear(16, 3))
    slow, fast = torch.optim.SGD(body.parameters(), lr=0.01), torch.optim.Adam(head.parameters())
    x, y = rows()
    F.cross_entropy(head(body(x).relu()), y).backward()
    slow.step()
    fast.step()


def adversaries() -> None:
    generator = kept(nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2)))
    critic = kept(nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1)))
    makes, judges = torch.optim.Adam(generator.parameters()), torch.optim.Adam(critic.parameters())
    fake = generator(torch.randn(32, 4))
    ones, zeros = torch.ones(32, 1), torch.zeros(32, 1)
    real = F.binary_cross_entropy_with_logits(critic(torch.randn(32, 2)), ones)
    (real + F.binary_cross_entropy_with_logits(critic(fake.detach()), zeros)).backward()
    judges.step()
    F.binary_cross_entropy_with_logits(critic(fake), ones).backward()
    makes.step()


def accumulated() -> None:
    model = kept(nn.Linear(10, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for index in range(8):
        x, y = rows()
        (F.cross_entropy(model(x), y) / 4).backward()
        if index % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()


def half_precision() -> None:
    model = kept(nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 3)))
    optimizer, scaler = torch.optim.SGD(model.parameters(), lr=0.1), torch.amp.GradScaler("cpu")
    x, y = rows()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = F.cross_entropy(model(x), y)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()


def scheduled_too_early() -> None:
    """A step before any backward, as some do to keep a scheduler quiet, changes nothing."""
    model = kept(nn.Linear(10, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.step()
    x, y = rows()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()


def workers() -> None:
    model = kept(nn.Linear(10, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in DataLoader(TensorDataset(*rows()), batch_size=16, num_workers=1):
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


def by_hand() -> None:
    model = kept(nn.Linear(10, 3))
    x, y = rows()
    F.cross_entropy(F.linear(x, model.weight, model.bias), y).backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= 0.1 * p.grad  # type: ignore[operator]


def by_hand_through_data() -> None:
    model, (x, y) = kept(nn.Linear(10, 3)), rows()
    F.cross_entropy(model(x), y).backward()
    for p in model.parameters():
        p.data.add_(p.grad, alpha=-0.1)  # type: ignore[arg-type]


def by_hand_new_data() -> None:
    model, (x, y) = kept(nn.Linear(10, 3)), rows()
    F.cross_entropy(model(x), y).backward()
    model.weight.data = model.weight - 0.1 * model.weight.grad


def by_hand_all_at_once() -> None:
    model, (x, y) = kept(nn.Linear(10, 3)), rows()
    F.cross_entropy(model(x), y).backward()
    with torch.no_grad():
        torch._foreach_sub_(list(model.parameters()), [p.grad for p in model.parameters()])


@pytest.mark.parametrize(
    ("train", "operation"),
    [
        (plain, "Adam.step"), (lbfgs, "LBFGS.step"), (named_closure, "SGD.step"), (two_optimizers, "SGD.step"),
        (adversaries, "Adam.step"), (accumulated, "SGD.step"), (half_precision, "SGD.step"),
        (scheduled_too_early, "SGD.step"), (workers, "SGD.step"), (by_hand, "__isub__"), (by_hand_through_data, "add_"),
        (by_hand_new_data, "data"), (by_hand_all_at_once, "_foreach_sub_"),
    ],
)  # fmt: skip
def test_training_stops_before_its_first_update(train: Callable[[], None], operation: str) -> None:
    starts.clear()
    verdict, stopped = first_step(train)
    assert stopped is not None and stopped.operation == operation
    assert all(torch.equal(now, start) for now, start in zip(made, starts, strict=True))
    assert not verdict.faults and not verdict.probe_failures and verdict.healthy
    assert outcomes(verdict)["gradient everywhere"] == "passed"
    assert verdict.summary.startswith("Before the first update (test_first_update.py:")
    # Nothing of ours stays behind.
    assert type(vars(torch.Tensor).get("data")).__name__ != "_Data"
    assert torch.autograd.backward.__code__.co_filename.endswith("__init__.py")


def test_the_line_is_that_of_the_update() -> None:
    verdict, _ = first_step(by_hand)
    line = by_hand.__code__.co_firstlineno + 6
    assert verdict.summary.startswith(f"Before the first update (test_first_update.py:{line}) ")


def test_an_update_that_makes_new_tensors_is_seen_after_it() -> None:
    def functional() -> None:
        x, y = rows()
        weight = (torch.randn(10, 3) / 10**0.5).requires_grad_()
        for _ in range(5):
            F.cross_entropy(x @ weight, y).backward()
            weight = (weight - 0.1 * weight.grad).detach().requires_grad_()  # type: ignore[operator]

    verdict, stopped = first_step(functional)
    assert stopped is not None and stopped.after and stopped.step == 2
    assert "After the first update" in verdict.summary and "which makes new tensors" in verdict.summary
    assert not verdict.faults


def test_without_an_update_the_program_goes_to_its_end() -> None:
    ran = []

    def never() -> None:
        model, (x, y) = kept(nn.Linear(10, 3)), rows()
        for _ in range(4):
            F.cross_entropy(model(x), y).backward()
        ran.append(True)

    _, stopped = first_step(never)
    assert ran and stopped is None


def test_a_scaled_loss_is_given_with_its_own_value() -> None:
    verdict, _ = first_step(half_precision)
    assert "e+04 (cross_entropy: 1." in verdict.summary


def test_the_generator_is_not_cut_off_before_the_critics_first_step() -> None:
    verdict, stopped = first_step(adversaries)
    assert stopped is not None and len(stopped.parameters) == 4
    assert "graph-cut" not in [c.name for c in verdict.causes]
    assert text(verdict, "gradient everywhere") == "all 4 parameters have a gradient that is not 0"


def test_accumulated_gradients_are_those_of_all_backwards() -> None:
    verdict, stopped = first_step(accumulated)
    assert stopped is not None and verdict.run.steps == 0
    assert "0.3" in verdict.summary and "(cross_entropy: 1." in verdict.summary


def test_weights_that_hold_what_they_are_not_updated_by() -> None:
    """Between backward and update a program writes to gradients, buffers and copies: none of these is an update."""

    def train() -> None:
        model = kept(nn.Linear(10, 3))
        average = {name: p.detach().clone() for name, p in model.named_parameters()}
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        x, y = rows()
        F.cross_entropy(model(x), y).backward()
        for p in model.parameters():
            p.grad.mul_(0.5)  # type: ignore[union-attr]
        for name, p in model.named_parameters():
            average[name].lerp_(p.detach(), 0.1)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    _, stopped = first_step(train)
    assert stopped is not None and stopped.operation == "SGD.step"


def test_a_model_in_evaluation_mode_is_told() -> None:
    def train() -> None:
        model = nn.Sequential(nn.Linear(10, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3)).eval()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        x, y = rows()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    verdict, _ = first_step(train)
    assert [c.name for c in verdict.faults] == ["wrong-mode"]
    assert outcomes(verdict)["samples apart"] == "passed"


def test_a_pass_in_training_mode_before_training_is_no_fault() -> None:
    def train() -> None:
        model = nn.Sequential(nn.Linear(10, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with torch.no_grad():
            model(torch.zeros(4, 10))
        x, y = rows()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    assert not first_step(train)[0].faults


def test_a_loss_of_zero_with_a_gradient_is_expected() -> None:
    def train() -> None:
        policy, reference = nn.Linear(10, 3), nn.Linear(10, 3)
        reference.load_state_dict(policy.state_dict())
        optimizer = torch.optim.SGD(policy.parameters(), lr=0.1)
        x, _ = rows()
        chosen = policy(x).log_softmax(1)[:, 0]
        advantage = torch.linspace(-1, 1, 32)
        ratio = (chosen - chosen.detach()).exp()
        (-(ratio * advantage).mean()).backward()
        optimizer.step()

    verdict, _ = first_step(train)
    assert not verdict.faults and verdict.healthy, verdict.summary
    assert [expected.name for expected in verdict.expected] == ["zero-by-design"]


def test_no_cause_is_likely_for_want_of_a_curve() -> None:
    """One step of noise at chance: no plateau, no constant loss, no weights that do not move."""

    def train() -> None:
        model = nn.Linear(10, 3)
        nn.init.zeros_(model.weight)
        nn.init.zeros_(model.bias)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
        x, y = rows()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    verdict, _ = first_step(train)
    assert verdict.symptoms == [] and verdict.causes == []


def test_the_program_is_told_of_its_own_backward_only() -> None:
    told: list[str] = []

    class Passed(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, x: torch.Tensor) -> torch.Tensor:
            return x * 1

        @staticmethod
        def backward(ctx: object, gradient: torch.Tensor) -> torch.Tensor:
            told.append("function")
            return gradient

    def with_function() -> None:
        model, (x, y) = kept(nn.Linear(10, 3)), rows()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        F.cross_entropy(Passed.apply(model(x)), y).backward()
        optimizer.step()

    def with_hook() -> None:
        model, (x, y) = kept(nn.Linear(10, 3)), rows()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        logits = model(x) * 2
        logits.register_hook(lambda gradient: told.append("hook"))
        F.cross_entropy(logits, y).backward()
        optimizer.step()

    assert first_step(with_function)[1] is not None and first_step(with_hook)[1] is not None
    assert told == ["function", "hook"]
