"""Appends a method call to an operand: ``model(x)`` becomes ``model(x).squeeze(1)``."""

from __future__ import annotations

import libcst as cst

from flatline.fixes.source import Edit, Source, last_name

_ATOMS = (cst.Name, cst.Attribute, cst.Call, cst.Subscript)
_OPERATORS = (cst.Subtract,)


def append_to_argument(position: int, suffix: str, *not_of: str) -> Edit:
    r"""Appends ``suffix`` to an argument of the first call on the line that has two or more.

    >>> append_to_argument(0, ".squeeze(1)")(Source("loss = loss_fn(net(x), y)\n"), 1)
    'loss = loss_fn(net(x).squeeze(1), y)\n'
    """

    def edit(source: Source, line: int) -> str | None:
        for call in source.at(line, cst.Call):
            plain = [a for a in call.args if a.keyword is None and not a.star]
            if len(plain) >= 2 and last_name(call.func) not in not_of:
                return _appended(source, plain[position].value, suffix)
        return None

    return edit


def append_to_operand(left: bool, suffix: str) -> Edit:
    r"""Appends ``suffix`` to one side of the first difference on the line.

    >>> append_to_operand(True, ".squeeze(1)")(Source("err = ((self.model(x) - y) ** 2).mean()\n"), 1)
    'err = ((self.model(x).squeeze(1) - y) ** 2).mean()\n'
    """

    def edit(source: Source, line: int) -> str | None:
        for node in source.at(line, cst.BinaryOperation):
            if isinstance(node.operator, _OPERATORS):
                return _appended(source, node.left if left else node.right, suffix)
        return None

    return edit


def _appended(source: Source, node: cst.BaseExpression, suffix: str) -> str | None:
    code = source.code(node)
    if isinstance(node, cst.Call) and code.endswith((".squeeze(1)", ".squeeze(-1)", ".unsqueeze(1)")):
        # The program puts it into this shape itself: the other side has to follow.
        return None
    bare = not isinstance(node, _ATOMS) and not node.lpar
    return source.replaced((node, f"({code}){suffix}" if bare else f"{code}{suffix}"))
