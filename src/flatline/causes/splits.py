"""Where in the source data were cut into parts: shared by what is said of rows in both parts."""

from __future__ import annotations

import ast

from flatline.causes.case import Case
from flatline.causes.inputs import model_argument
from flatline.record.passes import Shared, passes
from flatline.record.provenance import made_at
from flatline.record.recording import Line
from flatline.record.source import SourceFile

# How parts are cut, by the words of torch, scikit-learn and numpy.
_CUTS = ("split", "randperm", "permutation", "shuffle", "sample(")


def loader_line(case: Case, found: Shared, whole: bool) -> Line | None:
    """Where the evaluated loader is built, when it holds the training rows whole; else where its rows were cut off."""
    here = case.recording.line(found.evaluated.loader.place)
    if whole or here is None:
        return here
    return cut_line(case, here) or here


def cut_line(case: Case, here: Line) -> Line | None:
    """The line behind the arguments of a call on ``here`` that cuts data into parts, or draws an order for it."""
    source = SourceFile(case.recording, here.file)
    for _ in range(3):
        names = [
            n.id
            for node in source.nodes()
            if isinstance(node, (ast.Assign, ast.Expr, ast.For)) and node.lineno == here.line
            for n in ast.walk(node.iter if isinstance(node, ast.For) else node.value)
            if isinstance(n, ast.Name)
        ]
        behind = [line for name in names for line in made_at(case.recording, here, name)[:1]]
        cut = [line for line in behind if line.line != here.line]
        best = [line for line in cut if any(word in line.source for word in _CUTS)]
        best += [line for line in cut if ":" in line.source.partition("[")[2]]
        if best:
            return best[0]
        if not cut:
            return None
        here = cut[-1]
    return None


def parted_line(case: Case, place: int | None) -> Line | None:
    """Where the evaluated part was cut off: behind the one loader that is only evaluated, else behind its rows."""
    evaluated = [p.loader for p in passes(case.recording) if not p.trains]
    here = case.recording.line(evaluated[0].place) if len(evaluated) == 1 else None
    return (cut_line(case, here) if here is not None else None) or split_line(case, place)


def split_line(case: Case, place: int | None) -> Line | None:
    """Where the evaluated rows were cut off: the line behind their index, or behind the rows themselves."""
    recording = case.recording
    here = recording.line(place)
    argument = model_argument(recording, here)
    if here is None or argument is None:
        return here
    node = ast.parse(argument, mode="eval").body
    if isinstance(node, ast.Subscript) and isinstance(node.slice, (ast.Name, ast.Attribute)):
        lines = made_at(recording, here, ast.unparse(node.slice))
        if lines:
            return lines[0]
    lines = made_at(recording, here, argument)
    cut = [line for line in lines if any(w in line.source for w in _CUTS) or ":" in line.source.partition("[")[2]]
    return (cut or lines or [here])[0]
