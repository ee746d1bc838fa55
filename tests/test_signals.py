"""Signals reach the program, its end is flatline's end, and what was recorded until then is reported."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flatline.verdict import Verdict, from_json
from runs import environment, heed_signals, needs_posix, runs_folder, write

pytestmark = needs_posix

# Trains a little, says so, and then waits for what comes.
WAITS = """
    import os, signal, sys, threading, time
    import torch
    weight = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.1)
    def train(steps):
        for step in range(steps):
            loss = torch.nn.functional.mse_loss(weight, torch.zeros(3))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            time.sleep(0.01)
    {handler}
    train(40)
    print("ready", os.getpid(), flush=True)
    while True:
        time.sleep(0.05)
"""
EXITS_7 = "signal.signal(signal.SIGTERM, lambda *_: (print('saved', flush=True), sys.exit(7)))"
STOPS = "signal.signal(signal.SIGINT, lambda *_: (print('stopped by hand', flush=True), sys.exit(0)))"
COUNTS = "signal.signal(signal.SIGUSR1, lambda *_: os._exit(11))"
KILL, TERM, INT = signal.SIGKILL, signal.SIGTERM, signal.SIGINT

CASES = {
    "terminated": ("", "flatline", TERM, -TERM, b""),
    "terminated with a handler": (EXITS_7, "flatline", TERM, 7, b"saved\n"),
    "killed": ("", "program", KILL, -KILL, b""),
    "crashed": ("", "program", signal.SIGSEGV, -signal.SIGSEGV, b""),
    "user signal": (COUNTS, "flatline", signal.SIGUSR1, 11, b""),
    # -SIGINT as a rule; 1 where the package tabulate is installed, which torch then imports at the very end: its named
    # tuples make Python forget that it was interrupted.
    "interrupted": ("", "group", INT, None, b""),
    "interrupted with a handler": (STOPS, "group", INT, 0, b"stopped by hand\n"),
    "hung up": ("", "flatline", signal.SIGHUP, -signal.SIGHUP, b""),
}


def _start(folder: Path, handler: str, **options: bool) -> tuple[subprocess.Popen[bytes], int]:
    write(folder, "program.py", WAITS.format(handler=handler))
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "flatline",
            "run",
            "--quiet",
            "--runs",
            str(runs_folder(folder)),
            "--json",
            "verdict.json",
            "program.py",
        ],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=heed_signals,
    )
    assert process.stdout is not None
    word, number = process.stdout.readline().split()
    assert word == b"ready"
    return process, int(number)


def _plain_status(folder: Path, number: int) -> int:
    """How the same program ends without flatline when it gets a signal."""
    process = subprocess.Popen(
        [sys.executable, "program.py"], cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=heed_signals,
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline().startswith(b"ready")
    process.send_signal(number)
    process.communicate(timeout=60)
    return process.returncode


def _verdict(folder: Path) -> Verdict:
    return from_json((folder / "verdict.json").read_bytes())


@pytest.mark.parametrize("name", CASES)
def test_signal(name: str, folder: Path) -> None:
    handler, to, number, status, output = CASES[name]
    process, program = _start(folder, handler)
    if to == "group":
        os.killpg(process.pid, number)
    else:
        os.kill(process.pid if to == "flatline" else program, number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == (_plain_status(folder, number) if status is None else status)
    assert out == output
    assert (b"KeyboardInterrupt" in err) == (name == "interrupted")
    assert b"flatline" not in err
    # A program that gets no last word loses what it did since the last flush: at most a quarter of a second, here of
    # the 0.4 that 40 steps take at least.
    assert _verdict(folder).run.steps >= (12 if process.returncode < 0 and number != INT else 40)


def test_the_program_ends_when_flatline_is_killed(folder: Path) -> None:
    process, _ = _start(folder, "")
    process.kill()
    process.wait(timeout=60)
    assert process.stdout is not None
    # The pipe closes when the last process that writes to it has ended.
    assert process.stdout.read() == b""


def test_what_was_ignored_stays_ignored(folder: Path) -> None:
    """As under nohup."""
    write(folder, "program.py", "import signal\nprint(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)\n")
    done = subprocess.run(
        ["sh", "-c", f"trap '' HUP; exec {sys.executable} -m flatline run --quiet program.py"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        timeout=60,
    )
    assert done.stdout == b"True\n"


def _in_terminal(folder: Path, *command: str, keys: bytes = b"", after: bytes = b"ready") -> tuple[int, bytes]:
    """Runs a command on a terminal of its own, types ``keys`` once ``after`` has been seen."""
    pid, terminal = pty.fork()
    if pid == 0:
        heed_signals()
        os.chdir(folder)
        os.execve(sys.executable, [sys.executable, *command], {**environment(), "TERM": "xterm", "COLUMNS": "80"})
    seen = b""
    while True:
        readable, _, _ = select.select([terminal], [], [], 60)
        assert readable, seen
        try:
            part = os.read(terminal, 4096)
        except OSError:
            break
        if not part:
            break
        seen += part
        if keys and after in seen:
            os.write(terminal, keys)
            keys = b""
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen


def test_ctrl_c_on_a_terminal(folder: Path) -> None:
    write(folder, "program.py", WAITS.format(handler=STOPS))
    command = ("-m", "flatline", "run", "--json", "verdict.json", "program.py")
    status, seen = _in_terminal(folder, *command, keys=b"\x03")
    assert status == 0
    assert b"stopped by hand" in seen
    assert _verdict(folder).run.steps == 40


def screen(seen: bytes) -> list[str]:
    """What a terminal shows after these bytes: carriage return, line feed, erase line; colours are dropped."""
    lines, column = [""], 0
    text = seen.decode()
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if character == "\x1b":
            end = next(i for i in range(position + 1, len(text)) if text[i].isalpha())
            if text[end] == "K":
                lines[-1] = "" if text[position + 1 : end] == "2" else lines[-1][:column]
            position = end + 1
        elif character == "\r":
            column = 0
        elif character == "\n":
            lines.append("")
        else:
            lines[-1] = lines[-1][:column].ljust(column) + character + lines[-1][column + 1 :]
            column += 1
    return lines


STATUS = """
    import sys, time
    import torch
    weight = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.1)
    def train(steps):
        for step in range(steps):
            loss = torch.nn.functional.mse_loss(weight, torch.zeros(3))
            loss.backward()
            optimizer.step()
            time.sleep(0.02)
    for epoch in range(3):
        print("epoch", epoch, "starts")
        train(20)
        print("unfinished ", end="", flush=True)
        train(20)
        print("line", epoch)
        for part in range(4):
            sys.stderr.write(f"\\r{part}/4 done")
            train(4)
        sys.stderr.write("\\n")
    train(20)
    print(input("your name? "))
    print("end", flush=True)
"""


def test_status_line_leaves_the_lines_of_the_program(folder: Path) -> None:
    write(folder, "program.py", STATUS)
    keys = {"keys": b"me\n", "after": b"name? "}
    _, expected = _in_terminal(folder, "program.py", **keys)
    status, seen = _in_terminal(folder, "-m", "flatline", "run", "program.py", **keys)
    assert status == 0
    assert b"flatline: step" in seen
    shown = screen(seen)
    assert shown[: shown.index("end") + 1] == [line for line in screen(expected) if line]


def test_no_status_line_where_stderr_is_not_a_terminal(folder: Path) -> None:
    write(folder, "program.py", STATUS.replace('input("your name? ")', '"me"'))
    done = subprocess.run(
        [sys.executable, "-m", "flatline", "run", "program.py"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        timeout=60,
    )
    assert b"flatline: step" not in done.stderr + done.stdout
    assert b"\x1b" not in done.stderr + done.stdout
