"""A run with everything that a report can show, and with any text wherever a program's own text can stand."""

from __future__ import annotations

import math

import numpy as np

from flatline.experiments.proof import CurveItem, ExperimentItem
from flatline.observe import events as e
from flatline.record.recording import Recording
from flatline.verdict import (
    CauseItem,
    EvidenceItem,
    ExpectedItem,
    Fix,
    Location,
    Overhead,
    RuledOutItem,
    Run,
    SymptomItem,
    UntestedItem,
    Verdict,
)

FILE = "/home/someone/train.py"
STEPS = 400
BAD = 360
SOURCE = """import torch
from torch import nn

# a comment {text}
model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def batches():
    for x, y in loader:
        yield x, y


for epoch in range(4):
    for x, y in batches():
        loss = torch.log(criterion(model(x), y))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("loss", loss.item())
name = "{text}"
"""


def recording(text: str = "", steps: int = STEPS) -> Recording:
    """A loss that falls and ends in NaN: every kind of record that a page draws. ``text`` is put into every name."""
    file = FILE + text
    values = 2.3 * np.exp(-np.arange(steps) / 150) + 0.05 * np.sin(np.arange(steps) * 1.7)
    values[int(steps * BAD / STEPS) :] = np.nan
    at = np.arange(steps)
    epochs = range(0, steps, steps // 4)
    records: list[e.Event] = [
        e.RunStarted(
            [f"train.py{text}", text or "--lr"], f"/home/someone{text}", {"python": text or "3.11"}, 1.7e9, 0, 7
        ),
        e.Source(file, SOURCE.replace("{text}", text)),
        e.Place(0, file, 16, "<module>"),
        e.Place(1, file, 20, "<module>"),
        e.Place(2, file, 6, "<module>"),
        e.Series(0, "optimised", "loss", 0),
        e.Series(1, "evaluation", f"cross_entropy{text}", 1),
        e.Points(0, at.tobytes(), at.tobytes(), values.tobytes(), np.full(steps, 32).tobytes()),
        e.Points(
            1, at[::100].tobytes(), at[::100].tobytes(), (values[::100] + 0.1).tobytes(), np.full(4, 32).tobytes()
        ),
        e.LoaderSeen(0, 2, 100, 32, True, True, 3200),
        e.OptimizerSeen(0, f"SGD{text}", 2, {"lr": 0.1}, [0, 1, 2, 3]),
        e.ModelSeen(1, 0, f"Sequential{text}", 2, [], [0, 1, 2, 3]),
    ]
    for number, name in enumerate(("0.weight", "0.bias", "2.weight", "2.bias")):
        records.append(e.ParameterSeen(number, f"layer{text}.{name}", [32, 32], "float32", True, "Linear", 2))
    scores = e.TensorFacts([32, 10], f"float32{text}", minimum=-3.0, maximum=3.0, mean=0.0, deviation=1.0)
    counts = {f"{n}{text}": 12 - n for n in range(10)}
    target = e.TensorFacts([32], "int64", minimum=0.0, maximum=9.0, counts=counts)
    for step in range(0, steps, steps // 16):
        bad = step >= steps * BAD / STEPS
        facts = [_facts(n, step, bad) for n in range(4)]
        records += [
            e.CriterionCall(
                step, step, 0, f"cross_entropy{text}" if text else "cross_entropy", 0, True, "mean", scores, target,
                1.0, [], {}, classes=10,
            ),
            e.Backward(
                step, step, 0, 1.0, [], True, ["NllLoss"],
                [e.Activation(f"relu{text}", [32, 32], depth, 0.4, 0.1, 0.0, 2.0) for depth in (1, 2)], [0, 1], [], 9, 1,
            ),
            e.Signal(step, step, [1, 2], [0.1, 0.01], [1.0, 0.5]),
            e.Update(step, step, 0, facts),
            e.LearningRate(step, step, 0, [0.1 * (1 - step / steps)], [0.9]),
        ]  # fmt: skip
    records.append(e.Forward(0, 0, 0, True, True, 0, [scores], [scores], [0, 1]))
    for begin in epochs:
        records += [e.EpochStarted(begin, begin, 0, 0)]
    for begin in epochs:
        end = begin + steps // 4
        records += [
            e.EpochEnded(end, end, 0, steps // 4, 32 * steps // 4, True),
            e.Printed(end, end, 1, "stdout", f"loss {values[end - 1]:.4f}{text}"),
        ]
    records += [
        e.NonFinite(BAD, BAD, 0, f"Log{text}", "self", "float32", []),
        e.Cost(1.0, 50.0),
        e.RunEnded(steps, steps, f"ValueError{text}", text or "stopped", 0),
    ]
    return Recording(records)


def _facts(number: int, step: int, bad: bool) -> e.ParameterFacts:
    gradient = math.nan if bad else 0.0 if number > 1 and step < 100 else 0.1 / (1 + number)
    return e.ParameterFacts(number, gradient, 3.0, 0.003, True, True, bad)


def verdict(text: str = "") -> Verdict:
    """A proven cause with its experiment, a possible one, and one of everything else."""
    file = FILE + text
    steps = list(range(0, 100, 2))
    experiment = ExperimentItem(
        text or "does the loss stay finite when the logarithm is left out?",
        [{"name": text or "loss-term", "arguments": {"without": text or "log"}}],
        "confirmed",
        text or "the trial stays finite for 100 steps, the control does not",
        text or "nan at step 60",
        text or "1.32 at the end",
        CurveItem(steps, [2.3 - step / 100 if step < 60 else "nan" for step in steps]),
        CurveItem(steps, [2.3 - step / 100 for step in steps]),
        ["non-finite-loss"],
        [],
        100,
    )
    return Verdict(
        1,
        text or "The optimised loss is nan first at step 360, in 40 of 400 steps. Proven cause: a number left the range "
        "of its type (overflow, underflow, or a singular point) (train.py:16).",
        False,
        [SymptomItem("non-finite-loss", BAD, 4, "nan", text or "the optimised loss is nan first at step 360")],
        [CauseItem("numeric-overflow", "proven", 0.99, Location(file, 16, text or "loss = torch.log(…)"),
                   [EvidenceItem(text or "first operation", text or "Log of 0", text or "finite numbers")],
                   experiment, Fix(text or "Keep the argument of log away from 0.", f"-old {text}\n+new {text}\n"),
                   [Location(file, 6, text or "optimizer = …")]),
         CauseItem("wrong-mode", "possible", 0.5, Location(file, 5, text or "model = …"), [], None, Fix("Look."))],
        [RuledOutItem("graph-cut", text or "backward reaches all 4 parameters")],
        [ExpectedItem("zero-by-design", text or "the value is 0, the gradient is not", Location(file, 21, text or "name"))],
        [UntestedItem("label-in-input", text or "no rows were kept")],
        [text or "forward: ValueError: no"],
        Overhead(1.0204),
        Run([f"train.py{text}"], 7, 400, 4, {"torch": text or "2.13.0"}),
    )  # fmt: skip
