"""What the JSON interface answers: against its own description, and against the records."""

from __future__ import annotations

import math
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from flatline.live.judge import PAUSE_SECONDS
from flatline.observe import events as e
from flatline.record.store import Writer
from recordings import Tape
from serving import Served, dead_process, eventually, keep, started

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    runs = tmp_path_factory.mktemp("api") / "runs"
    tape = Tape("loss.backward()")
    tape.train([0.0] * 40)
    tape.prints("loss 0.0000")
    keep(runs, "one", tape, started(["train.py", HOSTILE]))
    with Served(runs) as server:
        yield server


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("path", ["/api/runs", "/api/runs/{id}", "/api/runs/{id}/curves", "/api/runs/{id}/verdict"])
def test_it_does_what_its_description_says(served: Served, path: str, mode: Any) -> None:
    """Generated requests, right and wrong ones; every answer must be one that the description has."""
    with served.client() as client:
        described = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    described.config.update(base_url=served.origin)

    @settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=described[path]["GET"].as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {served.token}"})

    ask()


@pytest.mark.parametrize("path", ["/api/runs/one", "/api/runs/one/curves", "/api/runs/one/verdict"])
def test_the_answers_for_a_run_fit_the_description(served: Served, path: str) -> None:
    """schemathesis does not guess the name of a run."""
    import jsonschema

    with served.client() as client:
        eventually(lambda: client.get("/api/runs/one/verdict").json()["state"] == "ready")
        whole = client.get("/openapi.json").json()
        template = path.replace("/one", "/{id}")
        found = whole["paths"][template]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.validate(client.get(path).json(), {**found, "components": whole["components"]})


@pytest.mark.parametrize(
    "query",
    ["cursor=x", "cursor=", "cursor=00000000.1&cursor=00000000.1", "x=1", "cursor=00000000.-1", "cursor=%D9%A1"],
)
def test_parameters_that_are_none(served: Served, query: str) -> None:
    with served.client() as client:
        answer = client.get(f"/api/runs/one/curves?{query}")
        assert answer.status_code == 400
        assert answer.json()["error"]
        assert client.get("/api/runs?limit=0").status_code == client.get("/api/runs?limit=501").status_code == 400


def test_what_has_not_changed_is_not_sent_again(served: Served) -> None:
    with served.client() as client:
        eventually(lambda: client.get("/api/runs/one/verdict").json()["state"] == "ready")
        for path in ("/api/runs", "/api/runs/one", "/api/runs/one/verdict", "/assets/live.css", "/"):
            first = client.get(path)
            again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")


def test_names_are_sent_with_their_control_characters_shown(served: Served) -> None:
    with served.client() as client:
        program = client.get("/api/runs/one").json()["program"]
    assert "<script>" in program and "\x1b" not in program and "\u202e" not in program


def test_only_rows_that_are_new_are_sent(tmp_path: Path) -> None:
    tape = Tape("loss.backward()")
    tape.train([3.0, math.nan, 1.0])
    path = keep(tmp_path / "runs", "run", tape, started(["train.py"]), ended=False)
    with Served(tmp_path / "runs") as server, server.client() as client:
        first = client.get("/api/runs/run/curves").json()
        (series,) = first["series"]
        assert (first["reset"], first["complete"], first["run"]["state"]) == (True, True, "running")
        assert (series["kind"], series["line"], series["points"]) == ("optimised", "train.py:1", 3)
        assert (series["part"]["mean"], series["part"]["bad"]) == ([3.0, None, 1.0], [0, 1, 0])
        more = Tape("loss.backward()")
        more.tick = more.step = 3
        more.train([0.5])
        writer = Writer(str(path))
        writer.write([record for record in more.records() if isinstance(record, e.Points)])
        then = eventually(lambda: _series(client, f"?cursor={first['cursor']}"))
        assert not then["reset"]
        assert (then["series"][0]["part"]["start"], then["series"][0]["part"]["mean"]) == (3, [0.5])
        assert _series(client, f"?cursor={then['cursor']}") is None
        writer.write([e.RunEnded(9, 4, "ValueError", "bad", None)])
        writer.close()
        assert eventually(lambda: _item(client)["state"] == "ended")
        assert _item(client)["exception"] == "ValueError"


def _series(client: Any, query: str = "") -> Any:
    answer = client.get(f"/api/runs/run/curves{query}").json()
    return answer if answer["series"] else None


def _item(client: Any) -> Any:
    return client.get("/api/runs/run").json()


@pytest.mark.parametrize(
    ("process", "host", "state"), [("own", None, "running"), ("dead", None, "killed"), ("own", "elsewhere", "unknown"), ("none", None, "unknown")]
)  # fmt: skip
def test_the_state_of_a_run_without_an_end(tmp_path: Path, process: str, host: str | None, state: str) -> None:
    from flatline.record.state import state_of

    number = {"own": os.getpid(), "dead": dead_process(), "none": 0}[process]
    assert state_of(started(["train.py"], number, host), None) == state


