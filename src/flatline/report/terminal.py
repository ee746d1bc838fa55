"""The verdict in the terminal, to be read in ten seconds."""

from __future__ import annotations

import io
import os

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from flatline.causes.case import number
from flatline.experiments.proof import CurveItem, ExperimentItem
from flatline.record.recording import Floats
from flatline.report.sparkline import sparkline
from flatline.report.words import harmless, standing, titles
from flatline.verdict import CauseItem, CheckItem, Location, RuledOutItem, Verdict

_STYLES = {"proven": "bold red", "likely": "bold red", "possible": "yellow"}
_OUTCOMES = {
    "passed": ("passed", "green"),
    "failed": ("failed", "bold red"),
    "expected": ("expected", "green"),
    "undone": ("not done", "dim"),
}
MOST_POSSIBLE = 2
_ENDED = {
    "crashed": "crashed",
    "killed": "was killed",
    "timed out": "took too long",
    "out of memory": "used too much memory",
    "refused": "was not run",
    "stopped": "was stopped",
}


def show(
    verdict: Verdict,
    console: Console | None = None,
    curve: Floats | None = None,
    verbose: bool = False,
    more: str = "flatline report --verbose",
) -> None:
    """Prints a verdict: symptom, cause, line, evidence, fix, what was ruled out; and the loss, when it is given.

    ``verbose`` names everything that was ruled out with its measurement; without it ``more`` says where that stands.
    """
    console = console or Console(stderr=True, highlight=False)
    verdict = harmless(verdict)
    known = titles()
    parts = head(verdict, console, curve)
    shown = verdict.faults + [c for c in verdict.causes if c.level == "possible"][:MOST_POSSIBLE]
    for cause in shown:
        parts += _cause(cause, known)
    for item in verdict.expected:
        parts += [Text(""), labelled("expected", f"{item.name}: {item.evidence}", "green")]
    if verdict.checks:
        parts += _checks(verdict.checks)
    if verdict.ruled_out:
        parts += [Text(""), *_excluded(verdict, verbose, more)]
    for untested in verdict.untested:
        parts.append(labelled("untested", f"{untested.name}: {untested.reason}", "dim"))
    if verdict.proof is not None:
        parts += [Text(""), labelled("experiments", verdict.proof.text)]
        for trial in verdict.proof.trials:
            if trial.status != "finished":
                parts.append(
                    labelled("trial", f"{_sentence(trial.asks)} It {_ENDED[trial.status]}: {trial.message}", "yellow")
                )
    for failure in verdict.probe_failures:
        parts.append(labelled("probe failed", failure, "yellow"))
    title, tag = standing(verdict)
    style = "red" if not verdict.healthy else "green" if tag == "healthy" else "yellow"
    if verdict.healthy and verdict.checks:
        failed = any(check.outcome == "failed" for check in verdict.checks)
        title, style = ("a check failed", "yellow") if failed else ("nothing found before training", "green")
    footer = f"{verdict.run.steps} steps · {verdict.run.epochs or '?'} epochs · overhead ×{verdict.overhead.ratio:.2f}"
    if verdict.checks:
        footer = "before the first update"
    console.print(
        Panel(
            Group(*parts),
            title=f"flatline: {title}",
            title_align="left",
            subtitle=footer,
            subtitle_align="right",
            border_style=style,
            padding=(0, 1),
        )
    )


def head(verdict: Verdict, console: Console, curve: Floats | None) -> list[RenderableType]:
    """What every report begins with: the summary, the loss in small when it is given and can be drawn, the signs."""
    parts: list[RenderableType] = [Text(verdict.summary, style="bold")]
    if curve is not None and len(curve) > 1 and not console.options.ascii_only:
        parts.append(curve_line(curve, console.width))
    for symptom in verdict.symptoms:
        epoch = f", epoch {symptom.epoch}" if symptom.epoch else ""
        parts.append(labelled("sign", f"{symptom.name}: {symptom.text} (step {symptom.first_step}{epoch})"))
    return parts


def _excluded(verdict: Verdict, verbose: bool, more: str) -> list[RenderableType]:
    """What was ruled out. Where a fault was found, or none is there, it is a count: what an experiment refuted is told."""
    items = verdict.ruled_out
    if not verbose and (verdict.healthy or verdict.faults):
        asked = tuple(trial.asks for trial in verdict.proof.trials if trial.asks) if verdict.proof is not None else ()
        items = [item for item in items if item.evidence.startswith(asked)]
    rest = len(verdict.ruled_out) - len(items)
    parts: list[RenderableType] = [Text("Ruled out", style="bold"), ruled_out(items)] if items else []
    if rest:
        causes = "1 cause" if rest == 1 else f"{rest} causes"
        told = f"and {causes} more" if items else f"Ruled out: {causes}"
        parts.append(Text.assemble((told, "" if items else "bold"), (f"; by which measurement: {more}", "dim")))
    return parts


