from __future__ import annotations

import ast
import math
import re

from flatline.causes.base import Cause, Decision, Evidence, Experiment, Found, Level, RuledOut, Untested
from flatline.causes.case import PRINTS_AS_ZERO, Case, number
from flatline.causes.judging import contrast, last
from flatline.causes.places import candidates
from flatline.changes import Change
from flatline.fixes.patch import Patch
from flatline.record.matching import Match
from flatline.record.printed import printed_losses
from flatline.record.provenance import made_at
from flatline.record.quoting import quoted
from flatline.record.recording import Line
from flatline.record.source import SourceFile

# Ten times a half unit of the last digit printed: what is as large cannot round to 0, nor can a mean over such numbers.
FAR = 10

# A whole number made of this, by cutting off or by rounding, is 0: of a larger loss it may be hardly less than the loss.
BELOW_HALF = 0.45


class ReportingBug(Cause):
    """The number on the screen is not the loss: the training is sound, the report is not.

    What you see
        A loss of 0, or one far too small, while accuracy improves.

    What is measured
        Every printed loss against the losses that were computed up to that moment: the last, means and sums over every
        usual window, moving averages. When none fits, against the mistakes found in real programs.

    How it is told apart
        The tensor that backward ran on is not 0, and weights move. A tensor that is NaN and printed as 0 is
        ``numeric-overflow`` or ``non-finite-data`` behind a report that hides it.

    Experiment
        Every loss the same number: whatever mean is printed must be that number.

    Fix
        Accumulate loss.item() once a batch, reset once an epoch, divide once by the number of batches.

    References
        https://github.com/Canjie-Luo/MORAN_v2/issues/17
        https://github.com/zsyOAOA/ResShift/pull/25
        https://github.com/kazuto1011/svm-pytorch/issues/4
    """

    name = "reporting-bug"
    row = "Z4"
    title = "the printed loss is not the loss that is optimised"

    def decide(self, case: Case) -> Decision | None:
        if not case.printed or case.curve is None:
            return None
        for found in case.printed:
            if found.agrees is False and found.factor != "non-finite":
                if found.factor == "zero" and case.symptom("empty-epoch") is not None:
                    continue
                return self._differs(case, found)
        for found in case.printed:
            rounded = self._rounded_away(case, found)
            if rounded is not None:
                return rounded
        for found in case.printed:
            vanished = self._far_below(case, found)
            if vanished is not None:
                return vanished
        agreeing = [m for m in case.printed if m.agrees]
        if agreeing:
            return RuledOut(f"the printed loss is {agreeing[0].quantity}")
        if any(m.agrees is False for m in case.printed):
            return None
        return Untested("no computed quantity was found that matches the printed loss")

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        wrong = [m.printed for m in case.printed if m.agrees is False or self._rounded_away(case, m) is not None]
        value = last(case)
        if not isinstance(decision, Found) or not wrong or not math.isfinite(value) or value <= 0:
            return []
        unit = 2 * wrong[0].numbers[-1].resolution
        shows = wrong[0].numbers[-1].value != 0 or any(m.agrees is False for m in case.printed)
        if shows and unit > 0.05 * value:
            # Where few digits are printed: nine tenths of the last one, which rounding shows and cutting off does not.
            value = math.floor(value / unit) * unit + 0.9 * unit
        elif unit < 0.05 * BELOW_HALF:
            value = min(value, BELOW_HALF)
        key = wrong[0].place, wrong[0].label

        def ratio(some: Case) -> float:
            """The last printed number over the loss that every step had."""
            shown = [p for p in printed_losses(some.recording) if (p.place, p.label) == key and p.numbers]
            return shown[0].numbers[-1].value / value if shown else math.nan

        def exact(some: Case) -> float:
            shown = [p for p in printed_losses(some.recording) if (p.place, p.label) == key and p.numbers]
            return (shown[0].numbers[-1].resolution if shown else 0.0) / value

        return [
            Experiment(
                f"what does the program print when every loss is {number(value)}?",
                [Change("loss", {"value": value})],
                contrast(
                    "loss",
                    lambda control: math.isfinite(ratio(control)),
                    lambda control, trial: ratio(trial) < 0.9 - (0 if ratio(trial) == 0 else exact(trial)),
                    f"with every loss {number(value)} any mean of them is that; the program prints something smaller",
                    f"with every loss {number(value)} the program prints that",
                    lambda control, trial: abs(ratio(trial) - 1) < 0.01 + exact(trial) < 0.5,
                    lambda some: f"printed last: {number(ratio(some) * value)}",
                ),
                steps=case.recording.steps,
            )
        ]

    def patches(self, case: Case, found: Found) -> list[Patch]:
        from flatline.fixes.change_operator import true_division, with_dividend, without_divisor
        from flatline.fixes.insert_statement import insert_after
        from flatline.fixes.more_digits import more_digits
        from flatline.fixes.move_statement import before_loop
        from flatline.fixes.rename_call import rename_call
        from flatline.fixes.replace_expression import replace_expression

        line = found.line
        if line is None:
            return []
        source = SourceFile(case.recording, line.file)
        whole = [n.lineno for n in source.nodes() if isinstance(n, ast.BinOp) and isinstance(n.op, ast.FloorDiv)]
        made = candidates("The division keeps its fraction.", true_division, [line, *map(source.line, whole)])
        if "int(" in line.source:
            made += candidates("The number keeps its fraction.", rename_call({"int": "float"}), [line])
        for node in source.nodes():
            text = ast.unparse(node) if isinstance(node, ast.Call) else ""
            if text.startswith("len(") and text.endswith(".dataset)") and "/" in line.source:
                new = text.replace(".dataset)", ")")
                said = "The sum over batches is divided by the number of batches."
                made += candidates(said, replace_expression(text, new), [line])
        kept = [n for n in source.nodes() if isinstance(n, ast.AugAssign) and ".item()" in ast.unparse(n.value)]
        for name in dict.fromkeys(ast.unparse(n.target) for n in kept):
            if "/" in line.source and name not in line.source:
                made += candidates("The sum over the epoch is divided.", with_dividend(name), [line])
        back = case.backward_line
        loops = source.loops_around(back.line) if back is not None and back.file == line.file else []
        over = loops[-1].iter if loops and isinstance(loops[-1], ast.For) else None
        shown = case.recording.line(case.printed[0].printed.place) if case.printed else line
        for name in _printed_names(source, shown) if loops else []:
            begun = [s for s in source.assignments(name) if isinstance(s, ast.Assign) and _is_zero(s.value)]
            inside = [s for s in begun if loops[-1].lineno < s.lineno <= (loops[-1].end_lineno or 0)]
            made += candidates("The sum begins once an epoch.", before_loop, [source.line(s.lineno) for s in inside])
            added = any(ast.unparse(n.target) == name for n in kept)
            if begun and not added and isinstance(over, (ast.Name, ast.Attribute)):
                mean = f"{name} += {_loss_name(case)}.item() / len({ast.unparse(over)})"
                made += candidates("The losses are added up, to their mean.", insert_after(mean), [back])
        if "/" in line.source:
            made += candidates("The mean is not divided again.", without_divisor, [line])
        return made + candidates("A small number is printed with its digits.", more_digits, [line])

    def _differs(self, case: Case, found: Match) -> Found:
        shown = [n.value for n in found.printed.numbers[:5]]
        evidence = [
            Evidence("printed", ", ".join(number(v) for v in shown)),
            Evidence("mean of the computed losses there", ", ".join(number(v) for v in found.true[:5]), "the same"),
            Evidence("what the printed number is", found.quantity),
        ]
        if found.factor == "zero":
            fix = (
                "What is printed must be the mean of loss.item() over the batches, with enough digits. Look for an "
                "accumulator that never receives the loss or is reset inside the loop, and for a divisor that counts "
                "samples or steps twice."
            )
        else:
            fix = f"The printed number is {found.quantity}: sum loss.item() over the batches and divide once by their number."
        count = len([t for t in found.true if math.isfinite(t)])
        return Found(
            Level.LIKELY,
            0.97 if count > 1 else 0.9,
            self._line(case, found),
            evidence,
            fix,
        )

    @staticmethod
    def _far_below(case: Case, found: Match) -> Found | None:
        """Printed as zero at last, where no loss that the program computes is within a factor of ten of the rounding."""
        last = found.printed.numbers[-1]
        if found.agrees is not None or last.value != 0:
            return None
        recording = case.recording
        curves = [*recording.optimised, *recording.criteria, *recording.evaluations]
        ends = [abs(float(c.values[c.ticks < last.tick][-1])) for c in curves if (c.ticks < last.tick).any()]
        if not ends or not all(math.isfinite(v) and v > FAR * last.resolution for v in ends):
            return None
        return Found(
            Level.POSSIBLE,
            0.6,
            recording.line(found.printed.place),
            [
                Evidence("printed", quoted(case.recording, last)),
                Evidence("least of the losses computed before it", number(min(ends)), "near the printed one"),
            ],
            "Follow the printed number back: is it divided more than once, by too much, or another quantity than the loss?",
        )

    def _rounded_away(self, case: Case, found: Match) -> Found | None:
        """Printed as zero with so few digits that a loss four decimals would show is lost."""
        zeros = [
            (n, t)
            for n, t in zip(found.printed.numbers, found.true)
            if n.value == 0 and math.isfinite(t) and abs(t) >= PRINTS_AS_ZERO and n.resolution > PRINTS_AS_ZERO * 1.01
        ]
        if not zeros or found.printed.evaluation or zeros[-1][0] is not found.printed.numbers[-1]:
            return None
        last, true = zeros[-1]
        decimals = max(0, round(-math.log10(2 * last.resolution)))
        return Found(
            Level.LIKELY,
            0.9,
            case.recording.line(found.printed.place),
            [
                Evidence("printed", quoted(case.recording, last)),
                Evidence("the loss there", number(true), "a number that the format can show"),
                Evidence("decimals printed", str(decimals), "4, or %g"),
            ],
            "Print more digits, for example with {loss:.3g}: the loss is small, not zero.",
        )

    @staticmethod
    def _line(case: Case, found: Match) -> Line | None:
        """Where the printed value is divided wrongly, as far as the source tells; else where it is printed."""
        line = case.recording.line(found.printed.place)
        if line is None:
            return line
        zero = found.factor == "zero"
        source = SourceFile(case.recording, line.file)
        written = [
            node
            for node in source.nodes()
            if isinstance(node, ast.Call) and node.lineno <= line.line <= (node.end_lineno or node.lineno)
        ]
        divides = any(isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div) for c in written for n in ast.walk(c))
        if divides and found.factor != "zero":
            return line
        for call in written:
            parts: list[ast.expr] = [*call.args]
            for text in [a for a in call.args if isinstance(a, ast.JoinedStr)]:
                parts += [v.value for v in text.values if isinstance(v, ast.FormattedValue)]
            for part in parts:
                for made in made_at(case.recording, line, ast.unparse(part)):
                    # The division that is one too many; or, for zeros, what cuts the decimals off.
                    wrong = re.search(r"\bint\(|//|round\(", made.source) if zero else re.search(r"/", made.source)
                    if wrong:
                        return made
        return line


def _printed_names(source: SourceFile, line: Line | None) -> list[str]:
    """The plain names that a line prints."""
    if line is None or line.file != source.file:
        return []
    found: list[str] = []
    for node in source.nodes():
        if isinstance(node, ast.Call) and node.lineno <= line.line <= (node.end_lineno or node.lineno):
            found += [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
    called = {ast.unparse(n.func) for n in source.nodes() if isinstance(n, ast.Call)}
    return [name for name in dict.fromkeys(found) if name not in called]


def _loss_name(case: Case) -> str:
    """What backward is called on, as source."""
    line = case.backward_line
    return line.source.partition(".backward")[0].strip() if line is not None else "loss"


def _is_zero(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value == 0
