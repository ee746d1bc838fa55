"""The runs that experiments need: each made once, whoever asks, and read back as a case."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from flatline.causes.case import Case
from flatline.changes import Change, encode
from flatline.experiments.proof import TrialItem
from flatline.experiments.runner import Runner
from flatline.experiments.trial import Status, TrialRequest, TrialResult
from flatline.observe.events import Intervened, ProbeFailed
from flatline.record.reader import read
from flatline.record.store import StoreError
from flatline.symptoms.base import find_all

CONTROL = "does the untouched program show it again?"


class Audience(Protocol):
    """Who is told how the trials go."""

    def begins(self, asks: list[str]) -> None:
        """These trials are started now."""
        ...

    def ended(self, asks: str, result: TrialResult) -> None:
        """One of them has ended."""
        ...


class Silence:
    """Nobody is told."""

    def begins(self, asks: list[str]) -> None:
        pass

    def ended(self, asks: str, result: TrialResult) -> None:
        pass


@dataclass
class Wanted:
    """A run that somebody needs: what it is to answer, what is changed, and after how many steps it may end.

    ``files`` are texts in place of the program's own files, by full path.
    """

    asks: str
    changes: list[Change] = field(default_factory=list)
    steps: int | None = None
    files: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, int | None, str]:
        return encode(self.changes), self.steps, "\0".join(part for item in sorted(self.files.items()) for part in item)


@dataclass
class Run:
    """A run that was made. ``case`` is None when it left no record that can be read."""

    wanted: Wanted
    result: TrialResult
    case: Case | None

    @property
    def failed(self) -> str:
        """How one of its changes failed, in words; empty when none did."""
        for failed in self.case.recording.all(ProbeFailed) if self.case is not None else []:
            if failed.probe.startswith("intervention ") or failed.probe == "install":
                return f"{failed.probe.removeprefix('intervention ')} failed ({failed.message})"
        return ""

    @property
    def unmade(self) -> str:
        """Why its changes did not come about, in words; empty when all of them were made."""
        if self.case is None or self.failed:
            return self.failed
        recording = self.case.recording
        made = {record.name for record in recording.all(Intervened) if record.times}
        # A seed that the program never sets cannot be moved, and then the run is like the others.
        # What fills gaps finds nothing to do in data that have none: of the inputs and the targets, one will do.
        idle = [c for c in self.wanted.changes if c.name not in made and c.name != "seed"]
        missing = [c.name for c in idle if not (made and c.arguments.get("how") == "finite")]
        return f"the program has no place for the change {', '.join(missing)}" if missing else ""


class OutOfBudget(Exception):
    """No more trials are allowed; the message says which limit was reached."""


class Runs:
    """All runs of one proof.

    Args:
        template: the untouched program; a trial is this with changes.
        runner: where they run.
        seconds: wall time that all of them may take; None for no limit.
        most: how many of them there may be.
        audience: who is told.
    """

    def __init__(
        self, template: TrialRequest, runner: Runner, seconds: float | None, most: int, audience: Audience
    ) -> None:
        self._template = template
        self._runner = runner
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._budget = seconds
        self._most = most
        self._audience = audience
        self._made: dict[tuple[str, int | None, str], Run] = {}
        self.refused = ""

    def __getitem__(self, wanted: Wanted) -> Run:
        return self._made[wanted.key]

    @property
    def left(self) -> int:
        """How many more runs there may be."""
        return self._most - len(self._made)

    @property
    def seconds_left(self) -> float | None:
        """Wall time that is left for them; None for no limit."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def missing(self, wanted: Sequence[Wanted]) -> list[Wanted]:
        """Those that have yet to be made, each once."""
        return list({w.key: w for w in wanted if w.key not in self._made}.values())

    def make(self, wanted: Sequence[Wanted]) -> None:
        """Makes the runs that are not there yet.

        Raises:
            OutOfBudget: they may not be made any more, or were cut short by the end of the time.
        """
        missing = self.missing(wanted)
        if not missing:
            return
        if len(self._made) + len(missing) > self._most:
            raise OutOfBudget(f"--max-trials {self._most}")
        limits = self._template.limits
        if self._deadline is not None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise OutOfBudget(f"--budget {self._budget:.0f}s")
            limits = msgspec.structs.replace(limits, seconds=min(limits.seconds, left))
        requests = [
            msgspec.structs.replace(
                self._template, changes=_seeded(w.changes), steps=w.steps, limits=limits, files=w.files
            )
            for w in missing
        ]
        self._audience.begins([w.asks for w in missing])
        results = self._runner.run(requests, lambda index, result: self._audience.ended(missing[index].asks, result))
        for w, result in zip(missing, results):
            self._made[w.key] = Run(w, result, read_case(result))
            if result.status is Status.REFUSED:
                self.refused = result.message
        cut = limits.seconds < self._template.limits.seconds
        if cut and any(result.status is Status.TIMED_OUT for result in results):
            raise OutOfBudget(f"--budget {self._budget:.0f}s")

    @property
    def items(self) -> list[TrialItem]:
        """All runs for the verdict file, in order."""
        return [
            TrialItem(
                run.wanted.asks,
                [msgspec.to_builtins(change) for change in run.wanted.changes],
                run.wanted.steps,
                run.result.status.value,
                run.result.message,
                round(run.result.seconds, 3),
                run.result.isolation,
            )
            for run in self._made.values()
        ]


def read_case(result: TrialResult) -> Case | None:
    """The record that a trial left behind, with its symptoms."""
    if not result.record:
        return None
    with tempfile.TemporaryDirectory(prefix="flatline-") as folder:
        file = Path(folder) / "run.sqlite"
        for name, content in {file.name: result.record, **result.ranks}.items():
            Path(folder, name).write_bytes(content)
        try:
            recording = read(file)
        except StoreError:
            return None
    return Case(recording, find_all(recording))


def other_seed(offset: int) -> list[Change]:
    """The program under another seed; 0 is its own."""
    return [_seed(offset)] if offset else []


def _seed(offset: int) -> Change:
    return Change("seed", {"offset": offset, "start": 0})


def _seeded(changes: list[Change]) -> list[Change]:
    """Where the program sets no seed, all runs begin with the same one: what differs is then the change's doing."""
    return changes if any(c.name == "seed" for c in changes) else [*changes, _seed(0)]
