"""Puts what a bench printed into its page of the documentation."""

from __future__ import annotations

from pathlib import Path

FENCE = "```\n"


def put(page: Path, text: str) -> None:
    """Writes the text in the place of the page's first block; what people have written around it stays."""
    written = page.read_text(encoding="utf-8") if page.exists() else f"{FENCE}{FENCE}"
    before, _, rest = written.partition(FENCE)
    _, _, after = rest.partition(FENCE)
    page.write_text(f"{before}{FENCE}{text.rstrip()}\n{FENCE}{after}", encoding="utf-8")
