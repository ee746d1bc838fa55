"""The verdict: its file against the schema that is published, its ranking, and what it calls healthy."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import jsonschema  # type: ignore[import-untyped]
import msgspec
import numpy as np
import pytest

from flatline.causes.base import Cause, Decision, Evidence, Expected, Found, Level, RuledOut, Untested, catalogue
from flatline.causes.case import Case
from flatline.experiments.proof import CurveItem, ExperimentItem, Proof, ProofItem, TrialItem, keep, kept
from flatline.observe import events as e
from flatline.record.reader import read
from flatline.record.recording import Line, Recording
from flatline.record.store import StoreError
from flatline.report.terminal import as_text
from flatline.report.words import standing
from flatline.verdict import SCHEMA, Verdict, diagnose, from_json
from flatline.verdict import diagnosis as subject
from recordings import Tape

SCHEMA_FILE = Path(__file__).parent.parent / "docs" / "verdict.schema.json"
LINE = Line("/home/me/train.py", 7, "loss = criterion(logits, y)")
Decide = Callable[[Case], "Decision | list[Decision] | None"]


def cause(decide: Decide, title: str = "the title") -> Cause:
    class Made(Cause):
        name: ClassVar[str] = "made"
        row: ClassVar[str] = "T1"

        def decide(self, case: Case) -> Decision | list[Decision] | None:
            return decide(case)

    Made.title = title
    return Made()


def found(level: Level = Level.LIKELY, confidence: float = 0.9, line: Line | None = LINE) -> Found:
    return Found(level, confidence, line, [Evidence("what", "3", "2")], "Do this.")


def judge(
    monkeypatch: pytest.MonkeyPatch, recording: Recording, **decisions: Decision | list[Decision] | None
) -> Verdict:
    """The verdict when these are all the causes there are."""
    known = {
        name: cause(partial(lambda given, case: given, decision), f"title of {name}")
        for name, decision in decisions.items()
    }
    monkeypatch.setattr(subject, "catalogue", lambda: known)
    return diagnose(recording)


def zeros() -> Recording:
    tape = Tape()
    tape.train([0.0] * 5)
    return tape.recording()


def falling() -> Recording:
    tape = Tape()
    tape.train([1.0, 0.8, 0.7, 0.6])
    return tape.recording()


def not_finite() -> Recording:
    tape = Tape()
    tape.train([1.0, math.nan, math.inf])
    return tape.recording()


def everything(monkeypatch: pytest.MonkeyPatch) -> Verdict:
    tape = Tape()
    tape.epoch([1.0, math.nan])
    tape.epoch([math.inf, -math.inf])
    tape.add(e.ProbeFailed("forward", "ValueError: no"), e.Cost(1.0, 21.0), e.RunEnded(tape.now(), 4, None, None, None))
    return judge(
        monkeypatch, tape.recording(),
        first=found(), second=found(Level.POSSIBLE, 0.5, None), third=RuledOut("it is 3"),
        fourth=Expected("harmless", LINE), fifth=Untested("too few rows"), sixth=None,
        seventh=[Expected("harmless, too"), RuledOut("elsewhere it is 4")],
    )  # fmt: skip


def schema() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return content


def check(verdict: Verdict) -> dict[str, Any]:
    """The verdict's JSON, valid by the published schema and by the JSON standard, which has no NaN."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    content: dict[str, Any] = json.loads(verdict.to_json(), parse_constant=refuse)
    jsonschema.validate(content, schema())
    return content


# the file ------------------------------------------------------------------------------------------------------


def test_the_published_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert schema()["properties"]["schema"]["const"] == SCHEMA


