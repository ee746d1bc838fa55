"""What a page draws of a run, as plain data that is thin enough to embed: one function, :func:`facts`."""

from __future__ import annotations

import shlex
from pathlib import Path

import msgspec

from flatline.record.recording import Recording
from flatline.report.curves import Line, Mark, Trial, ended, epochs, losses, marks, rates, trials
from flatline.report.heatmap import HeatMap, heat_maps
from flatline.report.inputs import Labels, Loader, Tensor, labels, loaders, tensors
from flatline.report.listing import Listing, listings
from flatline.report.samples import SampleRow, samples
from flatline.verdict import Verdict

MOST_POINTS = 2000


class RunFacts(msgspec.Struct):
    argv: list[str]
    command: str
    directory: str
    started: float
    seed: int | None
    versions: dict[str, str]
    steps: int
    epochs: int
    overhead: float
    ended: str
    store: str


class Facts(msgspec.Struct):
    """Everything that a page shows beside the verdict; ``epochs`` are first steps, of every ``epochs_every``-th epoch."""

    run: RunFacts
    losses: list[Line]
    rates: list[Line]
    epochs: list[int]
    marks: list[Mark]
    heat_maps: list[HeatMap]
    listings: list[Listing]
    loaders: list[Loader]
    tensors: list[Tensor]
    labels: Labels | None
    trials: list[Trial]
    epochs_every: int = 1
    samples: list[SampleRow] = []

    def to_json(self) -> bytes:
        """As JSON; NaN and infinities are null."""
        return msgspec.json.encode(self)


def facts(recording: Recording, verdict: Verdict, store: str | Path | None = None, most: int = MOST_POINTS) -> Facts:
    """The plain data of a run that the HTML report and the live page draw.

    Args:
        recording: what was observed; also of a run that goes on.
        verdict: the diagnosis of it.
        store: where the record lies, to be shown.
        most: how many points a curve may have; extremes, ends and the first NaN of each stretch are kept.
    """
    starts, every = epochs(recording)
    return Facts(
        _run(recording, verdict, store),
        losses(recording, most),
        rates(recording, most),
        starts,
        marks(recording, verdict),
        heat_maps(recording),
        listings(recording, verdict),
        loaders(recording),
        tensors(recording),
        labels(recording),
        trials(verdict),
        every,
        samples(recording),
    )


def _run(recording: Recording, verdict: Verdict, store: str | Path | None) -> RunFacts:
    run = recording.run
    return RunFacts(
        run.argv,
        command(run.argv),
        run.directory,
        run.started,
        run.seed,
        run.versions,
        verdict.run.steps,
        verdict.run.epochs,
        verdict.overhead.ratio,
        ended(recording),
        str(store) if store is not None else "",
    )


def command(argv: list[str]) -> str:
    """What to type to have the run and its verdict again.

    >>> command(["train.py", "--name", "a b"]), command(["package.train", "-v"])
    ("flatline run train.py --name 'a b'", 'flatline run -m package.train -v')
    """
    if not argv:
        return ""
    program = argv[0]
    module = "/" not in program and not program.endswith(".py") and all(p.isidentifier() for p in program.split("."))
    return shlex.join(["flatline", "run", *(["-m"] if module else []), *argv])
