"""One batch, again and again."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils import _pytree
from torch.utils.data.dataloader import _BaseDataLoaderIter

from flatline.interventions.base import Intervention
from flatline.interventions.points import PASS, Points
from flatline.observe.patching import unseen


class Batch(Intervention):
    """Gives the first batch of a data set in the place of each later one.

    On one batch, any model with as many weights as targets can learn them by heart, and gradient descent with short enough
    steps must lower the loss: what still goes wrong there is not a matter of the data that follow.

    Patch point: the iterator of a ``DataLoader``, under gradients: a loader that is read under ``no_grad`` is left alone.
    The loader goes on as before, so passes are as long and as many, and the random numbers are drawn as before. Each
    time it is a copy that is given: what the program does to it does not last. Left as it is: data that reach the model
    by other ways.
    """

    name = "batch"

    def __init__(self) -> None:
        # By data set, since a program may make its loader anew in each pass; held, so that no other takes its place.
        self._first: dict[int, tuple[Any, Any]] = {}

    def before_probes(self, points: Points) -> None:
        self._points = points
        points.patches.replace(_BaseDataLoaderIter, "__next__", self._drawing)

    def _drawing(self, original: Any) -> Any:
        def __next__(iterator: Any) -> Any:
            batch = original(iterator)
            if not torch.is_grad_enabled():
                return batch
            given = self._points.attempt(self.name, self._instead, iterator, batch)
            return batch if given is PASS else given

        return unseen(__next__, original)

    def _instead(self, iterator: Any, batch: Any) -> Any:
        data = iterator._dataset
        if id(data) not in self._first:
            self._first[id(data)] = data, _copied(batch)
            return batch
        self._points.acted(self.name)
        return _copied(self._first[id(data)][1])


def _copied(batch: Any) -> Any:
    return _pytree.tree_map(lambda leaf: leaf.clone() if isinstance(leaf, torch.Tensor) else leaf, batch)
