"""A trial: it can change nothing of the user's, it has limits, and however it goes, it is told and costs nothing else."""

from __future__ import annotations

import functools
import os
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

import msgspec
import psutil  # type: ignore[import-untyped]
import pytest

from flatline.environment import Program
from flatline.experiments import trial as subject
from flatline.experiments.runner import LocalRunner
from flatline.experiments.runs import read_case
from flatline.experiments.trial import Limits, Status, TrialRequest, TrialResult, run_trial
from flatline.trial.isolate import COPY, OVERLAY
from runs import write


@functools.cache
def refusal(mode: str) -> str:
    """Why this machine cannot isolate trials in that way; empty when it can."""
    with tempfile.TemporaryDirectory() as folder:
        result = run_trial(
            TrialRequest(Program(["true"], False, ["nothing"]), folder, dict(os.environ), isolation=mode)
        )
    return result.message if result.status is Status.REFUSED else ""


needs_overlay = pytest.mark.skipif(bool(refusal(OVERLAY)), reason=refusal(OVERLAY))
needs_copy = pytest.mark.skipif(bool(refusal(COPY)), reason=refusal(COPY))
MODES = [pytest.param(OVERLAY, marks=needs_overlay), pytest.param(COPY, marks=needs_copy)]


def request(
    folder: Path, text: str, mode: str = "", limits: Limits | None = None, steps: int | None = None, *arguments: str
) -> TrialRequest:
    write(folder, "train.py", text)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    program = Program([sys.executable], False, ["train.py", *arguments])
    return TrialRequest(program, str(folder), environment, [], steps, limits or Limits(60), mode)


def run(folder: Path, text: str, mode: str = "", **more: object) -> TrialResult:
    return run_trial(request(folder, text, mode, **more))  # type: ignore[arg-type]


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# the user's files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_a_file_can_have_another_text_in_a_trial(tmp_path: Path, mode: str) -> None:
    (tmp_path / "part").mkdir()
    write(tmp_path, "part/helper.py", "word = 'old'\n")
    (tmp_path / "linked.py").symlink_to("part/helper.py")
    plain = request(tmp_path, "from part import helper\nimport linked\nprint(helper.word, linked.word)\n", mode)
    before = content(tmp_path)
    # A link gives way to the text; in a copy, other links lead to the user's own file.
    for name, seen in (("part/helper.py", "neu neu" if mode == OVERLAY else "neu old"), ("linked.py", "old neu")):
        result = run_trial(msgspec.structs.replace(plain, files={str(tmp_path / name): "word = 'neu'  # größer\r\n"}))
        assert result.status is Status.FINISHED and result.output.strip() == seen, result
    assert content(tmp_path) == before and (tmp_path / "linked.py").is_symlink()


@needs_copy
def test_in_a_copy_no_file_outside_can_have_another_text(tmp_path: Path) -> None:
    outside = write(tmp_path, "outside/module.py", "word = 'old'\n")
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "venv").symlink_to(outside.parent)
    plain = request(folder, "print('ran')\n", COPY)
    for path in (outside, folder / "venv" / "module.py"):
        result = run_trial(msgspec.structs.replace(plain, files={str(path): "word = 'new'\n"}))
        assert result.status is Status.REFUSED and outside.read_text() == "word = 'old'\n"


@pytest.mark.parametrize("mode", MODES)
def test_what_the_program_writes_is_there_for_it_and_nowhere_else(tmp_path: Path, mode: str) -> None:
    """It overwrites its checkpoint, deletes, renames, and writes by a subprocess, which no patch of Python sees."""
    for name in ("last.ckpt", "best.ckpt", "old.log", "sub/data.txt"):
        write(tmp_path, name, f"the user's {name}")
    before = content(tmp_path)
    result = run(
        tmp_path,
        """
        import os, subprocess, sqlite3, shutil
        assert open("last.ckpt").read() == "the user's last.ckpt"
        open("last.ckpt", "w").write("overwritten")
        os.replace("best.ckpt", "best-old.ckpt")
        os.remove("old.log")
        shutil.rmtree("sub")
        os.makedirs("runs/1")
        subprocess.run("echo more >> last.ckpt; echo new > by-shell.txt", shell=True, check=True)
        sqlite3.connect("log.sqlite").execute("create table t (x)")
        print(sorted(os.listdir(".")), open("last.ckpt").read().split())
        """,
        mode,
    )
    assert result.status is Status.FINISHED, result
    listed = "['best-old.ckpt', 'by-shell.txt', 'last.ckpt', 'log.sqlite', 'runs', 'train.py']"
    assert f"{listed} ['overwrittenmore']" in result.output
    assert content(tmp_path) == {**before, "train.py": (tmp_path / "train.py").read_bytes()}


