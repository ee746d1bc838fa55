"""Two arrays that belonged together, of which one alone was put into another order, as the source tells."""

from __future__ import annotations

import ast

from flatline.causes.case import Case
from flatline.record.provenance import made_at
from flatline.record.recording import Line
from flatline.record.source import SourceFile

# Calls that give an order of rows.
_ORDERS = ("argsort", "lexsort", "permutation", "randperm")


def torn_apart(case: Case, moved: list[Line], kept: list[Line]) -> tuple[Line, Line] | None:
    """The line ``x = x[order]`` among ``moved``, and the one where ``kept`` stood beside x before; else None.

    Both are the lines behind one side of the loss, nearest first. Arrays stood side by side when one was computed from
    the other, when one statement made both, or when both were taken out of one object (``digits.data``,
    ``digits.target``). What came later to the other side must not have put it into an order too.
    """
    orders = [(line, node) for line in moved if (node := _reorders(case, line)) is not None]
    if len(orders) != 1 or orders[0][0] in kept or not kept:
        return None
    line, statement = orders[0]
    source = SourceFile(case.recording, line.file)
    name = ast.unparse(statement.targets[0])
    if any(other.file != line.file for other in kept) or any(_reorders(case, other) is not None for other in kept):
        return None
    here = source.function_around(line.line)
    made = [s for s in (_assignment(source, other) for other in kept) if s is not None]
    if any(source.function_around(s.lineno) is not here for s in made):
        return None
    if any(s.lineno > line.line and not _keeps_rows(s, name) for s in made):
        return None
    before = [s for s in source.assignments(name) if s.lineno < line.line and isinstance(s, ast.Assign)]
    for other in made:
        if other.lineno < line.line and before and _side_by_side(before[-1], other):
            return line, source.line(other.lineno)
    return None


def _assignment(source: SourceFile, line: Line) -> ast.Assign | None:
    return next((n for n in source.nodes() if isinstance(n, ast.Assign) and n.lineno == line.line), None)


def _reorders(case: Case, line: Line) -> ast.Assign | None:
    """The statement on a line when it is ``x = x[order]``."""
    statement = _assignment(SourceFile(case.recording, line.file), line)
    if statement is None or len(statement.targets) != 1 or not isinstance(statement.value, ast.Subscript):
        return None
    if not isinstance(statement.targets[0], ast.Name) or ast.unparse(statement.value.value) != statement.targets[0].id:
        return None
    index = statement.value.slice
    if isinstance(index, ast.Name):
        behind = [
            _assignment(SourceFile(case.recording, made.file), made) for made in made_at(case.recording, line, index.id)
        ]
        return statement if any(s is not None and _gives_order(s.value) for s in behind) else None
    return statement if _gives_order(index) else None


def _gives_order(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in _ORDERS


def _keeps_rows(statement: ast.Assign, moved: str) -> bool:
    """Whether a later statement leaves the rows where they are: it takes none by an index, and none of the others."""
    parts = list(ast.walk(statement.value))
    indexed = any(isinstance(p, ast.Subscript) and not isinstance(p.slice, (ast.Slice, ast.Constant)) for p in parts)
    return not indexed and not any(isinstance(p, ast.Name) and p.id == moved for p in parts)


def _side_by_side(one: ast.Assign, other: ast.Assign) -> bool:
    """Whether two statements made arrays whose rows belong together."""
    if one is other:
        return True
    earlier, later = sorted((one, other), key=lambda s: s.lineno)
    named = {p.id for target in earlier.targets for p in ast.walk(target) if isinstance(p, ast.Name)}
    if named & {p.id for p in ast.walk(later.value) if isinstance(p, ast.Name)}:
        return True
    return bool(_taken_from(one.value) & _taken_from(other.value))


def _taken_from(value: ast.expr) -> set[str]:
    """The objects of which attributes or elements are read, and not called."""
    called = {id(part.func) for part in ast.walk(value) if isinstance(part, ast.Call)}
    return {
        part.value.id
        for part in ast.walk(value)
        if isinstance(part, (ast.Attribute, ast.Subscript))
        and id(part) not in called
        and isinstance(part.value, ast.Name)
    }
