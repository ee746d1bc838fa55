"""One trial: the program once more, watched, changed, in a process that can change nothing of the user's."""

from __future__ import annotations

import contextlib
import enum
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import psutil

from flatline.changes import Change
from flatline.environment import Program, watched_environment
from flatline.trial.isolate import COPY, OVERLAY

_ROOT = str(Path(__file__).parents[2])
_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from flatline.trial.isolate import main; main(sys.argv[1])"
_POLL_SECONDS = 0.02
# Walking the process tree costs a millisecond or so; a trial cannot fill a machine's memory in this time.
_MEMORY_SECONDS = 0.1
_MOST_OUTPUT = 20_000

# Each tracker's own word for "do not talk to anybody": https://docs.wandb.ai/guides/track/environment-variables,
# https://www.comet.com/docs/v2/guides/experiment-management/configure-sdk, https://docs.neptune.ai/api/connection_modes,
# https://clear.ml/docs/latest/docs/configs/env_vars, https://mlflow.org/docs/latest/tracking.html,
# https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables.
_OFFLINE = {
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
    "COMET_MODE": "offline",
    "NEPTUNE_MODE": "offline",
    "CLEARML_OFFLINE_MODE": "1",
    "AIM_TELEMETRY_OFF": "1",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
}


class Limits(msgspec.Struct, frozen=True):
    """What a trial may use: wall time in seconds, resident memory of all its processes in bytes, files written in MiB."""

    seconds: float = 600.0
    memory: int = 4 << 30
    written: int = 2048


class TrialRequest(msgspec.Struct, frozen=True):
    """Everything that a machine needs to run a trial.

    ``folder`` and the program must be there under the same path. ``isolation`` is ``overlay``, ``copy``, or empty for
    the first of these that works. ``files`` are texts that the program finds in place of its own files, by full path.
    """

    program: Program
    folder: str
    environment: dict[str, str]
    changes: list[Change] = []
    steps: int | None = None
    limits: Limits = Limits()
    isolation: str = ""
    files: dict[str, str] = {}


class Status(str, enum.Enum):
    """How a trial ended."""

    FINISHED = "finished"
    CRASHED = "crashed"
    KILLED = "killed"
    TIMED_OUT = "timed out"
    OUT_OF_MEMORY = "out of memory"
    REFUSED = "refused"
    STOPPED = "stopped"


class TrialResult(msgspec.Struct):
    """How a trial ended, what it left behind as a record (a store, in bytes), and the end of what it printed.

    ``ranks`` are the stores of processes that it trained with, by file name.
    ``isolation`` is how it was kept apart; ``node`` names the machine when it is one of a cluster.
    """

    status: Status
    message: str = ""
    seconds: float = 0.0
    memory: int = 0
    record: bytes = b""
    ranks: dict[str, bytes] = {}
    output: str = ""
    isolation: str = ""
    node: str = ""


def run_trial(request: TrialRequest, stop: threading.Event | None = None) -> TrialResult:
    """Runs a trial to its end, here. Never raises for what the program does; ``stop`` ends it early."""
    if sys.platform != "linux":
        return TrialResult(Status.REFUSED, "trials can be isolated on Linux only; nothing was run")
    if not os.path.isdir(request.folder):
        return TrialResult(Status.REFUSED, f"there is no folder {request.folder} on this machine")
    reasons = []
    for mode in [request.isolation] if request.isolation else [OVERLAY, COPY]:
        result = _run(request, mode, stop or threading.Event())
        result.isolation = mode
        if result.status is not Status.REFUSED:
            return result
        reasons.append(f"{mode}: {result.message}")
    return TrialResult(
        Status.REFUSED,
        "this machine cannot keep a trial away from your files, so nothing was run "
        f"({'; '.join(reasons)}). Allow user namespaces (sysctl user.max_user_namespaces), or use Linux 6.2 or newer",
    )


