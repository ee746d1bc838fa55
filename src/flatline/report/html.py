"""The report as one HTML file that needs nothing else: no network, no other file."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from flatline.record.recording import Recording
from flatline.report.code import Block, blocks
from flatline.report.curves import Trial
from flatline.report.facts import Facts, facts
from flatline.report.page import asset, chart_script, embedded, policy, stylesheet, version
from flatline.report.visible import visible
from flatline.report.words import harmless, sentences, standing, titles
from flatline.verdict import CauseItem, Verdict

if TYPE_CHECKING:
    from jinja2 import Environment, Template

MOST_BARS = 20


@dataclass
class CauseView:
    """A cause as the page shows it: ``code`` is its listing, where another cause before has not shown the same file."""

    item: CauseItem
    title: str
    where: str
    file: str
    code: list[Block]
    trial: Trial | None
    # What the number of the cause is: of a log it is no confidence.
    measure: str = "sure"


def write(path: Path, recording: Recording, verdict: Verdict, store: str | Path | None = None) -> None:
    """Writes the report.

    Raises:
        OSError: the file cannot be written.
    """
    path.write_text(render(recording, verdict, store), encoding="utf-8")


def render(recording: Recording, verdict: Verdict, store: str | Path | None = None) -> str:
    """The page. What came from the program stands in it as text: escaped, control characters as escapes."""
    return render_facts(facts(recording, verdict, store), verdict)


def render_facts(given: Facts, verdict: Verdict) -> str:
    """The page from its data."""
    verdict = harmless(verdict)
    given = msgspec.convert(visible(msgspec.to_builtins(given)), Facts)
    sight, follows = sentences(verdict.summary)
    state, tag = standing(verdict)
    scripts, styles = [chart_script(), asset("report.js")], [stylesheet()]
    views = _views(verdict, given)
    return _template().render(
        verdict=verdict,
        facts=given,
        sight=sight,
        follows=follows,
        state=state,
        tag=tag,
        faults=[v for v in views if v.item.level != "possible"],
        possible=[v for v in views if v.item.level == "possible"],
        leftover=_leftover(verdict, given),
        constant_rates=all(len(set(line.values)) == 1 for line in given.rates),
        program=_program(given.run.argv),
        started=time.strftime("%Y-%m-%d %H:%M", time.localtime(given.run.started)) if given.run.started else "",
        bars=given.labels.counts[:MOST_BARS] if given.labels is not None else [],
        data=embedded(_drawn(given)),
        scripts=scripts,
        styles=styles,
        policy=policy(scripts, styles),
        version=version(),
    )


def _views(verdict: Verdict, given: Facts) -> list[CauseView]:
    known = titles()
    trials = {trial.cause: trial for trial in given.trials}
    listings = {listing.file: listing for listing in given.listings}
    views: list[CauseView] = []
    for item in verdict.causes:
        place = item.location
        # A file is shown once, with all its marks.
        listing = listings.pop(place.file, None) if place is not None else None
        title = known.get(item.name, item.name)
        views.append(
            CauseView(
                item,
                title[:1].upper() + title[1:],
                f"{Path(place.file).name}:{place.line}" if place is not None else "",
                listing.shown_as if listing is not None else "",
                blocks(listing) if listing is not None else [],
                trials.get(item.name),
                "of the reports" if verdict.log is not None else "sure",
            )
        )
    return views


@dataclass
class ListingView:
    shown_as: str
    blocks: list[Block]


def _leftover(verdict: Verdict, given: Facts) -> list[ListingView]:
    """Listings that no cause shows: those of what is expected."""
    shown = {item.location.file for item in verdict.causes if item.location is not None}
    return [ListingView(one.shown_as, blocks(one)) for one in given.listings if one.file not in shown]


def _program(argv: list[str]) -> str:
    return Path(argv[0]).name if argv else "a run"


def _drawn(given: Facts) -> bytes:
    """Only what the script draws: the rest is in the page already."""
    drawn: dict[str, Any] = {
        "losses": given.losses,
        "rates": given.rates,
        "epochs": given.epochs,
        "epochs_every": given.epochs_every,
        "marks": given.marks,
        "heat_maps": given.heat_maps,
        "trials": given.trials,
    }
    return msgspec.json.encode(drawn)


@cache
def _template() -> Template:
    return environment().get_template("report.html")


@cache
def environment() -> Environment:
    """Templates are files of ``report/assets``; everything put into them is escaped."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    made = Environment(
        loader=FunctionLoader(asset), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["number"] = number
    made.filters["count"] = lambda n: f"{n:,}".replace(",", "\u2009") if n >= 0 else "–"
    made.filters["shape"] = lambda sizes: "×".join(str(size) for size in sizes) or "one number"
    return made


def number(value: float | None) -> str:
    """A number as a person writes it; a dash where there is none."""
    from flatline.causes.case import number as written

    return "–" if value is None else written(value)
