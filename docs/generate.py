"""Writes what can be written from the code: a page for each cause, and the real outputs in the other pages.

    python docs/generate.py

- docs/causes/<name>.md, a page for each cause from its file, and the table docs/causes/README.md.
- README.md and docs/textbook.md: the block below each ``<!-- run PROGRAM -->`` is what ``flatline run PROGRAM``
  prints at a width of 100; docs/verdict.md: the block below ``<!-- verdict PROGRAM -->`` is its verdict file.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from flatline.causes.base import Cause, catalogue

ROOT = Path(__file__).parent.parent
HEADINGS = ("What you see", "What is measured", "How it is told apart", "Experiment", "Fix", "References")
WITH_OUTPUT = ("README.md", "docs/textbook.md", "docs/verdict.md")
BLOCK = re.compile(r"(<!-- (run|verdict) (\S+) -->\n```\w*\n)(.*?)(```\n)", re.DOTALL)


def page(name: str, cause: Cause) -> str:
    """One cause: its title, its story with the headings as markdown, and its cases."""
    rows = [f"# {name}", "", f"*{cause.title[0].upper()}{cause.title[1:]}.* Row {cause.row}, since {cause.since}.", ""]
    heading = ""
    for line in cause.story().splitlines():
        text = line.strip()
        if text in HEADINGS:
            heading = text
            rows += [f"## {text}", ""]
        elif heading == "References" and text:
            if rows[-1].startswith("- ") and not rows[-1].endswith((".", ">")):
                rows[-1] += f" {text}"  # a reference that goes on
            else:
                rows.append(f"- <{text}>" if re.fullmatch(r"https?://\S+", text) else f"- {text}")
        else:
            rows.append(_linked(text))
    return "\n".join([*rows, *_cases(name)]).rstrip() + "\n"


def _linked(text: str) -> str:
    """``other-cause`` in a story becomes a link to its page."""

    def link(match: re.Match[str]) -> str:
        return f"[`{match[1]}`]({match[1]}.md)" if match[1] in catalogue() else f"`{match[1]}`"

    return re.sub(r"``([^`]+)``", link, text)


def _cases(name: str) -> list[str]:
    paths = sorted((ROOT / "bench" / "cases" / name).glob("*.py"))
    rows = ["", "## Cases", "", f"`python bench/accuracy.py {name}` runs them."] if paths else []
    for kind, title in (("faulty_", "With the fault"), ("healthy_", "Healthy, though they look alike")):
        chosen = [path for path in paths if path.stem.startswith(kind)]
        if chosen:
            rows += ["", f"{title}:", ""]
            rows += [f"- [{path.stem}](../../bench/cases/{name}/{path.name}): {_purpose(path)}" for path in chosen]
    return rows


def _purpose(path: Path) -> str:
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return doc.split("\n\n")[0].replace("\n", " ").strip()


def table(known: dict[str, Cause]) -> str:
    rows = ["# Causes", "", f"The {len(known)} causes that this version knows. Written by `make docs` from",
            "[src/flatline/causes](../../src/flatline/causes); `flatline causes explain NAME` prints the same.", "",
            "| name | cause | row |", "|---|---|---|"]  # fmt: skip
    rows += [f"| [{name}]({name}.md) | {cause.title} | {cause.row} |" for name, cause in sorted(known.items())]
    return "\n".join(rows) + "\n"


def write(folder: Path) -> None:
    """Writes the pages of the causes; pages of causes that are gone are taken away."""
    folder.mkdir(parents=True, exist_ok=True)
    known = catalogue()
    for name, cause in known.items():
        (folder / f"{name}.md").write_text(page(name, cause), encoding="utf-8")
    (folder / "README.md").write_text(table(known), encoding="utf-8")
    for old in folder.glob("*.md"):
        if old.stem not in known and old.name != "README.md":
            old.unlink()


def refresh(path: Path) -> None:
    """Puts the present output of the programs named in a page into it."""

    def replaced(match: re.Match[str]) -> str:
        shown, verdict = output(match[3])
        return match[1] + (shown if match[2] == "run" else verdict) + match[5]

    text = path.read_text(encoding="utf-8")
    path.write_text(BLOCK.sub(replaced, text), encoding="utf-8")


def output(program: str) -> tuple[str, str]:
    """What is printed when a program is run, without the paths of the record and the page; and the verdict file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "verdict.json"
        done = subprocess.run(
            [sys.executable, "-m", "flatline", "run", "--runs", folder, "--json", str(file), program],
            cwd=ROOT, env={**os.environ, "COLUMNS": "100", "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True,
        )  # fmt: skip
        rows = [line for line in done.stdout.splitlines() if not line.startswith(("record: ", "report: "))]
        verdict = file.read_text(encoding="utf-8").replace(f"{ROOT}/", "")
    return f"$ flatline run {program}\n" + "\n".join(rows) + "\n", verdict


if __name__ == "__main__":
    write(ROOT / "docs" / "causes")
    for name in WITH_OUTPUT:
        refresh(ROOT / name)
