"""Writes fixes into the user's files: with a copy of what was there, and not over work that is not committed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path


class CannotApply(Exception):
    """A file may not be changed; the message says why and what to do."""


def apply(texts: Mapping[str, tuple[str, str]]) -> list[tuple[Path, Path]]:
    """Writes the new texts: all files, or none.

    Args:
        texts: for each full path, the text that the file must have now, and the one that it gets.

    Returns:
        Each file, and the copy of what was there.

    Raises:
        CannotApply: a file is not what it was, has changes that are not committed, or cannot be written.
    """
    for name, (old, _) in texts.items():
        _require_untouched(Path(name), old)
    done: list[tuple[Path, Path]] = []
    for name, (_, new) in texts.items():
        # A link stays a link: what it leads to is changed.
        file = Path(os.path.realpath(name))
        copy: Path | None = None
        try:
            copy = _copy_beside(file)
            _write(file, new)
        except OSError as error:
            if copy is not None:
                copy.unlink(missing_ok=True)
            for written, saved in done:
                os.replace(saved, written)
            raise CannotApply(f"{name} cannot be changed: {error.strerror or error}; no file was changed") from error
        done.append((file, copy))
    return done


def _require_untouched(file: Path, old: str) -> None:
    try:
        now = file.read_bytes()
    except OSError as error:
        raise CannotApply(f"{file} cannot be read: {error.strerror or error}") from error
    if now != old.encode():
        raise CannotApply(f"{file} has changed since the run; run `flatline fix` again")
    if _uncommitted(file):
        raise CannotApply(
            f"{file} has changes that are not committed; commit or stash them first, so that the fix can be told apart"
        )


def _uncommitted(file: Path) -> bool:
    """Whether Git knows the file and another state of it. A file that Git does not know has no state to compare with."""
    real = Path(os.path.realpath(file))
    try:
        told = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no", "--", real.name],
            cwd=real.parent,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        # No git here.
        return False
    return told.returncode == 0 and bool(told.stdout.strip())


def _copy_beside(file: Path) -> Path:
    """Copies the file to ``NAME.orig``, or to ``NAME.orig.2`` and so on where that is taken."""
    number = 1
    while True:
        copy = file.with_name(f"{file.name}.orig" + (f".{number}" if number > 1 else ""))
        try:
            with copy.open("xb"):
                pass
        except FileExistsError:
            number += 1
            continue
        shutil.copy2(file, copy)
        return copy


def _write(file: Path, text: str) -> None:
    """All of it or nothing, with the mode that the file had."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as new:
            new.write(text.encode())
        shutil.copymode(file, name)
        os.replace(name, file)
    except OSError:
        os.unlink(name)
        raise
