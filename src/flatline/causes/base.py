"""What every cause is made of: its story, its evidence and its decision."""

from __future__ import annotations

import enum
import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Union

from flatline.causes.case import Case
from flatline.changes import Change
from flatline.discovery import classes
from flatline.fixes.patch import Patch
from flatline.record.recording import Line


class Level(str, enum.Enum):
    """How far a cause is established."""

    PROVEN = "proven"
    LIKELY = "likely"
    POSSIBLE = "possible"

    @property
    def rank(self) -> int:
        return {"proven": 0, "likely": 1, "possible": 2}[self.value]


@dataclass
class Evidence:
    """One measurement: what was looked at, what was measured, and what a healthy program would have shown."""

    text: str
    measured: str
    expected: str = ""


@dataclass
class Found:
    """The cause is present. ``confidence`` is between 0 and 1: the chance that the decision is right given what was
    measured (0.99 for a fact read from the autograd graph or from shapes; 1 - p for a test)."""

    level: Level
    confidence: float
    line: Line | None
    evidence: list[Evidence]
    fix: str
    related: list[Line] = field(default_factory=list)


@dataclass
class RuledOut:
    """The cause is absent, by this measurement."""

    evidence: str


@dataclass
class Expected:
    """The sight is harmless here: a benign zero, or real convergence."""

    evidence: str
    line: Line | None = None


@dataclass
class Untested:
    """The cause could not be decided; says what was missing or which experiment would decide."""

    reason: str


Decision = Union[Found, RuledOut, Expected, Untested]


class Outcome(str, enum.Enum):
    """What an experiment says of the cause that it tests."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


@dataclass
class Judgement:
    """The outcome of one experiment, with the numbers of the control and of the trial that decided it."""

    outcome: Outcome
    text: str
    control: str = ""
    trial: str = ""


@dataclass
class Experiment:
    """The program again with one thing changed, beside the same program untouched.

    Attributes:
        asks: the question, as a person would ask it ("does the loss still rise at a tenth of the learning rate?").
        changes: what is changed at the patch points. The control has none.
        judge: given the control and the trials (one for each seed, the program's own first; then one for each of
            ``also``), says what follows.
        seeds: how many seeds the trial is run with before it is judged; a proof in which chance may play a part is
            repeated under further seeds in any case.
        steps: how many optimizer steps a run needs to show the answer; None for as many as the symptom took.
        also: other changes, each a trial of its own, that the same judgement needs.
    """

    asks: str
    changes: list[Change]
    judge: Callable[[Case, list[Case]], Judgement]
    seeds: int = 1
    steps: int | None = None
    also: list[list[Change]] = field(default_factory=list)


@dataclass(frozen=True)
class Choice:
    """One way out where a cure is for a person to choose: what to do, and what it costs."""

    what: str
    cost: str


class Cause(ABC):
    """One root cause. A subclass is a file of this package and holds the whole story.

    The class docstring is the documentation page; it has the headings *What you see*, *What is measured*,
    *How it is told apart*, *Experiment*, *Fix* and *References*.

    Attributes:
        name: the name in the verdict file.
        row: the row of the catalogue.
        title: one sentence that states the fault.
        since: the version that first had it.
        before_training: how far the cause can be established before the first update; None for one that needs
            updates or a curve, which is not asked then.
        choices: the ways out, where the cure is no change of the source that could be derived from it.
    """

    name: ClassVar[str]
    row: ClassVar[str]
    title: ClassVar[str]
    since: ClassVar[str] = "0.1.0"
    before_training: ClassVar[Level | None] = None
    choices: ClassVar[tuple[Choice, ...]] = ()

    @abstractmethod
    def decide(self, case: Case) -> Decision | list[Decision] | None:
        """Decides from what was recorded. None when the cause has no bearing on this program."""

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        """What proves or refutes this cause in this program, cheapest first; empty when nothing can."""
        return []

    def patches(self, case: Case, found: Found) -> list[Patch]:
        """Changes of the source that may cure this cause in this program, the best first.

        They are candidates: ``flatline fix`` offers the first after which the program no longer shows the fault. Empty
        where the cure is no change that follows from the source.
        """
        return []

    @classmethod
    def remedy(cls) -> str:
        """The section *Fix* of the story, in one line."""
        match = re.search(r"^Fix\n((?:[ ].*\n?|\n)*)", cls.story(), re.MULTILINE)
        return " ".join(match[1].split()) if match else ""

    @classmethod
    def story(cls) -> str:
        return inspect.cleandoc(cls.__doc__ or "")

    @classmethod
    def page(cls) -> str:
        """The story, with the choices and the cost of each below *Fix*: what is a judgement is told wherever it is read."""
        if not cls.choices:
            return cls.story()
        rows = [f"    - {choice.what} Cost: {choice.cost}." for choice in cls.choices]
        told = "\n".join(["    Which of these is right is for you to judge:", "", *rows, "", ""])
        return re.sub(r"^(?=References$)", lambda _: told, cls.story(), count=1, flags=re.MULTILINE)


def catalogue() -> dict[str, Cause]:
    """Every cause by name; a file of this package that defines a subclass of Cause is one."""
    return {cause.name: cause() for cause in classes("flatline.causes", Cause)}
