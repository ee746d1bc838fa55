"""``flatline read``: a diagnosis from logs alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flatline.commands.showing import Diagnosed, require_folder, write_html, write_json
from flatline.commands.starting import STRICT_STATUS

if TYPE_CHECKING:
    from flatline.logs.base import Log

_FILE = click.Path(dir_okay=False)


@click.command()
@click.option("--json", "json_path", type=_FILE, help="Also write the verdict to this file (of one log).")
@click.option("--html", "html_path", type=_FILE, help="Also write it as one HTML page (of one log).")
@click.option("--strict", is_flag=True, help="Exit with 10 when the log shows a fault.")
@click.option("--quiet", is_flag=True, help="No report; only the files that --json and --html name.")
@click.argument("path")
def read(json_path: str | None, html_path: str | None, strict: bool, quiet: bool, path: str) -> None:
    """Says what the logs at PATH show, which causes are possible, and which command would tell them apart.

    PATH is a file, a folder, or - for standard input: TensorBoard event files, trainer_state.json of the Hugging Face
    Trainer, CSV logs of Lightning and Keras, offline folders of Weights & Biases, and text with printed losses.

    Exit status: 0, also when a fault is seen; 10 with --strict when one is; 2 when PATH holds no log, or none can be read.
    """
    json_file, page = require_folder("--json", json_path), require_folder("--html", html_path)
    logs = _logs(path)
    if len(logs) > 1 and (json_file is not None or page is not None):
        names = "\n".join(f"  {log.path}" for log in logs)
        raise click.UsageError(f"--json and --html are for one log, and {path} holds {len(logs)}; name one:\n{names}")
    from flatline.logs.diagnosis import diagnose_log
    from flatline.report import logged

    healthy = complete = True
    for log in logs:
        verdict, recording = diagnose_log(log)
        healthy &= verdict.healthy
        found = Diagnosed(Path(log.path), recording, verdict)
        if json_file is not None:
            complete &= write_json(found, json_file)
        if page is not None:
            complete &= write_html(found, page)
        if not quiet:
            logged.show(verdict, curve=recording.optimised[0].values if recording.optimised else None)
    sys.exit(1 if not complete else STRICT_STATUS if strict and not healthy else 0)


def _logs(path: str) -> list[Log]:
    """The logs at a path.

    Raises:
        click.UsageError: there is none; the message says what was looked for.
    """
    from flatline.logs.find import NoLogError, logs_at, read_log

    try:
        if path == "-":
            return [read_log(sys.stdin.buffer, "standard input")]
        if not Path(path).exists():
            raise click.UsageError(f"there is no log at {path!r} (looked in {Path(path).absolute().parent})")
        return logs_at(Path(path))
    except NoLogError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.UsageError(f"{path!r} cannot be read: {error.strerror or error}") from error
