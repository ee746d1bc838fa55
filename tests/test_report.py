"""The report in the terminal and in a notebook: three verdicts as they are shown, and hostile text shown as text."""

from __future__ import annotations

import html
import io
import re
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from flatline.experiments.proof import CurveItem, ExperimentItem, ProofItem, TrialItem
from flatline.report import words
from flatline.report.notebook import as_html, svg_path
from flatline.report.terminal import as_text, show
from flatline.verdict import (
    CauseItem,
    EvidenceItem,
    ExpectedItem,
    Fix,
    Location,
    Overhead,
    RuledOutItem,
    Run,
    SymptomItem,
    UntestedItem,
    Verdict,
)

HOSTILE = ["[red]text[/red]", "[link=http://example.org]here[/link]", "\x1b[31mred", "<script>alert(1)</script>",
           "\x1b]0;title\x07", "\x9b31m", "a\rb", "a\bb", "[/]", "&lt;", "{markup}", "\u202etfel"]  # fmt: skip


@pytest.fixture(autouse=True)
def _apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The titles do not change here when a cause's does, and no file name is shortened by the working folder."""

    class Known:
        title = "softmax over a single class is always 1"

    monkeypatch.setattr(words, "catalogue", lambda: {"one-class-softmax": Known})
    monkeypatch.chdir(tmp_path)


def fault(text: str = "") -> Verdict:
    """With ``text`` wherever a program's own text can stand."""
    file, source = text or "train.py", text or "loss = criterion(logits, y)"
    return Verdict(
        1, text or "The optimised loss is exactly 0 in 171 of 171 steps. Likely cause: …", False,
        [SymptomItem("zero-loss", 0, 1, 0.0, text or "the optimised loss is exactly 0 in 171 of 171 steps"),
         SymptomItem("reported-differs", 57, None, 0.0, text or "the program prints '0.0000'")],
        [CauseItem("one-class-softmax", "likely", 0.99, Location(file, 22, source),
                   [EvidenceItem(text or "size of the class dimension", text or "input of shape (32, 1)",
                                 text or "at least 2 classes"),
                    EvidenceItem("loss before any update", "0", "")],
                   None, Fix(text or "Give the model two outputs.")),
         CauseItem("no-signal", "possible", 0.5, None, [], None, Fix("Look at the labels.")),
         CauseItem("too-few-steps", "possible", 0.4, None, [], None, Fix("Train longer.")),
         CauseItem("honest-fit", "possible", 0.3, None, [], None, Fix("The third possible one is not shown."))],
        [RuledOutItem("graph-cut", text or "backward reaches all 4 parameters that took part"),
         RuledOutItem("lucky-initialization", "the zero at step 0 does not come from outputs that match their targets")],
        [], [UntestedItem("label-in-input", text or "no rows were kept")], [text or "forward: ValueError: no"],
        Overhead(1.034), Run([file], 0, 171, 3, {"torch": "2.13.0"}),
    )  # fmt: skip


def expected_zero(text: str = "") -> Verdict:
    return Verdict(
        1, "The optimised loss is exactly 0 in 40 of 40 steps. This is expected: one class.", True,
        [SymptomItem("zero-loss", 0, None, 0.0, "the optimised loss is exactly 0 in 40 of 40 steps")], [], [],
        [ExpectedItem("zero-by-design", text or "the value is 0, the gradient is not", Location("train.py", 9, "loss"))],
        [], [], Overhead(1.0), Run(["train.py"], None, 40, 0, {}),
    )  # fmt: skip


def healthy() -> Verdict:
    return Verdict(
        1, "The loss is not zero: it went from 2.3 to 0.1 in 500 steps. No fault was found.", True,
        [], [], [], [], [], [], Overhead(1.0149), Run(["train.py"], 0, 500, 5, {}),
    )  # fmt: skip


@pytest.mark.parametrize("make", [fault, expected_zero, healthy])
def test_snapshot(make: object, snapshot: SnapshotAssertion) -> None:
    assert callable(make)
    assert as_text(make()) == snapshot


@pytest.mark.parametrize("width", [40, 60, 100, 200])
@pytest.mark.parametrize("make", [fault, expected_zero, healthy])
def test_no_line_is_wider_than_the_terminal(make: object, width: int) -> None:
    assert callable(make)
    assert max(len(line) for line in as_text(make(), width).splitlines()) <= width


def test_a_run_without_steps_is_nothing_to_judge() -> None:
    verdict = healthy()
    verdict.run.steps = 0
    assert "flatline: nothing to judge" in as_text(verdict)


def test_a_zero_that_nothing_explains_is_called_unexplained() -> None:
    verdict = fault()
    verdict.causes = []
    text = as_text(verdict)
    assert "flatline: unexplained" in text and "fault found" not in text


def test_what_was_ruled_out_is_a_count_unless_it_is_asked_for_or_nothing_explains_the_loss() -> None:
    verdict = fault()
    assert "Ruled out: 2 causes; by which measurement: flatline report --verbose" in as_text(verdict)
    assert "graph-cut" not in as_text(verdict) and "graph-cut" in as_text(verdict, verbose=True)
    verdict.causes = []
    assert "graph-cut" in as_text(verdict) and "--verbose" not in as_text(verdict)


def test_what_an_experiment_refuted_is_named() -> None:
    verdict = proven()
    assert verdict.proof is not None
    asked = verdict.proof.trials[0].asks
    verdict.ruled_out.append(RuledOutItem("no-signal", f"{asked} The loss stays as it is."))
    text = as_text(verdict)
    assert asked in text and "and 2 causes more; by which measurement" in text and "graph-cut" not in text


