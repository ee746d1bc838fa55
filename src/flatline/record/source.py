"""Questions to the user's source: which loop a line is in, where a name was last given its value."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property

from flatline.record.reader import Line, Recording


class SourceFile:
    """One parsed file of the user's."""

    def __init__(self, recording: Recording, file: str) -> None:
        self._recording = recording
        self.file = file

    @cached_property
    def tree(self) -> ast.Module | None:
        try:
            return ast.parse(self._recording.sources.get(self.file, ""))
        except SyntaxError:
            return None

    def nodes(self) -> Iterator[ast.AST]:
        if self.tree is not None:
            yield from ast.walk(self.tree)

    def line(self, number: int) -> Line:
        return self._recording.line_at(self.file, number)

    def loops_around(self, line: int) -> list[ast.For | ast.While]:
        """The loops that contain a line, outermost first; a line in a function has that function's only."""
        found = [
            node
            for node in self.nodes()
            if isinstance(node, (ast.For, ast.While))
            and node.body[0].lineno <= line <= (node.end_lineno or node.lineno)
        ]
        return sorted(found, key=lambda node: node.lineno)

    def function_around(self, line: int) -> ast.FunctionDef | None:
        """The innermost function that contains a line."""
        found = [
            node
            for node in self.nodes()
            if isinstance(node, ast.FunctionDef) and node.lineno <= line <= (node.end_lineno or node.lineno)
        ]
        return max(found, key=lambda node: node.lineno, default=None)

    def calls_of(self, name: str) -> list[ast.Call]:
        """Calls of a function or method by its last name, in the order of the source."""
        found = [
            node
            for node in self.nodes()
            if isinstance(node, ast.Call) and _last_name(node.func) == name
        ]
        return sorted(found, key=lambda node: node.lineno)

    def assignments(self, name: str) -> list[ast.stmt]:
        """Statements that give ``name`` (or an element of it) a value, in the order of the source."""
        found: list[ast.stmt] = []
        for node in self.nodes():
            targets: list[ast.expr] = []
            if isinstance(node, ast.Assign):
                targets = node.targets
            elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
                targets = [node.target]
            elif isinstance(node, ast.For):
                targets = [node.target]
            for target in targets:
                if any(ast.unparse(part) == name for part in _parts(target)):
                    found.append(node)  # type: ignore[arg-type]
        return sorted(found, key=lambda node: node.lineno)


def _parts(target: ast.expr) -> list[ast.expr]:
    if isinstance(target, (ast.Tuple, ast.List)):
        return [part for item in target.elts for part in _parts(item)]
    if isinstance(target, ast.Subscript):
        return [target.value]
    if isinstance(target, ast.Starred):
        return [target.value]
    return [target]


def _last_name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def enclosing_calls(recording: Recording, line: Line) -> list[Line]:
    """Lines that call the function in which ``line`` lies, in the same file."""
    source = SourceFile(recording, line.file)
    function = source.function_around(line.line)
    if function is None:
        return []
    return [source.line(call.lineno) for call in source.calls_of(function.name)]


def shares_loop(recording: Recording, one: int | None, other: int | None) -> bool:
    """Whether some loop of the program contains both places, directly or through a function it calls."""

    def loops(place: int | None) -> set[tuple[str, int]]:
        found: set[tuple[str, int]] = set()
        lines = [line for line in [recording.line(place)] if line is not None]
        for _ in range(4):
            following: list[Line] = []
            for line in lines:
                source = SourceFile(recording, line.file)
                found |= {(line.file, loop.lineno) for loop in source.loops_around(line.line)}
                following += enclosing_calls(recording, line)
            lines = following[:8]
        return found

    return bool(loops(one) & loops(other))


def epoch_loop(recording: Recording, line: Line | None) -> Line | None:
    """The outermost loop around the training step, following the calls outwards when the step is in a function."""
    found: Line | None = None
    for _ in range(4):
        if line is None:
            break
        source = SourceFile(recording, line.file)
        function = source.function_around(line.line)
        inside = [
            loop
            for loop in source.loops_around(line.line)
            if function is None or loop.lineno >= function.lineno
        ]
        if inside:
            found = source.line(inside[0].lineno)
        callers = enclosing_calls(recording, line)
        line = callers[0] if callers else None
    return found


