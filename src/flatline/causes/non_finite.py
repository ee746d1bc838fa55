"""Where a NaN or an infinity came in: shared by the causes that blame the data, the arithmetic or the rate."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass

import numpy as np

from flatline.causes.case import Case
from flatline.causes.constant_targets import target_line
from flatline.observe.events import CriterionCall, Forward, NonFinite, ParameterFacts, TensorFacts, Update
from flatline.record.provenance import made_at, origin_line
from flatline.record.recording import Line
from flatline.record.source import SourceFile, input_text

HALF = ("float16", "bfloat16")
_WORDS = ("half", "float16", "fp16", "bfloat16", "bf16")


@dataclass
class BadData:
    """Non-finite numbers in what the program gives its model (``input``) or its loss (``target``)."""

    role: str
    step: int
    count: int
    elements: int
    first: list[int]
    line: Line | None


def first_bad_step(case: Case) -> int | None:
    """The first step whose optimised loss, or whose weights afterwards, were not finite."""
    steps = [
        int(c.steps[int(np.argmin(np.isfinite(c.values)))])
        for c in case.recording.optimised
        if not np.all(np.isfinite(c.values))
    ]
    steps += [u.step for u in case.updates if any(p.non_finite_weight for p in u.parameters)][:1]
    return min(steps, default=None)


def bad_data(case: Case) -> BadData | None:
    """Data that were not finite when the first non-finite loss or weight was computed; None when they were finite."""
    limit = first_bad_step(case)
    if limit is None:
        return None
    bad_updates = {u.step for u in case.updates if any(p.non_finite_gradient for p in u.parameters)}
    for forward in case.recording.all(Forward):
        if forward.step > limit or not forward.gradient:
            continue
        for facts in forward.inputs:
            harmed = forward.step in bad_updates or any(t.non_finite for t in forward.outputs)
            if facts.non_finite and harmed and not _mask(facts):
                line = case.recording.line(forward.place)
                made = origin_line(case.recording, line, input_text(case.recording, line)) or line
                made = suspect_line(case, made)
                return BadData("input", forward.step, facts.non_finite, facts.elements, facts.first_non_finite, made)
    for call in case.calls:
        target = call.target
        if call.step <= limit and target is not None and target.non_finite and not target.requires_grad:
            made = suspect_line(case, target_line(case))
            return BadData("target", call.step, target.non_finite, target.elements, target.first_non_finite, made)
    first = next(iter(case.recording.all(NonFinite)), None)
    if first is not None and first.data and not first.parameters and (first.nan or first.positive):
        line = _model_line(case)
        made = origin_line(case.recording, line, input_text(case.recording, line)) or line
        made = suspect_line(case, made)
        total = math.prod(first.shape)
        return BadData("input", first.step, first.nan + first.positive + first.negative, total, first.first, made)
    return None


def suspect_line(case: Case, start: Line | None) -> Line | None:
    """The nearest statement behind ``start`` that can make a NaN out of numbers, or reads it in; else ``start``.

    Follows the names that a statement reads to where they got their value, in the same file.
    """
    if start is None:
        return None
    source = SourceFile(case.recording, start.file)
    queue, seen = [start.line], {start.line}
    for _ in range(16):
        if not queue:
            break
        line = queue.pop(0)
        nodes = [
            n
            for n in source.nodes()
            if isinstance(n, (ast.Assign, ast.AugAssign, ast.Return, ast.For, ast.Expr))
            and n.lineno <= line <= ((n.end_lineno or n.lineno) if not isinstance(n, ast.For) else n.lineno)
        ]
        if not nodes:
            continue
        node = max(nodes, key=lambda n: n.lineno)
        value = node.iter if isinstance(node, ast.For) else node.value
        if value is None:
            continue
        if _makes_nan(value):
            return source.line(line)
        for part in ast.walk(value):
            if isinstance(part, ast.Name):
                made = [s.lineno for s in source.assignments(part.id) if s.lineno < line]
                if made and made[-1] not in seen:
                    seen.add(made[-1])
                    queue.append(made[-1])
    return start


def _makes_nan(value: ast.expr) -> bool:
    for part in ast.walk(value):
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Div) and not isinstance(part.right, ast.Constant):
            return True
        name = part.func.attr if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) else ""
        if name in ("log", "log2", "log10", "sqrt", "genfromtxt", "loadtxt", "read_csv", "pct_change", "reciprocal"):
            return True
        if getattr(part, "attr", "") == "nan" or getattr(part, "value", None) == "nan":
            return True
    return False


def _mask(facts: TensorFacts) -> bool:
    """An attention mask: zeros, and minus infinity where nothing may be looked at."""
    return facts.minimum == facts.maximum == 0


def _model_line(case: Case) -> Line | None:
    forwards = case.recording.all(Forward)
    return case.recording.line(forwards[0].place) if forwards else case.criterion_line


def weights_lost(case: Case) -> tuple[Update, list[ParameterFacts]] | None:
    """The first step that made weights non-finite, with those weights; only steps that were measured."""
    for update in case.updates:
        lost = [p for p in update.parameters if p.non_finite_weight]
        if lost:
            return update, lost
    return None


def dtype_of(case: Case, parameter: int) -> str:
    seen = case.recording.parameters.get(parameter)
    return seen.dtype if seen is not None else ""


def operation_line(case: Case, operation: str) -> Line | None:
    """The line of the user's source that applies an operation named as in the autograd graph (``Exp``, ``Div`` …).

    Of several, the last one above or at the line that computes the loss; else the last.
    """
    names = {
        "Exp": ("exp",),
        "Log": ("log", "log2", "log10"),
        "Log2": ("log2",),
        "Log10": ("log10",),
        "Sqrt": ("sqrt",),
        "Pow": ("pow",),
        "Rsqrt": ("rsqrt",),
        "Reciprocal": ("reciprocal",),
    }
    found: list[Line] = []
    for file in case.recording.sources:
        source = SourceFile(case.recording, file)
        for name in names.get(operation, ()):
            found += [source.line(call.lineno) for call in source.calls_of(name) if not _of_math(call)]
        for node in source.nodes():
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and operation == "Div":
                found.append(source.line(node.lineno))
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and operation in ("Sqrt", "Pow"):
                root = isinstance(node.right, ast.Constant) and node.right.value == 0.5
                if root == (operation == "Sqrt"):
                    found.append(source.line(node.lineno))
    here = case.criterion_line
    if operation == "Div" and here is not None:
        # Divisions are everywhere; those of the log (total / count) stand below the loss.
        found = [line for line in found if line.file == here.file and line.line <= here.line] or found
    near = [line for line in found if here is not None and line.file == here.file and line.line <= here.line]
    return max(near or found, key=lambda line: line.line, default=None)


def _of_math(call: ast.Call) -> bool:
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    return isinstance(owner, ast.Name) and owner.id in ("math", "np", "numpy")


def half_line(case: Case, of_model: bool) -> Line | None:
    """The line that puts the model, or else data, into a 16-bit type."""
    models = {line.line for line in (case.recording.line(m) for m in _model_places(case)) if line is not None}
    casts: list[tuple[bool, Line]] = []
    for file in case.recording.sources:
        source = SourceFile(case.recording, file)
        names: set[str] = set()
        for node in source.nodes():
            if isinstance(node, ast.Assign) and node.lineno in models:
                names |= {ast.unparse(target) for target in node.targets}
        for node in source.nodes():
            if not isinstance(node, ast.Call):
                continue
            function = node.func
            argument = " ".join(ast.unparse(a) for a in [*node.args, *(k.value for k in node.keywords)])
            cast = isinstance(function, ast.Attribute) and function.attr in ("half", "bfloat16")
            if cast or (any(word in argument for word in _WORDS[1:]) and len(argument) < 60):
                owner = ast.unparse(function.value) if isinstance(function, ast.Attribute) else ""
                spans = any(node.lineno <= line <= (node.end_lineno or node.lineno) for line in models)
                casts.append((owner in names or spans, source.line(node.end_lineno or node.lineno)))
    wanted = [line for is_model, line in casts if is_model == of_model]
    return wanted[0] if wanted else casts[0][1] if casts else None


def _model_places(case: Case) -> list[int | None]:
    from flatline.observe.events import ModelSeen

    return [model.place for model in case.recording.all(ModelSeen)]


def half_in_trail(case: Case, call: CriterionCall) -> Line | None:
    """On the way of the targets from their making to the criterion, the statement that makes them 16-bit."""
    from flatline.record.source import argument_name

    line = case.call_line(call)
    name = call.names[1] if len(call.names) > 1 and call.names[1] else argument_name(case.recording, line, 1)
    trail = made_at(case.recording, line, name)
    return next((step for step in trail if any(word in step.source for word in _WORDS)), None)
