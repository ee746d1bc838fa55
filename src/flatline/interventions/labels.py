"""Other labels for the samples of a data set, before they are shuffled and batched."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch.utils.data import Subset
from torch.utils.data._utils.fetch import _MapDatasetFetcher

from flatline.checks.replay import random_state, same_random
from flatline.interventions.base import OWN_SEED, Intervention
from flatline.interventions.points import PASS, Points
from flatline.observe.patching import unseen

_WAYS = ("permute", "renew", "shift")
# What data sets of dictionaries call their target.
_KEYS = ("label", "labels", "target", "targets", "y")


class Labels(Intervention):
    """Gives each sample of a map-style data set the label of another one.

    Unlike ``targets``, which changes what a loss is given batch by batch, this acts where samples still have their place
    in the data: behind a loader that shuffles, only here can it be told whether the labels of the rows next to each other
    were exchanged.

    Patch point: the fetching of samples by a ``DataLoader``. The label is the second part of a pair, or the entry of a
    dictionary that is named like one (``label``, ``labels``, ``target``, ``targets``, ``y``); samples of other kinds are
    left as they are. Left as it is: the inputs; the order of the samples; data sets that are only iterated; the random
    numbers, also those that the data set draws for a sample.

    Args:
        how: ``permute`` is one order of the labels for the whole run, ``renew`` a new order in each pass over the loader;
            ``shift`` gives the label of the row that stands ``by`` places further on, in the data set that subsets (of
            ``random_split``) were drawn from; the ends meet.
        by: see ``shift``.
    """

    name = "labels"

    def __init__(self, how: str = "permute", by: int = 1) -> None:
        if how not in _WAYS:
            raise TypeError(f"labels cannot be changed by {how!r}")
        self._how, self._by = how, by
        self._generator = torch._C.Generator().manual_seed(OWN_SEED)
        self._orders: dict[int, tuple[weakref.ref[Any], list[int]]] = {}

    def before_probes(self, points: Points) -> None:
        self._points = points
        points.patches.replace(_MapDatasetFetcher, "fetch", self._fetching)

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
        if self._how == "renew":
            return _Relabelled(self, data, self._drawn(data))
        known = self._orders.get(id(data))
        if known is None or known[0]() is not data:
            known = self._orders[id(data)] = weakref.ref(data), self._drawn(data)
        return _Relabelled(self, data, known[1])

    def _drawn(self, data: Any) -> list[int]:
        order: list[int] = torch.randperm(len(data), generator=self._generator).tolist()
        return order

    def exchanged(self, data: Any, index: Any, order: list[int] | None, sample: Any) -> Any:
        """The sample with the label of another one."""
        key = _key(sample)
        if key is None or type(index) is not int:
            return sample
        with same_random(random_state()):
            if order is not None:
                other = data[order[index]]
            else:
                base, place = _base(data, index)
                other = base[(place + self._by) % len(base)]
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


def _base(data: Any, index: int) -> tuple[Any, int]:
    """The data set that subsets were drawn from, and the place of a sample there."""
    while isinstance(data, Subset):
        index, data = int(data.indices[index]), data.dataset
    return data, index
