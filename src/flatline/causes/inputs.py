"""Where in the source the inputs of the models come from: shared by the causes that blame the data."""

from __future__ import annotations

import ast

from flatline.causes.case import Case
from flatline.observe.events import Forward
from flatline.record.provenance import made_at
from flatline.record.recording import Line, Recording
from flatline.record.source import SourceFile

# A table is read, scaled, turned into a tensor and reshaped.
MOST_CHANGES = 4
_LIBRARIES = ("torch", "nn", "F", "np", "numpy", "math", "random", "optim")


def input_lines(case: Case, gradient: bool = True) -> list[Line]:
    """The lines behind what the first model was given in training (or without gradients), nearest first."""
    for forward in case.recording.all(Forward):
        if forward.gradient == gradient:
            line = case.recording.line(forward.place)
            lines = made_at(case.recording, line, model_argument(case.recording, line))
            if lines:
                return lines
    return expression_lines(case) if gradient else []


def expression_lines(case: Case) -> list[Line]:
    """The same for a program without modules: the names on the line of its loss, except the target's."""
    main = case.main_call
    line = case.criterion_line
    if main is None or line is None:
        return []
    target = main.names[1] if len(main.names) > 1 else ""
    number = main.options.get("line")
    line = case.recording.line_at(line.file, number) if isinstance(number, int) else line
    for node in _calls_on(case.recording, line):
        for argument in node.args:
            if isinstance(argument, (ast.Name, ast.Subscript, ast.Attribute)) and ast.unparse(argument) != target:
                lines = made_at(case.recording, line, ast.unparse(argument))
                if lines:
                    return lines
    return []


def input_line(case: Case) -> Line | None:
    """Where the inputs were made, as far as the source tells; else where a model is called."""
    lines = input_lines(case)
    if lines:
        return lines[-1]
    forwards = case.recording.all(Forward)
    return case.recording.line(forwards[0].place) if forwards else case.criterion_line


def assembled_line(case: Case) -> Line | None:
    """Where the inputs were put together: as ``input_line``, and on through changes of one array into another
    (``x = (table - table.mean(0)) / table.std(0)``)."""
    line = input_line(case)
    for _ in range(MOST_CHANGES):
        if line is None or not input_lines(case):
            break
        name = _only_name(case.recording, line)
        before = [
            s
            for s in SourceFile(case.recording, line.file).assignments(name or "")
            if s.lineno < line.line
            and isinstance(s, ast.Assign)
            and not isinstance(s.targets[0], (ast.Tuple, ast.Subscript))
        ]
        if not before:
            break
        line = case.recording.line_at(line.file, before[-1].lineno)
    return line


def _only_name(recording: Recording, line: Line) -> str | None:
    """The one array that an assignment outside of functions changes into another; None when it takes several."""
    source = SourceFile(recording, line.file)
    if source.function_around(line.line) is not None:
        return None
    for node in source.nodes():
        if isinstance(node, ast.Assign) and node.lineno == line.line:
            if any(isinstance(n, (ast.List, ast.Tuple)) and len(n.elts) > 1 for n in ast.walk(node.value)):
                # Several columns side by side: this is where they are put together.
                return None
            methods = {id(n.func) for n in ast.walk(node.value) if isinstance(n, ast.Call)}
            if any(
                isinstance(n, ast.Attribute)
                and id(n) not in methods
                and isinstance(n.value, ast.Name)
                and n.value.id not in _LIBRARIES
                for n in ast.walk(node.value)
            ):
                # ``d.images`` is taken out of a loaded data set: the way ends here.
                return None
            called = {
                n.func.id for n in ast.walk(node.value) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
            }
            names = {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)} - called - set(_LIBRARIES)
            sliced = any(isinstance(n, ast.Slice) for n in ast.walk(node.value))
            return names.pop() if len(names) == 1 and not sliced else None
    return None


def model_argument(recording: Recording, line: Line | None) -> str | None:
    """The source of the first argument of the innermost call on a line that is not a library's function."""
    for node in _calls_on(recording, line):
        if node.args and isinstance(node.args[0], (ast.Name, ast.Subscript, ast.Attribute)):
            return ast.unparse(node.args[0])
    return None


def _calls_on(recording: Recording, line: Line | None) -> list[ast.Call]:
    """Calls on a line, innermost first, without those of libraries."""
    if line is None:
        return []
    found = [
        node
        for node in SourceFile(recording, line.file).nodes()
        if isinstance(node, ast.Call)
        and node.lineno <= line.line <= (node.end_lineno or node.lineno)
        and ast.unparse(node.func).partition(".")[0] not in _LIBRARIES
    ]
    return sorted(found, key=lambda node: len(ast.unparse(node)))
