"""Where a value in the user's source was made: follows names backwards through the program's own functions.

``criterion(out, y)`` → ``for x, y in loader`` → ``DataLoader(survey(1000))`` → ``return TensorDataset(x, label)`` →
``label = (income > LIMIT).float()``. Static and best effort: where the trail is lost, the last statement on it is
the answer.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from flatline.record.reader import Line, Recording
from flatline.record.source import SourceFile

MOST_HOPS = 40
# Calls that hand their first argument's data on as they are.
_PASSING = {
    "tensor", "as_tensor", "from_numpy", "asarray", "array", "LongTensor", "FloatTensor", "stack", "cat", "list",
    "tuple", "iter", "next", "reversed", "tqdm", "DataLoader", "Subset", "cycle", "chain", "float", "item",
}
_METHODS = {
    "float", "long", "int", "to", "clone", "unsqueeze", "view", "reshape", "squeeze", "cpu", "cuda", "detach", "numpy",
    "flatten", "contiguous", "type", "double", "astype", "copy", "item", "tolist", "expand", "repeat", "split",
    "batch", "shuffle", "permute", "transpose", "requires_grad_", "__iter__", "chunk", "unbind", "values",
}
_SPLITTING = {"random_split", "train_test_split"}


@dataclass
class Trail:
    """The statements met on the way, from the use to the making."""

    lines: list[ast.stmt] = field(default_factory=list)
    hops: int = 0


class Provenance:
    """Follows values in one file."""

    def __init__(self, recording: Recording, file: str) -> None:
        self.source = SourceFile(recording, file)
        self._functions: dict[str, ast.FunctionDef] = {}
        self._classes: dict[str, ast.ClassDef] = {}
        self._owner: dict[ast.FunctionDef, ast.ClassDef] = {}
        for node in self.source.nodes():
            if isinstance(node, ast.FunctionDef):
                self._functions.setdefault(node.name, node)
            elif isinstance(node, ast.ClassDef):
                self._classes[node.name] = node
                for item in node.body:
                    if isinstance(item, ast.FunctionDef):
                        self._owner[item] = node

    def trail(self, expression: ast.expr, line: int) -> list[ast.stmt]:
        """The statements behind an expression that stands on ``line``, nearest first."""
        trail = Trail()
        self._follow(expression, line, None, trail)
        return trail.lines

    def _follow(self, node: ast.expr | None, line: int, position: int | None, trail: Trail) -> None:
        trail.hops += 1
        if node is None or trail.hops > MOST_HOPS:
            return
        if isinstance(node, ast.Starred):
            return self._follow(node.value, line, position, trail)
        if isinstance(node, (ast.Tuple, ast.List)):
            if position is not None and position < len(node.elts):
                return self._follow(node.elts[position], line, None, trail)
            if len(node.elts) == 1:
                self._follow(node.elts[0], line, None, trail)
            return
        if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            element = node.elt
            return self._follow(element, line, position, trail) if isinstance(element, (ast.Tuple, ast.Call)) else None
        if isinstance(node, ast.Subscript):
            # Taking elements passes the data on; a fixed cut such as t[:, 1:] is a making.
            if isinstance(node.slice, ast.Tuple) and any(isinstance(e, ast.Slice) for e in node.slice.elts):
                return
            index = node.slice.value if isinstance(node.slice, ast.Constant) else None
            return self._follow(node.value, line, index if isinstance(index, int) else position, trail)
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self._name(node, line, position, trail)
        if isinstance(node, ast.Call):
            return self._call(node, line, position, trail)

    def _call(self, node: ast.Call, line: int, position: int | None, trail: Trail) -> None:
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if name == "enumerate" and node.args:
            return self._follow(node.args[0], line, None if position is None else max(position - 1, 0), trail)
        if name in ("TensorDataset", "zip"):
            starred = next((a for a in node.args if isinstance(a, ast.Starred)), None)
            if starred is not None:
                return self._follow(starred.value, line, position, trail)
            if position is not None and position < len(node.args):
                return self._follow(node.args[position], line, None, trail)
            return
        if name in _SPLITTING and node.args:
            argument = node.args[0]
            if name == "train_test_split" and position is not None and position // 2 < len(node.args):
                argument = node.args[position // 2]
                return self._follow(argument, line, None, trail)
            return self._follow(argument, line, None, trail)
        if isinstance(function, ast.Name) and name in self._functions:
            return self._returned(self._functions[name], node, position, trail)
        if isinstance(function, ast.Name) and name in self._classes:
            return self._element(self._classes[name], position, trail)
        if isinstance(function, ast.Attribute):
            if isinstance(function.value, ast.Name) and function.value.id == "self" and name in self._functions:
                return self._returned(self._functions[name], node, position, trail)
            if name in _METHODS and not isinstance(function.value, ast.Name):
                return self._follow(function.value, line, position, trail)
            if name in _METHODS and isinstance(function.value, ast.Name) and function.value.id not in ("torch", "np"):
                return self._follow(function.value, line, position, trail)
            if name in self._functions and self._functions[name] in self._owner:
                return self._returned(self._functions[name], node, position, trail)
        if name in _PASSING and node.args:
            return self._follow(node.args[0], line, position, trail)
        keyword = next((k.value for k in node.keywords if k.arg in ("dataset", "data")), None)
        if keyword is not None:
            self._follow(keyword, line, position, trail)

    def _returned(self, function: ast.FunctionDef, call: ast.Call, position: int | None, trail: Trail) -> None:
        """Into a function of the program: what it returns or yields."""
        given = [
            node.value for node in ast.walk(function)
            if isinstance(node, (ast.Return, ast.Yield)) and node.value is not None
        ]
        if not given:
            return
        value = given[-1]
        statement = next((s for s in ast.walk(function) if isinstance(s, ast.Return) and s.value is value), None)
        trail.lines.append(statement or ast.Expr(value, lineno=value.lineno))
        element = value
        if position is not None and isinstance(value, ast.Tuple) and position < len(value.elts):
            element, position = value.elts[position], None
        if isinstance(element, ast.Name):
            parameters = [a.arg for a in function.args.args]
            if parameters and parameters[0] == "self":
                parameters = parameters[1:]
            own = [s for s in self._assignments(element.id, function, value.lineno)]
            if element.id in parameters and not own:
                index = parameters.index(element.id)
                if index < len(call.args):
                    return self._follow(call.args[index], call.lineno, position, trail)
                return
        self._follow(element, value.lineno, position, trail)

    def _element(self, cls: ast.ClassDef, position: int | None, trail: Trail) -> None:
        """Into a data set or iterable class: what an element of it is."""
        for name in ("__getitem__", "__iter__", "__next__"):
            for item in cls.body:
                if isinstance(item, ast.FunctionDef) and item.name == name:
                    return self._returned(item, ast.Call(ast.Name(name), [], [], lineno=item.lineno), position, trail)

    def _name(self, node: ast.expr, line: int, position: int | None, trail: Trail) -> None:
        name = ast.unparse(node)
        function = self.source.function_around(line)
        statements = self._assignments(name, function, line)
        if not statements and function is not None:
            parameters = [a.arg for a in function.args.args]
            if name in parameters:
                return self._argument(function, parameters.index(name), position, trail)
            if name.startswith("self.") and function in self._owner:
                statements = self._assignments(name, None, 10**9)
                statements = [s for s in statements if self._inside(s, self._owner[function])]
            else:
                statements = [s for s in self._assignments(name, None, 10**9) if not self._in_function(s)]
        if not statements:
            return
        statement = statements[-1]
        if isinstance(statement, ast.For):
            index = _position(statement.target, name)
            return self._follow(statement.iter, statement.lineno, index, trail)
        trail.lines.append(statement)
        value = getattr(statement, "value", None)
        if isinstance(statement, ast.Assign):
            target = statement.targets[0]
            if isinstance(target, ast.Subscript):
                return
            if isinstance(target, (ast.Tuple, ast.List)):
                index = _position(target, name)
                if isinstance(value, (ast.Tuple, ast.List)) and index is not None and index < len(value.elts):
                    return self._follow(value.elts[index], statement.lineno, position, trail)
                return self._follow(value, statement.lineno, index, trail)
        if isinstance(statement, ast.Expr) and isinstance(value, ast.Call) and value.args:
            value = value.args[0]
        if isinstance(value, ast.expr):
            self._follow(value, statement.lineno, position, trail)

    def _argument(self, function: ast.FunctionDef, index: int, position: int | None, trail: Trail) -> None:
        """Out of a function through its parameter: what its first caller passes there."""
        if function.args.args and function.args.args[0].arg == "self":
            index -= 1
        name = self._owner[function].name if function.name == "__init__" and function in self._owner else function.name
        for call in self.source.calls_of(name):
            if 0 <= index < len(call.args) and not any(isinstance(a, ast.Starred) for a in call.args):
                return self._follow(call.args[index], call.lineno, position, trail)
            starred = next((a for a in call.args if isinstance(a, ast.Starred)), None)
            if starred is not None:
                return self._follow(starred.value, call.lineno, index, trail)

    def _assignments(self, name: str, function: ast.FunctionDef | None, line: int) -> list[ast.stmt]:
        """Statements that give ``name`` its value above ``line`` (also ``name.append(…)``), inside ``function``."""
        found: list[ast.stmt] = [s for s in self.source.assignments(name) if s.lineno <= line]
        for node in self.source.nodes():
            if (
                isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and node.lineno <= line
                and isinstance(node.value.func, ast.Attribute) and node.value.func.attr == "append"
                and ast.unparse(node.value.func.value) == name
            ):
                found.append(node)
        if function is not None:
            found = [s for s in found if self._inside(s, function)]
        # The making is meant, not `y += 1` on a counter: augmented assignments count only when nothing else does.
        plain = [s for s in found if not isinstance(s, ast.AugAssign)]
        return sorted(plain or found, key=lambda s: s.lineno)

    def _in_function(self, statement: ast.stmt) -> bool:
        return self.source.function_around(statement.lineno) is not None

    @staticmethod
    def _inside(statement: ast.stmt, owner: ast.AST) -> bool:
        return getattr(owner, "lineno", 0) <= statement.lineno <= (getattr(owner, "end_lineno", 0) or 0)


def _position(target: ast.expr, name: str) -> int | None:
    """Index of ``name`` in ``x, y`` or in ``i, (x, y)`` (then counted as enumerate's element plus one)."""
    if not isinstance(target, (ast.Tuple, ast.List)):
        return None
    for index, part in enumerate(target.elts):
        if ast.unparse(part) == name:
            return index
        if isinstance(part, (ast.Tuple, ast.List)):
            inner = _position(part, name)
            if inner is not None:
                return inner + 1
    return None


def made_at(recording: Recording, line: Line | None, argument: str | None) -> list[Line]:
    """Lines behind the source text ``argument`` used on ``line``, from the use to the making."""
    if line is None or not argument:
        return []
    try:
        expression = ast.parse(argument, mode="eval").body
    except SyntaxError:
        return []
    provenance = Provenance(recording, line.file)
    return [provenance.source.line(s.lineno) for s in provenance.trail(expression, line.line)]


def origin_line(recording: Recording, line: Line | None, argument: str | None) -> Line | None:
    """Where the data behind an argument were made, as far as the trail goes; None when it leads nowhere."""
    lines = made_at(recording, line, argument)
    return lines[-1] if lines else None
