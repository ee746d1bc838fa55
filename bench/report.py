"""What the HTML report of a very large run weighs, and how long it takes to make and to open.

    python bench/report.py [--layers 1000] [--steps 1000000] [--keep FOLDER] [--write FILE]

The store is synthetic: what the probes would have written in a run of so many steps of a model of so many layers, on the
steps that the schedule measures, with two parameters a layer and an activation after each; the loss ends in NaN. It is
read, diagnosed and rendered as `flatline report` does it, and the page is opened in Chromium from the disk, each time in
a fresh browser context. Exit status 1 when the page is over 2 MB or opens in more than a second (the median).
"""

from __future__ import annotations

import argparse
import math
import platform
import random
import shutil
import statistics
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator
from pathlib import Path

from flatline.observe import events as e
from flatline.observe.schedule import Schedule
from flatline.record.reader import read
from flatline.record.store import Writer
from flatline.report.html import render
from flatline.verdict import diagnose

MOST_BYTES = 2_000_000
MOST_MILLISECONDS = 1000.0
OPENED = 9
FILE = "/home/someone/project/train.py"
EPOCHS = 200
CLASSES = 100
CHUNK = 50_000


def source(lines: int = 900) -> str:
    """A long program, so that the listing has something to leave out."""
    body = [f"    x{n} = torch.relu(self.layer{n}(x))  # layer {n}" for n in range(lines - 8)]
    return "\n".join(["import torch", "", "def forward(self, x):", *body, "", "for x, y in loader:",
                      "    loss = torch.log(F.cross_entropy(model(x), y))", "    loss.backward()",
                      "    print(f'loss {loss.item():.4f}')"])  # fmt: skip


