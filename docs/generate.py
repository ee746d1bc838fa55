"""Writes a page for each cause, from its file: docs/causes/<name>.md, and the table docs/causes/README.md."""

from __future__ import annotations

import sys
from pathlib import Path

from flatline.causes.base import Cause, catalogue

ROOT = Path(__file__).parent.parent
HEADINGS = ("What you see", "What is measured", "How it is told apart", "Experiment", "Fix", "References")


def page(name: str, cause: Cause) -> str:
    rows = [f"# {name}", "", f"{cause.title[0].upper()}{cause.title[1:]}. ({cause.row}, since {cause.since})", ""]
    for line in cause.story().splitlines():
        if line.strip() in HEADINGS:
            rows.append(f"## {line.strip()}")
            rows.append("")
        elif line.strip().startswith("http"):
            rows.append(f"- <{line.strip()}>")
        else:
            rows.append(line.strip())
    cases = sorted((ROOT / "bench" / "cases" / name).glob("*.py"))
    if cases:
        rows += ["", "## Cases", ""]
        rows += [f"- [{case.stem}](../../bench/cases/{name}/{case.name})" for case in cases]
    return "\n".join(rows).rstrip() + "\n"


def table(known: dict[str, Cause]) -> str:
    rows = [
        "# Causes",
        "",
        "Written by `make docs` from the files in src/flatline/causes.",
        "",
        "| row | name | cause |",
    ]
    rows.append("|---|---|---|")
    rows += [f"| {cause.row} | [{name}]({name}.md) | {cause.title} |" for name, cause in known.items()]
    return "\n".join(rows) + "\n"


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    known = catalogue()
    for name, cause in known.items():
        (folder / f"{name}.md").write_text(page(name, cause), encoding="utf-8")
    (folder / "README.md").write_text(table(known), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "causes")
