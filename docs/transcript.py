"""Writes docs/stranger.md: what a stranger does who has read the README only, in an empty folder, with real outputs.

    python docs/transcript.py

Every command is run as it is shown. The page ends with the time that they took together; should that be more than ten
minutes, or should a command not end as it should, nothing is written and the exit status is 1.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PAGE = Path(__file__).with_name("stranger.md")
MOST_SECONDS = 600
# What is said before a command, the command, and what its output must show.
STEPS = (
    ("A program whose loss is 0.0000 from the first epoch, written to this folder, run and diagnosed.",
     "flatline demo zero_loss --folder .", "likely one-class-softmax"),
    ("Is that really the cause? The program again with one thing changed, beside a control.",
     "flatline prove zero_loss.py", "proven one-class-softmax"),
    ("A change of the source that cures it, run beside the program as it is. No file is changed yet.",
     "flatline fix --last", "+    criterion = nn.BCEWithLogitsLoss()"),
    ("It is what one would have written: apply it.",
     "flatline fix --last --apply --quiet", ""),
    ("What was there is kept beside it.",
     "diff zero_loss.py.orig zero_loss.py", "BCEWithLogitsLoss"),
    ("And the program now?",
     "flatline run zero_loss.py", "flatline: healthy"),
)  # fmt: skip


def main() -> int:
    rows = [
        "# A stranger's path",
        "",
        "`make transcript` wrote this page: each command was run, in an empty folder, and this is what it printed. Nothing",
        "but the README was needed.",
    ]
    total = 0.0
    with tempfile.TemporaryDirectory(prefix="stranger-") as folder:
        for told, command, wanted in STEPS:
            began = time.perf_counter()
            shown, status = _run(command, folder)
            seconds = time.perf_counter() - began
            total += seconds
            # Words may be broken over two lines of the panel.
            if wanted not in shown and wanted not in " ".join(shown.replace("│", " ").split()):
                print(f"{command!r} ended with {status} and does not show {wanted!r}:\n{shown}", file=sys.stderr)
                return 1
            print(f"{seconds:6.1f} s  {command}", file=sys.stderr)
            rows += ["", told, "", "```", f"$ {command}", *shown.splitlines(), "```"]
    rows += [
        "",
        f"The commands took {total:.0f} seconds in all, on {os.cpu_count()} cores that were not theirs alone. Installing is not",
        "in that: it is the time of a download.",
        "",
    ]
    if total > MOST_SECONDS:
        print(f"it took {total:.0f} s, more than ten minutes", file=sys.stderr)
        return 1
    PAGE.write_text("\n".join(rows), encoding="utf-8")
    return 0


def _run(command: str, folder: str) -> tuple[str, int]:
    """What a command prints, both streams as they come, and its status."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env={**os.environ, "PATH": path, "COLUMNS": "100", "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    shown = re.sub(r"\d{8}-\d{6}-(\d+)", r"20260101-120000-\1", done.stdout.replace(folder, "~/empty"))
    return "\n".join(row.rstrip() for row in shown.splitlines()), done.returncode


if __name__ == "__main__":
    sys.exit(main())
