"""What went in, as plain data: loaders, tensors of the first measured step, labels."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from flatline.observe import events as e
from flatline.record.chance import chance_level, label_counts, main_call
from flatline.record.quoting import value
from flatline.record.recording import Recording
from flatline.report.listing import where
from flatline.report.thinning import short

MOST_LOADERS = 8
MOST_MODELS = 8
MOST_LABELS = 64


class Loader(msgspec.Struct):
    """A DataLoader, -1 where a number is not known; ``passes`` and what they gave, from least to most batches."""

    where: str
    samples: int
    batch_size: int
    batches: int
    drop_last: bool
    shuffle: bool
    passes: int
    fewest: int
    most: int


class Tensor(msgspec.Struct):
    """A tensor as it was in the first measured step. Numbers are over finite elements, None where there are none."""

    what: str
    shape: list[int]
    dtype: str
    minimum: float | None
    maximum: float | None
    mean: float | None
    deviation: float | None
    zeros: int
    not_finite: int


class Labels(msgspec.Struct):
    """How often each label was seen in the measured steps, most frequent first, and the loss of the best constant."""

    criterion: str
    counts: list[tuple[str, int]]
    distinct: int
    total: int
    chance: float | None
    chance_is: str


def loaders(recording: Recording) -> list[Loader]:
    result: list[Loader] = []
    for seen in recording.all(e.LoaderSeen)[:MOST_LOADERS]:
        given = [ended.batches for ended in recording.epochs if ended.loader == seen.number]
        result.append(
            Loader(
                where(recording, seen.place), seen.samples, seen.batch_size, seen.length, seen.drop_last, seen.shuffle,
                len(given), min(given, default=-1), max(given, default=-1),
            )
        )  # fmt: skip
    return result


def tensors(recording: Recording) -> list[Tensor]:
    result: list[Tensor] = []
    seen: set[int] = set()
    models = {m.number: m.name for m in recording.all(e.ModelSeen)}
    for forward in recording.all(e.Forward):
        if forward.model in seen or len(seen) == MOST_MODELS:
            continue
        seen.add(forward.model)
        name = models.get(forward.model, "model")
        result += [_tensor(f"input of {name}", t) for t in forward.inputs[:4]]
        result += [_tensor(f"output of {name}", t) for t in forward.outputs[:4]]
    main = main_call(recording)
    if main is not None:
        pair = (("input", main.input), ("target", main.target))
        result += [_tensor(f"{what} of {main.name}", t) for what, t in pair if t is not None]
    return result


def _tensor(what: str, t: e.TensorFacts) -> Tensor:
    least, most, mean, deviation = (short(v) for v in (t.minimum, t.maximum, t.mean, t.deviation))
    return Tensor(what, t.shape, t.dtype, least, most, mean, deviation, t.zeros, t.non_finite)


def labels(recording: Recording) -> Labels | None:
    main = main_call(recording)
    if main is None:
        return None
    counts = label_counts(recording, main)
    if not counts:
        return None
    chance = chance_level(recording)
    return Labels(
        main.name,
        _named(recording, _most_common(counts.items())),
        len(counts),
        sum(counts.values()),
        short(chance.value) if chance is not None and math.isfinite(chance.value) else None,
        chance.what if chance is not None else "",
    )


def _named(recording: Recording, counts: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Values that are more than numbers of classes are data: they are told apart by how frequent they are."""
    if all(value(recording, label) for label, _ in counts):
        return counts
    return [(f"value {number}", seen) for number, (_, seen) in enumerate(counts, start=1)]


def _most_common(counts: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    return sorted(counts, key=lambda item: (-item[1], item[0]))[:MOST_LABELS]
