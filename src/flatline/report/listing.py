"""The user's files as a report shows them: the guilty lines marked, and of a long file only what is around them."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from flatline.record.recording import Recording, lines_of
from flatline.verdict import Verdict

CONTEXT = 4
# A file is shown as a whole up to so many lines, and lines up to so many characters; what is left out is said.
MOST_LINES = 500
AROUND = 60
MOST_WIDTH = 400
MOST_FILES = 4


class LineMark(msgspec.Struct):
    """``kind`` is guilty, possible (the line of a cause that is no more than possible) or related; ``cause`` names whose
    line it is."""

    line: int
    kind: str
    cause: str


class Listing(msgspec.Struct):
    """Part of a file: ``lines`` from number ``first`` on, of ``total``. ``marks`` is never empty."""

    file: str
    shown_as: str
    first: int
    total: int
    lines: list[str]
    marks: list[LineMark]

    def near(self, context: int = CONTEXT) -> set[int]:
        """Numbers of the lines within ``context`` lines of a mark."""
        numbers = {n for mark in self.marks for n in range(mark.line - context, mark.line + context + 1)}
        return {n for n in numbers if self.first <= n < self.first + len(self.lines)}


def listings(recording: Recording, verdict: Verdict) -> list[Listing]:
    """The files that hold a line of a cause, those of the first cause first."""
    marks: dict[str, dict[int, LineMark]] = {}
    for cause in verdict.causes:
        if cause.location is not None:
            own = marks.setdefault(cause.location.file, {})
            before = own.get(cause.location.line)
            if before is None or before.kind == "related":
                kind = "possible" if cause.level == "possible" else "guilty"
                own[cause.location.line] = LineMark(cause.location.line, kind, cause.name)
        for related in cause.related:
            marks.setdefault(related.file, {}).setdefault(related.line, LineMark(related.line, "related", cause.name))
    for item in verdict.expected:
        if item.location is not None:
            line = item.location.line
            marks.setdefault(item.location.file, {}).setdefault(line, LineMark(line, "related", item.name))
    made = (_listing(recording, file, list(found.values())) for file, found in list(marks.items())[:MOST_FILES])
    return [listing for listing in made if listing is not None]


def _listing(recording: Recording, file: str, marks: list[LineMark]) -> Listing | None:
    lines = lines_of(recording.sources.get(file, "").removesuffix("\n"))
    marks = sorted((m for m in marks if 0 < m.line <= len(lines)), key=lambda m: m.line)
    if not marks:
        return None
    first, last = 1, len(lines)
    if len(lines) > MOST_LINES:
        first = max(1, marks[0].line - AROUND)
        last = min(len(lines), max(marks[0].line + AROUND, min(marks[-1].line + AROUND, first + MOST_LINES)))
        marks = [m for m in marks if m.line <= last]
    shown = [line if len(line) <= MOST_WIDTH else line[:MOST_WIDTH] + " …" for line in lines[first - 1 : last]]
    return Listing(file, shown_as(file), first, len(lines), shown, marks)


def shown_as(file: str) -> str:
    """A file by its path from the working folder when it lies below, else as it is."""
    relative = os.path.relpath(file) if os.path.isabs(file) else file
    return file if relative.startswith("..") else str(Path(relative))


def where(recording: Recording, place: int | None) -> str:
    """A place as ``train.py:12``; empty when it is not known."""
    line = recording.line(place)
    return f"{Path(line.file).name}:{line.line}" if line is not None else ""
