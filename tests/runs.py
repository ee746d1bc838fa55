"""Runs small programs plainly and under flatline, for the tests that compare the two."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

from flatline.record.reader import read
from flatline.record.recording import Recording

SECONDS = 120


@dataclass
class Ended:
    """How a program ended and what it wrote."""

    status: int
    out: bytes
    err: bytes


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return path


def environment(**more: str) -> dict[str, str]:
    """The tests' environment with one thread, and the same hash seed for both runs."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", **more}


def heed_signals() -> None:
    """For a child, before it begins: a job that a script starts in the background, or under nohup, such as CI, ignores
    these, and so would all that it starts."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def execute(command: list[str], folder: Path, **more: str) -> Ended:
    done = subprocess.run(
        command, cwd=folder, env=environment(**more), capture_output=True, timeout=SECONDS, stdin=subprocess.DEVNULL
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def plain(folder: Path, *arguments: str, **more: str) -> Ended:
    return execute([sys.executable, *arguments], folder, **more)


def watched(folder: Path, *arguments: str, options: tuple[str, ...] = ("--quiet",), **more: str) -> Ended:
    """The record goes to a folder beside the program's own, which stays as it is without flatline."""
    runs = ("--runs", str(runs_folder(folder)))
    return execute([sys.executable, "-m", "flatline", "run", *options, *runs, *arguments], folder, **more)


def runs_folder(folder: Path) -> Path:
    return folder.with_name(folder.name + "-runs")


def recording(folder: Path) -> Recording:
    """The record of the last watched run in that folder."""
    return read(max(runs_folder(folder).glob("*.sqlite"), key=lambda path: path.stat().st_mtime_ns))


def assert_same(folder: Path, *arguments: str, **more: str) -> Ended:
    """Both runs wrote the same bytes and ended alike; returns the plain one."""
    expected, actual = plain(folder, *arguments, **more), watched(folder, *arguments, **more)
    assert _without_addresses(actual.out) == _without_addresses(expected.out)
    assert _without_addresses(actual.err) == _without_addresses(expected.err)
    assert actual.status == expected.status
    return expected


def _without_addresses(text: bytes) -> str:
    """Where objects lie in memory differs from one plain run to the next."""
    return re.sub(r"0x[0-9a-f]{6,}", "0x…", text.decode(errors="replace"))


needs_posix = pytest.mark.skipif(os.name != "posix", reason="signals and fork are POSIX")
