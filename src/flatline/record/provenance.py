"""Where a value in the user's source was made: follows names backwards through the program's own functions.

``criterion(out, y)`` → ``for x, y in loader`` → ``DataLoader(survey(1000))`` → ``return TensorDataset(x, label)`` →
``label = (income > LIMIT).float()``. Static and best effort: where the trail is lost, the last statement on it is
the answer.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from flatline.record.recording import Line, Recording
from flatline.record.source import SourceFile

MOST_HOPS = 40
LAST = 10**9
Path = tuple[int, ...]
# Calls that hand their first argument's data on as they are.
_PASSING = {
    "tensor",
    "as_tensor",
    "from_numpy",
    "asarray",
    "array",
    "LongTensor",
    "FloatTensor",
    "stack",
    "cat",
    "list",
    "tuple",
    "iter",
    "next",
    "reversed",
    "tqdm",
    "DataLoader",
    "Subset",
    "cycle",
    "chain",
    "float",
    "item",
}
_METHODS = {
    "float",
    "long",
    "int",
    "to",
    "clone",
    "unsqueeze",
    "view",
    "reshape",
    "squeeze",
    "cpu",
    "cuda",
    "detach",
    "numpy",
    "flatten",
    "contiguous",
    "type",
    "double",
    "astype",
    "copy",
    "item",
    "tolist",
    "expand",
    "repeat",
    "split",
    "batch",
    "shuffle",
    "permute",
    "transpose",
    "requires_grad_",
    "__iter__",
    "chunk",
    "unbind",
    "values",
}


@dataclass
class Trail:
    """The statements met on the way, from the use to the making."""

    lines: list[int] = field(default_factory=list)
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

    def trail(self, expression: ast.expr, line: int) -> list[int]:
        """The lines of the statements behind an expression that stands on ``line``, nearest first."""
        trail = Trail()
        self._follow(expression, line, (), trail)
        return trail.lines

    def _follow(self, node: ast.expr | None, line: int, path: Path, trail: Trail) -> None:
        trail.hops += 1
        if node is None or trail.hops > MOST_HOPS:
            return
        if isinstance(node, (ast.Starred, ast.Await)):
            self._follow(node.value, line, path, trail)
        elif isinstance(node, (ast.Tuple, ast.List)):
            if path and path[0] < len(node.elts):
                self._follow(node.elts[path[0]], line, path[1:], trail)
            elif len(node.elts) == 1:
                self._follow(node.elts[0], line, path, trail)
        elif isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            element, path = node.elt, path
            if isinstance(element, ast.Tuple) and path and path[0] < len(element.elts):
                element, path = element.elts[path[0]], path[1:]
            loop = node.generators[0]
            name = ast.unparse(element)
            chosen = _path(loop.target, name)
            if chosen or ast.unparse(loop.target) == name:
                self._follow(loop.iter, line, (*chosen, *path), trail)
            elif isinstance(element, ast.Call):
                self._follow(element, line, path, trail)
        elif isinstance(node, ast.Subscript) and self._assignments(ast.unparse(node), None, line):
            self._name(node, line, path, trail)
        elif isinstance(node, ast.Subscript):
            # Taking elements passes the data on; a fixed cut such as t[:, 1:] is a making.
            if isinstance(node.slice, ast.Tuple) and any(isinstance(e, ast.Slice) for e in node.slice.elts):
                return
            index = node.slice.value if isinstance(node.slice, ast.Constant) else None
            self._follow(node.value, line, (index, *path) if isinstance(index, int) else path, trail)
        elif isinstance(node, (ast.Name, ast.Attribute)):
            self._name(node, line, path, trail)
        elif isinstance(node, ast.Call):
            self._call(node, line, path, trail)

    def _call(self, node: ast.Call, line: int, path: Path, trail: Trail) -> None:
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        owner = function.value if isinstance(function, ast.Attribute) else None
        of_module = isinstance(owner, ast.Name) and owner.id in ("torch", "np", "numpy", "F", "nn", "math", "data")
        if name == "enumerate" and node.args:
            # `for i, (x, y) in enumerate(loader)`: the first step of the path chose the pair.
            self._follow(node.args[0], line, path[1:], trail)
        elif name in ("TensorDataset", "zip"):
            starred = next((a for a in node.args if isinstance(a, ast.Starred)), None)
            if starred is not None:
                self._follow(starred.value, line, path, trail)
            elif path and path[0] < len(node.args):
                self._follow(node.args[path[0]], line, path[1:], trail)
        elif name == "train_test_split" and node.args:
            if path and path[0] // 2 < len(node.args):
                self._follow(node.args[path[0] // 2], line, path[1:], trail)
        elif name == "random_split" and node.args:
            self._follow(node.args[0], line, path[1:], trail)
        elif name in self._functions and (owner is not None) == (self._functions[name] in self._owner):
            self._returned(self._functions[name], node, path, trail)
        elif isinstance(function, ast.Name) and name in self._classes:
            self._element(self._classes[name], path, trail)
        elif owner is not None and not of_module and name in _METHODS:
            self._follow(owner, line, path, trail)
        elif name in _PASSING and node.args:
            self._follow(node.args[0], line, path, trail)
        else:
            keyword = next((k.value for k in node.keywords if k.arg in ("dataset", "data")), None)
            self._follow(keyword, line, path, trail)

    def _returned(self, function: ast.FunctionDef, call: ast.Call, path: Path, trail: Trail) -> None:
        """Into a function of the program: what it returns or yields."""
        given = [
            node for node in ast.walk(function) if isinstance(node, (ast.Return, ast.Yield)) and node.value is not None
        ]
        if not given:
            return
        value = given[-1].value
        assert value is not None
        trail.lines.append(value.lineno)
        element, rest = value, path
        if path and isinstance(value, ast.Tuple) and path[0] < len(value.elts):
            element, rest = value.elts[path[0]], path[1:]
        if isinstance(element, ast.Name):
            parameters = [a.arg for a in function.args.args]
            if parameters and parameters[0] == "self":
                parameters = parameters[1:]
            if element.id in parameters and not self._assignments(element.id, function, value.lineno):
                index = parameters.index(element.id)
                if index < len(call.args):
                    self._follow(call.args[index], call.lineno, rest, trail)
                return
        self._follow(element, value.lineno, rest, trail)

    def _element(self, cls: ast.ClassDef, path: Path, trail: Trail) -> None:
        """Into a data set or iterable class: what an element of it is."""
        for name in ("__getitem__", "__iter__", "__next__"):
            for item in cls.body:
                if isinstance(item, ast.FunctionDef) and item.name == name:
                    call = ast.Call(ast.Name(name), [], [], lineno=item.lineno)
                    return self._returned(item, call, path, trail)

    def _name(self, node: ast.expr, line: int, path: Path, trail: Trail) -> None:
        name = ast.unparse(node)
        function = self.source.function_around(line)
        statements = self._assignments(name, function, line)
        if function is None:
            # A function's own variable of that name is another one, unless there is no other.
            statements = [s for s in statements if not self._in_function(s)] or statements
        if not statements and function is not None:
            parameters = [a.arg for a in function.args.args]
            if name in parameters:
                return self._argument(function, parameters.index(name), path, trail)
            if name.startswith("self.") and function in self._owner:
                owner = self._owner[function]
                statements = [s for s in self._assignments(name, None, LAST) if self._inside(s, owner)]
            else:
                statements = [s for s in self._assignments(name, None, LAST) if not self._in_function(s)]
        if not statements:
            return
        statement = statements[-1]
        # What a statement reads was made before it: `x = x[order]` goes on above.
        above = statement.lineno - 1
        if isinstance(statement, ast.For):
            return self._follow(statement.iter, above, (*_path(statement.target, name), *path), trail)
        trail.lines.append(statement.lineno)
        value = getattr(statement, "value", None)
        if isinstance(statement, ast.Assign):
            target = next((t for t in statement.targets if _path(t, name) or ast.unparse(t) == name), None)
            if target is None:
                # An element was written, `y[mask] = v`: that is a making.
                return
            path = (*_path(target, name), *path)
        if isinstance(statement, ast.Expr) and isinstance(value, ast.Call) and value.args:
            value = value.args[0]
        if isinstance(value, ast.expr):
            self._follow(value, above, path, trail)

    def _argument(self, function: ast.FunctionDef, index: int, path: Path, trail: Trail) -> None:
        """Out of a function through its parameter: what its first caller passes there."""
        parameter = function.args.args[index].arg
        if function.args.args[0].arg == "self":
            index -= 1
        constructor = function.name == "__init__" and function in self._owner
        name = self._owner[function].name if constructor else function.name
        method = function in self._owner and not constructor
        for call in self.source.calls_of(name):
            if isinstance(call.func, ast.Attribute) != method:
                continue
            keyword = next((k.value for k in call.keywords if k.arg == parameter), None)
            starred = next((a for a in call.args if isinstance(a, ast.Starred)), None)
            if keyword is not None:
                return self._follow(keyword, call.lineno, path, trail)
            if starred is not None and call.args.index(starred) <= index:
                return self._follow(starred.value, call.lineno, (index - call.args.index(starred), *path), trail)
            if 0 <= index < len(call.args):
                return self._follow(call.args[index], call.lineno, path, trail)

    def _assignments(self, name: str, function: ast.FunctionDef | None, line: int) -> list[ast.stmt]:
        """Statements that give ``name`` its value above ``line`` (also ``name.append(…)``), inside ``function``."""
        found: list[ast.stmt] = [s for s in self.source.assignments(name) if s.lineno <= line]
        for node in self.source.nodes():
            if (
                isinstance(node, ast.Expr)
                and isinstance(node.value, ast.Call)
                and node.lineno <= line
                and isinstance(node.value.func, ast.Attribute)
                and node.value.func.attr == "append"
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


def _path(target: ast.expr, name: str) -> Path:
    """Which element of what is unpacked ``name`` is: (1,) in ``x, y``, (1, 0) in ``i, (x, y)``; () when it is all."""
    if isinstance(target, (ast.Tuple, ast.List)):
        for index, part in enumerate(target.elts):
            if ast.unparse(part) == name:
                return (index,)
            inner = _path(part, name)
            if inner:
                return (index, *inner)
    return ()


def made_at(recording: Recording, line: Line | None, argument: str | None) -> list[Line]:
    """Lines behind the source text ``argument`` used on ``line``, from the use to the making."""
    if line is None or not argument:
        return []
    try:
        expression = ast.parse(argument, mode="eval").body
    except SyntaxError:
        return []
    provenance = Provenance(recording, line.file)
    return [provenance.source.line(number) for number in provenance.trail(expression, line.line)]


def origin_line(recording: Recording, line: Line | None, argument: str | None) -> Line | None:
    """Where the data behind an argument were made, as far as the trail goes; None when it leads nowhere."""
    lines = made_at(recording, line, argument)
    return lines[-1] if lines else None
