"""Moves a statement: out of a loop, into one, or behind another statement."""

from __future__ import annotations

import libcst as cst

from flatline.fixes.source import Edit, Source


def before_loop(source: Source, line: int) -> str | None:
    r"""The statement of the line goes before the loop that it stands in.

    >>> print(before_loop(Source("for x in y:\n    total = 0.0  # sum\n    total += x\n"), 2), end="")
    total = 0.0  # sum
    for x in y:
        total += x
    """
    return _out_of_loop(source, line, before=True)


def after_loop(source: Source, line: int) -> str | None:
    r"""The statement of the line goes behind the loop that it stands in.

    >>> print(after_loop(Source("for x in y:\n    opt.step()\n    sched.step()\nend()\n"), 3), end="")
    for x in y:
        opt.step()
    sched.step()
    end()
    """
    return _out_of_loop(source, line, before=False)


def into_loop(line: int) -> Edit:
    r"""The statement of ``line`` goes before the innermost loop around the edit's own line, so into the one outside.

    >>> text = "b = zip(x, y)\nfor e in range(4):\n    for p, q in b:\n        f(p)\n"
    >>> print(into_loop(1)(Source(text), 4), end="")
    for e in range(4):
        b = zip(x, y)
        for p, q in b:
            f(p)
    """

    def edit(source: Source, at: int) -> str | None:
        statement, inner = source.statement_at(line), source.statement_at(at)
        loops = source.loops(inner) if inner is not None else []
        if statement is None or not loops or not isinstance(statement, cst.SimpleStatementLine):
            return None
        return _moved(source, statement, source.before(loops[0])[0], source.indentation(loops[0]))

    return edit


def behind(line: int) -> Edit:
    r"""The statement of the edit's own line goes behind the statement of ``line``, in the same block.

    >>> print(behind(2)(Source("opt = SGD(net.parameters())\nnet = copy(net)\n"), 1), end="")
    net = copy(net)
    opt = SGD(net.parameters())
    """

    def edit(source: Source, at: int) -> str | None:
        statement, other = source.statement_at(at), source.statement_at(line)
        if not isinstance(statement, cst.SimpleStatementLine) or other is None:
            return None
        if source.parent(statement) is not source.parent(other):
            return None
        return _moved(source, statement, source.whole_lines(other)[1], source.indentation(statement))

    return edit


def _out_of_loop(source: Source, line: int, before: bool) -> str | None:
    statement = source.statement_at(line)
    if not isinstance(statement, cst.SimpleStatementLine):
        return None
    loops = source.loops(statement)
    if not loops:
        return None
    # Within a condition it would be another statement outside.
    if source.parent(statement) is not loops[0].body:
        return None
    place = source.before(loops[0])[0] if before else source.whole_lines(loops[0])[1]
    if len(loops[0].body.body) == 1:
        return None
    return _moved(source, statement, place, source.indentation(loops[0]))


def _moved(source: Source, statement: cst.SimpleStatementLine, place: int, indentation: str | None) -> str | None:
    own = source.indentation(statement)
    if own is None or indentation is None:
        return None
    lines = source.whole_lines(statement)
    raw = source.text.encode()
    rows = raw[lines[0] : lines[1]].decode().splitlines(keepends=True)
    # What is continued keeps its distance to the first line.
    block = "".join(indentation + row.removeprefix(own) for row in rows)
    if not block.endswith("\n"):
        block += source.newline
    if place == len(raw) and not raw.endswith(b"\n"):
        block = source.newline + block.removesuffix(source.newline)
    return source.replaced((lines, ""), ((place, place), block))
