"""Where in the source a cure may have to be made: lines and names that several causes look for."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING

from flatline.causes.case import Case
from flatline.fixes.patch import Patch
from flatline.record.recording import Line
from flatline.record.source import SourceFile

if TYPE_CHECKING:
    from flatline.fixes.source import Edit

# Each candidate costs a run of the program: what is further down than this is not worth one.
MOST = 6


def candidates(text: str, edit: Edit, lines: list[Line | None]) -> list[Patch]:
    """One patch for each of the lines, in their order, without repeats."""
    places = {(line.file, line.line): None for line in lines if line is not None}
    return [Patch(text, file, line, edit) for file, line in list(places)[:MOST]]


def calls(case: Case, *names: str) -> list[Line | None]:
    """The lines that call a function, method or class by one of these last names; those nearest to the end first."""
    found: list[Line | None] = []
    for file in case.recording.sources:
        source = SourceFile(case.recording, file)
        found += [source.line(call.lineno) for name in names for call in source.calls_of(name)]
    return sorted(found, key=lambda line: -line.line if line is not None else 0)


def receivers(source: SourceFile, method: str, within: ast.AST | None = None) -> list[str]:
    """What a method is called on, as source, in the order of the source; each once.

    ``self.opt.step()`` gives ``self.opt``.
    """
    inside = {id(node) for node in ast.walk(within)} if within is not None else None
    found = [
        ast.unparse(call.func.value)
        for call in source.calls_of(method)
        if isinstance(call.func, ast.Attribute) and (inside is None or id(call) in inside)
    ]
    return list(dict.fromkeys(found))


def optimizers(source: SourceFile) -> list[str]:
    """The names of optimizers, as source: what has its gradients cleared or is stepped, and is no scheduler or scaler."""
    made = [
        ast.unparse(node.targets[0])
        for node in source.nodes()
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _is_optimizer(node.value)
    ]
    called = [*receivers(source, "zero_grad"), *receivers(source, "step")]
    named = [name for name in called if not any(word in name.lower() for word in ("sched", "scaler", "warm"))]
    # ``self.optimizer`` where it is made may be ``trainer.optimizer`` elsewhere: what is called is what can be called.
    return list(dict.fromkeys(named or made))


def _is_optimizer(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    last = name.rsplit(".", 1)[-1]
    return ("optim." in name and last[:1].isupper()) or last in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "LBFGS")


def models(source: SourceFile, line: int) -> list[str]:
    """The names that may be models among those that are called on a line, as source, the innermost call first.

    What is imported, built in or a function of the file is none.
    """
    functions = {node.name for node in source.nodes() if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    found = []
    for node in source.nodes():
        if isinstance(node, ast.Call) and node.lineno <= line <= (node.end_lineno or node.lineno) and node.args:
            root: ast.expr = node.func
            while isinstance(root, ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name) and root.id not in {*functions, *dir(builtins), *_imported(source)}:
                found.append(ast.unparse(node.func))
    return list(dict.fromkeys(reversed(found)))


def _imported(source: SourceFile) -> set[str]:
    imports = [node for node in source.nodes() if isinstance(node, (ast.Import, ast.ImportFrom))]
    return {(alias.asname or alias.name).split(".")[0] for node in imports for alias in node.names}


def written_rate(case: Case, line: Line) -> float | None:
    """The number that an update written by hand multiplies its gradient with, where it is written as one."""
    source = SourceFile(case.recording, line.file)
    for node in source.nodes():
        if getattr(node, "lineno", 0) != line.line or not isinstance(node, (ast.AugAssign, ast.Assign, ast.Expr)):
            continue
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, float):
                return part.value
            if isinstance(part, ast.Name):
                for made in source.assignments(part.id):
                    value = getattr(made, "value", None)
                    if isinstance(value, ast.Constant) and isinstance(value.value, float):
                        return value.value
    return None
