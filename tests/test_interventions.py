"""Each intervention does what it says, leaves the program's random numbers alone, and harms nothing where it never acts."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from flatline.changes import Change
from flatline.interventions import Interventions
from flatline.interventions.base import interventions
from flatline.observe.events import Event, Intervened, ProbeFailed, Remembered
from flatline.observe.session import Session


@contextmanager
def changed(*changes: Change) -> Iterator[list[Event]]:
    """Makes changes in this process; gives the records of what was made and what failed, complete once it has ended."""
    records: list[Event] = []
    session = Session(records.extend)
    made = Interventions(list(changes), session)
    made.before_probes()
    made.after_probes()
    try:
        yield records
    finally:
        session.flush(force=True)
        made.remove_above()
        made.remove_below()


def times(records: list[Event], name: str) -> int:
    assert [r for r in records if isinstance(r, ProbeFailed)] == []
    return max((r.times for r in records if isinstance(r, Intervened) and r.name == name), default=0)


def train(
    model: nn.Module | None = None, steps: int = 3, lr: float = 0.1, clear: bool = True, momentum: float = 0.0
) -> tuple[list[float], nn.Module]:
    torch.manual_seed(0)
    model = model or nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3))
    data = TensorDataset(torch.randn(24, 4), torch.randint(0, 3, (24,)))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)
    losses: list[float] = []
    for _ in range(steps):
        for x, y in DataLoader(data, batch_size=12, shuffle=True):
            loss = F.cross_entropy(model(x), y)
            if clear:
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses, model


ARGUMENTS: dict[str, dict[str, Any]] = {
    "operation": {"names": ["relu"], "by": "tanh"},
    "option": {"key": "label_smoothing", "value": 0.1},
    "precision": {"dtype": "float64"},
}


@pytest.mark.parametrize("name", sorted(set(interventions()) - {"seed"}))
def test_the_random_numbers_of_the_program_do_not_move(name: str) -> None:
    def numbers() -> tuple[float, float, float]:
        random.seed(0)
        np.random.seed(0)
        train()
        return torch.rand(1).item(), random.random(), np.random.rand()

    expected = numbers()
    with changed(Change(name, ARGUMENTS.get(name, {}))) as records:
        actual = numbers()
    assert actual == expected
    assert [r for r in records if isinstance(r, ProbeFailed)] == []


@pytest.mark.parametrize("name", sorted(interventions()))
def test_a_program_without_its_patch_point_is_left_as_it_is(name: str) -> None:
    def program() -> list[float]:
        data = torch.linspace(0, 1, 5)
        return (data * 2 + 1).sin().tolist()  # type: ignore[no-any-return]

    expected = program()
    # In float64 even a program without a model computes otherwise; in float32 this one has nothing to widen.
    arguments = {} if name == "precision" else ARGUMENTS.get(name, {})
    with changed(Change(name, arguments)) as records:
        actual = program()
    assert actual == expected
    assert times(records, name) == 0


def test_everything_is_as_before_when_the_changes_are_taken_away() -> None:
    # Torch itself replaces its manual_seed when the first optimizer is made.
    expected = train()[0]
    before = torch.manual_seed, F.cross_entropy, nn.Module.__call__, torch.optim.Optimizer.__init__, torch.Generator
    with changed(*(Change(name, ARGUMENTS.get(name, {})) for name in interventions())):
        pass
    assert before == (
        torch.manual_seed,
        F.cross_entropy,
        nn.Module.__call__,
        torch.optim.Optimizer.__init__,
        torch.Generator,
    )
    assert train()[0] == expected


def test_a_change_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match="there is no intervention learning-speed; there are"):
        Interventions([Change("learning-speed")], Session(lambda records: None))
    with pytest.raises(TypeError):
        Interventions([Change("seed", {"shift": 1})], Session(lambda records: None))


def test_a_fault_of_a_change_is_recorded_and_not_the_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = train()[0]
    with changed(Change("targets")) as records:
        monkeypatch.setattr(torch, "randperm", None)
        monkeypatch.undo()
    with changed(Change("mode")) as records:
        from flatline.interventions.mode import Mode

        monkeypatch.setattr(Mode, "_called", lambda *args: 1 / 0)
    with changed(Change("mode")) as records:
        assert train()[0] == expected
    failed = [r for r in records if isinstance(r, ProbeFailed)]
    assert [f.probe for f in failed] == ["intervention mode"]
    assert "ZeroDivisionError" in failed[0].message


# what each does ------------------------------------------------------------------------------------------------------


def test_learning_rate_scales_the_update_and_is_put_back() -> None:
    model = nn.Linear(4, 3)
    start = model.weight.detach().clone()
    train(model, 1)
    whole = model.weight.detach() - start
    model.weight.data.copy_(start)
    model.bias.data.zero_()
    other = nn.Linear(4, 3)
    other.load_state_dict({"weight": start, "bias": torch.zeros(3)})
    optimizer = torch.optim.SGD(other.parameters(), lr=0.1)
    with changed(Change("learning-rate", {"factor": 0.0})) as records:
        optimizer_inside = torch.optim.SGD(other.parameters(), lr=0.1)
        other(torch.ones(2, 4)).sum().backward()
        optimizer_inside.step()
        assert optimizer_inside.param_groups[0]["lr"] == 0.1
    assert torch.equal(other.weight.detach(), start)
    assert times(records, "learning-rate") == 1
    optimizer.step()
    assert not torch.equal(other.weight.detach(), start)
    assert bool(whole.any())


def test_learning_rate_scales_updates_by_hand() -> None:
    def step() -> float:
        w = torch.ones(1, requires_grad=True)
        loss = (3 * w).sum()
        loss.backward()
        with torch.no_grad():
            w -= 0.1 * w.grad
        return 1 - w.item()

    whole = step()
    with changed(Change("learning-rate", {"factor": 0.1})):
        assert step() == pytest.approx(0.1 * whole, rel=1e-5)


@pytest.mark.filterwarnings("ignore:Detected call of")
def test_learning_rate_stays_constant_and_the_forgotten_step_is_taken() -> None:
    def moves() -> bool:
        # torch warns of the forgotten step: that is the point.
        w = nn.Parameter(torch.ones(1))
        optimizer = torch.optim.SGD([w], lr=0.1)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.0)
        for _ in range(2):
            optimizer.zero_grad()
            (w * 2).sum().backward()
            scheduler.step()
        return w.item() != 1

    assert not moves()
    with changed(Change("learning-rate", {"constant": True, "stepped": True})):
        assert moves()


def test_seed_is_added_to_what_the_program_sets() -> None:
    def draw() -> list[float]:
        torch.manual_seed(1)
        random.seed(1)
        np.random.seed(1)
        own = torch.Generator().manual_seed(1)
        generator = np.random.default_rng(1)
        return [
            torch.rand(1).item(),
            random.random(),
            np.random.rand(),
            torch.rand(1, generator=own).item(),
            generator.random(),
        ]

    expected = draw()
    with changed(Change("seed", {"offset": 0})):
        assert draw() == expected
    with changed(Change("seed", {"offset": 5})):
        assert all(a != b for a, b in zip(draw(), expected))
        assert isinstance(torch.default_generator, torch.Generator)
    with changed(Change("seed", {"start": 7})):
        first = torch.rand(1).item(), random.random(), np.random.rand()
    with changed(Change("seed", {"start": 7})):
        assert (torch.rand(1).item(), random.random(), np.random.rand()) == first


def test_initialisation_draws_weights_once() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Linear(8, 3))
    nn.init.constant_(model[0].weight, 0.5)
    scale, last = model[1].weight.detach().clone(), model[2].weight.detach().clone()
    with changed(Change("initialisation", {"draw": "symmetric"})) as records:
        model(torch.ones(2, 4))
        first = model[0].weight.detach().clone()
        model(torch.ones(2, 4))
    assert times(records, "initialisation") == 1
    assert len(torch.unique(first)) > 8
    assert torch.equal(first, model[0].weight)
    assert torch.equal(last, model[2].weight)
    with changed(Change("initialisation", {"draw": "standard"})):
        model(torch.ones(2, 4))
    assert not torch.equal(last, model[2].weight)
    assert float(model[2].weight.detach().abs().max()) <= 8**-0.5
    assert torch.equal(scale, model[1].weight)
    w = torch.zeros(3, 2, requires_grad=True)
    with changed(Change("initialisation")):
        torch.ones(1, 3) @ w
    assert bool(w.any())


def criterion_sees(change: Change, input: torch.Tensor, target: torch.Tensor, **options: Any) -> float:
    with changed(change) as records:
        value = F.cross_entropy(input, target, **options).item()
    times(records, change.name)
    return value


def test_targets_are_permuted_planted_and_brought_into_the_domain() -> None:
    score = torch.eye(6) * 100
    assert criterion_sees(Change("targets", {"how": "permute"}), score, torch.arange(6)) > 1
    assert criterion_sees(Change("targets", {"how": "plant"}), torch.zeros(2, 4), torch.zeros(2, 4)) == pytest.approx(
        np.log(4), rel=1e-5
    )
    with changed(Change("targets", {"how": "clamp", "scale": 255.0})):
        high = F.binary_cross_entropy_with_logits(torch.zeros(2), torch.tensor([0.0, 255.0]))
    assert high.item() == pytest.approx(np.log(2), rel=1e-5)
    with changed(Change("targets", {"how": "normalise"})):
        kl = F.kl_div(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[3.0, 3.0]]), reduction="batchmean")
    assert kl.item() == pytest.approx(0.0, abs=1e-6)
    with changed(Change("targets", {"how": "shape"})):
        assert F.mse_loss(torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 2.0])).item() == 0
    with changed(Change("targets", {"how": "finite"})):
        assert F.mse_loss(torch.zeros(2), torch.tensor([0.0, float("nan")])).item() == 0


def test_targets_of_a_formula_are_found_on_its_line() -> None:
    prediction = torch.tensor([[1.0], [2.0]], requires_grad=True)
    target = torch.tensor([1.0, 2.0])

    def formula() -> torch.Tensor:
        return ((prediction - target) ** 2).mean()

    line = formula.__code__.co_firstlineno + 1
    assert formula().item() > 0
    with changed(Change("targets", {"how": "shape", "line": line, "file": __file__, "shape": [2]})) as records:
        assert formula().item() == 0
    assert times(records, "targets") == 1
    with changed(Change("targets", {"how": "shape", "line": line - 1, "file": __file__, "shape": [2]})) as records:
        assert formula().item() > 0
    assert times(records, "targets") == 0


def test_inputs_are_replaced() -> None:
    class Look(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.seen = x
            return super().forward(x)

    x = torch.arange(40.0).reshape(10, 4)

    def seen(given: torch.Tensor, **arguments: Any) -> torch.Tensor:
        model = Look(4, 1)
        with changed(Change("inputs", arguments)) as records:
            model(given)
        times(records, "inputs")
        return model.seen

    noise = seen(x, how="noise")
    assert not torch.equal(noise, x)
    assert float(noise.mean()) == pytest.approx(float(x.mean()), abs=6)
    column = seen(x, how="column", column=2)
    assert torch.equal(column[:, [0, 1, 3]], x[:, [0, 1, 3]])
    assert torch.equal(column[:, 2].sort().values, x[:, 2])
    assert not torch.equal(column[:, 2], x[:, 2])
    assert float(seen(x, how="standardise").mean(0).abs().max()) < 1e-5
    assert seen(x, how="fit").aminmax() == (-1.0, 1.0)
    assert len(seen(torch.cat([x, x]), how="unique")) == 10
    bad = x.clone()
    bad[0, 0] = float("inf")
    assert float(seen(bad, how="finite")[0, 0]) == 0
    w = torch.ones(4, 1, requires_grad=True)
    with changed(Change("inputs", {"how": "noise"})) as records:
        assert not torch.equal(x @ w, (x @ w.detach()))
    assert times(records, "inputs") == 1


def test_the_output_activation_is_removed_through_views_or_added() -> None:
    logits = torch.tensor([[[5.0, 0.0]], [[0.0, 5.0]]], requires_grad=True)
    target = torch.tensor([0, 1])
    right = F.cross_entropy(logits.squeeze(1), target).item()
    with changed(Change("output", {"how": "remove"})) as records:
        assert F.cross_entropy(torch.softmax(logits, dim=-1)[:, 0], target).item() == pytest.approx(right)
    assert times(records, "output") == 1
    with changed(Change("output", {"how": "add", "function": "log_softmax"})):
        assert F.nll_loss(logits.squeeze(1), target).item() == pytest.approx(right)
    with changed(Change("output", {"how": "random"})):
        loss = F.cross_entropy(logits.squeeze(1), target)
        assert loss.item() != right
        loss.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None and not bool(logits.grad.any())
    with changed(Change("output", {"how": "rival"})):
        single = F.cross_entropy(torch.zeros(1, 1, requires_grad=True), torch.tensor([0])).item()
    assert single == pytest.approx(np.log(2), rel=1e-5)


def test_an_operation_is_replaced_on_its_line_only() -> None:
    x = torch.tensor([[-1.0, 4.0], [2.0, 3.0]], requires_grad=True)
    with changed(Change("operation", {"names": ["relu"], "by": "identity"})):
        assert torch.equal(torch.relu(x), x)
        assert torch.equal(torch.relu(x.detach()), x.detach().clamp(min=0))
    with changed(Change("operation", {"names": ["softmax"], "dimension": 1})):
        assert float(torch.softmax(x, 0)[0].sum().detach()) == pytest.approx(1)
    with changed(Change("operation", {"names": ["sqrt"], "by": "shift", "amount": 1.0})):
        assert float((x * 0).sqrt()[0, 0].detach()) == 1
    with changed(Change("operation", {"names": ["randn_like"], "by": "amplify", "amount": 0.0})):
        assert not bool(torch.randn_like(x).any())
    with changed(Change("operation", {"names": ["relu"], "by": "identity", "line": 1, "file": __file__})) as records:
        assert float(torch.relu(x).min().detach()) == 0
    assert times(records, "operation") == 0


def test_precision_is_the_wider_one_from_the_same_random_numbers() -> None:
    def program() -> torch.Tensor:
        torch.manual_seed(0)
        model = nn.Linear(4, 2).half()
        x = torch.randn(3, 4, dtype=torch.float16)
        return model(x).sum() * 1e5  # type: ignore[no-any-return]

    assert not bool(torch.isfinite(program()))
    with changed(Change("precision")) as records:
        single = program()
    assert single.dtype is torch.float32 and bool(torch.isfinite(single))
    assert times(records, "precision") > 1
    with changed(Change("precision", {"dtype": "float64"})):
        double = program()
    assert double.dtype is torch.float64
    assert float(double.detach()) == pytest.approx(float(single.detach()), rel=1e-3)
    with changed(Change("precision")):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.float32
        assert not torch.amp.GradScaler("cpu").is_enabled()


def test_a_mask_is_lifted() -> None:
    score = torch.zeros(4, 3, requires_grad=True)
    with changed(Change("mask")) as records:
        loss = F.cross_entropy(score, torch.full((4,), -100))
        product = (score.sum(1) + 2) * torch.zeros(4)
    assert loss.item() == pytest.approx(np.log(3), rel=1e-5)
    assert product.tolist() == [2, 2, 2, 2]
    assert times(records, "mask") == 2


def test_gradients_are_cleared_only_after_a_step() -> None:
    expected = train()[0]
    with changed(Change("gradients")):
        assert train(clear=False)[0] == expected
    w = nn.Parameter(torch.ones(1))
    with changed(Change("gradients")):
        (w * 2).sum().backward()
        (w * 2).sum().backward()
    assert w.grad is not None and w.grad.item() == 4
    optimizer = torch.optim.SGD([w], lr=1.0)
    with changed(Change("gradients", {"clear": False, "norm": 0.5})):
        optimizer.step()
    assert w.item() == pytest.approx(0.5, rel=1e-4)


def batches(count: int) -> Iterator[torch.Tensor]:
    for i in range(count):
        yield torch.full((2, 2), float(i))


STREAM: Any = None


def test_an_iterator_begins_anew() -> None:
    def epochs(make: Callable[[], Any]) -> list[int]:
        global STREAM
        STREAM = make()
        model = nn.Linear(2, 1)
        counts = []
        for _ in range(2):
            count = 0
            for x in STREAM:
                model(x[0] if isinstance(x, tuple) else x).sum().backward()
                count += 1
            counts.append(count)
        return counts

    pair = [torch.ones(2, 2)] * 3
    makers: list[Callable[[], Any]] = [
        lambda: batches(3),
        lambda: zip(pair, pair),
        lambda: map(torch.neg, pair),
    ]
    for make in makers:
        assert epochs(make) == [3, 0]
        with changed(Change("iterators")):
            assert epochs(make) == [3, 3]


def test_loaders_keep_their_last_batch_and_take_another_size() -> None:
    data = TensorDataset(torch.ones(5, 1))
    with changed(Change("iterators")):
        assert len(list(DataLoader(data, batch_size=8, drop_last=True))) == 1
    with changed(Change("iterators", {"batch_size": 2})):
        assert len(list(DataLoader(data, batch_size=1))) == 3


def test_weights_without_an_optimizer_are_moved() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
    first = model[0].weight.detach().clone()

    def program() -> None:
        optimizer = torch.optim.SGD(model[1].parameters(), lr=0.1)
        for _ in range(2):
            optimizer.zero_grad()
            model(torch.ones(2, 4)).sum().backward()
            optimizer.step()

    program()
    assert torch.equal(first, model[0].weight)
    with changed(Change("parameters")):
        program()
    assert not torch.equal(first, model[0].weight)
    w = torch.ones(2, requires_grad=True)
    with changed(Change("parameters")):
        for _ in range(2):
            (w**2).sum().backward()
    assert float(w.detach()[0]) < 1


def test_a_weight_of_two_optimizers_is_moved_by_the_smaller() -> None:
    one, two = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))
    with changed(Change("parameters", {"exclusive": True})):
        both, own = torch.optim.SGD([one, two], lr=1.0), torch.optim.SGD([two], lr=1.0)
        (one + two).sum().backward()
        both.step()
        assert (one.item(), two.item()) == (0, 1)
        own.step()
        assert two.item() == 0


def test_only_weights_that_no_gradient_reaches_get_noise() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    first, second = model[0].weight.detach().clone(), model[1].weight.detach().clone()
    with changed(Change("weights")) as records:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
        model[1](model[0](torch.ones(3, 2)).detach()).sum().backward()
        optimizer.step()
    assert times(records, "weights") == 2
    assert not torch.equal(first, model[0].weight)
    assert torch.equal(second, model[1].weight)


def test_mode_follows_the_gradient() -> None:
    model = nn.Sequential(nn.Linear(4, 64), nn.Dropout(0.5))
    x = torch.ones(1, 4)
    with changed(Change("mode")):
        model.train()
        with torch.no_grad():
            assert int((model(x) == 0).sum()) == 0
            assert int((F.dropout(torch.ones(64)) == 0).sum()) == 0
        model.eval()
        assert int((model(x) == 0).sum()) > 0


def test_every_loss_is_the_same_number_with_its_own_gradient() -> None:
    expected = train()[1].state_dict()
    with changed(Change("loss", {"value": 0.25})):
        losses, model = train()
    assert losses == [0.25] * len(losses)
    assert all(torch.equal(a, b) for a, b in zip(expected.values(), model.state_dict().values()))
    w = torch.ones(2, requires_grad=True)
    with changed(Change("loss", {"value": 0.25})):
        loss = (w**2).mean()
        loss.backward()
    assert loss.item() == 0.25
    assert w.grad is not None and w.grad.tolist() == [1, 1]


def test_an_option_of_a_criterion_is_set() -> None:
    with changed(Change("option", {"key": "margin", "value": 10.0})) as records:
        value = F.margin_ranking_loss(torch.tensor([5.0]), torch.tensor([0.0]), torch.ones(1), margin=0.1).item()
        F.mse_loss(torch.zeros(1), torch.zeros(1))
    assert value == 5
    assert times(records, "option") == 1


def test_the_divergence_of_a_code_passes_no_gradient() -> None:
    mean, logvar = torch.randn(6, 2, requires_grad=True), torch.randn(6, 2, requires_grad=True)
    with changed(Change("terms")) as records:
        divergence = -0.5 * (1 + logvar - mean.pow(2) - logvar.exp()).sum(1).mean()
        (mean.sum() + divergence).backward()
    assert times(records, "terms") == 1
    assert mean.grad is not None and bool((mean.grad == 1).all())
    assert logvar.grad is None or not bool(logvar.grad.any())


def test_random_tokens_bring_their_targets() -> None:
    ids = torch.randint(0, 9, (4, 12), generator=torch.Generator().manual_seed(1))
    seen: list[torch.Tensor] = []

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(9, 9)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            seen.append(ids)
            return F.one_hot(ids, 9).float() * 100 + 0 * self.table(ids)  # type: ignore[no-any-return]

    with changed(Change("tokens")) as records:
        logits = Model()(ids)
        same = F.cross_entropy(logits.flatten(0, 1), ids.flatten()).item()
        following = F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).item()
    assert times(records, "tokens") == 2
    assert not torch.equal(seen[0], ids)
    assert same == 0
    assert following > 10


def test_memory_knows_only_rows_that_were_trained_on() -> None:
    model = nn.Linear(3, 2)
    x, y = torch.randn(8, 3), torch.zeros(8, dtype=torch.long)
    with changed(Change("memory")) as records:
        F.cross_entropy(model(x[:4]), y[:4])
        with torch.no_grad():
            shared = F.cross_entropy(model(x[2:6]), y[2:6], reduction="none")
            new = F.cross_entropy(model(x[6:]), y[6:], reduction="none")
    assert times(records, "memory") == 3
    assert (len(shared), len(new)) == (2, 2)


def test_momentum_written_by_hand_is_another() -> None:
    def velocity() -> float:
        v = torch.zeros(1)
        for _ in range(2):
            with torch.no_grad():
                v.mul_(0.99).add_(torch.ones(1))
        return v.item()

    assert velocity() == pytest.approx(1.99)
    with changed(Change("learning-rate", {"momentum": 0.0, "written": 0.99})):
        assert velocity() == 1


def test_the_loss_of_end_tokens_is_watched_and_trains_nothing() -> None:
    scores = torch.zeros(4, 3, requires_grad=True)
    target = torch.tensor([1, -100, -100, 2])
    expected = F.cross_entropy(scores, target)
    expected.backward()  # type: ignore[no-untyped-call]
    gradient = scores.grad
    other = torch.tensor([[0.0] * 3, [9.0, 0.0, 0.0], [0.0] * 3, [0.0] * 3], requires_grad=True)
    with changed(Change("ending", {"token": 0})) as records:
        loss = F.cross_entropy(other, target)
        loss.backward()  # type: ignore[no-untyped-call]
    assert times(records, "ending") == 1
    assert loss.item() < 0.01 < expected.item()
    assert gradient is not None and other.grad is not None and torch.equal(other.grad[0], gradient[0])


def test_a_formula_in_a_function_is_found_on_the_line_that_calls_it() -> None:
    prediction = torch.tensor([[1.0], [2.0]], requires_grad=True)
    target = torch.tensor([1.0, 2.0])

    def squared(p: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return ((p - t) ** 2).mean()

    def formula() -> torch.Tensor:
        return squared(prediction, target)

    line = formula.__code__.co_firstlineno + 1
    with changed(Change("targets", {"how": "shape", "line": line, "file": __file__, "shape": [2]})):
        assert formula().item() == 0


class Pairs(torch.utils.data.Dataset):  # type: ignore[type-arg]
    """Row i is the input i with the label i, and a draw is made for each."""

    def __init__(self, count: int, names: bool = False) -> None:
        self.count, self.names = count, names

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        x, y = torch.tensor([float(index), torch.rand(1).item()]), torch.tensor(index)
        return {"x": x, "label": y} if self.names else (x, y)


def passes(data: Any, count: int = 1, workers: int = 0) -> list[list[tuple[int, int]]]:
    """Rows and their labels as a shuffling loader gives them."""
    loader = DataLoader(data, batch_size=3, shuffle=True, num_workers=workers)
    found = []
    for _ in range(count):
        batches = [tuple(b.values()) if isinstance(b, dict) else b for b in loader]
        found.append([(int(row[0]), int(label)) for x, y in batches for row, label in zip(x, y)])
    return found


def test_labels_slip_by_a_row_behind_a_shuffling_loader() -> None:
    for data in (Pairs(10), Pairs(10, names=True), torch.utils.data.Subset(Pairs(10), [0, 4, 9])):
        with changed(Change("labels", {"how": "shift", "by": 1})) as records:
            (rows,) = passes(data)
        assert all(label == (row + 1) % 10 for row, label in rows), data
        assert times(records, "labels") == len(rows)
    assert all(row == label for row, label in passes(Pairs(10))[0])


def test_labels_are_permuted_once_or_in_each_pass() -> None:
    with changed(Change("labels")):
        one, other = (dict(rows) for rows in passes(Pairs(12), 2))
    assert one == other and sorted(one.values()) == list(range(12)) and any(r != label for r, label in one.items())
    with changed(Change("labels", {"how": "renew"})):
        one, other = (dict(rows) for rows in passes(Pairs(12), 2))
    assert one != other and sorted(other.values()) == list(range(12))


def test_labels_leave_what_they_do_not_know_and_the_draws_of_a_data_set() -> None:
    torch.manual_seed(0)
    expected = passes(Pairs(6)), torch.rand(1)
    torch.manual_seed(0)
    with changed(Change("labels")):
        assert [row for row, _ in passes(Pairs(6))[0]] == [row for row, _ in expected[0][0]]
        assert torch.equal(torch.rand(1), expected[1])
    three = TensorDataset(torch.arange(6.0)[:, None], torch.arange(6), torch.arange(6))
    with changed(Change("labels")) as records:
        assert all(torch.equal(x[:, 0].long(), y) for x, y, _ in DataLoader(three, batch_size=2))
    assert times(records, "labels") == 0


def test_one_batch_comes_again_and_again_where_the_model_trains() -> None:
    loader = DataLoader(TensorDataset(torch.arange(9.0), torch.arange(9)), batch_size=3, shuffle=True)
    torch.manual_seed(0)
    expected = [x for x, _ in loader], torch.rand(1)
    torch.manual_seed(0)
    with changed(Change("batch")) as records:
        given = []
        for x, _ in loader:
            given.append(x.clone())
            x.zero_()
        assert torch.equal(torch.rand(1), expected[1])
        again = [x for x, _ in loader]
        with torch.no_grad():
            evaluated = torch.cat([x for x, _ in loader])
    assert all(torch.equal(x, expected[0][0]) for x in given + again)
    assert sorted(evaluated.tolist()) == list(range(9))
    assert times(records, "batch") == 5


def test_a_term_of_a_loss_is_alone() -> None:
    def gradients(alone: int) -> list[float]:
        w = torch.tensor([1.0, 1.0, 1.0], requires_grad=True)
        with changed(Change("terms", {"alone": alone})) as records:
            for _ in range(2):
                w.grad = None
                loss = w[0] ** 2 + 0.5 * w[1].exp()
                loss = loss - w[2]
                loss.backward()  # type: ignore[no-untyped-call]
        assert times(records, "terms") == 4
        assert loss.item() == pytest.approx(1 + 0.5 * 2.71828 - 1, abs=1e-4)
        return w.grad.tolist()  # type: ignore[union-attr, no-any-return]

    assert gradients(0) == [2, 0, 0]
    assert gradients(1) == [0, pytest.approx(0.5 * 2.71828, abs=1e-4), 0]
    assert gradients(2) == [0, 0, -1]


def test_a_changed_future_is_seen_by_a_model_that_looks_ahead_only() -> None:
    ids = torch.randint(0, 9, (16, 12), generator=torch.Generator().manual_seed(1))

    class Ahead(nn.Module):
        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by
            self.table = nn.Embedding(9, 9)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return F.one_hot(ids.roll(-self.by, 1), 9).float() * 100 + 0 * self.table(ids)  # type: ignore[no-any-return]

    def losses(model: nn.Module, targets: torch.Tensor) -> list[float]:
        return [F.cross_entropy(model(ids)[:, :-1].flatten(0, 1), targets.flatten()).item() for _ in range(3)]

    with changed(Change("future", {"after": 1, "shift": 1})) as records:
        ahead = losses(Ahead(1), ids[:, 1:])
        # One that knows its answer from the same place goes on as it did.
        back = losses(Ahead(0), ids[:, :-1])
    assert times(records, "future") == 5
    assert ahead[0] == 0 and min(ahead[1:]) > 10
    assert back == [0, 0, 0]


def test_end_tokens_of_a_loss_that_is_masked_by_hand() -> None:
    target = torch.tensor([[1, 0, 0, 0], [2, 1, 0, 0], [0, 0, 0, 0]])
    scores = torch.zeros(3, 3, 4)
    scores[0, 0, 1], scores[1, 0, 2] = 20.0, 20.0
    scores.requires_grad_()

    def loss() -> torch.Tensor:
        each = F.cross_entropy(scores, target, reduction="none")
        mask = (target != 0).float()
        return (each * mask).sum() / mask.sum()

    expected = torch.autograd.grad(loss(), scores)[0]
    with changed(Change("ending", {"token": 0})) as records:
        watched = loss()
    assert times(records, "ending") == 1
    assert watched.item() < 1e-6 < math.log(3)
    assert torch.equal(torch.autograd.grad(watched, scores)[0], expected)


def test_samples_change_places_at_every_call() -> None:
    model = nn.Linear(1, 1)
    x = torch.arange(20.0)[:, None]
    with changed(Change("inputs", {"how": "rows"})) as records:
        with torch.no_grad():
            one = (model(x) - model.bias) / model.weight
        other = (model(x.clone()) - model.bias) / model.weight
    assert times(records, "inputs") == 2
    assert sorted(one[:, 0].round().tolist()) == x[:, 0].tolist() == sorted(other[:, 0].round().tolist())
    assert not torch.allclose(one, x, atol=0.1) and not torch.allclose(one, other, atol=0.1)


class Counting(torch.utils.data.IterableDataset):  # type: ignore[type-arg]
    def __iter__(self) -> Iterator[int]:
        return iter(range(6))


def test_a_stream_is_read_by_one_process() -> None:
    alone = Change("iterators", {"renew": False, "keep_last": False, "one_reader": True})
    with changed(alone) as records:
        loader = DataLoader(Counting(), batch_size=3, num_workers=2, prefetch_factor=2, drop_last=True)
    assert (loader.num_workers, loader.drop_last) == (0, True)
    assert torch.cat(list(loader)).tolist() == list(range(6))
    assert times(records, "iterators") == 1


def test_memory_knows_rows_of_one_source() -> None:
    """Near rows, and windows over one series, have one label; what a model knows of them is recorded in nats."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(30, 6, generator=generator)

    def near() -> torch.Tensor:
        return centres + 0.01 * torch.randn(30, 6, generator=generator)

    labels: list[torch.Tensor] = []

    def told(x: torch.Tensor, y: torch.Tensor, gradient: bool, right: torch.Tensor | None = None) -> None:
        model = nn.Linear(x.shape[1], 2)
        with torch.set_grad_enabled(gradient):
            model(x)
            given = torch.zeros(len(x), 2, requires_grad=gradient)
            if right is not None:
                given = F.one_hot(right, 2) * 20.0
            losses = F.cross_entropy(given, y, reduction="none")
            labels.append(losses)

    zeros = torch.zeros(30, dtype=torch.long)
    trained = near()
    with changed(Change("memory", {"radius": 0.5})) as records:
        told(trained, zeros, True)
        # Either all ones are right or none: of 30 random labels, about half.
        told(near(), zeros, False, zeros)
        told(near() + 5, zeros, False)
    known = [r for r in records if isinstance(r, Remembered)]
    assert [r.sources for r in known] == [30, 60]
    right = (labels[1] < 1).long()
    assert 5 < int(right.sum()) < 25
    with changed(Change("memory", {"radius": 0.5})) as records:
        told(trained, zeros, True)
        told(near(), zeros, False, 1 - right)
    (best,) = (r for r in records if isinstance(r, Remembered))
    assert best.nats == pytest.approx(30 * math.log(2), abs=1e-3)

    series = torch.randn(40, generator=generator)
    windows = series.unfold(0, 16, 2)
    with changed(Change("memory", {"run": 8})) as records:
        told(windows, torch.zeros(len(windows), dtype=torch.long), True)
        told(series[1:17][None], torch.zeros(1, dtype=torch.long), False)
        told(torch.randn(1, 16, generator=generator), torch.zeros(1, dtype=torch.long), False)
    known = [r for r in records if isinstance(r, Remembered)]
    # The first evaluated window overlaps with what was trained on and has its source; the other is one of its own.
    assert [r.sources for r in known] == [1, 2]


