"""Labels that nothing but memory can tell."""

from __future__ import annotations

import math
import zlib
from typing import Any

import torch
import torch.nn.functional as F

from flatline.interventions.base import Intervention
from flatline.interventions.points import Points
from flatline.observe.events import Remembered

_CLASSIFIES = ("cross_entropy", "nll_loss")
_BINARY = ("binary_cross_entropy", "binary_cross_entropy_with_logits")
# A bound on memory and time; a program with more sources is measured by the first of them.
MOST_SOURCES = 4096
MOST_RUNS = 1_000_000


class Memory(Intervention):
    """Gives each source of inputs a label drawn from its own bytes, the same whenever rows of it come.

    Such labels cannot be predicted for a source that was not trained on. Where the prediction has no gradient, the loss is
    taken over the rows of sources that were trained on before, if there are any; and it is recorded by how many nats the
    prediction does better there than a guess.

    A source is one row, unless ``radius`` or ``run`` says how rows of one source are known.

    Patch points: calls of top-level modules, where the rows are seen; the functional losses for classes. Left as it is:
    the inputs; losses whose targets are not one for each row; the random numbers.

    Args:
        radius: rows no further than this from the first one of a source belong to it (Euclidean distance); 0 for equal rows.
        run: rows that share so many numbers in a row belong to one source (windows over one series); 0 for equal rows.
    """

    name = "memory"

    def __init__(self, radius: float = 0.0, run: int = 0) -> None:
        self._radius, self._run = radius, run
        self._rows: list[int] = []
        self._trained: set[int] = set()
        self._known: dict[bytes, int] = {}
        self._first: list[torch.Tensor] = []
        self._labels: list[int] = []
        # Nats better than a guess, of each source, in this pass over evaluated rows.
        self._better: dict[int, list[float]] = {}

    def before_probes(self, points: Points) -> None:
        self._points = points
        points.on_call.append((self.name, self._called))

    def after_probes(self, points: Points) -> None:
        points.on_criterion.append((self.name, self._criterion))

    def _called(self, module: torch.nn.Module, args: list[Any], kwargs: dict[str, Any]) -> None:
        for value in args:
            if isinstance(value, torch.Tensor) and value.dim() > 1 and not value.requires_grad:
                rows = value.detach().cpu().reshape(len(value), -1).contiguous()
                self._rows = [self._source(row) for row in rows]
                return

    def _source(self, row: torch.Tensor) -> int:
        """The number of the source of a row; a new one where none is known."""
        content = row.numpy().tobytes()
        if content in self._known:
            return self._known[content]
        found = self._near(row) if self._radius else self._overlapping(row) if self._run else None
        if found is None:
            found = len(self._labels)
            self._labels.append(zlib.crc32(content))
            if self._radius and len(self._first) < MOST_SOURCES:
                self._first.append(row.clone().float())
        if self._run and len(self._known) < MOST_RUNS:
            self._known.update({part: found for part in self._runs(row) if part not in self._known})
        self._known[content] = found
        return found

    def _near(self, row: torch.Tensor) -> int | None:
        if not self._first:
            return None
        distance, place = (torch.stack(self._first) - row.float()).norm(dim=1).min(0)
        return int(place) if float(distance) <= self._radius else None

    def _overlapping(self, row: torch.Tensor) -> int | None:
        return next((self._known[part] for part in self._runs(row) if part in self._known), None)

    def _runs(self, row: torch.Tensor) -> list[bytes]:
        content, size = row.numpy().tobytes(), row.element_size()
        ends = range(self._run * size, len(content) + 1, size)
        parts = [content[end - self._run * size : end] for end in ends]
        # Flat ground and padding are shared by strangers.
        return [part for part in parts if len({part[i : i + size] for i in range(0, len(part), size)}) * 2 > self._run]

    def _criterion(self, name: str, arguments: dict[str, Any]) -> None:
        target, given = arguments.get("target"), arguments.get("input")
        if not isinstance(target, torch.Tensor) or not isinstance(given, torch.Tensor):
            return
        if name not in (*_CLASSIFIES, *_BINARY) or target.shape[:1] != (len(self._rows),):
            return
        if target.numel() != len(self._rows):
            return
        classes = given.shape[1] if name in _CLASSIFIES else 2
        drawn = torch.tensor([self._labels[source] % classes for source in self._rows])
        arguments["target"] = drawn.to(target).reshape(target.shape)
        self._points.acted(self.name)
        if given.requires_grad:
            self._trained.update(self._rows)
            self._better.clear()
            return
        shared = [i for i, source in enumerate(self._rows) if source in self._trained]
        if shared:
            arguments["input"] = given[shared]
            arguments["target"] = arguments["target"][shared]
        self._tell(name, given, drawn, classes, shared or list(range(len(self._rows))))

    def _tell(self, name: str, given: torch.Tensor, drawn: torch.Tensor, classes: int, rows: list[int]) -> None:
        scores = given.detach().double().cpu()
        if name in _CLASSIFIES:
            scores = scores if name == "nll_loss" else F.log_softmax(scores, 1)
            logs = scores.reshape(len(drawn), classes, -1)[:, :, 0].gather(1, drawn[:, None])[:, 0]
        else:
            scores = scores.reshape(-1) if name.endswith("logits") else scores.reshape(-1).logit(1e-12)
            logs = F.logsigmoid(torch.where(drawn == 1, scores, -scores))
        for row in rows:
            self._better.setdefault(self._rows[row], []).append(float(logs[row]) + math.log(classes))
        # Rows of one source have one label between them, so each source counts once.
        nats = sum(sum(values) / len(values) for values in self._better.values())
        session = self._points.session
        session.emit(Remembered(session.tick, session.step, len(self._better), nats))
