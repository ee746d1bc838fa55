"""A change of the source that a cause proposes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flatline.fixes.source import Edit

# A byte order mark, which editors on Windows put first.
_MARK = "\ufeff"


@dataclass
class Patch:
    """One candidate for a cure.

    Attributes:
        text: what it does, in a sentence.
        file: the file that it changes, as it was recorded.
        line: where.
        edit: gives the new text of the file.
    """

    text: str
    file: str
    line: int
    edit: Edit

    def applied(self, text: str) -> str | None:
        """The text of the file with the change made; None where it finds no place for it, or changes nothing."""
        from libcst import ParserSyntaxError

        from flatline.fixes.source import Source

        bare = text.removeprefix(_MARK)
        try:
            changed = self.edit(Source(bare), self.line)
        except ParserSyntaxError:
            return None
        if changed is None or changed == bare:
            return None
        return text[: len(text) - len(bare)] + changed
