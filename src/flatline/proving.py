"""Starts the experiments on a recorded run, or on a function: what ``flatline prove`` and ``flatline.prove`` share."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import psutil

from flatline.causes.base import catalogue
from flatline.environment import Program
from flatline.experiments.proof import Proof, keep
from flatline.experiments.prover import Prover
from flatline.experiments.ray_runner import RayRunner
from flatline.experiments.runner import LocalRunner, Runner
from flatline.experiments.runs import Audience
from flatline.experiments.trial import Limits, TrialRequest
from flatline.observe.events import Cost
from flatline.observe.location import CALLER_FOLDER
from flatline.record.reader import read
from flatline.record.recording import Recording
from flatline.record.secrets import HIDDEN, same_but_hidden

if TYPE_CHECKING:
    from flatline.verdict import Verdict

# A trial takes as long as the run that it repeats; another machine load, and changes that cost time, are allowed for.
_TIMES, _LEAST_SECONDS = 5.0, 60.0
_SHARE_OF_MEMORY = 0.8
MOST_TRIALS = 30


class CannotProve(Exception):
    """A run cannot be tested by experiments; the message says why and what to do."""


def prove_run(
    store: Path,
    on: str = "local",
    seconds: float | None = None,
    most: int = MOST_TRIALS,
    memory: int | None = None,
    audience: Audience | None = None,
    environment: Mapping[str, str] | None = None,
    argv: Sequence[str] | None = None,
    seeds: int | None = None,
) -> Proof:
    """Makes the experiments on a recorded run, and keeps what they show in its store.

    Args:
        store: the record of the run.
        on: ``local`` for processes on this machine, ``ray`` for a Ray cluster.
        seconds: wall time for all trials; None for no limit.
        most: how many trials there may be.
        memory: bytes that one trial may use; None for what is free now, shared among those that run at a time.
        audience: who is told how it goes.
        environment: the variables that the program runs with; None for those of this process.
        argv: the program and its arguments as they were given, when they are known: the record holds no secrets.
        seeds: under how many seeds a proof is made in which chance may play a part; None for as many as its test needs, as
            far as they take no more than two minutes or what is left of ``seconds``.

    Raises:
        CannotProve: the run cannot be started again as it was.
        flatline.experiments.ray_runner.RayUnavailable: there is no Ray cluster.
        flatline.record.store.StoreError: the store cannot be read.
    """
    recording = read(store)
    program = program_of(recording, argv)
    runner: Runner = RayRunner() if on == "ray" else LocalRunner()
    try:
        free = psutil.virtual_memory().available
        limits = Limits(
            max(_LEAST_SECONDS, _TIMES * duration(recording)), memory or int(_SHARE_OF_MEMORY * free / runner.parallel)
        )
        template = TrialRequest(
            program, recording.run.directory, dict(os.environ if environment is None else environment), limits=limits
        )
        proof = Prover(recording, template, runner, catalogue(), seconds, most, audience, seeds).prove()
    finally:
        runner.close()
    return keep(store, proof)


def duration(recording: Recording) -> float:
    """Seconds from the start of a run to its last sign of life."""
    return max((cost.total for cost in recording.all(Cost)), default=0.0)


def program_of(recording: Recording, argv: Sequence[str] | None = None, command: str = "prove") -> Program:
    """The program that was recorded, to be started again.

    Raises:
        CannotProve: it is not known, is gone, or is not what it was.
    """
    run = recording.run
    if not run.argv or not run.python:
        raise CannotProve(
            "this run was recorded inside a program or by an older flatline, which does not say how to start it again; "
            f"use `flatline {command} PROGRAM`"
            + (", or flatline.prove(train) from inside" if command == "prove" else "")
        )
    if run.world > 1:
        raise CannotProve(
            f"this is one of {run.world} processes that were started from outside, and trials start all of them again: "
            f"run `flatline {command} torchrun --nproc-per-node {run.world} {shlex.join(run.argv)}`"
        )
    if not os.path.isdir(run.directory):
        raise CannotProve(f"the folder of this run, {run.directory}, is gone")
    if not run.module and not os.path.exists(os.path.join(run.directory, run.argv[0])):
        raise CannotProve(f"the program of this run, {run.argv[0]}, is no longer in {run.directory}")
    for file, text in recording.sources.items():
        path = Path(run.directory, file)
        if text and path.is_file():
            if same_but_hidden(path.read_text(encoding="utf-8", errors="replace"), text):
                continue
            raise CannotProve(
                f"{file} has changed since this run was recorded; `flatline {command} PROGRAM` runs it anew"
            )
    if argv is None and any(HIDDEN in argument for argument in run.argv):
        raise CannotProve(
            "the arguments of this run held a secret, which no record keeps; "
            f"`flatline {command} PROGRAM ARGUMENTS` runs it anew"
        )
    return Program(list(run.python), run.module, list(run.argv if argv is None else argv))


def prove(
    train: Callable[[], Any],
    *,
    budget: float | None = None,
    max_trials: int = MOST_TRIALS,
    on: str = "local",
    show: bool = True,
    seeds: int | None = None,
) -> Verdict:
    """Runs a function that trains, says what is wrong with its loss, and proves it by experiment.

    The function is called in processes of its own, for the first run and for every trial: nothing in this one
    changes, and no file. What it uses is sent along by cloudpickle.

    Args:
        train: makes everything it needs, or refers to it, and trains.
        budget: seconds for the trials; None for no limit.
        max_trials: how many there may be.
        on: ``local`` or ``ray``.
        show: whether to print the report.
        seeds: as ``flatline prove --seeds``; None for as many as the tests need and two minutes allow.

    Returns:
        The verdict, with the experiments in it.

    Raises:
        CannotProve: the function, or something it refers to, cannot be sent to another process; or it failed there
            before it trained.
    """
    from flatline.experiments.trial import run_trial
    from flatline.report.progress import TrialProgress
    from flatline.report.terminal import show as show_verdict
    from flatline.verdict import diagnose

    with tempfile.TemporaryDirectory(prefix=CALLER_FOLDER) as folder:
        program = _as_program(train, Path(folder))
        environment = _with_our_path()
        first = run_trial(TrialRequest(program, os.getcwd(), environment))
        if not first.record:
            raise CannotProve(f"the function could not be run in a process of its own: {first.message}\n{first.output}")
        store = Path(folder) / "run.sqlite"
        store.write_bytes(first.record)
        if not read(store).backwards:
            raise CannotProve(f"the function trained nothing: backward never ran. {first.message}\n{first.output}")
        with TrialProgress(quiet=not show) as audience:
            proof = prove_run(store, on, budget, max_trials, audience=audience, environment=environment, seeds=seeds)
        verdict = diagnose(read(store), proof)
    if show:
        show_verdict(verdict, more="verdict.ruled_out")
    return verdict


def _with_our_path() -> dict[str, str]:
    """The environment, with the folders that this program has put on the path: what it imported is found again."""
    import json
    import subprocess

    fresh = subprocess.run(
        [sys.executable, "-c", "import json, sys; print(json.dumps(sys.path))"], capture_output=True, check=True
    )
    given = json.loads(fresh.stdout)
    added = [os.path.abspath(path) for path in sys.path if path not in given and os.path.abspath(path) not in given]
    own = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*added, *([own] if own else [])])}


def _as_program(train: Callable[[], Any], folder: Path) -> Program:
    """A script that calls the function."""
    import inspect
    import linecache

    try:
        called = _pickled(train)
    except Exception as error:
        raise CannotProve(
            f"the function cannot be sent to another process ({type(error).__name__}: {error}); "
            "let it make what it needs inside"
        ) from error
    file = inspect.getsourcefile(train) or ""
    # A notebook's cell is on no disk: its text goes along, so that lines can be named.
    source = "".join(linecache.getlines(file))
    (folder / "train.pickle").write_bytes(called)
    (folder / "source.txt").write_text(source, encoding="utf-8")
    script = folder / "train.py"
    script.write_text(_SCRIPT.format(file=file), encoding="utf-8")
    return Program([sys.executable], False, [str(script)])


def _pickled(function: Callable[[], Any]) -> bytes:
    """The function, and what it refers to, for another process; with the names of the files that it stands in.

    cloudpickle writes "<dynamic-code>" in place of each file's name since 3.1.3, and no line could be named.
    """
    import collections
    import io
    import types

    import cloudpickle

    table = cloudpickle.Pickler.dispatch_table
    reduce_code = table[types.CodeType]

    def with_file(code: types.CodeType) -> Any:
        make, arguments = reduce_code(code)
        return make, tuple(code.co_filename if item == "<dynamic-code>" else item for item in arguments)

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        dispatch_table: ClassVar[Any] = collections.ChainMap({types.CodeType: with_file}, table)

    file = io.BytesIO()
    Pickler(file).dump(function)
    return file.getvalue()


_SCRIPT = """\
import linecache, pathlib, pickle

folder = pathlib.Path(__file__).parent
text = (folder / "source.txt").read_text(encoding="utf-8")
linecache.cache[{file!r}] = (len(text), None, text.splitlines(True), {file!r})
pickle.loads((folder / "train.pickle").read_bytes())()
"""
