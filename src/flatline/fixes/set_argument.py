"""Gives an argument of a call another value, or adds it."""

from __future__ import annotations

from collections.abc import Collection

import libcst as cst

from flatline.fixes.source import Edit, Source, last_name, only


def set_argument(
    callees: Collection[str], keyword: str, value: str, position: int | None = None, add: bool = True
) -> Edit:
    r"""Sets ``keyword`` of the one call of these names on the line.

    Args:
        callees: the last names of functions, methods or classes.
        keyword: the argument's name; a positional one at ``position`` is the same argument.
        value: the new value, as source.
        add: whether an argument that is not there is added; else there is nothing to change.

    >>> edit = set_argument({"softmax", "sum"}, "dim", "-1", 1)
    >>> edit(Source("p = F.softmax(x, dim=0)\n"), 1), edit(Source("p = F.softmax(x, 0)  # p\n"), 1)
    ('p = F.softmax(x, dim=-1)\n', 'p = F.softmax(x, -1)  # p\n')
    >>> edit(Source("p = F.softmax(f(x))\n"), 1)
    'p = F.softmax(f(x), dim=-1)\n'
    """

    def edit(source: Source, line: int) -> str | None:
        call = only([c for c in source.at(line, cst.Call) if last_name(c.func) in callees])
        return _with(source, call, keyword, value, position, add) if call is not None else None

    return edit


def set_argument_throughout(callees: Collection[str], keyword: str, value: str) -> Edit:
    r"""Adds ``keyword`` to every call of these names in the function around the line that does not have it.

    >>> text = "def f(self, x):\n    x = F.dropout(x, 0.5)\n    return F.dropout(x, p=0.1)\n"
    >>> print(set_argument_throughout({"dropout"}, "training", "self.training")(Source(text), 2), end="")
    def f(self, x):
        x = F.dropout(x, 0.5, training=self.training)
        return F.dropout(x, p=0.1, training=self.training)
    """

    def edit(source: Source, line: int) -> str | None:
        statement = source.statement_at(line)
        function = next(iter(source.around(statement, cst.FunctionDef)), None) if statement is not None else None
        if function is None:
            return None
        changes = []
        for call in source.all(cst.Call, function):
            given = [a.keyword.value for a in call.args if a.keyword is not None]
            if last_name(call.func) in callees and keyword not in given and len(call.args) < 3:
                changes.append(_addition(source, call, keyword, value))
        return source.replaced(*changes) if changes else None

    return edit


def _with(source: Source, call: cst.Call, keyword: str, value: str, position: int | None, add: bool) -> str | None:
    for index, argument in enumerate(call.args):
        named = argument.keyword is not None and argument.keyword.value == keyword
        if named or (argument.keyword is None and not argument.star and index == position):
            return source.replaced((argument.value, value))
    if not add:
        return None
    return source.replaced(_addition(source, call, keyword, value))


def _addition(source: Source, call: cst.Call, keyword: str, value: str) -> tuple[tuple[int, int], str]:
    """The place behind the last argument, and what stands there then."""
    if call.args:
        end = source.span(call.args[-1].value)[1]
        return (end, end), f", {keyword}={value}"
    end = source.span(call)[1] - 1
    return (end, end), f"{keyword}={value}"
