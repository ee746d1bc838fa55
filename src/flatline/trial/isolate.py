"""Runs one program where it can change nothing of the user's, and ends when it and all that it started are gone.

Started by ``flatline.experiments.trial`` as a process of its own, with a plan in JSON. Nothing but the standard
library is imported: a trial must start fast.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from types import FrameType
from typing import Any

from flatline.trial import landlock, libc, namespaces

OVERLAY, COPY = "overlay", "copy"


def main(path: str) -> None:
    """Does what the plan says. How it went is in the file ``outcome`` of the plan."""
    libc.die_with_parent()
    libc.adopt_orphans()
    with open(path, encoding="utf-8") as file:
        plan = json.load(file)
    try:
        # When memory runs out, Linux takes the trial and not the user's other work.
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")
        read_only = _isolate(plan)
    except Exception as error:
        _tell(plan, {"refused": str(error)})
        return
    # The first process in the new process namespace; all others there go with it.
    first = os.fork()
    if first:
        _stop_on_request(first)
        _wait_for(first)
        _end_the_rest()
        return
    libc.die_with_parent()
    libc.adopt_orphans()
    _supervise(plan, read_only)
    os._exit(0)


def _isolate(plan: dict[str, Any]) -> list[str]:
    if plan["mode"] == OVERLAY:
        read_only = namespaces.enter(plan["scratch"], [plan["folder"], plan["home"]], plan["megabytes"])
        _exchange(plan["files"])
        return read_only
    view = os.path.join(plan["scratch"], "inside", "view")
    landlock.copy_folder(plan["folder"], view)
    plan["command"] = [_moved(part, plan["folder"], view) for part in plan["command"]]
    files = {_moved(path, plan["folder"], view): text for path, text in plan["files"].items()}
    plan["folder"] = view
    landlock.restrict([os.path.join(plan["scratch"], "inside")])
    # Not before: the copy holds links to folders of the user's.
    _exchange(files, view + "/")
    return []


def _exchange(files: dict[str, str], within: str = "/") -> None:
    """Writes other texts over files of the program, where the user's own cannot be reached any more."""
    for path, text in files.items():
        if not path.startswith(within):
            raise OSError(f"{path} lies outside the working folder, and only a copy of that can be changed")
        if os.path.islink(path):
            # In the copy of a folder, a link leads to the user's file.
            os.remove(path)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)


def _moved(part: str, folder: str, view: str) -> str:
    """A path in the working folder, as it is called in the copy."""
    return view + part[len(folder) :] if part.startswith(folder.rstrip("/") + "/") else part


def _supervise(plan: dict[str, Any], read_only: list[str]) -> None:
    if plan["mode"] == OVERLAY:
        # Containers hide parts of /proc, and then no new one may be mounted: it shows the processes outside.
        with contextlib.suppress(OSError):
            libc.mount("proc", "/proc", "proc", libc.NOSUID_NODEV | 0x8)
    program = os.fork()
    if program == 0:
        try:
            # Another folder than before: the overlay lies on top of it.
            os.chdir(plan["folder"])
            if plan["mode"] == OVERLAY:
                namespaces.give_up_privileges()
        except OSError as error:
            _tell(plan, {"refused": str(error)})
            os._exit(0)
        try:
            os.execvpe(plan["command"][0], plan["command"], os.environ)
        except OSError as error:
            _tell(plan, {"refused": f"{plan['command'][0]} cannot be started: {error}"})
            os._exit(0)
    status = _wait_for(program)
    if not os.path.exists(plan["outcome"]):
        _tell(plan, {"status": os.waitstatus_to_exitcode(status), "read_only": read_only})
    _end_the_rest()


def _wait_for(process: int) -> int:
    """Waits for a child, and takes in the orphans that end meanwhile. The status as ``wait`` gives it."""
    while True:
        ended, status = os.wait()
        if ended == process:
            return status


def _end_the_rest() -> None:
    """Kills what is left, also what moved to another session: as orphans they all come here."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for child in _children():
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.01)


def _children() -> list[int]:
    """This process's children, from /proc."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            if parent == os.getpid():
                found.append(int(name))
    return found


def _stop_on_request(first: int) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        os.kill(first, signal.SIGKILL)

    signal.signal(signal.SIGTERM, stop)


def _tell(plan: dict[str, Any], outcome: dict[str, Any]) -> None:
    with open(plan["outcome"], "w", encoding="utf-8") as file:
        json.dump(outcome, file)


if __name__ == "__main__":
    main(sys.argv[1])