@pytest.mark.parametrize("mode", MODES)
def test_other_folders_are_as_safe(tmp_path: Path, mode: str) -> None:
    """By its full path and through a link: an overlay takes it in, the sandbox refuses and the report says why."""
    outside = write(tmp_path / "elsewhere", "model.pt", "mine")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "link").symlink_to(outside)
    for path in (str(outside), "link"):
        result = run(tmp_path / "project", f"open({path!r}, 'w').write('gone'); print(open({path!r}).read())", mode)
        if mode == OVERLAY:
            assert (result.status, result.output.strip()) == (Status.FINISHED, "gone")
        else:
            assert result.status is Status.CRASHED
            assert "PermissionError" in result.message and "its working folder only" in result.message
        assert outside.read_text() == "mine"


@pytest.mark.parametrize("mode", MODES)
def test_temporary_files_and_caches_may_be_written_and_are_gone(tmp_path: Path, mode: str) -> None:
    text = "import tempfile; f = tempfile.NamedTemporaryFile(delete=False); f.write(b'1'); print(f.name)"
    result = run(tmp_path, text, mode)
    assert result.status is Status.FINISHED
    assert not Path(result.output.strip()).exists() and not Path(result.output.strip()).parent.exists()


@needs_overlay
def test_the_system_is_read_only(tmp_path: Path) -> None:
    result = run(tmp_path, "open('/usr/flatline-was-here', 'w')", OVERLAY)
    assert result.status is Status.CRASHED and "Read-only file system" in result.message
    assert not Path("/usr/flatline-was-here").exists()


def test_large_files_are_linked_in_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flatline.trial import landlock

    monkeypatch.setattr(landlock, "_LARGEST_COPIED", 10)
    write(tmp_path / "a", "small.txt", "small")
    write(tmp_path / "a", "deep/large.bin", "x" * 100)
    write(tmp_path / "a", ".git/config", "no")
    landlock.copy_folder(str(tmp_path / "a"), str(tmp_path / "b"))
    assert (tmp_path / "b" / "small.txt").read_text() == "small"
    assert not (tmp_path / "b" / "small.txt").is_symlink()
    assert (tmp_path / "b" / "deep" / "large.bin").is_symlink() and (tmp_path / "b" / ".git").is_symlink()


def test_a_machine_that_cannot_isolate_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(request: TrialRequest, mode: str, stop: threading.Event) -> TrialResult:
        return TrialResult(Status.REFUSED, f"no {mode} here")

    monkeypatch.setattr(subject, "_run", refuse)
    result = run(tmp_path, "print(1)")
    assert result.status is Status.REFUSED and result.output == ""
    assert "no overlay here" in result.message and "no copy here" in result.message
    assert "user namespaces" in result.message


@needs_copy
def test_a_refused_overlay_falls_back_to_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = subject._run

    def overlay_fails(request: TrialRequest, mode: str, stop: threading.Event) -> TrialResult:
        return TrialResult(Status.REFUSED, "no") if mode == OVERLAY else original(request, mode, stop)

    monkeypatch.setattr(subject, "_run", overlay_fails)
    result = run(tmp_path, "print(1)")
    assert (result.status, result.isolation, result.output) == (Status.FINISHED, COPY, "1\n")


# network and trackers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_no_service_can_be_reached(tmp_path: Path, mode: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = run(tmp_path, f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)", mode)
    assert result.status is Status.CRASHED
    assert "refused" in result.message if mode == OVERLAY else "Permission denied" in result.message


@needs_overlay
def test_a_program_can_talk_to_itself(tmp_path: Path) -> None:
    text = """
    import socket
    server = socket.create_server(("127.0.0.1", 0))
    socket.create_connection(server.getsockname(), 5)
    """
    assert run(tmp_path, text, OVERLAY).status is Status.FINISHED


def test_trackers_are_offline_and_our_settings_are_gone(tmp_path: Path) -> None:
    text = """
    import os
    assert os.environ["WANDB_MODE"] == "offline" and os.environ["HF_HUB_OFFLINE"] == "1"
    assert os.environ["MLFLOW_TRACKING_URI"].startswith("file:")
    assert not [key for key in os.environ if key.startswith("FLATLINE")]
    """
    result = run(tmp_path, text)
    assert result.status is Status.FINISHED, result.output


# limits and faults ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_a_program_that_hangs_is_ended_with_all_it_started(tmp_path: Path, mode: str) -> None:
    """Also what has made itself a session of its own and ignores every signal that can be ignored."""
    marker = f"marker-{time.time_ns()}"
    text = f"""
    import os, signal, subprocess, sys, time
    lasting = "import signal, time; [signal.signal(s, signal.SIG_IGN) for s in (1, 2, 15)]; time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", lasting, "{marker}"], start_new_session=True)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
    """
    began = time.monotonic()
    result = run(tmp_path, text, mode, limits=Limits(1.5))
    assert result.status is Status.TIMED_OUT and "2 s" in result.message
    assert time.monotonic() - began < 10
    assert not _running(marker)


