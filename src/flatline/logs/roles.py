"""What a logged number is, by its name: a loss, a learning rate, the norm of the gradients."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

_EVALUATION = {"val", "valid", "validation", "test", "testing", "eval", "evaluation", "dev", "holdout", "heldout"}
_TRAINING = {"train", "training"}
_LOSS = {"loss", "losses", "nll", "cost", "objective", "mse", "bce"}
# What stands beside the word loss without making it the loss of one part of the model.
_PLAIN = _LOSS | _TRAINING | _EVALUATION | {
    "step", "epoch", "batch", "iter", "iteration", "total", "mean", "avg", "average", "running", "global", "mini", "final",
    "metrics", "the", "current", "cumulative", "smoothed", "ema", "log", "logs", "scalars", "ent", "cross", "entropy", "ce",
}  # fmt: skip
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


class Role(enum.Enum):
    """What a series is, as far as its name tells."""

    LOSS = "loss"
    GRADIENT_NORM = "gradient norm"
    LEARNING_RATE = "learning rate"
    LOSS_SCALE = "loss scale"
    ACCURACY = "accuracy"
    REWARD_SPREAD = "spread of rewards"


@dataclass(frozen=True)
class Name:
    """A name and what it says. ``part`` names a loss that is one of several terms (``kl`` of ``kl_loss``), else empty."""

    text: str
    role: Role
    evaluation: bool = False
    part: str = ""


def name_of(text: str) -> Name | None:
    """What a series of that name holds; None for anything that the diagnosis does not use.

    >>> name_of("train/loss_epoch").role.value, name_of("eval_loss").evaluation, name_of("kl_loss").part
    ('loss', True, 'kl')
    >>> name_of("grad_norm").role.value, name_of("lr-Adam").role.value, name_of("loss_scale").role.value
    ('gradient norm', 'learning rate', 'loss scale')
    >>> name_of("samples_per_second"), name_of("lossless")
    (None, None)
    """
    words = [word.lower() for word in _WORD.findall(text[:200])]
    known = set(words)
    evaluation = bool(known & _EVALUATION)
    joined = "_".join(words)
    if "scale" in known and known & (_LOSS | {"grad", "scaler", "amp"}):
        return Name(text, Role.LOSS_SCALE, evaluation)
    if known & {"lr", "lrs"} or "learning_rate" in joined:
        return Name(text, Role.LEARNING_RATE, evaluation)
    if ("norm" in known and known & {"grad", "grads", "gradient", "gradients"}) or known & {"gnorm", "gradnorm"}:
        return Name(text, Role.GRADIENT_NORM, evaluation)
    if "reward" in known and "std" in known and "zero" not in known:
        return Name(text, Role.REWARD_SPREAD, evaluation)
    if known & {"acc", "accuracy"} and not known & _LOSS:
        return Name(text, Role.ACCURACY, evaluation)
    if known & _LOSS and not known & {"stop", "patience", "time", "best", "std", "improved"}:
        part = "_".join(word for word in words if word not in _PLAIN and not word.isdigit())
        return Name(text, Role.LOSS, evaluation, part)
    return None
