"""A fault in what watches Keras and fastai ends as a failed probe: training goes on and computes the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from test_frameworks import OFFLINE, needs

# The training of each framework, and what of ours is called while it runs.
KERAS = """
os.environ["KERAS_BACKEND"] = BACKEND
import keras
def train():
    keras.utils.set_random_seed(0)
    layers = [keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.SGD(1e-2, momentum=0.9), "mse")
    x = numpy.random.default_rng(0).normal(size=(96, 4)).astype("float32")
    model.fit(x, 2 * x[:, :1], batch_size=32, epochs=2, verbose=0, validation_split=0.25)
    return [float(abs(w).sum()).hex() for w in model.get_weights()]
"""
FASTAI = """
import torch
from fastai.basics import DataLoaders, Learner
import fastai.callback.progress
def train():
    torch.manual_seed(0)
    x = torch.randn(96, 4)
    data = torch.utils.data.TensorDataset(x, 2 * x[:, :1])
    loader = torch.utils.data.DataLoader(data, batch_size=32, shuffle=True)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    learn = Learner(DataLoaders(loader, loader), model, loss_func=torch.nn.functional.mse_loss)
    with learn.no_bar(), learn.no_logging():
        learn.fit(2, 1e-2)
    return [float(p.detach().abs().sum()).hex() for p in model.parameters()]
"""
# On JAX the probe is alone: torch is not imported there.
WATCH = {
    "torch": """
import contextlib
from flatline.observe.install import Probes
@contextlib.contextmanager
def watching(session):
    probes = Probes(session)
    probes.install()
    try:
        yield
    finally:
        probes.uninstall()
        session.active = False
""",
    "jax": """
import contextlib
from flatline.observe.events import RunStarted
from flatline.observe.patching import Patches
from flatline.observe.probes.keras_fit import KerasFit
@contextlib.contextmanager
def watching(session):
    patches = Patches()
    KerasFit(session, RunStarted([], "", {}, 0.0)).install(patches)
    try:
        yield
    finally:
        patches.remove()
        session.active = False
""",
}
DRIVER = """
import json, os, sys
import numpy
from flatline.observe.events import ProbeFailed
from flatline.observe.session import Session
PROGRAM
WATCH
class Broken(Session):
    def __init__(self, broken):
        self.events, self.called, self.broken = [], set(), broken
        super().__init__(self.events.extend)
    def guarded(self, probe, function):
        name = function.__qualname__
        def watched(*args, **kwargs):
            self.called.add(name)
            if name == self.broken:
                raise RuntimeError("the probe broke")
            return function(*args, **kwargs)
        return super().guarded(probe, watched)
plain = train()
results = {}
for broken in [None, *FUNCTIONS]:
    session = Broken(broken)
    with watching(session):
        result = train()
        session.flush(force=True)
    failed = sorted({e.probe + ": " + e.message for e in session.events if isinstance(e, ProbeFailed)})
    results[broken] = [result == plain, failed, broken is None or broken in session.called]
print("RESULTS", json.dumps(results))
"""
FRAMEWORKS = {
    "keras": (
        KERAS.replace("= BACKEND", "= 'torch'"),
        "torch",
        {
            "KerasLosses._observe": "criterion",
            "FrameworkOptimizers._observe_made": "optimizer",
            "FrameworkOptimizers._observe_keras_before": "optimizer",
            "FrameworkOptimizers._observe_keras_after": "optimizer",
        },
    ),
    "fastai": (
        FASTAI,
        "torch",
        {
            "FrameworkOptimizers._observe_made": "optimizer",
            "FrameworkOptimizers._observe_fastai_before": "optimizer",
        },
    ),
    "jax": (
        KERAS.replace("= BACKEND", "= 'jax'"),
        "jax",
        {
            "KerasFit._observe_fit": "keras",
            "KerasFit._observe_made": "keras",
            "KerasFit._observe_epoch": "keras",
            "KerasFit._observe_batch": "keras",
            "KerasFit._observe_epoch_end": "keras",
        },
    ),
}


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_each_function_may_fail(name: str, tmp_path: Path) -> None:
    needs(name)
    if name == "jax":
        needs("keras")
    program, watch, functions = FRAMEWORKS[name]
    text = DRIVER.replace("PROGRAM", program).replace("WATCH", WATCH[watch]).replace("FUNCTIONS", repr([*functions]))
    (tmp_path / "driver.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "driver.py"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, **OFFLINE, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert "RESULTS" in done.stdout, done.stderr
    results = json.loads(done.stdout.partition("RESULTS ")[2])
    assert results.pop("null") == [True, [], True]
    for function, probe in functions.items():
        same, failed, called = results[function]
        assert called, f"{function} is never called by this program"
        assert same, f"with a fault in {function} the program computes something else"
        assert failed == [f"{probe}: RuntimeError: the probe broke"], function