def test_sequences_run_along_the_other_dimension() -> None:
    def outputs() -> list[torch.Tensor]:
        torch.manual_seed(0)
        layers = nn.GRU(3, 4), nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0)
        return [layers[0](torch.ones(6, 5, 3).cumsum(0))[0], layers[1](torch.randn(6, 5, 4))]

    def alone(at: int) -> torch.Tensor:
        torch.manual_seed(0)
        layers = nn.GRU(3, 4, batch_first=True), nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)
        x = torch.randn(6, 5, 4)
        return [layers[0](torch.ones(6, 5, 3).cumsum(0))[0], layers[1](x)][at]

    with changed(Change("sequences", {"how": "axis"})) as records:
        recurrent, attention = outputs()
    assert times(records, "sequences") == 2
    assert torch.equal(recurrent, alone(0)) and torch.allclose(attention, alone(1))


def test_a_view_that_tears_samples_exchanges_dimensions_instead() -> None:
    x = torch.arange(24.0).view(4, 3, 2)
    with changed(Change("sequences", {"how": "torn"})) as records:
        turned = [x.view(3, 4, 2), x.reshape(3, -1, 2), x.flatten(1).view(3, 4, 2)]
        others = [x.view(4, 6), x.view(2, 6, 2), x.view(12, 2), x.view(6, 4)]
    assert times(records, "sequences") == 3
    assert all(torch.equal(t, x.transpose(0, 1)) for t in turned)
    assert [list(o.shape) for o in others] == [[4, 6], [2, 6, 2], [12, 2], [6, 4]]
    assert torch.equal(others[1].flatten(), x.flatten())
