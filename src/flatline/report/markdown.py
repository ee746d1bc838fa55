"""The verdict as GitHub-flavoured Markdown, to paste into an issue."""

from __future__ import annotations

import re

from flatline.report.facts import command
from flatline.report.page import version
from flatline.report.words import harmless, standing, titles
from flatline.verdict import CauseItem, Verdict

# Text stands never first in a line, so only what opens something within one needs a backslash (CommonMark 0.31, section
# 2.4; GFM tables and strikethrough; GitHub's $math$). < > & become entities.
_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")
# What GitHub links or draws within text: @name, #1, GH-1, addresses, emoji codes, commit hashes. A space without width
# is put where the link would begin.
_LINKED = re.compile(
    r"(?P<at>@)|(?P<issue>#|\bGH-)(?=\d)|(?P<scheme>:)(?=//)|(?P<www>\bwww)(?=\.)|(?P<emoji>:)(?=[a-z0-9_+-]+:)"
    r"|(?P<hash>\b[0-9a-f]{6})(?=[0-9a-f]{1,34}\b)",
    re.IGNORECASE,
)
INVISIBLE = "&#8203;"
MOST_LINE = 300


def as_markdown(verdict: Verdict) -> str:
    """The verdict for an issue: summary, causes with line, evidence and fix, and what was ruled out, folded.

    Whatever came from the program is shown as text: no markup, link, mention or HTML of it takes effect.
    """
    verdict = harmless(verdict)
    known = titles()
    state, _ = standing(verdict)
    rows = [f"### flatline: {state}", "", f"**{text(verdict.summary)}**", ""]
    rows += [f"- {text(s.name)}: {text(s.text)} (step {s.first_step})" for s in verdict.symptoms]
    for cause in verdict.causes:
        rows += _cause(cause, known.get(cause.name, ""))
    for item in verdict.expected:
        rows += ["", f"**expected** {text(item.name)}: {text(item.evidence)}"]
    if verdict.ruled_out:
        rows += ["", "<details><summary>Ruled out</summary>", "", "| cause | by this measurement |", "|---|---|"]
        rows += [f"| {text(item.name)} | {text(item.evidence)} |" for item in verdict.ruled_out]
        rows += ["", "</details>"]
    run = verdict.run
    versions = [f"{name} {own}" for name, own in run.versions.items()]
    rows += ["", f"{code(command(run.argv))}: {run.steps} steps, {run.epochs or '?'} epochs, seed {run.seed}, "
             f"{text(', '.join([*versions, f'flatline {version()}']))}", ""]  # fmt: skip
    return "\n".join(rows)


def _cause(cause: CauseItem, title: str) -> list[str]:
    rows = ["", f"**{text(cause.level)}** {text(cause.name)}, {cause.confidence:.0%} sure: {text(title)}"]
    if cause.location is not None:
        rows += ["", f"{code(f'{cause.location.file}:{cause.location.line}')}", "", *fenced(cause.location.source)]
    if cause.evidence:
        rows += ["", "| what was looked at | measured | a healthy program |", "|---|---|---|"]
        rows += [f"| {text(i.text)} | {text(i.measured)} | {text(i.expected)} |" for i in cause.evidence]
    if cause.experiment:
        told = [cause.experiment.asks, cause.experiment.outcome, cause.experiment.text]
        rows += ["", "Experiment: " + " – ".join(text(one) for one in told if one)]
    if cause.fix.text:
        rows += ["", f"Fix: {text(cause.fix.text)}"]
    if cause.fix.diff:
        rows += ["", *fenced(cause.fix.diff, "diff")]
    return rows


def text(value: str) -> str:
    r"""Text that Markdown shows as it is, on one line.

    >>> text("a *b* <script> | @you [x](http://y)")
    'a \\*b\\* &lt;script&gt; \\| @&#8203;you \\[x\\](http:&#8203;//y)'
    """
    value = _SPECIAL.sub(r"\\\1", " ".join(value.split()))
    value = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _LINKED.sub(rf"\g<0>{INVISIBLE}", value)


def code(value: str) -> str:
    """A code span, with more backticks around it than are in it.

    >>> code("a`b"), code("")
    ('`` a`b ``', '')
    """
    value = " ".join(value.split())
    if not value:
        return ""
    longest = max((len(run) for run in re.findall(r"`+", value)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {value} {fence}" if longest else f"{fence}{value}{fence}"


def fenced(value: str, language: str = "python") -> list[str]:
    """A code block, with a longer fence around it than any in it."""
    longest = max((len(run) for run in re.findall(r"`+", value)), default=0)
    fence = "`" * max(3, longest + 1)
    lines = [line if len(line) <= MOST_LINE else line[:MOST_LINE] + " …" for line in value.splitlines()]
    return [f"{fence}{language}", *lines, fence]
