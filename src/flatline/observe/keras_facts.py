"""What a Keras model says of its loss and its outputs, and what its arrays hold; nothing of Keras is imported."""

from __future__ import annotations

import math
import sys
from typing import Any

from flatline.observe.events import TensorFacts

MOST_ROWS = 1024
MOST_BYTES = 8 << 20
MOST_VALUES = 64
NAN = float("nan")
# Keras's losses, by torch's names for them: on the scores before the last activation where that belongs to the loss.
_LOSSES = {
    "sparse_categorical_crossentropy": "cross_entropy",
    "categorical_crossentropy": "cross_entropy",
    "binary_crossentropy": "binary_cross_entropy",
    "mse": "mse_loss",
    "mean_squared_error": "mse_loss",
    "mae": "l1_loss",
    "mean_absolute_error": "l1_loss",
    "huber": "huber_loss",
    "huber_loss": "huber_loss",
}
# By Keras's name for the last activation: torch's name for its node, and the least and the greatest it can give.
ACTIVATIONS = {
    "softmax": ("Softmax", 0.0, 1.0),
    "sigmoid": ("Sigmoid", 0.0, 1.0),
    "relu": ("Relu", 0.0, NAN),
    "tanh": ("Tanh", -1.0, 1.0),
}


def version() -> str:
    return str(getattr(sys.modules.get("keras"), "__version__", "") or sys.modules["keras.src.version"].__version__)


def criterion(model: Any) -> tuple[str, dict[str, Any]]:
    """The loss by torch's name for it, and whether the last activation belongs to it (``joined``)."""
    loss = getattr(model, "loss", None)
    name = loss if isinstance(loss, str) else str(getattr(loss, "name", getattr(loss, "__name__", "loss")))
    logits = bool((getattr(loss, "_fn_kwargs", None) or {}).get("from_logits", getattr(loss, "from_logits", False)))
    found = _LOSSES.get(name, name)
    _, activation = output(model)
    if found == "binary_cross_entropy" and logits:
        return "binary_cross_entropy_with_logits", {}
    if found == "cross_entropy" and not logits:
        return (found, {"joined": True}) if activation == "softmax" else ("nll_loss", {})
    return found, {}


def output(model: Any) -> tuple[list[int], str]:
    """The shape of one output, and the name of the activation that gives it."""
    shape = getattr(model, "output_shape", None)
    sizes = [int(size) for size in shape[1:] if isinstance(size, int)] if isinstance(shape, tuple) else []
    layers = getattr(model, "layers", None) or [None]
    return sizes, str(getattr(getattr(layers[-1], "activation", None), "__name__", ""))


def rows(array: Any) -> tuple[str, list[int], bytes] | None:
    """The first rows of an array of the program's, through its own methods."""
    if not hasattr(array, "astype") or not hasattr(array, "tobytes") or not getattr(array, "shape", ()):
        return None
    part = array[:MOST_ROWS]
    kind = "int64" if getattr(array.dtype, "kind", "f") in "iub" else "float32"
    part = part.astype(kind)
    return (kind, [int(n) for n in part.shape], part.tobytes()) if part.nbytes <= MOST_BYTES else None


def facts(array: Any, batch: int, output: list[int]) -> TensorFacts | None:
    """A summary of the targets, from their first rows, with the shape they have beside the output in the loss."""
    if not hasattr(array, "astype") or not getattr(array, "shape", ()) or not array.size:
        return None
    part = array[:MOST_ROWS].astype("float64").reshape(-1)
    counts: dict[str, int] = {}
    for value in part.tolist():
        key = f"{value:.7g}"
        counts[key] = counts.get(key, 0) + 1
        if len(counts) > MOST_VALUES:
            counts = {}
            break
    shape = [int(n) for n in array.shape[1:]]
    # Keras adds or removes a last dimension of 1 before it compares the two.
    shape = output if math.prod(shape) == math.prod(output) else shape
    return TensorFacts(
        [batch, *shape],
        str(array.dtype),
        minimum=float(part.min()),
        maximum=float(part.max()),
        mean=float(part.mean()),
        deviation=float(part.std()),
        zeros=int((part == 0).sum()),
        counts=counts,
    )