def ruled_out(items: list[RuledOutItem], indent: str = "") -> Table:
    """What was ruled out, each with the measurement that did it."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(style="dim", overflow="fold")
    for ruled in items:
        table.add_row(Text(f"{indent}{ruled.name}"), Text(ruled.evidence))
    return table


def curve_line(values: Floats, width: int) -> Text:
    """The loss in one line, between its first and its last value."""
    first, last = number(float(values[0])), number(float(values[-1]))
    room = min(40, width - len(first) - len(last) - len("  loss    ") - 8)
    drawn = sparkline(values, room) if room >= 5 else "…"
    return Text.assemble("  ", ("loss  ", "bold"), f"{first} ", (drawn, "cyan"), f" {last}")


def _cause(cause: CauseItem, titles: dict[str, str]) -> list[RenderableType]:
    style = _STYLES.get(cause.level, "")
    head = Text.assemble(
        (cause.level, style),
        " ",
        (cause.name, "bold"),
        f"  {titles.get(cause.name, '')}  ",
        (f"{cause.confidence:.0%} sure", "dim"),
    )
    parts: list[RenderableType] = [Text(""), head]
    if cause.location is not None:
        parts.append(_source(cause.location))
    if cause.evidence:
        table = Table.grid(padding=(0, 2))
        table.add_column(overflow="fold")
        table.add_column(style="cyan", overflow="fold")
        table.add_column(style="dim", overflow="fold")
        for item in cause.evidence:
            expected = Text(f"expected {item.expected}") if item.expected else Text("")
            table.add_row(Text(f"  {item.text}"), Text(item.measured), expected)
        parts.append(table)
    if cause.experiment is not None:
        parts += _experiment(cause.experiment)
    parts.append(labelled("fix", cause.fix.text, "green"))
    return parts


def _experiment(item: ExperimentItem) -> list[RenderableType]:
    """What was asked, what came of it, and the two curves below each other."""
    style = {"confirmed": "red", "refuted": "green"}.get(item.outcome, "yellow")
    parts: list[RenderableType] = [
        labelled("experiment", f"{_sentence(item.asks)} {_sentence(item.outcome)}: {item.text}", style)
    ]
    curves = [_values(curve) for curve in (item.control, item.trial)]
    table = Table.grid(padding=(0, 2))
    for label, values, beside, measured, symptoms in zip(
        ("control", "trial"),
        curves,
        reversed(curves),
        (item.control_measured, item.trial_measured),
        (item.symptoms_in_control, item.symptoms_in_trial),
    ):
        if len(values):
            drawn = sparkline(values, 32, beside)
            ends = measured or f"{values[0]:.4g} to {values[-1]:.4g}"
            seen = ", ".join(symptoms) or "no symptom"
            table.add_row(Text(f"    {label}", style="dim"), Text(drawn, style="cyan"), Text(ends), Text(seen, "dim"))
    parts.append(table)
    if item.trial_runs > 1:
        chance = f", p = {item.p_value:.2g}" if item.p_value is not None else ""
        shown = f"symptom in {item.control_shown} of {item.control_runs} runs without the change, "
        parts.append(Text(f"    {shown}in {item.trial_shown} of {item.trial_runs} with it{chance}", style="dim"))
    if item.over_seeds:
        parts.append(Text(f"    {item.over_seeds}", style="dim"))
    return parts


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _values(curve: CurveItem | None) -> Floats:
    return np.array([float(value) for value in curve.values] if curve is not None else [])


def _checks(checks: list[CheckItem]) -> list[RenderableType]:
    """The checks before training: those that failed first in colour, and why others could not be done."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for item in checks:
        word, style = _OUTCOMES.get(item.outcome, (item.outcome, ""))
        plain = "dim" if item.outcome in ("passed", "undone") else ""
        table.add_row(Text(word, style=style), Text(item.name, style=plain), Text(item.text, style=plain))
    return [Text(""), Text("Checks", style="bold"), table]


def _source(location: Location) -> RenderableType:
    name = os.path.relpath(location.file) if os.path.isabs(location.file) else location.file
    name = location.file if name.startswith("..") else name
    return Text.assemble("  ", (f"{name}:{location.line}", "bold"), "   ", (location.source, "on grey15"))


def labelled(label: str, text: str, style: str = "") -> Text:
    return Text.assemble("  ", (f"{label}  ", f"bold {style}".strip()), (text, style if style == "dim" else ""))


def as_text(verdict: Verdict, width: int = 100, curve: Floats | None = None, verbose: bool = False) -> str:
    """The terminal report as plain text of a given width."""
    console = Console(width=width, no_color=True, highlight=False, record=True, file=io.StringIO())
    show(verdict, console, curve, verbose)
    return console.export_text()
