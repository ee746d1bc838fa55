"""Looks for a fix of each fault of a run, one after the other, and runs each before it is offered."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from flatline.causes.base import Cause, Found, catalogue
from flatline.causes.case import Case
from flatline.causes.decisions import decide_all
from flatline.causes.judging import ends
from flatline.experiments.fixed import Fixes, FixItem, LeftItem, TriedItem, keep, shareable
from flatline.experiments.judging import names
from flatline.experiments.proof import curve_item
from flatline.experiments.proof import kept as kept_proof
from flatline.experiments.runner import LocalRunner
from flatline.experiments.runs import Audience, OutOfBudget, Run, Runs, Silence, Wanted
from flatline.experiments.trial import Limits, TrialRequest
from flatline.fixes.diff import unified
from flatline.fixes.patch import Patch
from flatline.fixing.judging import not_cured
from flatline.observe.events import RunStarted
from flatline.proving import CannotProve, duration, program_of
from flatline.record.reader import read
from flatline.record.recording import Recording
from flatline.record.secrets import Secrets
from flatline.symptoms.base import find_all
from flatline.verdict import Verdict, diagnose

CONTROL = "does the untouched program show it again?"
MOST_RUNS = 40
# As for the trials of an experiment (flatline.proving).
_TIMES, _LEAST_SECONDS, _SHARE_OF_MEMORY = 5.0, 60.0, 0.8


class Fixer:
    """The search for fixes of one run.

    Args:
        recording: the run, as it was recorded.
        verdict: what is wrong with it.
        runs: where changed programs are run; None to run none, and offer what was not tried.
        known: the causes.
    """

    def __init__(self, recording: Recording, verdict: Verdict, runs: Runs | None, known: Mapping[str, Cause]) -> None:
        self._original = Case(recording, find_all(recording))
        self._verdict = verdict
        self._runs = runs
        self._known = known
        self._folder = recording.run.directory
        self._texts: dict[str, str] = {}
        self._first: dict[str, str] = {}
        self._fixes: list[FixItem] = []
        self._left: dict[str, LeftItem] = {}

    def fix(self) -> Fixes:
        """Looks for fixes until no fault is left, or none of those left has one. Ctrl-C ends it; what was found stays."""
        stopped = ""
        try:
            if self._runs is None:
                self._propose()
            elif self._verdict.faults:
                self._try(self._runs)
        except OutOfBudget as limit:
            stopped = f"no more runs were made ({limit})"
        except KeyboardInterrupt:
            stopped = "it was interrupted"
        fixed = {item.cause for item in self._fixes}
        for cause in self._verdict.faults if stopped else []:
            if cause.name not in fixed:
                self._left.setdefault(cause.name, LeftItem(cause.name, stopped))
        changed = {file: (self._first[file], text) for file, text in self._texts.items() if text != self._first[file]}
        diff = "".join(unified(old, new, self._name(file)) for file, (old, new) in changed.items())
        if self._runs is None:
            diff = "".join(item.diff for item in self._fixes)
        return Fixes(self._fixes, list(self._left.values()), changed, diff, self._runs is not None)

    # without running -------------------------------------------------------------------------------------------------

    def _propose(self) -> None:
        """The first change for each fault, each on the program as it is."""
        for cause in self._verdict.faults:
            for patch, file, text in self._candidates(cause.name, self._original):
                self._fixes.append(self._item(cause.name, patch, file, text))
                break
            else:
                self._give_up(cause.name, [])

    # by running ------------------------------------------------------------------------------------------------------

    def _try(self, runs: Runs) -> None:
        control = Wanted(CONTROL)
        case, verdict = self._original, self._verdict
        base: Run | None = None
        while True:
            open_faults = [c.name for c in verdict.faults if c.name not in self._left]
            if not open_faults:
                return
            name = open_faults[0]
            tried: list[TriedItem] = []
            for patch, file, text in self._candidates(name, case):
                wanted = Wanted(patch.text, files={**self._changed(), file: text})
                runs.make([control, wanted])
                if base is None:
                    made = runs[control]
                    reason = self._unshown(made, name)
                    if reason or made.case is None:
                        self._left[name] = LeftItem(name, reason)
                        break
                    base = made
                    # What the run alone showed, the verdict on the control must show as well.
                    verdict = self._diagnosed(made.case)
                run = runs[wanted]
                after = self._diagnosed(run.case) if run.case is not None else None
                reason = not_cured(name, base, verdict, run, after)
                item = self._item(name, patch, file, text)
                if not reason and run.case is not None and after is not None:
                    assert base.case is not None
                    self._fixes.append(_shown(item, base.case, run.case, run.result.seconds))
                    self._texts[file] = text
                    case, base, verdict = run.case, run, after
                    # What had no fix of its own may have gone with it.
                    still = {c.name for c in after.faults}
                    self._left = {cause: item for cause, item in self._left.items() if cause in still}
                    break
                tried.append(TriedItem(patch.text, item.diff, reason))
            else:
                self._give_up(name, tried)

    def _unshown(self, control: Run, name: str) -> str:
        """Why the control is none, in words; empty when it shows the fault."""
        if control.case is None:
            return f"the program could not be run again: {control.result.message or control.result.status.value}"
        if name not in {c.name for c in self._diagnosed(control.case).faults}:
            return "the program, run again without a change, does not show it: nothing can be tried on it"
        return ""

    # what is common --------------------------------------------------------------------------------------------------

    def _candidates(self, name: str, case: Case) -> list[tuple[Patch, str, str]]:
        """Changes for a cause that find their place, with the file and its new text; each text once."""
        decided = decide_all(case, {name: self._known[name]})[0].get(name, [])
        found = sorted((d for d in decided if isinstance(d, Found)), key=lambda d: (d.level.rank, -d.confidence))
        made: list[tuple[Patch, str, str]] = []
        for decision in found[:1]:
            try:
                patches = self._known[name].patches(case, decision)
            except Exception:
                # A cause that cannot say how it is cured has no fix.
                continue
            for patch in patches:
                file = self._file(case.recording, patch.file)
                text = self._text(file)
                new = patch.applied(text) if text is not None else None
                if new is not None and all(new != other for _, _, other in made):
                    made.append((patch, file, new))
        return made

    def _give_up(self, name: str, tried: list[TriedItem]) -> None:
        if tried:
            reason = "no change that was tried cures it"
        elif self._known[name].choices:
            reason = "how to cure it is for you to choose"
        else:
            reason = "no change of the source follows from what was measured"
        self._left[name] = LeftItem(name, reason, tried)

    def _item(self, cause: str, patch: Patch, file: str, text: str) -> FixItem:
        old = self._text(file) or ""
        return FixItem(cause, patch.text, file, patch.line, unified(old, text, self._name(file)))

    def _changed(self) -> dict[str, str]:
        return {file: text for file, text in self._texts.items() if text != self._first[file]}

    def _text(self, file: str) -> str | None:
        """The text of a file with the fixes so far; None when it cannot be read, or not as UTF-8."""
        if file not in self._texts:
            try:
                self._texts[file] = self._first[file] = Path(file).read_bytes().decode("utf-8")
            except (OSError, UnicodeDecodeError):
                return None
        return self._texts[file]

    def _file(self, recording: Recording, file: str) -> str:
        """The full path of a file of the program, in the user's folder: a trial may have run in a copy of it."""
        path = os.path.join(recording.run.directory, file)
        inside = os.path.relpath(path, recording.run.directory)
        return path if inside.startswith("..") else os.path.join(self._folder, inside)

    def _name(self, file: str) -> str:
        """A file as the diff names it: below the folder that the program was started in, else by its full path."""
        inside = os.path.relpath(file, self._folder)
        return file.lstrip("/") if inside.startswith("..") else inside.replace(os.sep, "/")

    @staticmethod
    def _diagnosed(case: Case) -> Verdict:
        return diagnose(case.recording)


