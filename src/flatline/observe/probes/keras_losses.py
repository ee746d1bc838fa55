"""Losses of Keras that its torch backend computes without torch's own: recorded under torch's names.

Cross entropies with integer or binary targets go through torch's functions, and are seen there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch

from flatline.observe import measure
from flatline.observe.patching import Patches, unseen
from flatline.observe.probes.criterion import CriterionProbe
from flatline.observe.session import Session

MODULE = "keras.src.losses.losses"
_NAMES = {
    "mean_squared_error": "mse_loss",
    "mean_absolute_error": "l1_loss",
    "huber": "huber_loss",
    "categorical_crossentropy": "cross_entropy",
}


class KerasLosses:
    """Observes ``LossFunctionWrapper.call``, which every loss that is named by a string or a class goes through."""

    def __init__(self, session: Session, criterion: CriterionProbe) -> None:
        self._criterion = criterion
        self._called = session.guarded("criterion", self._observe)

    def patch(self, module: Any, patches: Patches) -> bool:
        wrapper = getattr(module, "LossFunctionWrapper", None)
        if wrapper is None:
            return False
        called = self._called

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            def call(self: Any, y_true: Any, y_pred: Any) -> Any:
                result = original(self, y_true, y_pred)
                called(self, y_true, y_pred, result, sys._getframe().f_back)
                return result

            return unseen(call, original)

        patches.replace(wrapper, "call", make)
        return True

    def _observe(self, loss: Any, target: Any, output: Any, result: Any, frame: Any) -> None:
        name = _NAMES.get(getattr(loss.fn, "__name__", ""))
        if name is None or not measure.readable(output) or not measure.ordinary():
            return
        if name == "cross_entropy" and not (getattr(loss, "_fn_kwargs", None) or {}).get("from_logits"):
            return
        if not isinstance(target, torch.Tensor) or not isinstance(result, torch.Tensor):
            return
        if target.shape != output.shape and target.numel() == output.numel():
            # Keras does the same before it compares the two.
            target = target.reshape(output.shape)
        with torch.no_grad():
            # One number for each sample: Keras takes their mean.
            value = result.detach().mean()
        value.requires_grad_(result.requires_grad)
        self._criterion.observe_values(name, output, target, value, "mean", {}, frame)