def argument_name(recording: Recording, line: Line | None, position: int) -> str | None:
    """The source of the argument at ``position`` of the first call on a line that has so many arguments."""
    if line is None:
        return None
    source = SourceFile(recording, line.file)
    for node in source.nodes():
        if isinstance(node, ast.Call) and node.lineno <= line.line <= (node.end_lineno or node.lineno):
            if len(node.args) > position:
                return ast.unparse(node.args[position])
    return None


def origin_line(recording: Recording, line: Line | None, name: str | None, depth: int = 6) -> Line | None:
    """Where the data behind a name were made: follows assignments, loops over loaders, and TensorDataset arguments.

    ``criterion(out, y)`` → ``for x, y in loader`` → ``loader = DataLoader(TensorDataset(X, Y))`` → ``Y = …``.
    None when the trail is lost.
    """
    if line is None or name is None:
        return None
    source = SourceFile(recording, line.file)
    best: Line | None = None
    seen: set[str] = set()
    limit = line.line
    for _ in range(depth):
        name = _base(name) if name is not None else None
        if name is None or name in seen:
            break
        seen.add(name)
        statements = [s for s in source.assignments(name) if s.lineno <= limit] or source.assignments(name)
        if not statements:
            break
        statement = statements[-1]
        if isinstance(statement, ast.For):
            name = _loop_source(source, statement, name)
            continue
        value = getattr(statement, "value", None)
        best = source.line(statement.lineno)
        limit = statement.lineno
        if not isinstance(value, ast.expr):
            break
        following = _passed_through(value)
        if following is None:
            break
        name = following
    return best


def _base(name: str) -> str | None:
    """The variable behind ``y.float()``, ``y[i]``, ``y.to(device)``."""
    try:
        node: ast.expr = ast.parse(name, mode="eval").body
    except SyntaxError:
        return None
    while True:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            node = node.func.value
        elif isinstance(node, ast.Subscript):
            node = node.value
        elif isinstance(node, (ast.Name, ast.Attribute)):
            return ast.unparse(node)
        else:
            return None


def _loop_source(source: SourceFile, loop: ast.For, name: str) -> str | None:
    """What feeds ``name`` in ``for x, y in loader``: the dataset's argument of the same position, when it is seen."""
    position = next(
        (i for i, part in enumerate(_parts(loop.target)) if ast.unparse(part) == name), 0
    )
    feeder: ast.expr | None = loop.iter
    for _ in range(5):
        if isinstance(feeder, ast.Call):
            called = _last_name(feeder.func)
            if called == "enumerate" and feeder.args:
                feeder, position = feeder.args[0], max(position - 1, 0)
            elif called in ("TensorDataset", "zip") and len(feeder.args) > position:
                return ast.unparse(feeder.args[position])
            elif feeder.args:
                feeder = feeder.args[0]
            else:
                return None
        elif isinstance(feeder, (ast.Name, ast.Attribute)):
            statements = source.assignments(ast.unparse(feeder))
            if not statements:
                return None
            feeder = getattr(statements[-1], "value", None)
        else:
            return None
    return None


def _passed_through(value: ast.expr) -> str | None:
    """The name whose data a value merely passes on: ``torch.tensor(y)``, ``y.long()``, ``y[order]``; else None."""
    if isinstance(value, (ast.Name, ast.Attribute, ast.Subscript)):
        return _base(ast.unparse(value))
    if isinstance(value, ast.Call):
        called = _last_name(value.func)
        if called in ("tensor", "as_tensor", "from_numpy", "asarray", "array", "LongTensor", "FloatTensor"):
            if value.args and isinstance(value.args[0], (ast.Name, ast.Attribute)):
                return ast.unparse(value.args[0])
            if value.args and isinstance(value.args[0], ast.Call):
                return _passed_through(value.args[0])
        if called in ("float", "long", "to", "clone", "unsqueeze", "view", "reshape", "squeeze", "cpu", "astype"):
            if isinstance(value.func, ast.Attribute) and isinstance(value.func.value, (ast.Name, ast.Call)):
                inner = value.func.value
                return ast.unparse(inner) if isinstance(inner, ast.Name) else _passed_through(inner)
    return None
