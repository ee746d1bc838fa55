"""Which dimension a loss picks the class along, which one its scores are normalised along, and how a gradient fades."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from flatline.observe.axes import class_axes
from flatline.observe.signal import Signal

LABELS = torch.tensor([0, 3, 1, 2, 0, 1])
ONE_HOT = torch.eye(4)[LABELS]
TAGS = torch.tensor([[0, 1, 2, 3, 0, 1], [3, 2, 1, 0, 3, 2]])


def scores(*shape: int) -> torch.Tensor:
    return torch.linspace(-1, 1, torch.Size(shape).numel()).reshape(shape).clone().requires_grad_()


def share(z: torch.Tensor, dimension: int) -> torch.Tensor:
    e = z.exp()
    return e / e.sum(dimension, keepdim=True)


@pytest.mark.parametrize(
    ("loss", "picked", "normalised"),
    [
        (F.nll_loss(F.log_softmax(scores(6, 4), 0), LABELS), 1, 0),
        (F.cross_entropy(scores(6, 4), LABELS), 1, 1),
        (-(ONE_HOT * F.log_softmax(scores(6, 4), 0)).sum(1).mean(), 1, 0),
        (-(ONE_HOT.T * F.log_softmax(scores(4, 6), 0)).sum(0).mean(), 0, 0),
        (-(ONE_HOT * torch.log(share(scores(6, 4), 0) + 1e-12)).sum(1).mean(), 1, 0),
        (-(ONE_HOT * torch.log(share(scores(6, 4), 1) + 1e-12)).sum(1).mean(), 1, 1),
        (-torch.log(scores(2, 6, 4).softmax(0).gather(2, TAGS.unsqueeze(-1)) + 1e-9).mean(), 2, 0),
        (F.nll_loss(torch.log(scores(2, 6, 4).softmax(1) + 1e-9).flatten(0, 1), TAGS.flatten()), 2, 1),
        (F.nll_loss(F.log_softmax(scores(2, 6, 4), -1).transpose(1, 2), TAGS), 2, 2),
        (F.nll_loss(F.log_softmax(scores(2, 6, 4), 1).permute(0, 2, 1), TAGS), 2, 1),
        (-F.log_softmax(scores(6, 4), 0)[torch.arange(6), LABELS].mean(), 1, 0),
        (-F.log_softmax(scores(4, 6), 0)[LABELS, torch.arange(6)].mean(), 0, 0),
    ],
)
def test_the_dimensions_are_read_from_the_graph(loss: torch.Tensor, picked: int, normalised: int) -> None:
    found = class_axes(loss.grad_fn)
    assert found is not None
    assert (found.picked, found.normalised) == (picked, normalised)


def test_a_loss_that_picks_nothing_has_no_class_dimension() -> None:
    assert class_axes(((scores(6, 4).softmax(0) - 1) ** 2).mean().grad_fn) is None


def followed(loss: torch.Tensor) -> Signal:
    """What of the gradient arrives at each depth, by the loss's own backward pass."""
    signal = Signal(loss, lambda hook: hook)
    loss.backward()
    signal.finish()
    return signal


def test_the_gradient_fades_through_a_narrowing_stack_and_not_past_a_skip() -> None:
    torch.manual_seed(0)
    x = torch.randn(8, 16)
    weights = [(0.05 * torch.randn(16, 16)).requires_grad_() for _ in range(6)]
    plain = skipped = x
    for w in weights:
        plain = torch.tanh(plain @ w)
        skipped = skipped + torch.tanh(skipped @ w)
    fading, passing = followed(plain.square().mean()), followed(skipped.square().mean())
    assert fading.gradients[-1] < 1e-2 * fading.gradients[0]
    assert passing.gradients[-1] > 0.5 * passing.gradients[0]


def test_norms_below_the_range_of_their_squares_and_the_gradients_stay_as_they_are() -> None:
    def losses(wide: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        torch.manual_seed(0)
        h = first = (1e-3 * torch.randn(4, 8)).to(wide).requires_grad_()
        for _ in range(9):
            h = torch.tanh(1e-3 * h)
        return h.mean(), first

    loss, first = losses(torch.float32)
    exact, _ = losses(torch.float64)
    found, expected = followed(loss), followed(exact)
    assert found.depths == expected.depths == list(range(1, 10))
    # The last is 2e-25, whose square float32 does not have.
    assert found.gradients == pytest.approx(expected.gradients, rel=1e-4, abs=0.0)
    alone, alone_first = losses(torch.float32)
    alone.backward()
    assert first.grad is not None and alone_first.grad is not None
    assert torch.equal(first.grad, alone_first.grad)


def test_a_second_backward_meets_no_hook() -> None:
    h = torch.ones(2, 4, requires_grad=True)
    for _ in range(4):
        h = torch.relu(h * h)
    calls = []
    signal = Signal(h.mean(), lambda hook: lambda *gradients: calls.append(hook(*gradients)))
    h.mean().backward(retain_graph=True)
    met = len(calls)
    signal.finish()
    h.mean().backward()
    assert met == len(calls) == 4


def test_a_softmax_below_a_cross_entropy_is_seen() -> None:
    logits = torch.randn(6, 3, requires_grad=True)
    target = torch.tensor([0, 1, 2, 0, 1, 2])
    wrong = class_axes(torch.nn.functional.cross_entropy(logits.softmax(0), target).grad_fn)
    right = class_axes(torch.nn.functional.cross_entropy(logits.softmax(1), target).grad_fn)
    assert wrong is not None and (wrong.picked, wrong.normalised) == (1, 0)
    assert right is not None and (right.picked, right.normalised) == (1, 1)