def test_only_two_possible_causes_are_shown() -> None:
    text = as_text(fault())
    assert "too-few-steps" in text and "honest-fit" not in text


def test_a_file_below_the_working_folder_is_named_from_there(tmp_path: Path) -> None:
    verdict = fault()
    for file, shown in (
        (tmp_path / "src" / "train.py", "src/train.py:22"),
        (Path("/elsewhere/t.py"), "/elsewhere/t.py:22"),
    ):
        verdict.causes[0].location = Location(str(file), 22, "x")
        assert f"  {shown} " in as_text(verdict)


def test_the_loss_in_one_line(snapshot: SnapshotAssertion) -> None:
    values = np.concatenate([np.linspace(2.3, 0.4, 80), np.full(20, np.nan)])
    assert as_text(fault(), curve=values) == snapshot


@pytest.mark.parametrize("values", [[], [0.5]])
def test_no_curve_of_fewer_than_two_values(values: list[float]) -> None:
    assert as_text(fault(), curve=np.array(values)) == as_text(fault())


@pytest.mark.parametrize("width", [30, 40, 100])
def test_the_curve_fits_the_terminal(width: int) -> None:
    shown = as_text(fault(), width, np.linspace(2.3, 1e-9, 1000))
    assert max(len(line) for line in shown.splitlines()) <= width
    assert ("█" in shown) == (width > 30)


def test_a_terminal_that_knows_ascii_only_gets_no_blocks() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace")
    show(healthy(), Console(file=stream, width=80), np.linspace(2.3, 0.1, 100))
    stream.flush()
    written = stream.buffer.getvalue()  # type: ignore[attr-defined]
    assert b"The loss is not zero" in written and b"loss  2.3" not in written


# in a notebook -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [fault, expected_zero, healthy])
def test_in_a_notebook(make: object, snapshot: SnapshotAssertion) -> None:
    assert callable(make)
    assert as_html(make(), np.linspace(2.3, 0.1, 5)) == snapshot
    assert make()._repr_html_() == as_html(make())


def test_a_curve_of_a_million_steps_stays_small_and_breaks_where_it_is_not_finite() -> None:
    values = np.sin(np.arange(1_000_000) / 1000)
    values[500_000:600_000] = np.nan
    path = svg_path(values)
    assert len(path) < 10_000 and path.count("M") == 2
    assert svg_path(np.full(5, np.nan)) == ""


# hostile text --------------------------------------------------------------------------------------------------


def visible(text: str) -> str:
    """How a text is shown: control characters as escapes, so that they can do nothing."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", lambda m: ascii(m[0])[1:-1], text)


def flat(text: str) -> str:
    return re.sub(r"[│\s]", "", text)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_text(text: str) -> None:
    shown = as_text(fault(text), 400, verbose=True)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
    # Summary, two symptoms, file, source, three of the evidence, fix, ruled out, untested, probe failure.
    assert flat(shown).count(flat(visible(text))) >= 12


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_the_terminal(text: str) -> None:
    """With colours on, the only escape sequences are those of the report's own styles."""
    stream = io.StringIO()
    show(fault(text), Console(file=stream, force_terminal=True, color_system="truecolor", width=100, highlight=False))
    plain = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", plain)
    if text == "\x1b[31mred":
        assert "\x1b[31mred" not in stream.getvalue() and r"\x1b[31mred" in plain
    assert "\x1b]8;" not in stream.getvalue()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_html(text: str) -> None:
    page = as_html(fault(text))
    assert "script" not in set(re.findall(r"<\s*/?\s*([a-zA-Z]+)", page))
    assert "http://example.org" not in "".join(re.findall(r"<[^>]*>", page))
    body = html.unescape(re.sub(r"<[^>]*>", "", page))
    assert flat(body).count(flat(visible(text))) >= 10


def test_hostile_text_in_what_is_expected() -> None:
    for text in HOSTILE:
        assert flat(visible(text)) in flat(as_text(expected_zero(text)))


# experiments ---------------------------------------------------------------------------------------------------


def proven(text: str = "") -> Verdict:
    verdict = fault(text)
    verdict.causes[0].level = "proven"
    verdict.causes[0].experiment = ExperimentItem(
        text or "does the loss still rise at a tenth of the learning rate?",
        [{"name": "learning-rate", "arguments": {"factor": 0.1}}], "confirmed", text or "it does not rise",
        text or "0.7 to 11.8", text or "0.7 to 0.2", CurveItem(list(range(40)), [0.7 * 1.1**n for n in range(40)]),
        CurveItem(list(range(40)), [*(0.7 * 0.98**n for n in range(39)), "nan"]),
        [text or "rising-loss"], [], 20, 4, 4, 4, 0, 4, 0.0143, 12.0,
    )  # fmt: skip
    trials = [TrialItem(text or "is it the data?", [], None, "timed out", text or "after 60 s", 60.0, "overlay")]
    verdict.proof = ProofItem(True, text or "3 runs; proven: one-class-softmax.", 1, 1, 80.0, "", trials)
    return verdict


def test_an_experiment_shows_both_curves(snapshot: SnapshotAssertion) -> None:
    assert as_text(proven()) == snapshot


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_of_an_experiment_is_text(text: str) -> None:
    shown = as_text(proven(text), 400, verbose=True)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
    # As above, and: question, answer, both measurements, symptom, the whole, a trial's question and message.
    assert flat(shown).lower().count(flat(visible(text)).lower()) >= 12 + 7
