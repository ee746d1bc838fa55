"""Questions to the user's source: which loop a line is in, where a name was last given its value."""

from __future__ import annotations

import ast
from functools import cached_property

from flatline.record.recording import Line, Recording


class SourceFile:
    """One parsed file of the user's."""

    def __init__(self, recording: Recording, file: str) -> None:
        self._recording = recording
        self.file = file

    @cached_property
    def tree(self) -> ast.Module | None:
        nodes = self.nodes()
        return nodes[0] if nodes and isinstance(nodes[0], ast.Module) else None

    def nodes(self) -> list[ast.AST]:
        """All nodes of the file, breadth first; empty when it is not Python. Kept by the recording: each is asked often."""
        known = self._recording.parsed
        if self.file not in known:
            try:
                known[self.file] = list(ast.walk(ast.parse(self._recording.sources.get(self.file, ""))))
            except SyntaxError:
                known[self.file] = []
        return known[self.file]

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
        found = [node for node in self.nodes() if isinstance(node, ast.Call) and _last_name(node.func) == name]
        return sorted(found, key=lambda node: node.lineno)

    def assignments(self, name: str) -> list[ast.stmt]:
        """Statements that give ``name`` (or an element of it) a value, in the order of the source."""
        found: list[ast.stmt] = []
        for node in self.nodes():
            targets: list[ast.expr] = []
            if isinstance(node, ast.Assign):
                targets = node.targets
            elif isinstance(node, (ast.AugAssign, ast.AnnAssign, ast.For)):
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
        inside = [loop for loop in source.loops_around(line.line) if function is None or loop.lineno >= function.lineno]
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


def input_text(recording: Recording, line: Line | None) -> str | None:
    """The source of what a model is given on a line: the first argument of the innermost call with plain data.

    ``criterion(net(x[a:b]), y)`` gives ``x[a:b]``.
    """
    if line is None:
        return None
    source = SourceFile(recording, line.file)
    best: tuple[int, str] | None = None
    for node in source.nodes():
        if not (isinstance(node, ast.Call) and node.lineno <= line.line <= (node.end_lineno or node.lineno)):
            continue
        argument = node.args[0] if node.args else None
        if not isinstance(argument, (ast.Name, ast.Subscript, ast.Attribute)) or _last_name(node.func) in _NOT_MODELS:
            continue
        width = (node.end_col_offset or 0) - node.col_offset
        if best is None or width < best[0]:
            best = (width, ast.unparse(argument))
    return best[1] if best is not None else None


_NOT_MODELS = {
    "len",
    "range",
    "float",
    "int",
    "print",
    "sum",
    "mean",
    "zip",
    "enumerate",
    "arange",
    "append",
    "item",
    "to",
    "view",
    "reshape",
    "log",
    "exp",
    "sqrt",
    "softmax",
    "log_softmax",
    "sigmoid",
    "tanh",
    "relu",
}


def update_line(recording: Recording, line: Line | None) -> Line | None:
    """Where the program moves its weights by hand: the first statement that subtracts something with ``.grad``."""
    if line is None:
        return None
    source = SourceFile(recording, line.file)
    for node in source.nodes():
        if isinstance(node, (ast.AugAssign, ast.Assign)) and ".grad" in ast.unparse(node.value):
            return source.line(node.lineno)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and ".grad" in ast.unparse(node.value):
            if _last_name(node.value.func) in ("sub_", "add_", "copy_"):
                return source.line(node.lineno)
    return None


def steps_limit(recording: Recording, line: Line | None) -> Line | None:
    """What bounds the number of steps: a condition that ends the loop or guards the step, else the epoch loop.

    When the number of passes is a parameter of the function that trains, the call that passes it.
    """
    if line is None:
        return None
    source = SourceFile(recording, line.file)
    loops = source.loops_around(line.line)
    function = source.function_around(line.line)
    if function is not None:
        loops = [loop for loop in loops if loop.lineno >= function.lineno]
    for loop in loops:
        for node in ast.walk(loop):
            if isinstance(node, ast.If):
                ends = any(isinstance(part, (ast.Break, ast.Return)) for part in node.body)
                guards = any(isinstance(part, ast.Call) and _last_name(part.func) == "step" for part in ast.walk(node))
                if ends or guards:
                    return source.line(node.lineno)
    if loops and function is not None and isinstance(loops[0], ast.For):
        parameters = {a.arg for a in function.args.args}
        if parameters & {n.id for n in ast.walk(loops[0].iter) if isinstance(n, ast.Name)}:
            called = ast.unparse(loops[0].iter)
            if "range" in called:
                calls = source.calls_of(function.name)
                if calls:
                    return source.line(calls[0].lineno)
    return epoch_loop(recording, line)
