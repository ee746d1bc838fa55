"""Importing flatline is cheap, and the watched process holds little more than a plain one before the program."""

from __future__ import annotations

from pathlib import Path

import pytest

from runs import plain, watched, write

HEAVY = {"torch", "rich", "click", "numpy", "pandas", "matplotlib"}
# What the recorder needs before the program: everything else comes when the program imports torch.
BEFORE_THE_PROGRAM = {
    "__future__",
    "_ast",
    "_collections",
    "_datetime",
    "_decimal",
    "_functools",
    "_opcode",
    "_operator",
    "_socket",
    "_sqlite3",
    "_sre",
    "_tokenize",
    "_typing",
    "_uuid",
    "_weakrefset",
    "array",
    "ast",
    "atexit",
    "collections",
    "contextlib",
    "copyreg",
    "datetime",
    "decimal",
    "dis",
    "enum",
    "flatline",
    "functools",
    "importlib",
    "inspect",
    "itertools",
    "keyword",
    "linecache",
    "math",
    "mmap",
    "msgspec",
    "numbers",
    "opcode",
    "operator",
    "platform",
    "re",
    "reprlib",
    "signal",
    "sqlite3",
    "sysconfig",
    "textwrap",
    "threading",
    "token",
    "tokenize",
    "traceback",
    "types",
    "typing",
    "typing_extensions",
    "uuid",
    "warnings",
}


@pytest.mark.parametrize("name", ["flatline", "flatline.launcher"])
def test_importing_flatline_is_light(name: str, folder: Path) -> None:
    allowed = set() if name == "flatline" else {"click"}
    text = f"import sys, {name}\nprint(*sorted({{m.partition('.')[0] for m in sys.modules}}))\n"
    write(folder, "program.py", text)
    assert not (set(plain(folder, "program.py").out.decode().split()) & HEAVY) - allowed


def test_the_watched_process_before_the_program(folder: Path) -> None:
    write(folder, "program.py", "import sys\nprint(*sorted({m.partition('.')[0] for m in sys.modules}))\n")
    before = set(plain(folder, "program.py").out.decode().split())
    more = set(watched(folder, "program.py").out.decode().split()) - before
    assert "flatline" in more, "the program was not watched"
    assert not more & (HEAVY | {"logging", "asyncio", "multiprocessing"})
    assert {name for name in more if not name.startswith("_sysconfigdata")} <= BEFORE_THE_PROGRAM
