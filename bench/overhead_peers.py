"""What bench/overhead.py compares: training without a tool, with flatline, and with tools that also watch a training.

Each tool is used as its own documentation shows it. What it does once, before the first step and after the last, is not
timed for any of them; flatline's start-up is timed apart.
"""

from __future__ import annotations

import importlib
import os
import tempfile
import warnings
from types import TracebackType
from typing import Any

import torch
from torch import nn


class Tool:
    """No tool: plain PyTorch. The others say what they do at which moment."""

    name = "plain"

    def __enter__(self) -> Tool:
        """Before the model is made."""
        return self

    def attach(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Before the first step."""

    def each(self, loss: torch.Tensor) -> None:
        """After each backward, before the optimizer's step."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """After the last step."""


class Flatline(Tool):
    name = "flatline"

    def __init__(self) -> None:
        import flatline

        self._watch = flatline.watch(show=False)
        # What flatline itself says it cost.
        self.own = 1.0

    def __enter__(self) -> Tool:
        self._watch.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._watch.__exit__(*error)
        self.own = self._watch.verdict.overhead.ratio


class Anomaly(Tool):
    """https://docs.pytorch.org/docs/stable/autograd.html#anomaly-detection"""

    name = "detect_anomaly"

    def __enter__(self) -> Tool:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._mode = torch.autograd.detect_anomaly()
        self._mode.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._mode.__exit__(*error)


class Wandb(Tool):
    """``wandb.watch(model, log="all", log_freq=10)`` and ``wandb.log`` each step, as in W&B's PyTorch tutorial; offline."""

    name = "wandb.watch"
    frequency = 10

    def __enter__(self) -> Tool:
        os.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}
        self._wandb: Any = importlib.import_module("wandb")
        self._folder = tempfile.TemporaryDirectory()
        self._run = self._wandb.init(project="overhead", dir=self._folder.name)
        return self

    def attach(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self._wandb.watch(model, log="all", log_freq=self.frequency)

    def each(self, loss: torch.Tensor) -> None:
        self._wandb.log({"loss": loss.item()})

    def __exit__(self, *error: Any) -> None:
        self._wandb.unwatch()
        self._run.finish()
        self._folder.cleanup()


class WandbSeldom(Wandb):
    """With wandb's default: each thousandth step."""

    name = "wandb.watch 1000"
    frequency = 1000


class GradNorm(Tool):
    """``grad_norm`` before each optimizer step, as the documentation of Lightning's hook shows it."""

    name = "lightning grad_norm"

    def __enter__(self) -> Tool:
        self._norm: Any = importlib.import_module("lightning.pytorch.utilities").grad_norm
        return self

    def attach(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self._model = model
        self.logged: list[dict[str, float]] = []

    def each(self, loss: torch.Tensor) -> None:
        norms = self._norm(self._model, norm_type=2)
        # A logger takes numbers.
        self.logged = [{name: float(value) for name, value in norms.items()}]


# Tools that cannot take part whatever is installed, with the reason.
APART = {
    "cockpit": "it wants another training loop (losses extended by BackPACK, one for each sample), not this one; "
    "cockpit-for-pytorch 1.0.2 also needs a setuptools that still has pkg_resources",
    "traincheck": "0.2.0 rewrites a script and runs what it has written; here a tool is put around a training",
}
TOOLS: tuple[type[Tool], ...] = (Flatline, Wandb, WandbSeldom, GradNorm, Anomaly)


def missing(tool: type[Tool]) -> str | None:
    """Why a tool cannot be used here; None when it can."""
    try:
        with tool():
            return None
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
