"""Two questions that framework programs raised: advantages in a graph, and one of two arrays put into another order."""

from __future__ import annotations

import pytest
import torch

from flatline.causes.case import Case
from flatline.causes.reordered import torn_apart
from flatline.observe import graph
from flatline.observe.events import Source
from flatline.record.recording import Recording


@pytest.mark.parametrize(
    "advantage, expected", [([0.0, 0.0], [0, 0]), ([-1.0, 1.0], [-1, 1])], ids=["equal rewards", "rewards that differ"]
)
def test_advantages_are_read_from_the_graph(advantage: list[float], expected: list[float]) -> None:
    new = torch.randn(2, 3, requires_grad=True) * 1
    ratio = torch.exp(new - new.detach())
    a = torch.tensor(advantage)[:, None]
    loss = -torch.min(ratio * a, ratio.clamp(0.8, 1.2) * a).mean()
    assert graph.advantages(graph.walk(loss.grad_fn).order) == expected


def test_an_exponential_that_is_no_ratio_has_no_advantages() -> None:
    scale = torch.randn(4, requires_grad=True) * 1
    loss = (torch.exp(scale) * torch.zeros(4)).mean()
    assert graph.advantages(graph.walk(loss.grad_fn).order) == []


# Line by line: x on lines 1 and 3 and y on line 2, or on the lines that are given.
MADE = "x = draw(90)\ny = (x[:, 0] > 0)\n"
ORDERS = {
    "x alone": (MADE + "x = x[np.argsort(date)]\n", [3, 1], [2], (3, 2)),
    "x alone, by a name": (MADE + "order = rng.permutation(90)\nx = x[order]\n", [4, 1], [2], (4, 2)),
    "one order for both": (MADE + "order = rng.permutation(90)\nx = x[order]\ny = y[order]\n", [4, 1], [5, 2], None),
    "y is made of x afterwards": ("x = draw(90)\nx = x[np.argsort(date)]\ny = (x[:, 0] > 0)\n", [2, 1], [3], None),
    "a choice of rows and no order": (MADE + "x = x[np.isfinite(x)]\n", [3, 1], [2], None),
    "made apart": ("x = draw(90)\ny = load(90)\nx = x[np.argsort(date)]\n", [3, 1], [2], None),
}


@pytest.mark.parametrize("what", ORDERS)
def test_one_of_two_arrays_put_into_another_order(what: str) -> None:
    text, inputs, targets, expected = ORDERS[what]
    recording = Recording([Source("program.py", text)])
    lines = [[recording.line_at("program.py", n) for n in way] for way in (inputs, targets)]
    found = torn_apart(Case(recording, []), *lines)
    assert (found and tuple(line.line for line in found)) == expected
