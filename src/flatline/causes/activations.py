"""Where in the source an activation stands: shared by the causes that blame one."""

from __future__ import annotations

import ast

from flatline.causes.case import Case
from flatline.record.recording import Line
from flatline.record.source import SourceFile

_MODULES = {
    "softmax": "Softmax",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "relu": "ReLU",
    "softplus": "Softplus",
    "log_softmax": "LogSoftmax",
    "hardtanh": "Hardtanh",
}


def activation_line(case: Case, kind: str, place: int | None) -> Line | None:
    """The line that applies the last activation of a kind before the loss.

    The line in a ``forward`` that calls it, when the source shows exactly one; else the line that built its module;
    else the line of ``place``, where the criterion is called.
    """
    recording = case.recording
    module = _MODULES.get(kind, "")
    called: list[Line] = []
    built: list[Line] = []
    for file in recording.sources:
        source = SourceFile(recording, file)
        called += [source.line(call.lineno) for call in source.calls_of(kind)]
        built += [source.line(call.lineno) for call in source.calls_of(module)]
    if len(called) == 1 and not built:
        return called[0]
    from flatline.observe.events import ModelSeen

    places = [part[2] for model in recording.all(ModelSeen) for part in model.parts if part[1] == module]
    lines = [line for line in (recording.line(p) for p in places) if line is not None]
    if lines and not called:
        return lines[-1]
    if built and not called:
        return built[-1]
    here = recording.line(place)
    if called:
        # Several: the one nearest above the criterion in the same file, else the last of the source.
        near = [line for line in called if here and line.file == here.file and line.line <= here.line]
        return (near or called)[-1]
    return here


def call_over(case: Case, kind: str, dimension: int) -> Line | None:
    """The call of softmax that names the dimension, or names none; when there is exactly one such."""
    found: list[Line] = []
    for file in case.recording.sources:
        source = SourceFile(case.recording, file)
        for name in (kind, {"softmax": "Softmax", "log_softmax": "LogSoftmax"}[kind]):
            for call in source.calls_of(name):
                given = [k.value for k in call.keywords if k.arg in ("dim", "axis")]
                given += [a for a in call.args if isinstance(a, (ast.Constant, ast.UnaryOp))]
                text = ast.unparse(given[0]) if given else ""
                if text in ("", str(dimension)):
                    found.append(source.line(call.lineno))
    return found[0] if len(found) == 1 else None
