"""Gives a number another value, where it is written: in the call, or where the name that is passed is given its value."""

from __future__ import annotations

import math
from collections.abc import Collection

import libcst as cst

from flatline.fixes.source import Edit, Source, last_name, only

_NUMBERS = (cst.Float, cst.Integer)


def replace_number(value: float, new: float, keyword: str = "", position: int | None = None) -> Edit:
    r"""Exchanges the number ``value`` for ``new``.

    On the line itself when it stands there once; else where the name that the line passes as ``keyword`` (or at
    ``position``) has this value. A name whose value is not written as a number is multiplied where it is passed.

    >>> edit = replace_number(5.0, 0.5, "lr", 1)
    >>> edit(Source("opt = SGD(net.parameters(), lr=5.0)\n"), 1)
    'opt = SGD(net.parameters(), lr=0.5)\n'
    >>> print(edit(Source("LR = 5.  # fast\nopt = SGD(net.parameters(), lr=LR)\n"), 2), end="")
    LR = 0.5  # fast
    opt = SGD(net.parameters(), lr=LR)
    >>> edit(Source("opt = SGD(net.parameters(), args.rate)\n"), 1)
    'opt = SGD(net.parameters(), 0.1 * args.rate)\n'
    """

    def edit(source: Source, line: int) -> str | None:
        here = only([n for n in _numbers(source, source.at(line, cst.BaseNumber)) if _equal(n, value)])
        if here is not None:
            return source.replaced((here, number(new)))
        passed = _passed(source, line, keyword, position)
        if passed is None:
            names = {n.value for n in source.at(line, cst.Name)}
            written = only(_written(source, names, value))
            return source.replaced((written, number(new))) if written is not None else None
        written = only(_written(source, {_plain(passed)}, value))
        if written is not None:
            return source.replaced((written, number(new)))
        if isinstance(passed, (cst.Name, cst.Attribute, cst.Call, cst.Subscript)) and value:
            return source.replaced((passed, f"{number(new / value)} * {source.code(passed)}"))
        return None

    return edit


def number(value: float) -> str:
    """A number as a person writes it, exactly as precise as three digits.

    >>> number(0.5), number(0.00030000000000000003), number(0.12), number(5e-06), number(1.0)
    ('0.5', '0.0003', '0.12', '5e-06', '1.0')
    """
    text = f"{value:.3g}"
    return text if "." in text or "e" in text else f"{text}.0"


def _numbers(source: Source, found: list[cst.BaseNumber]) -> list[cst.Float | cst.Integer]:
    return [node for node in found if isinstance(node, _NUMBERS)]


def _equal(node: cst.Float | cst.Integer, value: float) -> bool:
    return math.isclose(float(node.evaluated_value), value, rel_tol=1e-6)


def _passed(source: Source, line: int, keyword: str, position: int | None) -> cst.BaseExpression | None:
    """What a call on the line is given as the keyword."""
    for call in source.at(line, cst.Call):
        for argument in call.args:
            if argument.keyword is not None and argument.keyword.value == keyword:
                return argument.value
        if position is not None and len(call.args) > position and last_name(call.func)[:1].isupper():
            argument = call.args[position]
            if argument.keyword is None and not argument.star:
                return argument.value
    return None


def _plain(node: cst.BaseExpression) -> str:
    return last_name(node)


def _written(source: Source, names: Collection[str], value: float) -> list[cst.Float | cst.Integer]:
    """The numbers of this value that one of the names is given: by assignment, as a default or as an argument."""
    found: list[tuple[str, cst.BaseExpression | None]] = []
    for assign in source.all(cst.Assign):
        found += [(last_name(target.target), assign.value) for target in assign.targets]
    found += [(last_name(node.target), node.value) for node in source.all(cst.AnnAssign)]
    found += [(node.name.value, node.default) for node in source.all(cst.Param)]
    found += [(node.keyword.value, node.value) for node in source.all(cst.Arg) if node.keyword is not None]
    return [n for name, n in found if name in names and isinstance(n, _NUMBERS) and _equal(n, value)]
