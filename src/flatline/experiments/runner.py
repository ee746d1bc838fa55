"""Where trials run: one interface, and the machine at hand."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Protocol

from flatline.experiments.trial import TrialRequest, TrialResult, run_trial

Told = Callable[[int, TrialResult], None]


class Runner(Protocol):
    """Runs trials. The results do not depend on where: a trial is a pure function of its request and the machine.

    ``parallel`` is how many it runs at a time.
    """

    parallel: int

    def run(self, requests: Sequence[TrialRequest], told: Told | None = None) -> list[TrialResult]:
        """Runs the trials and returns their results in the order of the requests.

        Args:
            requests: the trials.
            told: called with the index and the result of each as it ends, on the calling thread.
        """
        ...

    def close(self) -> None:
        """Gives back what the runner holds."""
        ...


class LocalRunner:
    """Trials in processes on this machine.

    Args:
        parallel: how many at a time; None for 2, or 1 on a machine with one core: each trial uses torch's own threads.
    """

    def __init__(self, parallel: int | None = None) -> None:
        self.parallel = parallel or min(2, cores())

    def run(self, requests: Sequence[TrialRequest], told: Told | None = None) -> list[TrialResult]:
        stop = threading.Event()
        results: dict[int, TrialResult] = {}
        with ThreadPoolExecutor(self.parallel) as pool:
            waiting = {pool.submit(run_trial, request, stop): index for index, request in enumerate(requests)}
            try:
                for done in as_completed(waiting):
                    results[waiting[done]] = done.result()
                    if told is not None:
                        told(waiting[done], done.result())
            except BaseException:
                # Ctrl-C: the trials are ended, not waited for.
                stop.set()
                raise
        return [results[index] for index in range(len(requests))]

    def close(self) -> None:
        pass


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
