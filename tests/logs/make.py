"""Makes the logs of this folder with the packages that write them; run by hand, its results are checked in.

    python -m venv logs && logs/bin/pip install torch lightning transformers accelerate keras tensorboard wandb tqdm
    logs/bin/python tests/logs/make.py FORMAT   # or all

The same eight trainings in each format: four that are at fault, four that are not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
os.environ.update(KERAS_BACKEND="torch", WANDB_MODE="offline", WANDB_SILENT="true", TOKENIZERS_PARALLELISM="false",
                  HF_HUB_OFFLINE="1", WANDB_DISABLE_GIT="true", WANDB_DISABLE_CODE="true")  # fmt: skip
ROWS, FEATURES = 64, 8


@dataclass
class Problem:
    """``batch`` rows a step; ``warm`` steps in which the learning rate rises from 0."""

    name: str
    classes: int
    rate: float
    hidden: int = 16
    batch: int = 16
    epochs: int = 8
    warm: int = 0
    masked: bool = False
    random: bool = False


PROBLEMS = [
    Problem("faulty_one_class", 1, 0.1),
    Problem("faulty_masked", 3, 0.1, masked=True),
    Problem("faulty_diverges", 0, 3.0),
    Problem("faulty_rate_zero", 3, 0.0, batch=ROWS, epochs=12),
    Problem("healthy_classes", 3, 0.3),
    Problem("healthy_regression", 0, 0.02),
    Problem("healthy_warmup", 3, 0.3, warm=16, epochs=12),
    Problem("healthy_memorises", 2, 1.0, hidden=64, epochs=40, random=True),
]


def data(problem: Problem):  # type: ignore[no-untyped-def]
    import torch

    made = torch.Generator().manual_seed(0)
    x = torch.randn(ROWS, FEATURES, generator=made)
    weight = torch.randn(FEATURES, max(problem.classes, 1), generator=made)
    if problem.classes == 0:
        return x, 2 * x @ weight + 0.1 * torch.randn(ROWS, 1, generator=made)
    y = torch.randint(problem.classes, (ROWS,), generator=made) if problem.random else (x @ weight).argmax(1)
    return x, torch.full_like(y, -100) if problem.masked else y


def model(problem: Problem):  # type: ignore[no-untyped-def]
    from torch import nn

    return nn.Sequential(
        nn.Linear(FEATURES, problem.hidden), nn.ReLU(), nn.Linear(problem.hidden, max(problem.classes, 1))
    )


def loss_of(problem: Problem, output, target):  # type: ignore[no-untyped-def]
    from torch.nn import functional

    return functional.cross_entropy(output, target) if problem.classes else functional.mse_loss(output, target)


@dataclass
class Step:
    """What a loop of its own logs: one optimizer step of ``each`` in an epoch."""

    number: int
    epoch: int
    index: int
    each: int
    loss: float
    norm: float
    rate: float
    validation: float


def steps(problem: Problem) -> Iterator[Step]:
    """A training loop as people write it."""
    import torch

    torch.manual_seed(0)
    x, y = data(problem)
    net = model(problem)
    optimizer = torch.optim.SGD(net.parameters(), lr=problem.rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min(1.0, s / max(problem.warm, 1)) if problem.warm else 1.0
    )
    number = 0
    for epoch in range(problem.epochs):
        order = torch.randperm(ROWS) if problem.batch < ROWS else torch.arange(ROWS)
        parts = order.split(problem.batch)
        for index, part in enumerate(parts):
            optimizer.zero_grad()
            loss = loss_of(problem, net(x[part]), y[part])
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(net.parameters(), 1e9)
            rate = schedule.get_last_lr()[0]
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                validation = loss_of(problem, net(x), y).item()
            yield Step(number, epoch, index, len(parts), loss.item(), float(norm), rate, validation)
            number += 1


def tensorboard(problem: Problem, folder: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with tempfile.TemporaryDirectory() as work:
        writer = SummaryWriter(work)
        for step in steps(problem):
            writer.add_scalar("Loss/train", step.loss, step.number)
            writer.add_scalar("lr", step.rate, step.number)
            if step.index == step.each - 1:
                writer.add_scalar("Loss/val", step.validation, step.number)
        writer.close()
        shutil.copy(next(Path(work).glob("events*")), folder / f"{problem.name}.tfevents")


def wandb(problem: Problem, folder: Path) -> None:
    import wandb as package

    with tempfile.TemporaryDirectory() as work:
        run = package.init(project="logs", dir=work, settings=package.Settings(x_disable_stats=True, console="off"))
        for step in steps(problem):
            run.log(
                {"train/loss": step.loss, "train/grad_norm": step.norm, "val/loss": step.validation}, step=step.number
            )
        run.finish()
        # Its own process writes the file, after `finish`.
        package.teardown()
        shutil.copy(next(Path(work).rglob("*.wandb")), folder / f"{problem.name}.wandb")


def printed(problem: Problem, folder: Path) -> None:
    """Printed losses: nanoGPT's two lines, a tqdm bar, or the line of many a tutorial."""
    kind = {"one_class": "tqdm", "classes": "tqdm", "rate_zero": "tutorial", "regression": "tutorial"}
    form = kind.get(problem.name.partition("_")[2], "nanogpt")
    target = folder / f"{problem.name}.txt"
    with target.open("w", encoding="utf-8") as file:
        if form == "tqdm":
            from tqdm import tqdm

            bar = None
            for step in steps(problem):
                if step.index == 0:
                    bar = tqdm(total=step.each, desc=f"Epoch {step.epoch}", file=file, ascii=False, mininterval=0)
                bar.set_postfix(loss=f"{step.loss:.4f}", refresh=False)
                bar.update()
                if step.index == step.each - 1:
                    bar.close()
            return
        for step in steps(problem):
            if form == "nanogpt":
                if step.number % 8 == 0:
                    file.write(f"step {step.number}: train loss {step.loss:.4f}, val loss {step.validation:.4f}\n")
                file.write(f"iter {step.number}: loss {step.loss:.4f}, time 12.34ms, mfu -100.00%\n")
            elif step.index == step.each - 1:
                file.write(
                    f"Epoch [{step.epoch + 1}/{problem.epochs}], Step [{step.index + 1}/{step.each}], Loss: {step.loss:.4f}\n"
                )


