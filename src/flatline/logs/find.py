"""Which logs there are at a path: one file, what is in a folder, or standard input."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from functools import cache
from pathlib import Path
from typing import BinaryIO, cast

from flatline.discovery import modules
from flatline.logs.base import START, Format, Log
from flatline.logs.roles import Role

# A folder of runs may hold checkpoints and data sets of any size; only names that logs have are opened.
MOST_FILES = 20_000
MOST_LOGS = 200
SPOOLED = 64 << 20
_NAMES = re.compile(
    r"tfevents|\.wandb\Z|\Atrainer_state\.json\Z|\.csv\Z|\.tsv\Z|\.log\Z|\.txt\Z|\.out\Z|\.err\Z", re.IGNORECASE
)
_SIDES = {
    "train": "",
    "training": "",
    "validation": "val",
    "val": "val",
    "valid": "val",
    "test": "test",
    "eval": "eval",
}


class NoLogError(Exception):
    """Nothing that could be read; the message says what was looked for."""


@cache
def formats() -> list[Format]:
    """The formats, printed lines last: what is text may yet be of another one."""
    found = [module for module in modules("flatline.logs.formats") if hasattr(module, "recognises")]
    found.sort(key=lambda module: module.__name__.endswith(".printed"))
    return cast(list[Format], found)


def logs_at(path: Path) -> list[Log]:
    """The logs at a path, one a run.

    Raises:
        NoLogError: it is no log, or holds none.
        OSError: it cannot be read.
    """
    if not path.is_dir():
        with path.open("rb") as stream:
            return [read_log(stream, str(path))]
    files, many = _files(path)
    found: dict[tuple[str, str], Log] = {}
    for file in files:
        _add(found, path, file)
        if len(found) >= MOST_LOGS:
            many = True
            break
    logs = _newest_states([log for log in found.values() if any(len(s) for s in log.series.values())])
    if not logs:
        raise NoLogError(
            f"no log with a loss in {path}; looked for TensorBoard event files, trainer_state.json, *.wandb, *.csv, and "
            "text (*.log, *.txt, *.out)"
        )
    if many:
        logs[0].note(f"{path} holds more files than are looked through; name a folder within it")
    return logs


def _files(path: Path) -> tuple[list[Path], bool]:
    """The files of a folder that are named like logs, in order; and whether there were too many."""
    found: list[Path] = []
    seen = 0
    for folder, folders, names in os.walk(path):
        folders.sort()
        seen += len(names)
        found += [Path(folder, name) for name in sorted(names) if _NAMES.search(name)]
        if seen > MOST_FILES:
            return found, True
    return found, False


def read_log(stream: BinaryIO, name: str, searched: bool = False) -> Log:
    """Reads one log; its format is told by its name and its start.

    A file that was only ``searched`` for in a folder is passed over when its start holds no loss; one that was named is
    read to its end.

    Raises:
        NoLogError: it is of no format that is known.
        OSError: it cannot be read.
    """
    if not stream.seekable():
        stream = _spooled(stream)
    start = stream.read(START)
    stream.seek(0)
    if not start:
        raise NoLogError(f"{name} is empty")
    known = formats()
    form = next((form for form in known if form.recognises(Path(name).name, start)), None)
    log = Log(name)
    if form is not None or not searched:
        # Nothing else is left for a file with many lines before its first loss.
        form = form or known[-1]
        log.format = form.TITLE
        form.read(stream, log)
    if form is None or (form is known[-1] and not any(s.name.role is Role.LOSS for s in log.series.values())):
        titles = ", ".join(one.TITLE for one in known)
        raise NoLogError(f"{name} is no log that is known, or has no loss in it; known are: {titles}")
    return log


def _spooled(stream: BinaryIO) -> BinaryIO:
    """A copy of what cannot be rewound: a pipe, standard input. What does not fit in memory lies in a temporary file."""
    copy = tempfile.SpooledTemporaryFile(max_size=SPOOLED)  # noqa: SIM115 — it lives as long as what reads it
    shutil.copyfileobj(stream, copy)
    copy.seek(0)
    return cast(BinaryIO, copy)


def _add(found: dict[tuple[str, str], Log], root: Path, file: Path) -> None:
    """Reads a file of a folder into the log of its run; one that cannot be read is passed over."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            return
        with file.open("rb") as stream:
            log = read_log(stream, str(file), searched=True)
    except (OSError, NoLogError):
        return
    run, side = file.parent, ""
    if log.format == "TensorBoard":
        # Keras and `add_scalars` write training and evaluation into folders beside each other.
        own = run.name.lower()
        if own in _SIDES and run != root:
            run, side = run.parent, _SIDES[own]
        log.path = str(run)
        key = (log.format, str(run))
    else:
        key = (log.format, str(file))
    into = found.setdefault(key, Log(log.path, log.format, means=log.means, program=log.program))
    for note in log.notes:
        into.note(f"{file.name}: {note}")
    for name, series in log.series.items():
        for step, value, epoch in zip(series.steps, series.values, series.epochs):
            into.add(f"{side}/{name}" if side else name, value, step, epoch, series.resolution, series.counted)


def _newest_states(logs: list[Log]) -> list[Log]:
    """Of the states that the Trainer keeps in each checkpoint, the last one holds the whole log."""
    best: dict[str, Log] = {}
    for log in logs:
        place = Path(log.path).parent
        run = str(place.parent if place.name.startswith("checkpoint-") else place)
        if log.format == "Hugging Face Trainer" and (run not in best or log.count > best[run].count):
            best[run] = log
    return [log for log in logs if log.format != "Hugging Face Trainer" or log in best.values()]
