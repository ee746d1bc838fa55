"""What every check is made of, and how they are run."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator

import torch

from flatline.checks.replay import Replay, Undone
from flatline.observe.captured import Captured, LossCall
from flatline.observe.events import Checked, Event

# In the order in which a person would ask; the last one trains a copy and is dear.
CHECKS = (
    "loss_at_start",
    "output_domain",
    "gradient_reaches",
    "inputs_matter",
    "samples_mixed",
    "future_visible",
    "overfit_batch",
)
MOST_MODELS = 3


class Step:
    """The first step as the checks see it: the calls of its models, to be made again, and of its losses."""

    def __init__(self, captured: Captured, seconds: float) -> None:
        self.captured = captured
        self.seconds = seconds
        self._until = time.perf_counter() + seconds
        self.events: list[Event] = []
        calls = {id(call.module): call for call in captured.models}
        self.replays = [Replay(call, captured.batch_rows, self.target) for call in list(calls.values())[:MOST_MODELS]]

    @property
    def loss(self) -> LossCall | None:
        return self.captured.losses[0] if self.captured.losses else None

    @property
    def target(self) -> torch.Tensor | None:
        return self.loss.target if self.loss is not None else None

    def models(self) -> list[Replay]:
        """The models whose calls can be made again.

        Raises:
            Undone: there is none, or the time is up.
        """
        if not self.replays:
            raise Undone("no call of a model was seen: the program computes with plain tensors")
        self.in_time()
        return self.replays

    def in_time(self) -> None:
        """Raises Undone when the time is up."""
        if time.perf_counter() > self._until:
            raise Undone(f"the {self.seconds:g} seconds were over")

    def left(self) -> float:
        return self._until - time.perf_counter()

    def names(self) -> dict[int, str]:
        """The names of parameters by their identity."""
        found: dict[int, str] = {}
        for call in self.captured.models:
            for name, parameter in call.module.named_parameters():
                found.setdefault(id(parameter), name)
        return found


def outcome(name: str, result: str, text: str, modules: list[str] | None = None, /, **numbers: float) -> Checked:
    return Checked(0, 0, name, result, text, numbers, [], modules or [])


def run_all(captured: Captured, seconds: float = 30.0, overfit: bool = False) -> Iterator[Event]:
    """Every check on the first step, each with its outcome; a fault in one is told and the others go on."""
    step = Step(captured, seconds)
    for file in CHECKS:
        if file == "overfit_batch" and not overfit:
            continue
        module = importlib.import_module(f"flatline.checks.{file}")
        try:
            found = module.check(step)
        except Undone as reason:
            found = outcome(module.NAME, "undone", str(reason))
        except Exception as error:
            # The model may not like to be called again; that is no fault of the program's.
            text = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            found = outcome(module.NAME, "undone", f"it ended with {text}")
        yield found
    yield from step.events
