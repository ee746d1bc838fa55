"""Bad surroundings: full disks, killed and forking programs, clocks, programs that change torch. See docs/trust.md.

The program does what it does alone, nothing that was written before is lost, and a message says what is the matter.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest

from flatline.launcher import new_store
from flatline.observe import events as e
from flatline.observe.heartbeat import SIGNAL
from flatline.record.reader import read
from flatline.record.store import FORMAT, StoreError, Writer
from flatline.verdict import diagnose, from_json
from runs import assert_same, environment, execute, needs_posix, plain, recording, runs_folder, watched, write

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))
import fuzz
import kills

TRAIN = """
    import os, sys, threading, time
    import torch
    torch.manual_seed(0)
    def train(steps=20):
        weight = torch.ones(3, requires_grad=True)
        optimizer = torch.optim.SGD([weight], lr=0.1)
        for step in range(steps):
            loss = torch.nn.functional.mse_loss(weight, torch.zeros(3))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return float(loss).hex()
"""
PROGRAMS = {
    "clock set back": """
        class Clock:
            now = 1e9
            def __call__(self): Clock.now -= 3600; return Clock.now
        time.time = time.monotonic = time.perf_counter = Clock()
        print(train(60))
    """,
    "forks in the middle": """
        print(train())
        for child in range(3):
            if os.fork() == 0:
                print("child", train(5), flush=True)
                os._exit(child)
            print(os.waitstatus_to_exitcode(os.wait()[1]), train(5), flush=True)
    """,
    "threads": """
        results = {}
        def run(n): results[n] = train(30)
        threads = [threading.Thread(target=run, args=(n,)) for n in range(6)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(sorted(results.items()), train())
    """,
    "torch changed by the program": """
        import torch.nn.functional as F
        whole, call, back = F.mse_loss, torch.nn.Module.__call__, torch.Tensor.backward
        F.mse_loss = lambda *a, **k: whole(*a, **k) * 2
        torch.nn.functional.cross_entropy = None
        torch.Tensor.item = lambda self: 7.0
        torch.nn.Module.__call__ = lambda self, *a: call(self, *a)
        torch.Tensor.backward = lambda self, *a, **k: (print("mine"), back(self, *a, **k))[1]
        torch.optim.SGD.step = lambda self, closure=None: None
        print(train(3), torch.nn.Linear(2, 2)(torch.ones(2)).shape, torch.ones(1).item())
        del F.mse_loss
        try:
            train(1)
        except AttributeError as error:
            print(error)
    """,
    "the signals are all the program's": """
        import signal
        for number in signal.valid_signals():
            try:
                signal.signal(number, signal.SIG_DFL)
            except (OSError, ValueError):
                pass
        print(train())
    """,
}


@needs_posix
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_in_odd_surroundings(name: str, folder: Path) -> None:
    write(folder, "program.py", textwrap.dedent(TRAIN) + textwrap.dedent(PROGRAMS[name]))
    ended = assert_same(folder, "program.py")
    assert ended.status == 0, ended.err.decode()
    seen = recording(folder)
    assert seen.backwards >= 3 and seen.ended is not None
    assert not seen.all(e.ProbeFailed)


def test_no_home(folder: Path) -> None:
    write(folder, "program.py", textwrap.dedent(TRAIN) + "print(train(), os.environ.get('HOME'))\n")
    none = {key: value for key, value in environment().items() if key not in ("HOME", "USER", "XDG_STATE_HOME")}
    ended = [
        subprocess.run([sys.executable, *how, "program.py"], cwd=folder, env=none, capture_output=True, timeout=120)
        for how in ([], ["-m", "flatline", "run"])
    ]
    assert ended[0].stdout == ended[1].stdout and ended[1].returncode == 0
    assert b"Traceback" not in ended[1].stderr and b"record: " in ended[1].stderr


@needs_posix
@pytest.mark.parametrize("room", [8_192, 40_000])
def test_a_full_disk(room: int, folder: Path) -> None:
    """A limit on the size of files ends a write as a full disk does."""
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))

    write(folder, "program.py", textwrap.dedent(TRAIN) + "for _ in range(30): r = train(60)\nprint(r)\n")
    expected = plain(folder, "program.py")
    command = [sys.executable, "-m", "flatline", "run", "--runs", str(runs_folder(folder)), "program.py"]
    actual = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, preexec_fn=limit, timeout=120)
    assert (actual.stdout, actual.returncode) == (expected.out, expected.status)
    said = actual.stderr.decode()
    assert "Traceback" not in said, said
    assert "not recorded" in said or "store" in said or "cannot" in said, said


def _stored(path: Path, flushes: int = 60) -> Path:
    writer = Writer(str(path))
    writer.write([e.RunStarted(["train.py"], "/", {}, 1.0), e.Series(0, "optimised", "loss", None)])
    # Numbers that cannot be compressed: the file is to have many pages.
    random = np.random.default_rng(0)
    for step in range(flushes):
        order = np.full(50, step, np.int64).tobytes()
        writer.write([e.Points(0, order, order, random.random(50).tobytes(), random.integers(0, 2**40, 50).tobytes())])
    writer.close()
    return path


def test_what_is_left_of_a_damaged_record_is_read(tmp_path: Path) -> None:
    whole = _stored(tmp_path / "run.sqlite").read_bytes()
    assert len(read(tmp_path / "run.sqlite").curves[0]) == 3000
    cut, holed, rotten = tmp_path / "cut.sqlite", tmp_path / "holed.sqlite", tmp_path / "rotten.sqlite"
    # SQLite refuses a file that is shorter than it says as a whole.
    cut.write_bytes(whole[: len(whole) * 3 // 4])
    with pytest.raises(StoreError, match="cannot be read"):
        read(cut)
    holed.write_bytes(whole[:40_960] + b"\0" * 4096 + whole[45_056:])
    shutil.copy(tmp_path / "run.sqlite", rotten)
    with sqlite3.connect(rotten) as connection:
        connection.execute("UPDATE flush SET records = ? WHERE id = 30", (b"\xc1nonsense",))
        bad = msgspec.msgpack.encode(
            [["Cost", "much"], ["Unheard", 1], ["Cost", 1.0, 3.0], ["Points", 9, b"", b"", b"", b""]]
        )
        connection.execute("UPDATE flush SET records = ? WHERE id = 31", (bad,))
    for path, least in ((holed, 2000), (rotten, 2900)):
        found = read(path)
        assert len(found.curves[0]) >= least, path
        failures = diagnose(found).probe_failures
        assert any(line.startswith("store: ") for line in failures), path
    assert read(rotten).overhead == 1.5


def test_an_older_store_is_read(tmp_path: Path) -> None:
    """Fields are added at the end of a record, with defaults."""
    path = _stored(tmp_path / "run.sqlite")
    with sqlite3.connect(path) as connection:
        old = msgspec.msgpack.encode(
            [["RunStarted", ["old.py"], "/", {}, 1.0], ["Series", 0, "optimised", "loss", None]]
        )
        connection.execute("UPDATE flush SET records = ? WHERE id = 1", (old,))
        connection.execute("UPDATE format SET version = ?", (FORMAT,))
    assert read(path).run.argv == ["old.py"] and len(read(path).curves[0]) == 3000


def test_a_record_that_cannot_be_written_costs_no_other(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path / "run.sqlite"))
    odd = e.OptimizerSeen(0, "SGD", None, {"lr": 10**30, "other": object()}, [])
    writer.write([e.Cost(1.0, 2.0), odd, e.Printed(1, 0, None, "stdout", "p\udcff"), e.Cost(1.0, 3.0)])
    writer.close()
    found = read(tmp_path / "run.sqlite")
    assert [cost.total for cost in found.all(e.Cost)] == [2.0, 3.0]
    assert "OptimizerSeen" in found.all(e.ProbeFailed)[0].message


def test_two_runs_never_share_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when two machines, with equal process numbers, start in one second, or a clock was set back."""
    monkeypatch.setattr(os, "getpid", lambda: 7)
    monkeypatch.setattr("time.time", lambda: 1e9)
    made: list[Path] = []
    threads = [threading.Thread(target=lambda: made.append(new_store(str(tmp_path)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 8


def test_nothing_is_left_of_a_run_that_was_not_recorded(folder: Path) -> None:
    write(folder, "program.py", "print('alone')\n")
    done = execute([sys.executable, "-S", "-m", "flatline", "run", "program.py"], folder)
    if b"No module named" not in done.err:
        assert not list((folder / ".flatline").glob("*.sqlite"))


HANGS = """
    import sys
    if 'flatline.program' in sys.modules:
        import flatline.record.store as store, gc, time
        def hangs(*args):
            while True: time.sleep(0.01)
        for item in gc.get_objects():
            if type(item).__name__ == 'Session': item._sink = hangs
"""


@pytest.mark.skipif(SIGNAL is None, reason="real-time signals are Linux's")
def test_a_store_that_hangs_holds_the_program_up_for_a_while_only(folder: Path) -> None:
    write(folder, "program.py", textwrap.dedent(TRAIN) + "print(train())\n")
    write(folder, "lib/sitecustomize.py", HANGS)
    expected = plain(folder, "program.py")
    options = ("--json", "v.json")
    actual = watched(folder, "program.py", options=options, PYTHONPATH="lib", FLATLINE_PROBE_SECONDS="0.4")
    assert (actual.out, actual.status) == (expected.out, 0)
    verdict = from_json((folder / "v.json").read_bytes())
    assert any(line.startswith("store: a write to the record was given up") for line in verdict.probe_failures)
    assert "its record could not be written" in verdict.summary


@needs_posix
def test_killed_at_any_moment(tmp_path: Path) -> None:
    """`make bench-trust` kills 200. In a process of its own, which has no threads that a fork would lose."""
    code = f"import sys; sys.path.insert(0, {str(Path(kills.__file__).parent)!r}); import kills, pathlib; "
    code += f"found = kills.kill(6, pathlib.Path({str(tmp_path)!r}), longest=0.15); print(found.rows); "
    code += "print(*found.problems, sep='\\n')"
    done = execute([sys.executable, "-c", code], tmp_path)
    rows, _, problems = done.out.decode().partition("\n")
    assert int(rows) > 6 and not problems.strip(), done.err.decode()[-2000:] + problems


@pytest.mark.filterwarnings("ignore")
def test_readers_take_any_input() -> None:
    """`make bench-trust` gives them a million."""
    for target in fuzz.targets():
        assert not fuzz.fuzz(target, 400, seed=1), target.name
    assert not fuzz.stores(10, seed=1)


def test_a_store_error_is_what_readers_raise(tmp_path: Path) -> None:
    path = _stored(tmp_path / "run.sqlite")
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM format")
        connection.execute("UPDATE flush SET records = 'text'")
    with pytest.raises(StoreError):
        read(path)
