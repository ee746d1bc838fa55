"""The loss of the three textbook programs over 30 seeds: none is zero after the first epoch.

    python bench/textbook.py

Each program is run as it stands, with another seed and more epochs. Step n is the loss after n updates; the programs
take one step an epoch, so step 1 is what the first epoch leaves behind.
"""

from __future__ import annotations

import contextlib
import io
import statistics
from pathlib import Path

import torch

EXAMPLES = Path(__file__).parent.parent / "examples"
SEEDS = 30
STEPS = (0, 1, 10, 199)


def losses(source: str, seed: int) -> list[float]:
    """The loss at every step, as the program's own criterion gives it."""
    given: list[float] = []
    text = source.replace("torch.manual_seed(0)", f"torch.manual_seed({seed})")
    text = text.replace("range(2)", f"range({STEPS[-1] + 1})").replace("loss.backward()", "loss.backward(); note(loss)")
    with contextlib.redirect_stdout(io.StringIO()):
        exec(
            compile(text, "textbook", "exec"), {"__name__": "__main__", "note": lambda loss: given.append(loss.item())}
        )
    return given


def main() -> None:
    torch.set_num_threads(1)
    print(f"median loss (least to greatest) over {SEEDS} seeds, torch {torch.__version__}")
    print(f"{'':3}" + "".join(f"{f'step {n}':>32}" for n in STEPS))
    for path in sorted(EXAMPLES.glob("textbook_*.py")):
        source = path.read_text(encoding="utf-8")
        runs = [losses(source, seed) for seed in range(SEEDS)]
        columns = [[run[n] for run in runs] for n in STEPS]
        cells = [f"{statistics.median(c):.3g} ({min(c):.3g} to {max(c):.3g})" for c in columns]
        print(f"{path.stem[-1].upper():3}" + "".join(f"{cell:>32}" for cell in cells))


if __name__ == "__main__":
    main()