def _run(request: TrialRequest, mode: str, stop: threading.Event) -> TrialResult:
    scratch = Path(tempfile.mkdtemp(prefix="flatline-trial-"))
    inside = scratch / "inside"
    for folder in (inside, scratch / "layers", inside / "tmp"):
        folder.mkdir()
    plan = {
        "mode": mode,
        "scratch": str(scratch),
        "folder": request.folder,
        "home": request.program.home(request.folder),
        "command": request.program.command,
        "megabytes": request.limits.written,
        "files": request.files,
        "outcome": str(inside / "outcome.json"),
    }
    (scratch / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    try:
        began = time.monotonic()
        with (scratch / "output").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _START, _ROOT, str(scratch / "plan.json")],
                cwd=request.folder,
                env=_environment(request, inside),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            reason, memory = _watch(process, request.limits, stop)
        seconds = time.monotonic() - began
        text = _tail(scratch / "output")
        status, message = _outcome(inside / "outcome.json", reason, request.limits, text)
        record = _record(inside / "run.sqlite", scratch) if status is not Status.REFUSED else b""
        ranks = {file.name: _record(file, scratch) for file in sorted(inside.glob("run*-rank*.sqlite"))}
        return TrialResult(status, message, seconds, memory, record, ranks, text)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _environment(request: TrialRequest, inside: Path) -> dict[str, str]:
    scratch = str(inside / "tmp")
    own = {**request.environment, **_OFFLINE, "TMPDIR": scratch, "WANDB_DIR": scratch, "CLEARML_CACHE_DIR": scratch}
    own["MLFLOW_TRACKING_URI"] = f"file://{scratch}/mlruns"
    return watched_environment(
        request.program,
        inside / "run.sqlite",
        request.folder,
        own,
        changes=request.changes,
        steps=request.steps,
        # Nobody waits for a trial's own sake: what is to be measured is measured, however busy the machine.
        settings={"BUDGET": "1.0"},
    )


def _watch(process: subprocess.Popen[bytes], limits: Limits, stop: threading.Event) -> tuple[Status | None, int]:
    """Waits for the end, or brings it about; why it did, and the most memory that was seen."""
    deadline = time.monotonic() + limits.seconds
    reason: Status | None = None
    most = 0
    measured = 0.0
    while process.poll() is None:
        now = time.monotonic()
        if now - measured >= _MEMORY_SECONDS:
            measured = now
            most = max(most, resident_memory(process.pid))
        if stop.is_set():
            reason = Status.STOPPED
        elif most > limits.memory:
            reason = Status.OUT_OF_MEMORY
        elif now > deadline:
            reason = Status.TIMED_OUT
        if reason is not None:
            _end(process)
            break
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_SECONDS)
    return reason, most


def resident_memory(process: int) -> int:
    """Bytes in memory of a process and all its descendants; shared pages are counted once for each."""
    total = 0
    try:
        family = [psutil.Process(process)]
        family += family[0].children(recursive=True)
    except psutil.Error:
        return 0
    for member in family:
        with contextlib.suppress(psutil.Error):
            seen = member.memory_info()
            # What loaders share through /dev/shm is counted by every worker.
            total += seen.rss - getattr(seen, "shared", 0)
    return total


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the trial with everything it started: the process asked takes them along."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _outcome(file: Path, reason: Status | None, limits: Limits, output: str) -> tuple[Status, str]:
    if reason is Status.TIMED_OUT:
        return reason, f"it was still running after {limits.seconds:.0f} s"
    if reason is Status.OUT_OF_MEMORY:
        return reason, f"it used more than {limits.memory / 2**30:.1f} GiB"
    if reason is not None:
        return reason, "it was ended early"
    try:
        told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Status.KILLED, "it went without a word"
    if "refused" in told:
        return Status.REFUSED, str(told["refused"])
    status = int(told["status"])
    last = next((row.strip() for row in reversed(output.splitlines()) if row.strip()), "")
    if status < 0:
        return Status.KILLED, f"it was killed by {signal.Signals(-status).name}"
    if status:
        refused = "Read-only file system" in last or "Permission denied" in last
        more = "; a trial may write below its working folder only" if refused else ""
        return Status.CRASHED, f"it ended with status {status}: {last[:300]}{more}"
    return Status.FINISHED, ""


def _record(store: Path, scratch: Path) -> bytes:
    """The store as one file, with what a killed program left in the write-ahead log."""
    if not store.is_file():
        return b""
    copy = scratch / "record.sqlite"
    try:
        with contextlib.closing(sqlite3.connect(store)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except sqlite3.Error:
        return b""
    return copy.read_bytes()


def _tail(file: Path) -> str:
    data = file.read_bytes()[-_MOST_OUTPUT:]
    return data.decode("utf-8", "replace")