def lightning(problem: Problem, folder: Path) -> None:
    import logging
    import warnings

    import torch
    from lightning import LightningModule, Trainer, seed_everything
    from lightning.pytorch.loggers import CSVLogger
    from torch.utils.data import DataLoader, TensorDataset

    warnings.simplefilter("ignore")
    logging.getLogger("lightning").setLevel(logging.ERROR)

    class Module(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = model(problem)

        def training_step(self, batch):  # type: ignore[no-untyped-def]
            loss = loss_of(problem, self.net(batch[0]), batch[1])
            self.log("train_loss", loss, on_step=True, on_epoch=True, prog_bar=True)
            return loss

        def validation_step(self, batch):  # type: ignore[no-untyped-def]
            self.log("val_loss", loss_of(problem, self.net(batch[0]), batch[1]))

        def configure_optimizers(self):  # type: ignore[no-untyped-def]
            return torch.optim.SGD(self.parameters(), lr=problem.rate)

    seed_everything(0, verbose=False)
    x, y = data(problem)
    rows = TensorDataset(x, y)
    with tempfile.TemporaryDirectory() as work:
        trainer = Trainer(
            max_epochs=problem.epochs, logger=CSVLogger(work), log_every_n_steps=2, accelerator="cpu",
            enable_checkpointing=False, enable_model_summary=False, enable_progress_bar=False,
        )  # fmt: skip
        shuffled = problem.batch < ROWS
        trainer.fit(Module(), DataLoader(rows, problem.batch, shuffle=shuffled), DataLoader(rows, ROWS))
        shutil.copy(next(Path(work).rglob("metrics.csv")), folder / f"{problem.name}.csv")


def huggingface(problem: Problem, folder: Path) -> None:
    """Both what the Trainer keeps and what it prints."""
    import torch
    from transformers import Trainer, TrainingArguments

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = model(problem)

        def forward(self, x, labels=None):  # type: ignore[no-untyped-def]
            output = self.net(x)
            return {"loss": loss_of(problem, output, labels), "logits": output}

    x, y = data(problem)
    rows = [{"x": a, "labels": b} for a, b in zip(x, y)]
    with tempfile.TemporaryDirectory() as work:
        arguments = TrainingArguments(
            work, num_train_epochs=problem.epochs, per_device_train_batch_size=problem.batch, logging_steps=2,
            per_device_eval_batch_size=ROWS, eval_strategy="epoch", save_strategy="no", report_to=[], use_cpu=True,
            learning_rate=problem.rate, max_grad_norm=1e9, lr_scheduler_type="constant_with_warmup",
            warmup_steps=problem.warm, optim="sgd", disable_tqdm=True, seed=0,
        )  # fmt: skip
        trainer = Trainer(Net(), arguments, train_dataset=rows, eval_dataset=rows)
        trainer.train()
        trainer.state.save_to_json(str(folder / f"{problem.name}.json"))


def keras(problem: Problem, folder: Path) -> None:
    import keras as package
    import numpy as np

    package.utils.set_random_seed(0)
    x, y = (t.numpy() for t in data(problem))
    if problem.masked:
        # Keras has no index that is left out: a NaN in the data does the same.
        x, y = np.full_like(x, np.nan), np.zeros(ROWS, "int64")
    last = package.layers.Dense(max(problem.classes, 1), activation="softmax" if problem.classes else None)
    net = package.Sequential([package.layers.Dense(problem.hidden, activation="relu"), last])
    rate = problem.rate
    if problem.warm:
        rate = package.optimizers.schedules.CosineDecay(0.0, 200, warmup_target=problem.rate, warmup_steps=problem.warm)
    kind = "sparse_categorical_crossentropy" if problem.classes else "mse"
    net.compile(package.optimizers.SGD(rate), kind, metrics=["accuracy"] if problem.classes else [])
    net.fit(x, y, batch_size=problem.batch, epochs=problem.epochs, shuffle=problem.batch < ROWS,
            validation_data=(x, y), verbose=1, callbacks=[package.callbacks.CSVLogger(folder / f"{problem.name}.csv")])  # fmt: skip


FORMATS: dict[str, Callable[[Problem, Path], None]] = {
    "tensorboard": tensorboard, "wandb": wandb, "printed": printed, "lightning": lightning, "huggingface": huggingface,
    "keras": keras,
}  # fmt: skip
# What these print is a log as well.
ALSO_PRINTED = ("huggingface", "keras")


def main(asked: str) -> None:
    for name in FORMATS if asked == "all" else [asked]:
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        for problem in PROBLEMS:
            # A process each: loggers hold on to what they were first given.
            done = subprocess.run(
                [sys.executable, __file__, name, problem.name], capture_output=True, text=True, errors="replace"
            )
            if done.returncode:
                raise SystemExit(done.stderr)
            if name in ALSO_PRINTED:
                beside = HERE / f"{name}_printed"
                beside.mkdir(exist_ok=True)
                (beside / f"{problem.name}.txt").write_text(done.stdout, encoding="utf-8")
            print(name, problem.name)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        FORMATS[sys.argv[1]](next(p for p in PROBLEMS if p.name == sys.argv[2]), HERE / sys.argv[1])
    else:
        main(sys.argv[1] if len(sys.argv) > 1 else "all")
