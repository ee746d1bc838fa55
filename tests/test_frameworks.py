"""Programs of frameworks: the same bits with and without us, a callback for each, and nothing imported for it.

Each test skips with the name of a framework that is missing; the last one says which ran.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from flatline.observe.events import EpochEnded, Update
from runs import assert_same, plain, recording, watched, write

FRAMEWORKS = ("lightning", "transformers", "accelerate", "keras", "skorch", "fastai")
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "KERAS_BACKEND": "torch"}
CASES = Path(__file__).parent.parent / "bench" / "cases"

HASH = """
import hashlib
def show(model):
    digest = hashlib.sha256()
    for tensor in model.state_dict().values():
        digest.update(tensor.detach().cpu().numpy().tobytes())
    print("weights", digest.hexdigest())
"""
DATA = """
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
x = torch.randn(96, 6)
y = (x[:, 0] > 0).long()
data = TensorDataset(x, y)
"""
# CALLBACK is nothing when the program is compared with itself.
PROGRAMS = {
    "lightning": """
    import lightning as L
    class Module(L.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 2))
        def training_step(self, batch, index):
            loss = F.cross_entropy(self.net(batch[0]), batch[1])
            print("loss", loss.item().hex())
            return loss
        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=1e-2)
    model = Module()
    trainer = L.Trainer(max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False,
                        enable_progress_bar=False, accumulate_grad_batches=2, callbacks=[CALLBACK])
    trainer.fit(model, DataLoader(data, batch_size=16, shuffle=True))
    """,
    "transformers": """
    from transformers import GPT2Config, GPT2LMHeadModel, PrinterCallback, Trainer, TrainingArguments
    rows = [{"input_ids": row, "labels": row} for row in torch.randint(0, 32, (48, 12))]
    model = GPT2LMHeadModel(GPT2Config(vocab_size=32, n_positions=12, n_embd=16, n_layer=1, n_head=2))
    class Telling(Trainer):
        def training_step(self, *args, **kwargs):
            loss = super().training_step(*args, **kwargs)
            print("loss", loss.item().hex())
            return loss
    trainer = Telling(model, TrainingArguments("out", num_train_epochs=2, per_device_train_batch_size=8, report_to="none",
            gradient_accumulation_steps=2, save_strategy="no", use_cpu=True, disable_tqdm=True, logging_steps=100),
            train_dataset=rows, callbacks=[CALLBACK])
    # It prints how long training took.
    trainer.pop_callback(PrinterCallback)
    trainer.train()
    """,
    "accelerate": """
    from accelerate import Accelerator
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2, log_with=[CALLBACK])
    accelerator.init_trackers("it")
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    model, optimizer, loader = accelerator.prepare(model, optimizer, DataLoader(data, batch_size=8, shuffle=True))
    for epoch in range(2):
        for inputs, labels in loader:
            with accelerator.accumulate(model):
                loss = F.cross_entropy(model(inputs), labels)
                accelerator.backward(loss)
                optimizer.step()
                optimizer.zero_grad()
            print("loss", loss.item().hex())
    accelerator.end_training()
    """,
    "keras": """
    import os
    os.environ["KERAS_BACKEND"] = "torch"
    import keras
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(16, "relu"), keras.layers.Dropout(0.1),
                              keras.layers.Dense(2)])
    model.compile(keras.optimizers.Adam(1e-2), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    class Told(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            print("loss", float(logs["loss"]).hex())
    model.fit(x.numpy(), y.numpy(), batch_size=16, epochs=2, verbose=0, callbacks=[Told(), CALLBACK])
    """,
    "skorch": """
    from skorch import NeuralNetClassifier
    net = NeuralNetClassifier(nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 2)),
                              criterion=nn.CrossEntropyLoss, optimizer=torch.optim.Adam, lr=1e-2, max_epochs=2,
                              batch_size=16, train_split=None, verbose=0, callbacks=[CALLBACK])
    net.fit(x.numpy(), y.numpy())
    print([loss.hex() for loss in net.history[:, "batches", :, "train_loss"][-1]])
    model = net.module_
    """,
    "fastai": """
    from fastai.basics import Learner, DataLoaders
    import fastai.callback.progress
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 2))
    loaders = DataLoaders(DataLoader(data, batch_size=16, shuffle=True), DataLoader(data, batch_size=32))
    learn = Learner(loaders, model, loss_func=F.cross_entropy, cbs=[CALLBACK])
    with learn.no_bar(), learn.no_logging():
        learn.fit(2, 1e-2)
    print([loss.item().hex() for loss in learn.recorder.losses])
    """,
}
CALLBACKS = {name: "FlatlineTracker" if name == "accelerate" else "FlatlineCallback" for name in FRAMEWORKS}
STEPS = {"lightning": 6, "transformers": 6, "accelerate": 12, "keras": 12, "skorch": 12, "fastai": 12}


def missing(name: str) -> bool:
    return importlib.util.find_spec(name) is None


def needs(name: str) -> None:
    if missing(name):
        pytest.skip(f"{name} is not installed")


def program(name: str, callback: str, end: str = "") -> str:
    body = "\n".join(line[4:] for line in PROGRAMS[name].splitlines()).replace("CALLBACK", callback)
    return DATA + HASH + body + "\nshow(model)\n" + end


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_same_bits(name: str, folder: Path) -> None:
    needs(name)
    write(folder, "program.py", program(name, "").replace(", ]", "]"))
    expected = assert_same(folder, "program.py", **OFFLINE)
    assert expected.status == 0, expected.err.decode()
    assert b"weights" in expected.out
    seen = recording(folder)
    assert seen.steps == STEPS[name]
    assert any(p.moved for u in seen.all(Update) for p in u.parameters)
    # Keras and transformers may cut what they are given into passes of their own; the others make two.
    assert name == "fastai" or len(seen.all(EpochEnded)) >= 2
    assert sum(map(len, seen.optimised)) >= 12


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_callback_gives_the_verdict(name: str, folder: Path) -> None:
    needs(name)
    head = f"from flatline.integrations.{name} import {CALLBACKS[name]} as Watching\nwatching = Watching(show=False)\n"
    end = "print('VERDICT', watching.verdict.run.steps, watching.verdict.probe_failures)\n"
    write(folder, "program.py", head + program(name, "watching", end))
    done = plain(folder, "program.py", **OFFLINE)
    assert done.status == 0, done.err.decode()
    assert f"VERDICT {STEPS[name]} []" in done.out.decode()


def test_under_flatline_run_a_callback_stays_out_of_the_way(folder: Path) -> None:
    needs("lightning")
    head = "from flatline.integrations.lightning import FlatlineCallback\nwatching = FlatlineCallback()\n"
    write(folder, "program.py", head + program("lightning", "watching", "print('VERDICT', watching.verdict)\n"))
    done = watched(folder, "program.py")
    assert b"VERDICT None" in done.out
    assert recording(folder).steps == STEPS["lightning"]


def test_importing_flatline_imports_no_framework(folder: Path) -> None:
    text = "import sys, flatline, flatline.integrations, flatline.launcher, flatline.program\nprint(*sys.modules)\n"
    write(folder, "program.py", text)
    imported = {module.partition(".")[0] for module in plain(folder, "program.py").out.decode().split()}
    assert "flatline" in imported
    assert not imported & {*FRAMEWORKS, "jax", "tensorflow", "torch", "numpy", "peft", "trl", "pytorch_lightning"}


def test_to_ask_for_torch_is_not_to_import_it(folder: Path) -> None:
    """transformers asks whether torch is there long before it imports it."""
    write(
        folder,
        "program.py",
        """
        import importlib.util
        spec = importlib.util.find_spec("torch")
        print(spec.name, spec.loader.get_filename("torch") == spec.origin)
        import torch
        print(type(torch.__loader__).__name__)
        w = torch.nn.Parameter(torch.ones(2))
        for _ in range(3):
            w.square().sum().backward()
        """,
    )
    assert_same(folder, "program.py")
    assert sum(map(len, recording(folder).optimised)) == 3


def test_keras_on_jax_says_what_it_cannot_see(folder: Path) -> None:
    needs("keras")
    needs("jax")
    write(
        folder,
        "program.py",
        """
        import os, sys
        os.environ["KERAS_BACKEND"] = "jax"
        import keras, numpy
        keras.utils.set_random_seed(0)
        x = numpy.random.default_rng(0).normal(size=(90, 4)).astype("float32")
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(1e-2), "mse")
        model.fit(x, x[:, :1] * 2, batch_size=32, epochs=2, shuffle=False, verbose=2)
        print(float(sum(abs(w).sum() for w in model.get_weights())).hex(), "torch" in sys.modules)
        """,
    )
    expected, actual = plain(folder, "program.py"), watched(folder, "program.py", "--seen")
    # The lines of Keras hold the time that a step took.
    assert actual.out.decode().splitlines()[-1] == expected.out.decode().splitlines()[-1]
    assert expected.out.decode().splitlines()[-1].endswith("False")
    seen = recording(folder)
    assert seen.steps == 6 and len(seen.all(EpochEnded)) == 2
    shown = [float(line.rpartition("loss: ")[2]) for line in expected.out.decode().splitlines() if "loss: " in line]
    for epoch, mean in enumerate(shown):
        losses, sizes = (c[3 * epoch : 3 * epoch + 3] for c in (seen.optimised[0].values, seen.optimised[0].sizes))
        assert list(sizes) == [32, 32, 26]
        assert (losses * sizes).sum() / 90 == pytest.approx(mean, abs=1e-4)
    from flatline.verdict import diagnose

    reasons = {item.reason for item in diagnose(seen).untested}
    assert any("gradients, activations and weights are not seen" in reason for reason in reasons)


def test_cases_of_a_missing_package_are_skipped_by_name(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import accuracy\n"
        "case = accuracy.every_case(['lightning/healthy_blobs'])[0]\n"
        "case.needs.append('no_such_package')\n"
        "accuracy.every_case = lambda filters: [case]\n"
        "sys.argv = ['accuracy']; accuracy.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(CASES.parent)], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert "skipped: not installed\n  lightning/healthy_blobs:" in done.stdout
    assert "no_such_package" in done.stdout


def test_which_frameworks_ran(record_property: pytest.RecordProperty) -> None:
    ran = [f"{name} {version(name)}" for name in (*FRAMEWORKS, "peft", "trl", "jax") if not missing(name)]
    record_property("frameworks", ", ".join(ran) or "none")
    print("frameworks tested:", ", ".join(ran) or "none", file=sys.__stdout__)
    required = os.environ.get("FLATLINE_FRAMEWORKS", "").split(",")
    assert not [name for name in required if name and missing(name)]