def test_a_process_number_that_was_taken_over_is_not_the_run() -> None:
    from flatline.record.state import state_of

    begun = started(["train.py"])
    begun.started -= 1e6
    assert state_of(begun, None) == "killed"


def _damage(path: Path, kind: str) -> None:
    if kind == "nonsense":
        with sqlite3.connect(path) as connection:
            connection.execute("INSERT INTO flush (records) VALUES (?)", (b"\xc1nonsense",))
    elif kind == "newer":
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE format SET version = 99")
    elif kind == "lengths":
        Writer(str(path)).write([e.Points(0, b"12345678", b"", b"1234567", b"")])
    else:
        data = path.read_bytes()
        path.write_bytes({"empty": b"", "text": b"no database at all\n" * 500, "half": data[: len(data) // 2]}[kind])


@pytest.mark.parametrize("kind", ["nonsense", "newer", "lengths", "empty", "text", "half"])
def test_a_damaged_store_is_said_plainly_and_hurts_no_other(served: Served, kind: str) -> None:
    shutil.copy(served.folder / "one.sqlite", served.folder / "bad.sqlite")
    _damage(served.folder / "bad.sqlite", kind)
    try:
        with served.client() as client:
            for path in ("/api/runs/bad", "/api/runs/bad/curves"):
                answer = client.get(path).json()
                problem = answer.get("run", answer)["problem"]
                assert problem and "bad.sqlite" in problem and "Traceback" not in problem
            items = {run["id"]: run for run in client.get("/api/runs").json()["runs"]}
            assert items["bad"]["problem"] and not items["one"]["problem"]
            assert client.get("/api/runs/bad/verdict").status_code == 200
    finally:
        for path in served.folder.glob("bad.sqlite*"):
            path.unlink()
    with served.client() as client:
        assert client.get("/api/runs/bad").status_code == 404
        assert "deleted" in client.get("/api/runs/bad/curves").json()["error"]


def test_a_store_that_takes_the_name_of_another_is_read_anew(served: Served) -> None:
    tape = Tape("loss.backward()")
    tape.train([7.0, 8.0])
    keep(served.folder, "again", tape)
    with served.client() as client:
        first = client.get("/api/runs/again/curves").json()
        assert first["series"][0]["part"]["mean"] == [7.0, 8.0]
        other = Tape("loss.backward()")
        other.train([5.0])
        os.replace(keep(served.folder, "other", other), served.folder / "again.sqlite")
        now = client.get(f"/api/runs/again/curves?cursor={first['cursor']}").json()
        assert now["reset"] and now["series"][0]["part"]["mean"] == [5.0]
    (served.folder / "again.sqlite").unlink()


def test_the_writer_is_never_held_up(tmp_path: Path) -> None:
    """The server reads all the time; each write is as quick as ever, and the log is cut when the writer closes."""
    tape = Tape("loss.backward()")
    tape.train([1.0] * 10)
    path = keep(tmp_path / "runs", "run", tape, started(["train.py"]), ended=False)
    with Served(tmp_path / "runs") as server, server.client() as client:
        writer = Writer(str(path))
        for row in range(60):
            writer.write([e.Points(0, *(b"\0" * 80_000 for _ in range(4)))])
            assert client.get("/api/runs/run/curves").json()["run"]["problem"] is None, row
        log = path.with_name(path.name + "-wal")
        assert log.stat().st_size < 8_000_000, "a reader that stays would keep all 19 MB in the log"
        writer.close()


def test_the_verdict_firms_up(tmp_path: Path) -> None:
    tape = Tape("loss.backward()")
    tape.train([1.0, 0.9])
    path = keep(tmp_path / "runs", "run", tape, started(["train.py"]), ended=False)
    with Served(tmp_path / "runs") as server, server.client() as client:
        opinion = eventually(lambda: _ready(client, 2))
        assert "nan" not in opinion["verdict"]["summary"].lower()
        more = Tape("loss.backward()")
        more.tick = more.step = 2
        more.train([math.nan] * 30)
        Writer(str(path)).write([record for record in more.records() if isinstance(record, e.Points)])
        opinion = eventually(lambda: _ready(client, 32))
        assert not opinion["verdict"]["healthy"]
        assert "nan" in opinion["verdict"]["summary"].lower()
        version = client.get("/api/runs/run/curves").json()["verdict_version"]
        headline = client.get("/api/runs").json()["runs"][0]["headline"]
        assert headline == {"healthy": False, "summary": opinion["verdict"]["summary"], "steps": headline["steps"]}
        time.sleep(PAUSE_SECONDS + 0.5)
        assert client.get("/api/runs/run/curves").json()["verdict_version"] == version, "judged again without a new row"


def _ready(client: Any, steps: int) -> Any:
    opinion = client.get("/api/runs/run/verdict").json()
    assert opinion["state"] != "failed", opinion["problem"]
    return opinion if opinion["state"] == "ready" and opinion["verdict"]["run"]["steps"] >= steps - 1 else None
