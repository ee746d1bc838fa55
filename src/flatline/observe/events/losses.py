"""Losses: their values, and what was measured of the calls that gave them."""

from __future__ import annotations

from typing import Any

from flatline.observe.events.base import Record, TensorFacts


class Series(Record):
    """Announces a stream of numbers: the loss that ``backward`` ran on, or one criterion's output.

    ``kind`` is ``optimised``, ``criterion`` or ``evaluation`` (a criterion called without gradients).
    """

    number: int
    kind: str
    name: str
    place: int | None
    reduction: str = ""


class Points(Record):
    """Values of a series: ``ticks`` and ``steps`` int64, ``values`` float64, ``sizes`` int64 (samples), as bytes."""

    series: int
    ticks: bytes
    steps: bytes
    values: bytes
    sizes: bytes


class CriterionCall(Record):
    """One call of a loss function, measured.

    ``place`` is the user's line that called it, ``built`` the line that made its module. ``result`` summarises a
    value that is not one number. ``exp_rows`` is the least and greatest sum over classes of exp(input), for
    ``nll_loss``: 1 for log-probabilities. ``error`` is set when the call raised.
    """

    tick: int
    step: int
    series: int
    name: str
    place: int | None
    gradient: bool
    reduction: str
    input: TensorFacts | None
    target: TensorFacts | None
    value: float | None
    value_shape: list[int]
    options: dict[str, Any]
    valid_targets: int = -1
    classes: int = -1
    correct: int = -1
    built: int | None = None
    names: list[str] = []
    result: TensorFacts | None = None
    exp_rows: list[float] = []
    error: str | None = None


class LossMask(Record):
    """Which single losses a mask of the program's own leaves in: 1 in, 0 out; ``data`` is uint8 bytes."""

    tick: int
    step: int
    shape: list[int]
    data: bytes


class ClassAxes(Record):
    """Along which dimension of a tensor of that ``shape`` the loss picks the right class, and along which its scores
    are normalised; ``how`` says what picks."""

    tick: int
    step: int
    picked: int
    normalised: int
    shape: list[int]
    how: str


class Visible(Record):
    """Which positions of a sequence of tokens the model's output at ``position`` depends on, read from gradients."""

    tick: int
    step: int
    length: int
    position: int
    seen: list[int]


class Code(Record):
    """A Gaussian code in the loss: each dimension's divergence from the standard normal in nats (mean over the
    batch), and the variance over the batch of its mean."""

    tick: int
    step: int
    divergence: list[float]
    spread: list[float]
