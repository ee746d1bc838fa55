"""What watching costs: the same training, plain and watched in turn, in one process; the median of paired ratios.

    python bench/overhead.py [--pairs N] [--write FILE]

Each pair is one plain run and one watched run of the same steps from the same seed, in an order that alternates. The
ratio is watched over plain. "All steps" includes the dense start, in which every step is measured; "after 50 steps"
is what a longer run pays.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

import flatline

SETTLED = 50
Step = Callable[[], None]


def mlp() -> Step:
    """A 3-layer MLP, 64-256-256-10, batch 64, Adam."""
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))
    return _step(model, torch.randn(64, 64), torch.randint(0, 10, (64,)))


def cnn() -> Step:
    """A CNN on 3x32x32 images, three convolutions, batch 32, Adam."""
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64 * 64, 10),
    )  # fmt: skip
    return _step(model, torch.randn(32, 3, 32, 32), torch.randint(0, 10, (32,)))


class _Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(256, 128)
        layer = nn.TransformerEncoderLayer(128, 4, 512, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, 4)
        self.head = nn.Linear(128, 256)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.blocks(self.embed(tokens)))
        return logits.transpose(1, 2)  # [batch, time, vocabulary] -> [batch, vocabulary, time]


def transformer() -> Step:
    """A 4-layer transformer, width 128, 64 tokens, batch 16, Adam."""
    tokens = torch.randint(0, 256, (16, 64))
    return _step(_Transformer(), tokens, tokens.roll(-1, 1))


def _step(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> Step:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()

    return step


def timed(make: Callable[[], Step], steps: int, watched: bool) -> tuple[float, float]:
    """Seconds of all steps, and of those after the dense start."""
    torch.manual_seed(0)
    if not watched:
        return _run(make(), steps)
    watcher = flatline.watch(show=False)
    with watcher:
        result = _run(make(), steps)
    return result


def _run(step: Step, steps: int) -> tuple[float, float]:
    began = time.perf_counter()
    for _ in range(SETTLED):
        step()
    middle = time.perf_counter()
    for _ in range(steps - SETTLED):
        step()
    ended = time.perf_counter()
    return ended - began, ended - middle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [
        f"torch {torch.__version__}, {platform.machine()}, 1 thread, {options.pairs} pairs, median (min to max)",
        f"{'model':12} {'step, ms':>9} {'all steps':>24} {'after 50 steps':>24}",
    ]
    for make, steps in ((mlp, 1000), (cnn, 250), (transformer, 150)):
        timed(make, SETTLED + 10, False)
        whole, settled, plain_step = [], [], []
        for pair in range(options.pairs):
            order = (False, True) if pair % 2 == 0 else (True, False)
            times = {watched: timed(make, steps, watched) for watched in order}
            whole.append(times[True][0] / times[False][0])
            settled.append(times[True][1] / times[False][1])
            plain_step.append(1000 * times[False][1] / (steps - SETTLED))
        rows.append(
            f"{make.__name__:12} {statistics.median(plain_step):9.2f} {_spread(whole):>24} {_spread(settled):>24}"
        )
    text = "\n".join(rows)
    print(text)
    if options.write:
        options.write.write_text(f"# Overhead\n\n`make bench-overhead` prints this.\n\n```\n{text}\n```\n")


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    main()
