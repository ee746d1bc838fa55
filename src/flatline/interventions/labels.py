"""Other labels for the samples of a data set, before they are shuffled and batched."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch.utils.data import Subset, TensorDataset
from torch.utils.data._utils.fetch import _MapDatasetFetcher

from flatline.checks.replay import random_state, same_random
from flatline.interventions.base import OWN_SEED, Intervention
from flatline.interventions.formula import Formula
from flatline.interventions.points import PASS, Operation, Points
from flatline.observe.patching import unseen

_WAYS = ("permute", "renew", "shift")
# How rows are picked by their numbers.
_PICKS = ("__getitem__", "index_select")
MOST_PICKS = 64
# What data sets of dictionaries call their target.
_KEYS = ("label", "labels", "target", "targets", "y")


class Labels(Intervention):
    """Gives each sample of a data set the label of another one.

    Unlike ``targets``, which changes what a loss is given batch by batch, this acts where samples still have their place
    in the data: behind a loader that shuffles, only here can it be told whether the labels of the rows next to each other
    were exchanged.

    Patch points: the fetching of samples by a ``DataLoader``, where the label is the second part of a pair, or the entry
    of a dictionary that is named like one (``label``, ``labels``, ``target``, ``targets``, ``y``); and, for programs that
    pick their rows by themselves, the losses, where the target is rows that a tensor of indices has picked
    (``y[order[:32]]``). Left as it is: the inputs; the order of the samples; samples of other kinds; data sets that are
    only iterated; the random numbers, also those that the data set draws for a sample.

    Args:
        how: ``permute`` is one order of the labels for the whole run, ``renew`` a new order in each pass over the loader
            (or each time that rows are picked); ``shift`` gives the label of the row that stands ``by`` places further on,
            in the data set that subsets (of ``random_split``) were drawn from; the ends meet.
        by: see ``shift``.
        line, file, shape, floating: where a formula stands, and the shape and kind of its target.
    """

    name = "labels"

    def __init__(
        self,
        how: str = "permute",
        by: int = 1,
        line: int = 0,
        file: str = "",
        shape: list[int] | None = None,
        floating: bool = True,
    ) -> None:
        if how not in _WAYS:
            raise TypeError(f"labels cannot be changed by {how!r}")
        self._how, self._by = how, by
        self._generator = torch._C.Generator().manual_seed(OWN_SEED)
        self._formula = Formula(line, file, shape or [], floating)
        # By identity of the data; held by a weak reference, so that no other takes their place.
        self._orders: dict[int, tuple[weakref.ref[Any], list[int]]] = {}
        # Rows that were picked since the last backward, by where they lie in memory.
        self._picks: dict[int, tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = {}

    def before_probes(self, points: Points) -> None:
        self._points = points
        points.patches.replace(_MapDatasetFetcher, "fetch", self._fetching)

    def after_probes(self, points: Points) -> None:
        points.on_operation.append((self.name, self._picked))
        points.on_criterion.append((self.name, self._criterion))
        points.on_backward.append((self.name, lambda loss: self._picks.clear()))
        self._formula.install(self.name, points, lambda target, given: self._instead(target))

    def _fetching(self, original: Any) -> Any:
        def fetch(fetcher: Any, index: Any) -> Any:
            if not isinstance(fetcher.dataset, _Relabelled):
                made = self._points.attempt(self.name, self._relabelled, fetcher)
                fetcher.dataset = fetcher.dataset if made is PASS else made
            return original(fetcher, index)

        return unseen(fetch, original)

    def _relabelled(self, fetcher: Any) -> Any:
        data = fetcher.dataset
        if self._how == "shift":
            return _Relabelled(self, data, None)
        return _Relabelled(self, data, self._order(data))

    def _order(self, data: Any) -> list[int]:
        if self._how == "renew":
            return self._drawn(data)
        known = self._orders.get(id(data))
        if known is None or known[0]() is not data:
            known = self._orders[id(data)] = weakref.ref(data), self._drawn(data)
        return known[1]

    def _drawn(self, data: Any) -> list[int]:
        order: list[int] = torch.randperm(len(data), generator=self._generator).tolist()
        return order

    def _picked(self, operation: Operation) -> Any:
        if operation.name not in _PICKS or len(operation.args) < 2:
            return PASS
        rows, index = operation.args[0], operation.args[-1]
        if not isinstance(rows, torch.Tensor) or not isinstance(index, torch.Tensor) or rows.requires_grad:
            return PASS
        if index.dim() != 1 or index.dtype is not torch.int64 or len(index) < 2 or len(rows) < 2:
            return PASS
        if operation.name == "index_select" and operation.args[1] != 0:
            return PASS
        result = operation.run()
        if isinstance(result, torch.Tensor) and len(self._picks) < MOST_PICKS:
            self._picks[result.untyped_storage().data_ptr()] = result, rows, index
        return result

    def _criterion(self, name: str, arguments: dict[str, Any]) -> None:
        if isinstance(arguments.get("target"), torch.Tensor):
            arguments["target"] = self._instead(arguments["target"])

    def _instead(self, target: torch.Tensor) -> torch.Tensor:
        known = self._picks.get(target.untyped_storage().data_ptr())
        if known is None or known[0].numel() != target.numel():
            return target
        _, rows, index = known
        if self._how == "shift":
            places = (index + self._by) % len(rows)
        else:
            places = torch.tensor(self._order(rows), device=index.device)[index]
        self._points.acted(self.name)
        return rows[places].reshape(target.shape)

    def exchanged(self, data: Any, index: Any, order: list[int] | None, sample: Any) -> Any:
        """The sample with the label of another one."""
        key = _key(sample)
        if key is None or type(index) is not int:
            return sample
        base, place = (data, order[index]) if order is not None else _base(data, index)
        place = place if order is not None else (place + self._by) % len(base)
        if _plain(base):
            other = base[place]
        else:
            with same_random(random_state()):
                other = base[place]
        if _key(other) != key:
            return sample
        self._points.acted(self.name)
        if isinstance(sample, dict):
            return {**sample, key: other[key]}
        pair = [sample[0], other[1]]
        return type(sample)(*pair) if hasattr(sample, "_fields") else type(sample)(pair)


class _Relabelled:
    """A data set with its labels exchanged: what a fetcher holds in the place of the program's."""

    def __init__(self, labels: Labels, data: Any, order: list[int] | None) -> None:
        self._labels, self._data, self._order = labels, data, order

    def __getitem__(self, index: Any) -> Any:
        sample = self._data[index]
        changed = self._labels._points.attempt(
            self._labels.name, self._labels.exchanged, self._data, index, self._order, sample
        )
        return sample if changed is PASS else changed

    def __len__(self) -> int:
        return len(self._data)


def _key(sample: Any) -> Any:
    """Where the label of a sample is: 1 in a pair, a name in a dictionary; None when it is not known."""
    if isinstance(sample, (tuple, list)):
        return 1 if len(sample) == 2 else None
    if isinstance(sample, dict):
        found = [key for key in _KEYS if key in sample]
        return found[0] if len(found) == 1 else None
    return None


def _plain(data: Any) -> bool:
    """Whether a sample is only looked up, so that nothing can be drawn for it."""
    while type(data) is Subset:
        data = data.dataset
    return type(data) in (TensorDataset, list, tuple)


def _base(data: Any, index: int) -> tuple[Any, int]:
    """The data set that subsets were drawn from, and the place of a sample there."""
    while isinstance(data, Subset):
        index, data = int(data.indices[index]), data.dataset
    return data, index