def _shown(item: FixItem, before: Case, after: Case, seconds: float) -> FixItem:
    item.verified, item.seconds = True, round(seconds, 3)
    item.before, item.after = curve_item(before), curve_item(after)
    item.before_told, item.after_told = ends(before), ends(after)
    item.before_symptoms, item.after_symptoms = sorted(names(before)), sorted(names(after))
    return item


def fix_run(
    store: Path,
    verify: bool = True,
    memory: int | None = None,
    audience: Audience | None = None,
    environment: Mapping[str, str] | None = None,
    argv: Sequence[str] | None = None,
) -> Fixes:
    """Looks for fixes of a recorded run, and keeps what was found in its store.

    Args:
        store: the record of the run.
        verify: whether each change is run before it is offered.
        memory: bytes that one run may use; None for what is free now, shared among those that run at a time.
        audience: who is told how it goes.
        environment: the variables that the program runs with; None for those of this process.
        argv: the program and its arguments as they were given, when they are known: the record holds no secrets.

    Raises:
        flatline.proving.CannotProve: the run cannot be started again as it was.
        flatline.record.store.StoreError: the store cannot be read.
    """
    recording = read(store)
    program = program_of(recording, argv, "fix")
    verdict = diagnose(recording, kept_proof(store))
    if recording.stopped is not None:
        raise CannotProve("this is the record of a check, which ends before training; `flatline fix PROGRAM` trains")
    runs = None
    if verify:
        runner = LocalRunner()
        free = psutil.virtual_memory().available
        limits = Limits(
            max(_LEAST_SECONDS, _TIMES * duration(recording)), memory or int(_SHARE_OF_MEMORY * free / runner.parallel)
        )
        template = TrialRequest(
            program, recording.run.directory, dict(os.environ if environment is None else environment), limits=limits
        )
        runs = Runs(template, runner, None, MOST_RUNS, audience or Silence())
    found = Fixer(recording, verdict, runs, catalogue()).fix()
    keep(store, shareable(found, hidden(program.argv, environment)))
    return found


def hidden(argv: Sequence[str], environment: Mapping[str, str] | None = None) -> Callable[[str], str]:
    """What takes the secrets of a program out of a text: those of its arguments and of its environment."""
    secrets = Secrets(os.environ if environment is None else environment)
    secrets.record(RunStarted(list(argv), "", {}, 0.0))
    return secrets.text
