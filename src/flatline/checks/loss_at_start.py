"""The loss before any update against what a model that knows nothing has: ln C, ln 2, the variance of the targets."""

from __future__ import annotations

import math

import torch

from flatline.checks.base import Step, outcome
from flatline.checks.replay import Undone
from flatline.observe.captured import LossCall
from flatline.observe.events import Checked

NAME = "loss at start"
# The greatest variance of an output that is usual at the start: initialisations keep the variance of what passes a
# layer (Glorot and Bengio 2010) or double it to make up for a ReLU (He et al. 2015), and inputs have variance 1.
VARIANCE = 2.0
# McFadden calls a share of 0.2 to 0.4 of the chance loss explained an excellent fit (1979, p. 307).
EXPLAINED = 0.4


def check(step: Step) -> Checked:
    """Computes the plain loss of the captured outputs, without weights or smoothing, and its band.

    Outputs that know nothing of their targets and have variance v cost, with the mean of the loss taken over them:

    - cross entropy: at most ln C + v/2, because ln of a sum of exponentials is convex (Jensen on exp: E ln Σ exp z is
      at most ln C + v/2 for normal z, and E z of the right class is E z of any);
    - binary cross entropy on logits: at most ln 2 + v/8, because ln cosh(z/2) is at most z²/8;
    - squared error: E y² + v, the square of a sum of two independent terms with one mean of zero.

    At the lower end, a model that explains more than 0.4 of the entropy of the labels (or of their variance) knows
    something of them.
    """
    loss = step.loss
    if loss is None or loss.target is None:
        raise Undone("no loss of torch's own was called, and for a formula the chance level is not known")
    if loss.mixed and loss.input.dim() == 2 and loss.input.shape[0] == loss.input.shape[1]:
        raise Undone("in a table of similarities of samples the temperature sets the scale")
    if loss.name in ("cross_entropy", "nll_loss"):
        value, low, high, what, spread = _classes(loss)
    elif loss.name.startswith("binary_cross_entropy"):
        value, low, high, what, spread = _binary(loss)
    elif loss.name == "mse_loss":
        value, low, high, what, spread = _squares(loss)
    else:
        raise Undone(f"the chance level of {loss.name} has no closed form")
    numbers = {"loss": value, "low": low, "high": high}
    said = f"{_number(value)}; {what}"
    if not math.isfinite(value):
        return outcome(NAME, "failed", f"the loss is {value} before any update", [], **numbers)
    if value > high:
        return outcome(
            NAME,
            "failed",
            f"{said}: above {_number(high)}, where outputs of variance {VARIANCE:g} end; theirs is {_number(spread)}",
            [],
            **numbers,
        )
    if value < low:
        return outcome(
            NAME,
            "expected",
            f"{said}: below {_number(low)}, so the model knows something of the answers already (loaded weights, a "
            "start as the identity, an answer among the inputs)",
            [],
            **numbers,
        )
    return outcome(NAME, "passed", f"{said} (between {_number(low)} and {_number(high)})", [], **numbers)


def _classes(loss: LossCall) -> tuple[float, float, float, str, float]:
    z, y = loss.input.detach(), loss.target
    assert y is not None
    if y.is_floating_point():
        raise Undone("the targets are probabilities")
    z = z.double()
    classes = z.shape[1] if z.dim() > 1 else z.shape[0]
    z = z.movedim(1, -1).reshape(-1, classes) if z.dim() > 1 else z.reshape(1, -1)
    y = y.detach().reshape(-1)
    valid = y != loss.arguments.get("ignore_index", -100)
    z, y = z[valid], y[valid]
    if not len(y) or classes < 2:
        raise Undone("there is no target that counts, or one class only")
    if loss.name == "cross_entropy":
        z = z.log_softmax(1)
    value = float(-z.gather(1, y[:, None]).mean())
    share = torch.bincount(y, minlength=classes).double() / len(y)
    entropy = float(-(share[share > 0] * share[share > 0].log()).sum())
    spread = float(z.var(1, unbiased=False).mean())
    what = f"ln {classes} is {_number(math.log(classes))}"
    return value, (1 - EXPLAINED) * entropy, math.log(classes) + VARIANCE / 2, what, spread


def _binary(loss: LossCall) -> tuple[float, float, float, str, float]:
    z, y = loss.input.detach().double(), loss.target
    assert y is not None
    y = y.detach().double()
    if z.shape != y.shape:
        raise Undone(f"outputs have shape {tuple(z.shape)} and targets {tuple(y.shape)}")
    if not z.numel():
        raise Undone("there is no target")
    if not loss.name.endswith("logits"):
        z = z.clamp(1e-12, 1 - 1e-12).logit()
    value = float((torch.nn.functional.softplus(z) - y * z).mean())
    share = float(y.mean())
    entropy = -sum(p * math.log(p) for p in (share, 1 - share) if 0 < p < 1)
    spread = float(z.var(unbiased=False))
    return value, (1 - EXPLAINED) * entropy, math.log(2) + VARIANCE / 8, f"ln 2 is {_number(math.log(2))}", spread


def _squares(loss: LossCall) -> tuple[float, float, float, str, float]:
    z, y = loss.input.detach().double(), loss.target
    assert y is not None
    y = y.detach().double()
    if z.shape != y.shape:
        raise Undone(f"outputs have shape {tuple(z.shape)} and targets {tuple(y.shape)}")
    if y.numel() < 2:
        raise Undone("there is one target")
    value = float(((z - y) ** 2).mean())
    # Of each output on its own: that the columns have different means is nothing to explain.
    variance = float(y.var(0, unbiased=False).mean()) if len(y) > 1 else 0.0
    square = float((y**2).mean())
    what = f"the variance of the targets is {_number(variance)}, their mean square {_number(square)}"
    return value, (1 - EXPLAINED) * variance, square + VARIANCE, what, float(z.var(unbiased=False))


def _number(value: float) -> str:
    return f"{value:.4g}"
