"""DataLoaders: where they were made, when an epoch starts and ends, and how many batches it really gave."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import Any

import torch.utils.data as data
from torch.utils.data.dataloader import _BaseDataLoaderIter
from torch.utils.data.distributed import DistributedSampler
from torch.utils.data.sampler import RandomSampler

from flatline.observe.captured import Captured
from flatline.observe.events import EpochEnded, EpochStarted, LoaderSeen
from flatline.observe.patching import Patches, unseen
from flatline.observe.probes.built import builder_frame
from flatline.observe.probes.fingerprints import Fingerprints
from flatline.observe.registry import Registry
from flatline.observe.session import Session


class _Epoch:
    __slots__ = ("batches", "ended", "length", "loader", "samples")

    def __init__(self, loader: int, length: int) -> None:
        self.loader = loader
        self.length = length
        self.batches = 0
        self.samples = 0
        self.ended = False


class BatchesProbe:
    """Observes ``DataLoader.__iter__`` and the iterator's ``__next__``."""

    def __init__(self, session: Session, registry: Registry) -> None:
        self._session = session
        self._registry = registry
        self._fingerprints = Fingerprints(session)
        self.captured: Captured | None = None
        self._epochs: weakref.WeakKeyDictionary[Any, _Epoch] = weakref.WeakKeyDictionary()
        self._places: weakref.WeakKeyDictionary[Any, int | None] = weakref.WeakKeyDictionary()
        # The pass over each loader that began last, and how many batches a pass has.
        self._last: dict[int, _Epoch] = {}
        self._lengths: dict[int, int] = {}
        session.before_flush.append(session.spared("batches", self._before_flush, None))
        self._created = session.guarded("batches", self._observe_created)
        self._started = session.guarded("batches", self._observe_started)
        self._drawn = session.guarded("batches", self._observe_drawn)
        self._ended = session.guarded("batches", self._observe_ended)

    def install(self, patches: Patches) -> None:
        created, started, drawn, ended = self._created, self._started, self._drawn, self._ended

        def make_init(original: Callable[..., None]) -> Callable[..., None]:
            def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
                original(self, *args, **kwargs)
                created(self, sys._getframe().f_back)

            return unseen(__init__, original)

        def make_iter(original: Callable[..., Any]) -> Callable[..., Any]:
            def __iter__(self: Any) -> Any:
                iterator = original(self)
                started(self, iterator, sys._getframe().f_back)
                return iterator

            return unseen(__iter__, original)

        def make_next(original: Callable[..., Any]) -> Callable[..., Any]:
            def __next__(self: Any) -> Any:
                try:
                    batch = original(self)
                except StopIteration:
                    ended(self)
                    raise
                drawn(self, batch)
                return batch

            return unseen(__next__, original)

        patches.replace(data.DataLoader, "__init__", make_init)
        patches.replace(data.DataLoader, "__iter__", make_iter)
        patches.replace(_BaseDataLoaderIter, "__next__", make_next)

    def _observe_created(self, loader: Any, frame: Any) -> None:
        found = builder_frame(self._session.locator, loader, frame)
        self._places[loader] = self._session.locator.number(found) if found is not None else None

    def _announce(self, loader: Any) -> int:
        number, new = self._registry.loaders.add(loader)
        if new:
            iterable = isinstance(loader.dataset, data.IterableDataset)
            length = samples = -1
            if not iterable:
                samples = _length(loader.dataset)
                # With batches of the program's own, only where their number is known at all.
                if loader.batch_sampler is None or loader.batch_size is not None or samples < 0:
                    length = _length(loader)
            self._lengths[number] = length
            self._session.emit(
                LoaderSeen(
                    number,
                    self._places.get(loader),
                    length,
                    loader.batch_size or 0,
                    bool(loader.drop_last),
                    isinstance(loader.sampler, RandomSampler),
                    samples,
                    iterable,
                    int(loader.num_workers),
                    type(loader.sampler).__name__,
                    *_division(loader.sampler),
                )
            )
        return number

    def _observe_started(self, loader: Any, iterator: Any, frame: Any) -> None:
        number = self._announce(loader)
        session = self._session
        previous = self._epochs.get(iterator)
        if previous is not None and not previous.ended:
            self._observe_ended(iterator, exhausted=False)
        self._completed(number)
        self._epochs[iterator] = self._last[number] = _Epoch(number, self._lengths.get(number, -1))
        session.emit(
            EpochStarted(session.now(), session.step, number, session.locator.here(frame), _seed_epoch(loader))
        )

    def _observe_drawn(self, iterator: Any, batch: Any) -> None:
        epoch = self._epochs.get(iterator)
        if epoch is not None:
            epoch.batches += 1
            first = batch
            while isinstance(first, (tuple, list)) and first:
                first = first[0]
            if isinstance(first, dict) and first:
                first = next(iter(first.values()))
            shape: Any = getattr(first, "shape", ())
            epoch.samples += int(shape[0]) if len(shape) else 1
            self._fingerprints.drawn(epoch.loader, batch)
            if self.captured is not None and len(shape):
                self.captured.batch_rows.add(int(shape[0]))

    def _before_flush(self, force: bool) -> None:
        if force:
            self._completed(None)

    def _completed(self, loader: int | None) -> None:
        """Ends passes that gave all their batches without being asked for one more, as Lightning's loops end."""
        for epoch in list(self._last.values()):
            if loader in (None, epoch.loader) and 0 < epoch.length <= epoch.batches:
                self._end(epoch, True)

    def _observe_ended(self, iterator: Any, exhausted: bool = True) -> None:
        epoch = self._epochs.get(iterator)
        if epoch is not None:
            self._end(epoch, exhausted)

    def _end(self, epoch: _Epoch, exhausted: bool) -> None:
        if not epoch.ended:
            epoch.ended = True
            session = self._session
            self._fingerprints.ended(epoch.loader)
            session.emit(EpochEnded(session.now(), session.step, epoch.loader, epoch.batches, epoch.samples, exhausted))


def _length(sized: Any) -> int:
    """How long; -1 where that is not known: a data set may have no length, or one that fails (Keras)."""
    try:
        return len(sized)
    except (TypeError, NotImplementedError):
        return -1


def _division(sampler: Any) -> tuple[int, bool]:
    """Over how many processes a DistributedSampler divides the samples, and whether it shuffles. A subclass may order
    them in a way of its own."""
    if type(sampler) is not DistributedSampler:
        return 0, False
    return int(sampler.num_replicas), bool(sampler.shuffle)


def _seed_epoch(loader: Any) -> int:
    return int(loader.sampler.epoch) if type(loader.sampler) is DistributedSampler else -1