def test_the_schema_names_exactly_the_fields_that_are_promised() -> None:
    """The fields of the design; ``text``, ``location`` of what is expected and ``related`` were added to them."""
    promised = {
        "": {"schema", "summary", "healthy", "symptoms", "causes", "ruled_out", "expected", "untested",
             "probe_failures", "overhead", "run", "checks", "proof", "log"},
        "experiment": {"asks", "changes", "outcome", "text", "control_measured", "trial_measured", "control", "trial",
                       "symptoms_in_control", "symptoms_in_trial", "steps", "seeds", "control_shown", "control_runs",
                       "trial_shown", "trial_runs", "p_value", "seconds", "held", "pairs", "over_seeds"},
        "curve": {"steps", "values"},
        "trial": {"asks", "changes", "steps", "status", "message", "seconds", "isolation"},
        "proof": {"reproduced", "text", "control_shown", "control_runs", "seconds", "stopped", "trials"},
        "symptom": {"name", "first_step", "epoch", "value", "text"},
        "log": {"path", "format", "series", "facts", "notes", "next", "why"},
        "logged": {"name", "what", "entries", "first", "last"},
        "cause": {"name", "level", "confidence", "location", "evidence", "experiment", "fix", "related"},
        "location": {"file", "line", "source"},
        "ruled_out": {"name", "evidence"},
        "expected": {"name", "evidence", "location"},
        "untested": {"name", "reason"},
    }  # fmt: skip
    published = schema()
    for name, fields in promised.items():
        part = published["$defs"][name] if name else published
        assert set(part["properties"]) == set(part["required"]) == fields
        assert part["additionalProperties"] is False


def test_a_full_verdict_is_valid_and_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    content = check(everything(monkeypatch))
    assert [c["name"] for c in content["causes"]] == ["first", "second"]
    assert content["causes"][0] == {
        "name": "first", "level": "likely", "confidence": 0.9,
        "location": {"file": LINE.file, "line": 7, "source": LINE.source},
        "evidence": [{"text": "what", "measured": "3", "expected": "2"}],
        "experiment": None, "fix": {"text": "Do this.", "diff": None}, "related": [],
    }  # fmt: skip
    assert content["causes"][1]["location"] is None
    assert [r["name"] for r in content["ruled_out"]] == ["third", "seventh"]
    assert [(x["name"], x["location"] is None) for x in content["expected"]] == [("fourth", False), ("seventh", True)]
    assert content["untested"] == [{"name": "fifth", "reason": "too few rows"}]
    assert content["probe_failures"] == ["forward: ValueError: no"]
    assert content["overhead"] == {"ratio": 1.05, "seconds": 1.0, "budget": 0.0}
    assert (content["run"]["steps"], content["run"]["epochs"], content["run"]["seed"]) == (4, 2, None)


