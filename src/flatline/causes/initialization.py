"""Where in the source the weights get their first values: shared by the causes that blame them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flatline.causes.case import Case
from flatline.observe.events import ModelSeen
from flatline.record.recording import Line
from flatline.record.source import SourceFile

_CONSTANT = ("constant_", "ones_", "zeros_", "fill_", "zero_", "copy_")
_RANDOM = ("normal_", "uniform_", "trunc_normal_", "orthogonal_", "eye_")
_MAKERS_CONSTANT = ("zeros", "ones", "full", "zeros_like", "ones_like", "full_like", "empty", "tensor")
_MAKERS_RANDOM = ("randn", "rand", "normal", "randn_like", "rand_like", "eye", "empty")


def constant_weight_line(case: Case) -> Line | None:
    """The line that writes one value into a whole weight: an initialiser, or the tensor's own making."""
    found = _initialisers(case, _CONSTANT, bias=False) or _made(case, _MAKERS_CONSTANT)
    return found[0] if found else None


def random_weight_line(case: Case, name: str = "") -> Line | None:
    """The line that draws a weight; when ``name`` is an attribute or a variable that is given one, that line."""
    named = name.rsplit(".", 1)[-1]
    if named:
        for source in _sources(case):
            for wanted in (named, f"self.{named}"):
                made = [s for s in source.assignments(wanted) if _calls(s, (*_MAKERS_RANDOM, *_MAKERS_CONSTANT))]
                if made:
                    return source.line(made[0].lineno)
    found = _initialisers(case, _RANDOM, bias=False) or _made(case, _MAKERS_RANDOM)
    return found[0] if found else None


def bias_line(case: Case) -> Line | None:
    """The line that writes a constant other than 0 into biases."""
    for source in _sources(case):
        for name in ("constant_", "fill_"):
            for call in source.calls_of(name):
                if "bias" in ast.unparse(call):
                    return source.line(call.lineno)
    return None


def parts_line(case: Case, *kinds: str) -> Line | None:
    """The line that built most of the modules of these kinds."""
    counted: dict[int, int] = {}
    for model in case.recording.all(ModelSeen):
        for _, kind, place in model.parts:
            if kind in kinds and place is not None:
                counted[place] = counted.get(place, 0) + 1
    if not counted:
        return None
    return case.recording.line(max(counted, key=lambda place: counted[place]))


def _sources(case: Case) -> Iterator[SourceFile]:
    for file in case.recording.sources:
        yield SourceFile(case.recording, file)


def _initialisers(case: Case, names: tuple[str, ...], bias: bool) -> list[Line]:
    """Calls such as ``nn.init.normal_(layer.weight)`` or ``p.fill_(0.1)`` on something that is not called a bias."""
    found: list[tuple[int, Line]] = []
    for source in _sources(case):
        for name in names:
            for call in source.calls_of(name):
                target = call.args[0] if call.args and "init" in ast.unparse(call.func) else None
                text = ast.unparse(target) if target is not None else ast.unparse(call.func)
                if not bias and ("bias" in text or "grad" in text):
                    continue
                # A weight that is named as one comes before what may be anything.
                found.append((0 if "weight" in text else 1 if target is not None else 2, source.line(call.lineno)))
    return [line for _, line in sorted(found, key=lambda pair: pair[0])]


def _made(case: Case, makers: tuple[str, ...]) -> list[Line]:
    """``W = torch.randn(…, requires_grad=True)``, ``.requires_grad_()``, or ``nn.Parameter(torch.zeros(…))``."""
    found: list[tuple[int, int, Line]] = []
    for source in _sources(case):
        for node in source.nodes():
            if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
                continue
            text = ast.unparse(node.value)
            calls = _calls(node, makers)
            if calls and ("requires_grad" in text or "Parameter(" in text):
                sizes = max(len(c.args) if not _tuple(c) else _tuple(c) for c in calls)
                # A matrix before a vector: a vector is a bias as a rule.
                found.append((-min(sizes, 2), node.lineno, source.line(node.lineno)))
    return [line for _, _, line in sorted(found, key=lambda item: item[:2])]


def _tuple(call: ast.Call) -> int:
    first = call.args[0] if call.args else None
    return len(first.elts) if isinstance(first, (ast.Tuple, ast.List)) else 0


def _calls(node: ast.AST, names: tuple[str, ...]) -> list[ast.Call]:
    return [
        part
        for part in ast.walk(node)
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr in names
    ]
