"""What a hand-written loss was made from: the expression assigned to it, and the tensors it names.

``loss = ((y - p) ** 2).mean(); loss.backward()`` calls no criterion. At ``backward`` the names in the expression
still hold their tensors in the user's frame, so they can be read there.
"""

from __future__ import annotations

import ast
import linecache
from types import FrameType
from typing import Any

import torch

from flatline.observe.location import local_values

_TREES: dict[str, ast.Module | None] = {}


def tree(file: str) -> ast.Module | None:
    """The parsed source of a file, or None when it cannot be read or parsed."""
    if file not in _TREES:
        try:
            _TREES[file] = ast.parse("".join(linecache.getlines(file)))
        except (SyntaxError, ValueError):
            _TREES[file] = None
    return _TREES[file]


def loss_expression(frame: FrameType) -> tuple[str, int, list[tuple[str, torch.Tensor]]]:
    """The source of the expression behind the scalar that the frame's current line runs backward on.

    Returns the text, its line, and the tensors that the names in it now hold; ``("", 0, [])`` when there is none.
    """
    module = tree(frame.f_code.co_filename)
    if module is None:
        return "", 0, []
    receiver = _receiver(module, frame.f_lineno)
    if receiver is None:
        return "", 0, []
    expression: ast.expr = receiver
    for _ in range(4):
        if not isinstance(expression, ast.Name):
            break
        assigned = _assignment(module, expression.id, frame.f_lineno)
        if assigned is None:
            break
        expression = assigned
    if isinstance(expression, ast.Name):
        return "", 0, []
    tensors: list[tuple[str, torch.Tensor]] = []
    names = {**frame.f_globals, **local_values(frame)}
    for node in ast.walk(expression):
        if isinstance(node, (ast.Name, ast.Attribute)):
            text = ast.unparse(node)
            value = _value(names, node)
            if isinstance(value, torch.Tensor) and all(text != name for name, _ in tensors):
                tensors.append((text, value))
    return ast.unparse(expression), expression.lineno, tensors


def _receiver(module: ast.Module, line: int) -> ast.expr | None:
    """``x`` of the ``x.backward()`` or ``autograd.backward(x)`` on that line, looking through calls like scale(x)."""
    for node in ast.walk(module):
        if not (isinstance(node, ast.Call) and node.lineno <= line <= (node.end_lineno or node.lineno)):
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr == "backward":
            target: ast.expr = node.func.value
            if isinstance(target, ast.Name) and node.args:
                target = node.args[0]
            while isinstance(target, ast.Call) and target.args and isinstance(target.func, ast.Attribute):
                target = target.args[0]
            if isinstance(target, ast.BinOp) and isinstance(target.op, ast.Div):
                target = target.left
            return target
    return None


def _assignment(module: ast.Module, name: str, line: int) -> ast.expr | None:
    """The value last assigned to ``name`` above ``line``, in the source's order."""
    best: ast.expr | None = None
    for node in ast.walk(module):
        if isinstance(node, ast.Assign) and node.lineno <= line:
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id == name and (
                    best is None or node.value.lineno >= best.lineno
                ):
                    best = node.value
    return best


def _value(names: dict[str, Any], node: ast.expr) -> Any:
    """The value of a name or of a dotted name, read without calling anything of the user's."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        try:
            fields = object.__getattribute__(_value(names, node.value), "__dict__")
        except AttributeError:
            return None
        return fields.get(node.attr) if isinstance(fields, dict) else None
    return None