def test_an_empty_recording_has_a_valid_verdict() -> None:
    content = check(diagnose(Recording([])))
    assert content["healthy"] is True and content["symptoms"] == []
    assert content["summary"] == "No training was seen: backward never ran."


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_lacks_are_strings(monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    tape = Tape()
    tape.train([1.0, value])
    content = check(judge(monkeypatch, tape.recording()))
    assert content["symptoms"][0]["value"] == str(value)
    assert subject.json_number(0.5) == 0.5


@pytest.mark.parametrize(
    ("given", "written"), [(1.5, 1.0), (-0.5, 0.0), (math.nan, 0.0), (math.inf, 1.0), (0.123456, 0.1235)]
)
def test_confidence_is_a_number_between_0_and_1(monkeypatch: pytest.MonkeyPatch, given: float, written: float) -> None:
    content = check(judge(monkeypatch, zeros(), one=found(confidence=given)))
    assert content["causes"][0]["confidence"] == written


def test_round_trip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = everything(monkeypatch)
    assert from_json(made.to_json()) == made
    made.write(tmp_path / "verdict.json")
    written = (tmp_path / "verdict.json").read_bytes()
    assert from_json(written) == made and written.endswith(b"}\n")


@pytest.mark.parametrize("data", [b"{}", b"[]", b'{"schema": 1}', b"no"])
def test_what_is_no_verdict_is_refused(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        from_json(data)


# experiments ---------------------------------------------------------------------------------------------------


def experiment(outcome: str, **more: Any) -> ExperimentItem:
    change = {"name": "learning-rate", "arguments": {"factor": 0.1}}
    curve = CurveItem([0, 1], [0.5, "nan"])
    return ExperimentItem(
        "does it rise?", [change], outcome, "it does not", "11.8", "0.7", curve, curve, ["zero-loss"], [], 20, **more
    )


def proven(**experiments: ExperimentItem) -> Proof:
    trial = TrialItem("does it rise?", [], None, "timed out", "it was still running after 60 s", 60.0, "overlay")
    return Proof(ProofItem(True, "2 runs", 1, 1, 3.5, "", [trial]), experiments)


def judged(monkeypatch: pytest.MonkeyPatch, proof: Proof, **decisions: Decision | list[Decision] | None) -> Verdict:
    judge(monkeypatch, zeros(), **decisions)
    verdict = diagnose(zeros(), proof)
    check(verdict)
    return verdict


def test_a_confirmed_cause_is_proven_and_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it was before; it carries its experiment."""
    before = {"sure": found(confidence=0.99), "fits": found(Level.POSSIBLE, 0.3)}
    proof = proven(fits=experiment("confirmed", p_value=0.004), sure=experiment("undecided"))
    verdict = judged(monkeypatch, proof, **before)
    assert [(c.name, c.level) for c in verdict.causes] == [("fits", "proven"), ("sure", "likely")]
    assert verdict.causes[0].experiment is not None and verdict.causes[0].experiment.p_value == 0.004
    assert verdict.causes[0].confidence == 0.95 and not verdict.healthy
    assert "Proven cause: title of fits" in verdict.summary
    assert verdict.proof == proof.whole and from_json(verdict.to_json()) == verdict


def test_a_refuted_cause_is_ruled_out_by_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = judged(monkeypatch, proven(a=experiment("refuted")), a=[found(), found(Level.POSSIBLE)], b=found())
    assert [c.name for c in verdict.causes] == ["b"]
    assert [(r.name, r.evidence) for r in verdict.ruled_out] == [("a", "does it rise? it does not")]


def test_an_undecided_experiment_leaves_the_level(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = judged(monkeypatch, proven(a=experiment("undecided")), a=found(confidence=0.7))
    assert (verdict.causes[0].level, verdict.causes[0].confidence) == ("likely", 0.7)
    assert verdict.causes[0].experiment is not None


def test_a_cause_that_could_not_be_measured_can_be_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = judged(monkeypatch, proven(a=experiment("confirmed")), a=Untested("no rows"), b=Untested("no rows"))
    assert [(c.name, c.level) for c in verdict.causes] == [("a", "proven")]
    assert [u.name for u in verdict.untested] == ["b"]
    refuted = judged(monkeypatch, proven(a=experiment("refuted")), a=Untested("no rows"))
    assert [r.name for r in refuted.ruled_out] == ["a"] and refuted.untested == []


def test_a_proof_is_kept_with_the_run(tmp_path: Path) -> None:
    store = tmp_path / "run.sqlite"
    tape = Tape()
    tape.train([0.0] * 5)
    store.write_bytes(tape.store())
    assert kept(store) is None and kept(tmp_path / "none.sqlite") is None
    proof = proven(a=experiment("refuted"), c=experiment("undecided"))
    assert keep(store, proof) == proof == kept(store)
    # A later proof that decides less takes nothing away, and one that decides the same again is believed.
    later = keep(store, proven(a=experiment("undecided"), b=experiment("confirmed")))
    assert later == kept(store)
    assert {name: item.outcome for name, item in later.experiments.items()} == {"a": "refuted", "b": "confirmed"}
    assert later.whole.text == "2 runs By an earlier proof of this run, refuted: a."
    last = keep(store, proven(a=experiment("confirmed"), b=experiment("confirmed")))
    assert last.experiments["a"].outcome == "confirmed" and last.whole == proof.whole
    assert read(store).steps == tape.recording().steps
    with pytest.raises(StoreError, match="cannot be kept"):
        keep(tmp_path / "no" / "run.sqlite", proof)


def test_every_cause_that_can_be_proven_unmeasured_says_what_to_do() -> None:
    assert [name for name, known in catalogue().items() if not known.remedy()] == []


# healthy -------------------------------------------------------------------------------------------------------


def test_an_exception_that_ended_the_program_is_named_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    tape = Tape()
    tape.train([1.0, 0.8, 0.7, 0.6])
    tape.add(e.RunEnded(tape.now(), 4, "IndexError", "out of range", tape.place(1)))
    made = judge(monkeypatch, tape.recording(), one=None)
    check(made)
    assert made.run.ended is not None and made.run.ended.startswith("IndexError (") and made.run.ended.endswith(":1)")
    assert made.summary.endswith(f"in 4 steps. No fault was found. The program ended with {made.run.ended}.")
    assert "flatline: no fault seen" in as_text(made) and standing(made)[0] == "no fault seen"
    untrained = Tape()
    untrained.add(e.RunEnded(untrained.now(), 0, "IndexError", None, None))
    summary = diagnose(untrained.recording()).summary
    assert summary == "No training was seen: backward never ran. The program ended with IndexError."


@pytest.mark.parametrize(
    ("recording", "decision", "healthy"),
    [
        (falling, None, True),
        (falling, found(Level.POSSIBLE), True),
        (falling, found(Level.LIKELY), False),
        (falling, found(Level.PROVEN), False),
        (zeros, None, False),
        (zeros, RuledOut("it is 3"), False),
        (zeros, found(Level.POSSIBLE), False),
        (zeros, Expected("one class"), True),
        (zeros, [Expected("one class"), found()], False),
        (not_finite, None, False),
    ],
)
def test_healthy(
    monkeypatch: pytest.MonkeyPatch, recording: Callable[[], Recording], decision: Decision | None, healthy: bool
) -> None:
    assert judge(monkeypatch, recording(), one=decision).healthy is healthy


def test_numpy_says_nothing_of_what_is_not_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "find_all", lambda recording, failures: np.diff([np.inf, np.inf]).tolist() * 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        diagnose(zeros())


def test_ranking_is_by_level_then_by_confidence(monkeypatch: pytest.MonkeyPatch) -> None:
    made = judge(
        monkeypatch, zeros(),
        a=found(Level.POSSIBLE, 0.99), b=found(Level.LIKELY, 0.6), c=found(Level.LIKELY, 0.9),
        d=found(Level.PROVEN, 0.5),
    )  # fmt: skip
    assert [c.name for c in made.causes] == ["d", "c", "b", "a"]
    assert [c.name for c in made.faults] == ["d", "c", "b"]


def test_one_broken_decision_does_not_cost_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(case: Case) -> None:
        raise RuntimeError("oh")

    known = {"broken": cause(broken), "fine": cause(lambda case: found())}
    monkeypatch.setattr(subject, "catalogue", lambda: known)
    made = diagnose(zeros())
    assert [c.name for c in made.causes] == ["fine"]
    assert made.probe_failures == ["cause broken: RuntimeError: oh"]
    assert [u.name for u in made.untested] == ["broken"]


# the summary ---------------------------------------------------------------------------------------------------


def test_an_unexplained_zero_names_the_number_of_causes(monkeypatch: pytest.MonkeyPatch) -> None:
    made = judge(monkeypatch, zeros(), one=RuledOut("3"), two=None, three=found(Level.POSSIBLE))
    assert made.summary.startswith("The optimised loss is exactly 0 in 5 of 5 steps.")
    assert "None of the 3 causes known here explains it" in made.summary
    assert not made.healthy and made.faults == []


def test_the_number_is_that_of_the_catalogue() -> None:
    made = diagnose(zeros())
    if not made.faults and not made.expected:
        assert f"None of the {len(catalogue())} causes" in made.summary


def test_a_fault_is_named_with_its_line_and_the_others_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made = judge(monkeypatch, zeros(), one=found(), two=found(confidence=0.8), three=found(Level.POSSIBLE))
    assert made.summary.endswith("Likely cause: title of one (train.py:7). Also: two.")


def test_a_fault_without_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judge(monkeypatch, zeros(), one=found(line=None)).summary.endswith("Likely cause: title of one.")


def test_an_expected_zero_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    made = judge(monkeypatch, zeros(), one=Expected("there is one class"))
    assert made.summary == "The optimised loss is exactly 0 in 5 of 5 steps. This is expected: there is one class"


def test_a_healthy_run_says_how_the_loss_went(monkeypatch: pytest.MonkeyPatch) -> None:
    made = judge(monkeypatch, falling(), one=None)
    assert made.summary == "The loss is not zero: it went from 1 to 0.6 in 4 steps. No fault was found."
