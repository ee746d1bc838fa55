"""Exchanges an operator: ``//`` for ``/``, or a binding for a change in place."""

from __future__ import annotations

import libcst as cst

from flatline.fixes.source import Edit, Source, only


def true_division(source: Source, line: int) -> str | None:
    r"""``a // b`` becomes ``a / b``, where there is one on the line.

    >>> true_division(Source("mean = sum(losses) // len(losses)\n"), 1)
    'mean = sum(losses) / len(losses)\n'
    """
    node = only([n for n in source.at(line, cst.BinaryOperation) if isinstance(n.operator, cst.FloorDivide)])
    if node is None:
        return None
    between = source.span(node.left)[1], source.span(node.right)[0]
    text = source.text.encode()[between[0] : between[1]].decode()
    return source.replaced((between, text.replace("//", "/", 1)))


def in_place(source: Source, line: int) -> str | None:
    r"""``p = p - step`` becomes ``p -= step``.

    >>> in_place(Source("    p = p - lr * p.grad  # down\n".lstrip()), 1)
    'p -= lr * p.grad  # down\n'
    """
    for node in source.at(line, cst.Assign):
        value = node.value
        if len(node.targets) != 1 or not isinstance(value, cst.BinaryOperation):
            continue
        target = node.targets[0].target
        sign = {cst.Subtract: "-", cst.Add: "+"}.get(type(value.operator))
        if sign is not None and source.code(target) == source.code(value.left):
            return source.replaced((node, f"{source.code(target)} {sign}= {source.code(value.right)}"))
    return None


def without_divisor(source: Source, line: int) -> str | None:
    r"""``mean / len(losses)`` becomes ``mean``, where there is one division on the line.

    >>> without_divisor(Source('log(loss=mean / len(losses))\n'), 1)
    'log(loss=mean)\n'
    """
    node = only([n for n in source.at(line, cst.BinaryOperation) if isinstance(n.operator, cst.Divide)])
    return source.instead(node, node.left) if node is not None else None


def with_dividend(dividend: str) -> Edit:
    r"""``loss.item() / n`` becomes ``total / n``, where there is one division on the line.

    >>> with_dividend("total")(Source("average = loss.item() / n\n"), 1)
    'average = total / n\n'
    """

    def edit(source: Source, line: int) -> str | None:
        node = only([n for n in source.at(line, cst.BinaryOperation) if isinstance(n.operator, cst.Divide)])
        return source.replaced((node.left, dividend)) if node is not None else None

    return edit
