"""Runs a piece of training in this process up to its first update, for the tests of what is checked there."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from flatline.checks.base import run_all
from flatline.observe.captured import Captured
from flatline.observe.events import StoppedBeforeUpdate
from flatline.record.reader import read
from flatline.verdict import Verdict
from flatline.watching import watch


class Stopped(BaseException):
    """What ends the training here, where ``flatline check`` ends the process."""


def first_step(train: Callable[[], None], overfit: bool = False) -> tuple[Verdict, StoppedBeforeUpdate | None]:
    """The verdict of a training that ends before its first update; and that end, None when it never came."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "run.sqlite"
        recorder = watch(store=store, show=False)

        def look(captured: Captured, stopped: StoppedBeforeUpdate) -> None:
            def run() -> None:
                for event in run_all(captured, 30.0, overfit):
                    recorder.session.emit(event)

            recorder.session.guarded("checks", run)()
            raise Stopped

        recorder.before_update = look
        try:
            with recorder:
                train()
        except Stopped:
            pass
        return recorder.verdict, read(store).stopped


def outcomes(verdict: Verdict) -> dict[str, str]:
    return {check.name: check.outcome for check in verdict.checks}


def text(verdict: Verdict, name: str) -> str:
    return next(check.text for check in verdict.checks if check.name == name)
