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
# What the source says of a line does not change while it runs, and to search a tree costs as much as a small model's
# step: the formula behind each line that calls ``backward``, with the values assigned to the names in it.
_FORMULAS: dict[tuple[str, int], _Formula | None] = {}


def tree(file: str) -> ast.Module | None:
    """The parsed source of a file, or None when it cannot be read or parsed."""
    if file not in _TREES:
        try:
            _TREES[file] = ast.parse("".join(linecache.getlines(file)))
        except (SyntaxError, ValueError):
            _TREES[file] = None
    return _TREES[file]


class Expression:
    """A loss formula: its source, its line, the tensors it names, and those behind its predictions."""

    def __init__(self, text: str, line: int) -> None:
        self.text = text
        self.line = line
        self.named: list[tuple[str, torch.Tensor]] = []
        self.behind: list[tuple[str, torch.Tensor]] = []


class _Formula:
    """What the source says of a loss: its expression, and what was last assigned to a name above the line."""

    def __init__(self, module: ast.Module, expression: ast.expr, line: int) -> None:
        self.expression = expression
        self.text = ast.unparse(expression)
        self._module = module
        self._line = line
        self._assigned: dict[str, ast.expr | None] = {}

    def assigned(self, name: str) -> ast.expr | None:
        if name not in self._assigned:
            self._assigned[name] = _assignment(self._module, name, self._line)
        return self._assigned[name]


def loss_expression(frame: FrameType) -> Expression | None:
    """The expression behind the scalar that the frame's current line runs backward on; None when there is none."""
    key = (frame.f_code.co_filename, frame.f_lineno)
    if key not in _FORMULAS:
        _FORMULAS[key] = _formula(*key)
    formula = _FORMULAS[key]
    if formula is None:
        return None
    found = Expression(formula.text, formula.expression.lineno)
    # Read once: what the frame's names hold must not be kept alive by our looking.
    names = {**frame.f_globals, **local_values(frame)}
    _tensors(names, formula.expression, found.named)
    for name, _ in list(found.named):
        assigned = formula.assigned(name) if name.isidentifier() else None
        if assigned is not None:
            _tensors(names, assigned, found.behind)
    return found


def _formula(file: str, line: int) -> _Formula | None:
    module = tree(file)
    if module is None:
        return None
    expression = _receiver(module, line)
    for _ in range(4):
        if not isinstance(expression, ast.Name):
            break
        assigned = _assignment(module, expression.id, line)
        if assigned is None:
            break
        expression = assigned
    if expression is None or isinstance(expression, ast.Name):
        return None
    return _Formula(module, expression, line)


def _tensors(names: dict[str, Any], node: ast.AST, found: list[tuple[str, torch.Tensor]]) -> None:
    """Collects the tensors that names, attributes and elements (``y[idx]``) in an expression hold now."""
    if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
        value = _value(names, node)
        if isinstance(value, torch.Tensor):
            text = ast.unparse(node)
            if all(text != name for name, _ in found):
                found.append((text, value))
            return
        if isinstance(node, ast.Subscript):
            # What an element is taken by is no part of the formula's data, unless the whole is a prediction.
            _tensors(names, node.value, found)
            _tensors(names, node.slice, found)
            return
    for child in ast.iter_child_nodes(node):
        _tensors(names, child, found)


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
                if (
                    isinstance(target, ast.Name)
                    and target.id == name
                    and (best is None or node.value.lineno >= best.lineno)
                ):
                    best = node.value
    return best


def _value(names: dict[str, Any], node: ast.expr) -> Any:
    """The value of a name, a dotted name, or an element of a tensor, without calling anything of the user's."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        try:
            fields = object.__getattribute__(_value(names, node.value), "__dict__")
        except AttributeError:
            return None
        return fields.get(node.attr) if isinstance(fields, dict) else None
    if isinstance(node, ast.Subscript):
        owner = _value(names, node.value)
        if type(owner) is torch.Tensor and not owner.requires_grad:
            index = _index(names, node.slice)
            return owner[index] if index is not None else None
    return None


def _index(names: dict[str, Any], node: ast.expr) -> Any:
    """An index that can be read safely: a tensor, a number, or a slice of numbers; else None."""
    if isinstance(node, ast.Slice):
        ends = [None if part is None else _number(names, part) for part in (node.lower, node.upper, node.step)]
        given = [part for part in (node.lower, node.upper, node.step) if part is not None]
        return slice(*ends) if sum(e is not None for e in ends) == len(given) else None
    value = _value(names, node)
    return value if type(value) is torch.Tensor or type(value) in (int, slice) else None


def _number(names: dict[str, Any], node: ast.expr) -> int | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub, ast.Mult)):
        left, right = _number(names, node.left), _number(names, node.right)
        if left is None or right is None:
            return None
        if isinstance(node.op, ast.Add):
            return left + right
        return left - right if isinstance(node.op, ast.Sub) else left * right
    value = _value(names, node)
    return value if type(value) is int else None