def records(layers: int, steps: int) -> Iterator[list[e.Event]]:
    """The records of the run, in batches as they would be flushed."""
    chance = random.Random(0)
    text = source()
    last = text.count("\n") + 1
    yield [
        e.RunStarted([FILE, "--data", "imagenet"], "/home/someone/project", {"python": "3.11", "torch": "2.13"}, 1.7e9),
        e.Source(FILE, text),
        *(e.Place(n, FILE, line, "<module>") for n, line in enumerate((last - 2, last - 1, last))),
        e.Series(0, "optimised", "loss", 1),
        e.LoaderSeen(0, 0, steps // EPOCHS, 256, True, True, 256 * steps // EPOCHS),
    ]
    names = [f"blocks.{n}.attention.output.dense.{kind}" for n in range(layers) for kind in ("weight", "bias")]
    yield [
        e.OptimizerSeen(0, "AdamW", 0, {"lr": 1e-3}, list(range(len(names)))),
        e.ModelSeen(1, 0, "Transformer", 0, [], list(range(len(names)))),
        *(e.ParameterSeen(n, name, [1024, 1024], "float32", True, "Linear", 0) for n, name in enumerate(names)),
    ]
    yield from losses(steps)
    schedule = Schedule()
    for step in (s for s in range(steps) if schedule.wants(s)):
        yield measured(step, steps, layers, chance)
    yield [e.EpochStarted(s, s, 0, 0) for s in range(0, steps, steps // EPOCHS)]
    yield [e.EpochEnded(s, s, 0, steps // EPOCHS, 256 * steps // EPOCHS, True) for s in ends(steps)]
    yield [e.Printed(s, s, 2, "stdout", f"loss {loss(s - 1, steps):.4f}") for s in ends(steps)]
    yield [e.Cost(1.0, 100.0), e.RunEnded(steps, steps, None, None, None)]


def ends(steps: int) -> range:
    return range(steps // EPOCHS, steps + 1, steps // EPOCHS)


def loss(step: int, steps: int) -> float:
    if step > 0.95 * steps:
        return math.nan
    return 4.6 * math.exp(-3 * step / steps) + 0.2 * math.sin(step * 12.9898) ** 2


def losses(steps: int) -> Iterator[list[e.Event]]:
    for start in range(0, steps, CHUNK):
        at = range(start, min(start + CHUNK, steps))
        numbers = array("q", at).tobytes()
        values = array("d", (loss(s, steps) for s in at)).tobytes()
        yield [e.Points(0, numbers, numbers, values, array("q", [256]).tobytes() * len(at))]


def measured(step: int, steps: int, layers: int, chance: random.Random) -> list[e.Event]:
    """One measured step: every parameter, every activation, the labels of a batch."""
    bad = step > 0.95 * steps
    facts = []
    for n in range(2 * layers):
        size = math.nan if bad else math.exp(chance.gauss(-4 - 6 * n / (2 * layers) - 3 * step / steps, 0.4))
        facts.append(e.ParameterFacts(n, size, 30.0, 1e-3 * 30 * math.exp(chance.gauss(0, 0.3)), True, True, bad))
    activations = [
        e.Activation("relu", [256, 1024], depth, chance.uniform(0.3, 0.7), chance.uniform(0, 0.1), 0.0, 3.0)
        for depth in range(1, layers + 1)
    ]
    labels = {str(n): chance.randint(1, 9) for n in range(min(CLASSES, 64))}
    target = e.TensorFacts([256], "int64", counts=labels, minimum=0.0, maximum=63.0)
    scores = e.TensorFacts([256, CLASSES], "float32", minimum=-3.0, maximum=3.0, mean=0.0, deviation=1.0)
    value = loss(step, steps)
    return [
        e.CriterionCall(
            step, step, 0, "cross_entropy", 1, True, "mean", scores, target, value, [], {}, classes=CLASSES
        ),
        e.Backward(
            step, step, 1, value, [], True, ["NllLoss"], activations, list(range(2 * layers)), [], 4 * layers, 1
        ),
        e.Update(step, step, 0, facts),
        e.LearningRate(step, step, 0, [1e-3 * (1 - step / steps)], [0.9]),
    ]


def opened(page: Path) -> tuple[list[float], list[float]]:
    """Milliseconds from the start of navigation until the charts are drawn, and until the first paint."""
    from playwright.sync_api import sync_playwright

    drawn, painted = [], []
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for _ in range(OPENED + 1):
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            view = context.new_page()
            view.goto(page.as_uri())
            view.wait_for_selector("html[data-drawn]", state="attached")
            view.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
            drawn.append(view.evaluate("performance.getEntriesByName('flatline-drawn')[0].startTime"))
            painted.append(view.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
            context.close()
        version = browser.version
        browser.close()
    print(f"Chromium {version}", file=sys.stderr)
    # The first one also starts Chromium's own processes.
    return drawn[1:], painted[1:]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="leave store and page in this folder")
    parser.add_argument("--write", type=Path, help="write the table to this file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        store, page = folder / "large.sqlite", folder / "large.html"
        store.unlink(missing_ok=True)
        writer = Writer(str(store))
        for batch in records(given.layers, given.steps):
            writer.write(batch)
        writer.close()
        began = time.perf_counter()
        recording = read(store)
        read_seconds = time.perf_counter() - began
        began = time.perf_counter()
        verdict = diagnose(recording)
        diagnosed_seconds = time.perf_counter() - began
        began = time.perf_counter()
        text = render(recording, verdict, store)
        rendered_seconds = time.perf_counter() - began
        page.write_text(text, encoding="utf-8")
        size = page.stat().st_size
        drawn, painted = opened(page)
    rows = [
        ("size of the page", f"{size / 1e6:.2f} MB", f"at most {MOST_BYTES / 1e6:.0f} MB"),
        (
            "opened: all charts drawn, median",
            f"{statistics.median(drawn):.0f} ms",
            f"at most {MOST_MILLISECONDS:.0f} ms",
        ),
        ("opened: all charts drawn, slowest", f"{max(drawn):.0f} ms", ""),
        ("opened: first paint, median", f"{statistics.median(painted):.0f} ms", ""),
        ("reading the store", f"{read_seconds:.1f} s", ""),
        ("diagnosis", f"{diagnosed_seconds:.1f} s", ""),
        ("making the page", f"{rendered_seconds:.1f} s", ""),
    ]
    table = "\n".join(["| | measured | wanted |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)])
    print(table)
    if given.write:
        head = (
            "# The report in figures\n\nWritten by `make bench-report`. A synthetic store of a run of "
            f"{given.steps:,} steps of a model of {given.layers:,} layers\n(two parameters and an activation each), its "
            f"page opened {OPENED} times in Chromium from the disk, each time in a fresh context, on\n"
            f"{platform.machine()} with Python {platform.python_version()}.\n\n"
        )
        given.write.write_text(head + table + "\n", encoding="utf-8")
    return int(size > MOST_BYTES or statistics.median(drawn) > MOST_MILLISECONDS)


if __name__ == "__main__":
    sys.exit(main())
