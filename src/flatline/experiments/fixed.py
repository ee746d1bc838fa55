"""What fixes were found for a run, and what running them showed: kept in its store."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from flatline.experiments.proof import CurveItem
from flatline.record import beside


class FixItem(msgspec.Struct):
    """One change of the source that cures one cause.

    ``diff`` is against the program with the fixes before it. ``verified``: the changed program ran to its end, and did
    not show the fault any more. Of both programs, ``before`` and ``after`` are the loss, ``before_told`` and
    ``after_told`` its ends in words, ``before_symptoms`` and ``after_symptoms`` what a person would see.
    """

    cause: str
    text: str
    file: str
    line: int
    diff: str
    verified: bool = False
    before: CurveItem | None = None
    after: CurveItem | None = None
    before_told: str = ""
    after_told: str = ""
    before_symptoms: list[str] = []
    after_symptoms: list[str] = []
    seconds: float = 0.0


class TriedItem(msgspec.Struct):
    """A change that is not offered, and why."""

    text: str
    diff: str
    reason: str


class LeftItem(msgspec.Struct):
    """A cause without a fix: why there is none, and what was tried."""

    cause: str
    reason: str
    tried: list[TriedItem] = []


class Rewrite(msgspec.Struct):
    """How a file is made the fixed one, without its text: the SHA-256 of what it must be, and what rows are exchanged,
    each as the first, the one after the last, and the new ones; rows end in a newline."""

    sha256: str
    rows: list[tuple[int, int, str]]


class Fixes(msgspec.Struct):
    """What came of looking for fixes.

    ``texts`` holds, by full path, each changed file: as it was, and as it is with all fixes; ``diff`` is their
    difference. The record holds no texts, which may hold secrets, but ``rewrites``.
    """

    fixes: list[FixItem]
    left: list[LeftItem]
    texts: dict[str, tuple[str, str]]
    diff: str
    verified: bool
    rewrites: dict[str, Rewrite] = {}

    @property
    def complete(self) -> bool:
        """Whether every fault has a fix."""
        return not self.left


def shareable(fixes: Fixes, hide: Callable[[str], str]) -> Fixes:
    """The fixes without secrets, for records and files: ``hide`` gives a text without them."""
    replace = msgspec.structs.replace
    rewrites = {file: _rewrite(old, new) for file, (old, new) in fixes.texts.items()}
    return replace(
        fixes,
        fixes=[replace(item, diff=hide(item.diff)) for item in fixes.fixes],
        left=[
            replace(item, tried=[replace(t, diff=hide(t.diff), reason=hide(t.reason)) for t in item.tried])
            for item in fixes.left
        ],
        texts={},
        diff=hide(fixes.diff),
        # A row with a secret in it cannot be written from the record: then the change is run again.
        rewrites=rewrites if all(hide(row[2]) == row[2] for r in rewrites.values() for row in r.rows) else {},
    )


def restored(fixes: Fixes) -> Fixes | None:
    """Kept fixes with the texts of the files, from what these are now; None where a file is not what it was.

    >>> import tempfile
    >>> file = tempfile.NamedTemporaryFile("w+", delete=False)
    >>> print("a\\nb", file=file, flush=True)
    >>> found = Fixes([], [], {file.name: ("a\\nb\\n", "a\\nc\\n")}, "", True)
    >>> again = restored(shareable(found, str))
    >>> again.texts == found.texts
    True
    """
    texts = {}
    for file, rewrite in fixes.rewrites.items():
        try:
            data = Path(file).read_bytes()
        except OSError:
            return None
        if hashlib.sha256(data).hexdigest() != rewrite.sha256:
            return None
        rows = _rows(data.decode())
        new = list(rows)
        for start, end, text in reversed(rewrite.rows):
            new[start:end] = [text]
        texts[file] = ("".join(rows), "".join(new))
    return msgspec.structs.replace(fixes, texts=texts) if texts else None


def _rewrite(old: str, new: str) -> Rewrite:
    before, after = _rows(old), _rows(new)
    changes = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    rows = [(a, b, "".join(after[c:d])) for tag, a, b, c, d in changes if tag != "equal"]
    return Rewrite(hashlib.sha256(old.encode()).hexdigest(), rows)


def _rows(text: str) -> list[str]:
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def keep(store: str | Path, fixes: Fixes) -> None:
    """Writes the fixes, as :func:`shareable` gives them, into the store of the run, in place of earlier ones.

    Raises:
        StoreError: the store cannot be written.
    """
    beside.keep(store, "fixes", fixes)


def kept(store: str | Path) -> Fixes | None:
    """The fixes that were found for a recorded run; None when none were looked for."""
    return beside.kept(store, "fixes", Fixes)