@pytest.mark.parametrize("mode", MODES)
def test_what_a_program_leaves_behind_is_ended(tmp_path: Path, mode: str) -> None:
    marker = f"marker-{time.time_ns()}"
    text = f"""
    import subprocess, sys
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "{marker}"], start_new_session=True)
    """
    assert run(tmp_path, text, mode).status is Status.FINISHED
    assert not _running(marker)


def _running(marker: str) -> bool:
    return any(marker in part for p in psutil.process_iter(["cmdline"]) for part in p.info["cmdline"] or [])


def test_a_program_that_eats_memory_is_ended(tmp_path: Path) -> None:
    """Its subprocess eats it: what counts is the whole family."""
    text = """
    import subprocess, sys
    subprocess.run([sys.executable, "-c", "import time; held = b'1' * (300 << 20); time.sleep(60)"])
    """
    result = run(tmp_path, text, limits=Limits(30, memory=200 << 20))
    assert result.status is Status.OUT_OF_MEMORY and "0.2 GiB" in result.message
    assert result.memory > 200 << 20 and result.seconds < 20


@needs_overlay
def test_a_program_cannot_fill_the_disk(tmp_path: Path) -> None:
    result = run(tmp_path, "open('big', 'wb').write(bytes(40 << 20))", OVERLAY, limits=Limits(30, written=16))
    assert result.status is Status.CRASHED and "No space left" in result.message


@pytest.mark.parametrize(
    ("text", "status", "message"),
    [
        ("raise ValueError('shapes differ')", Status.CRASHED, "ended with status 1: ValueError: shapes differ"),
        ("import sys; sys.exit(3)", Status.CRASHED, "ended with status 3"),
        ("import os; os.kill(os.getpid(), 9)", Status.KILLED, "killed by SIGKILL"),
        ("import ctypes; ctypes.string_at(0)", Status.KILLED, "killed by SIGSEGV"),
        ("import os; os.kill(os.getppid(), 9)", None, ""),
    ],
)
@pytest.mark.parametrize("mode", MODES)
def test_how_a_trial_ended_is_told(tmp_path: Path, mode: str, text: str, status: Status | None, message: str) -> None:
    result = run(tmp_path, text, mode)
    # One that kills what watches over it goes down with it, in the one way or the other.
    assert result.status is status if status else result.status in (Status.KILLED, Status.FINISHED)
    assert message in result.message


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    there = request(tmp_path, "print(1)")
    gone = TrialRequest(there.program, str(tmp_path / "gone"), there.environment)
    assert "there is no folder" in run_trial(gone).message
    no_python = TrialRequest(Program(["/no/python"], False, ["train.py"]), str(tmp_path), there.environment)
    assert "/no/python cannot be started" in run_trial(no_python).message


def test_other_trials_go_on_and_results_keep_their_order(tmp_path: Path) -> None:
    texts = [
        "import os; os.kill(os.getpid(), 9)",
        "print('second')",
        "import time; time.sleep(60)",
        "raise SystemExit(2)",
    ]
    requests = []
    for number, text in enumerate(texts):
        (tmp_path / str(number)).mkdir()
        requests.append(request(tmp_path / str(number), text, limits=Limits(3)))
    told: list[tuple[int, Status]] = []
    results = LocalRunner(4).run(requests, lambda index, result: told.append((index, result.status)))
    expected = [Status.KILLED, Status.FINISHED, Status.TIMED_OUT, Status.CRASHED]
    assert [r.status for r in results] == expected
    assert sorted(told) == list(enumerate(expected)) and results[1].output == "second\n"


def test_a_stopped_trial_is_gone(tmp_path: Path) -> None:
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    result = run_trial(request(tmp_path, "import time; time.sleep(60)"), stop)
    assert result.status is Status.STOPPED and result.seconds < 20


# steps ---------------------------------------------------------------------------------------------------------

TRAINS = """
import os, sys, torch
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
while True:
    try:
        loss = model(torch.ones(4, 2)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sys.stdout.write("step ")
    except BaseException:
        print("swallowed", flush=True)
"""


@pytest.mark.parametrize("steps", [1, 7])
def test_a_trial_takes_its_steps_and_ends(tmp_path: Path, steps: int) -> None:
    """Whatever the program catches; what it wrote and what was recorded until then is there."""
    result = run(tmp_path, TRAINS, steps=steps)
    case = read_case(result)
    assert result.status is Status.FINISHED and case is not None
    assert case.recording.steps == steps and len(case.recording.optimised[0]) == steps
    assert result.output == "step " * (steps - 1)
    assert case.recording.ended is not None and case.recording.ended.exception is None


def test_a_killed_trial_leaves_what_it_recorded(tmp_path: Path) -> None:
    text = TRAINS.replace(
        'sys.stdout.write("step ")', 'open("n", "a").write("1"); os.path.getsize("n") == 20 and os.kill(os.getpid(), 9)'
    )
    result = run(tmp_path, text)
    case = read_case(result)
    assert result.status is Status.KILLED and case is not None and case.recording.backwards
