"""Inputs and targets that come to the loss in two orders: the part of inputs-unrelated that loaders and source tell."""

from __future__ import annotations

import ast
from collections import Counter

from flatline.causes.base import Decision, Evidence, Found, Level
from flatline.causes.case import Case
from flatline.causes.inputs import input_lines
from flatline.causes.reordered import torn_apart
from flatline.observe.events import EpochStarted, LoaderSeen
from flatline.record.provenance import made_at
from flatline.record.recording import Line
from flatline.record.source import SourceFile, argument_name

_SHUFFLES = ("permutation", "randperm", "shuffle", "sample", "shuffled", "randint")


def two_loaders(case: Case, evidence: list[Evidence]) -> Decision | None:
    """Two loaders of equally many samples, each shuffled, started together."""
    recording = case.recording
    shuffled = {x.number: x for x in recording.all(LoaderSeen) if x.shuffle and x.samples > 1}
    started = Counter((s.step, s.loader) for s in recording.all(EpochStarted) if s.loader in shuffled)
    together: dict[int, list[int]] = {}
    for step, loader in started:
        together.setdefault(step, []).append(loader)
    for loaders in together.values():
        sizes = {shuffled[x].samples for x in loaders}
        if len(loaders) == 2 and len(sizes) == 1:
            lines = [recording.line(shuffled[x].place) for x in sorted(loaders)]
            return Found(
                Level.LIKELY,
                0.95,
                lines[-1],
                [
                    *evidence,
                    Evidence(
                        "loaders read side by side",
                        f"2 of {sizes.pop()} samples, each with its own random order",
                        "one order for both",
                    ),
                ],
                "Put inputs and targets into one data set, so that one order draws both; or do not shuffle.",
                related=[line for line in lines[:-1] if line is not None],
            )
    return None


def two_draws(case: Case, evidence: list[Evidence]) -> Decision | None:
    """The way of the inputs and the way of the targets each draw a random order of their own."""
    main = case.main_call
    line = case.criterion_line
    if main is None or line is None:
        return None
    inputs = draws(case, input_lines(case))
    name = target_argument(case)
    targets = draws(case, made_at(case.recording, line, name)) if name else []
    own = [d for d in inputs if d not in targets]
    other = [d for d in targets if d not in inputs]
    if not own or not other:
        return None
    return Found(
        Level.LIKELY,
        0.95,
        other[-1],
        [
            *evidence,
            Evidence(
                "random orders drawn on the way to the loss",
                f"one for the inputs (line {own[-1].line}), another for the targets (line {other[-1].line})",
                "one for both",
            ),
        ],
        "Draw one order, and index inputs and targets with it.",
        related=[own[-1]],
    )


def one_sorted(case: Case, evidence: list[Evidence]) -> Decision | None:
    """One way goes through a collection in its own order, the other through the same one sorted."""
    line = case.criterion_line
    name = target_argument(case)
    if line is None or not name:
        return None
    ways = (input_lines(case), made_at(case.recording, line, name))
    plain, ordered = ([walked(case, way, orders) for way in ways] for orders in (False, True))
    for here, there in ((0, 1), (1, 0)):
        same = set(plain[here]) & set(ordered[there]) - set(ordered[here])
        if same:
            names = min(same)
            return Found(
                Level.LIKELY,
                0.95,
                ordered[there][names],
                [
                    *evidence,
                    Evidence(
                        "orders in which one collection is read",
                        f"{names} as it is (line {plain[here][names].line}), and sorted "
                        f"(line {ordered[there][names].line})",
                        "one order for both",
                    ),
                ],
                "Read inputs and targets in one loop over the same names.",
                related=[plain[here][names]],
            )
    return None


def one_reordered(case: Case, evidence: list[Evidence]) -> Decision | None:
    """One of the two was put into another order after it had stood beside the other."""
    name = target_argument(case)
    ways = input_lines(case), made_at(case.recording, case.criterion_line, name) if name else []
    torn = torn_apart(case, *ways) or torn_apart(case, *ways[::-1])
    if torn is None:
        return None
    order, beside = torn
    moved, kept = ("inputs", "targets") if order in ways[0] else ("targets", "inputs")
    return Found(
        Level.LIKELY,
        0.95,
        order,
        [
            *evidence,
            Evidence(
                f"order of the {moved} and of the {kept}",
                f"the {moved} are put into another order (line {order.line}), the {kept} keep the one of line "
                f"{beside.line}",
                "one order for both",
            ),
        ],
        "Keep the order in a variable, and index inputs and targets with it.",
        related=[beside],
    )


def target_argument(case: Case) -> str | None:
    """The source of the target in the criterion's call."""
    main = case.main_call
    if main is not None and len(main.names) > 1 and main.names[1]:
        return main.names[1]
    return argument_name(case.recording, case.criterion_line, 1)


def walked(case: Case, lines: list[Line], ordered: bool) -> dict[str, Line]:
    """The collections that lines go through in a loop or comprehension: as they are, or in ``sorted`` order."""
    found: dict[str, Line] = {}
    for line in lines:
        for node in SourceFile(case.recording, line.file).nodes():
            if not isinstance(node, (ast.comprehension, ast.For)):
                continue
            through = node.iter
            if through.lineno != line.line:
                continue
            is_sorted = isinstance(through, ast.Call) and ast.unparse(through.func) == "sorted" and bool(through.args)
            if is_sorted == ordered:
                inner = through.args[0] if isinstance(through, ast.Call) and is_sorted else through
                found.setdefault(ast.unparse(inner), line)
    return found


def draws(case: Case, lines: list[Line]) -> list[Line]:
    """The lines that draw a random order, among those given and those behind an index on them."""
    found: list[Line] = []
    for line in lines:
        source = SourceFile(case.recording, line.file)
        for node in source.nodes():
            if getattr(node, "lineno", 0) != line.line:
                continue
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Call) and _shuffles(node.slice):
                found.append(line)
            elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name):
                for behind in made_at(case.recording, line, node.slice.id):
                    found += [behind] if any(f"{name}(" in behind.source for name in _SHUFFLES) else []
            elif (
                isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Call)
                and _shuffles(node.value)
                and node.value.args
                and not isinstance(node.value.args[0], ast.Constant)
            ):
                found.append(line)
    return list({(d.file, d.line): d for d in found}.values())


def _shuffles(call: ast.Call) -> bool:
    return ast.unparse(call.func).rpartition(".")[2] in _SHUFFLES
