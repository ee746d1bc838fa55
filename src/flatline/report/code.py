"""The user's source as rows of coloured text, cut into what is shown and what is folded."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby

from flatline.report.listing import Listing

# Few colours: what a token is by Pygments, and the class that the stylesheet knows.
_CLASSES = (("Token.Comment", "hl-c"), ("Token.Literal.String", "hl-s"), ("Token.Keyword", "hl-k"),
            ("Token.Operator.Word", "hl-k"), ("Token.Literal.Number", "hl-m"))  # fmt: skip


@dataclass
class Row:
    """One line: ``parts`` of (class, text), ``kind`` guilty, related or empty, ``causes`` whose line it is."""

    number: int
    parts: list[tuple[str, str]]
    kind: str = ""
    causes: list[str] = field(default_factory=list)


@dataclass
class Block:
    """Neighbouring rows, all shown or all folded."""

    folded: bool
    rows: list[Row]


def blocks(listing: Listing, context: int = 4) -> list[Block]:
    """The rows of a listing, those far from a marked line in folded blocks; a fold of one or two rows is not worth it."""
    rows = _rows(listing)
    near = listing.near(context)
    made = [Block(not shown, list(group)) for shown, group in groupby(rows, lambda row: row.number in near)]
    result: list[Block] = []
    for block in made:
        block.folded = block.folded and len(block.rows) > 2
        if result and not block.folded and not result[-1].folded:
            result[-1].rows += block.rows
        else:
            result.append(block)
    return result


def _rows(listing: Listing) -> list[Row]:
    rows = [Row(listing.first + at, parts) for at, parts in enumerate(coloured(listing.lines))]
    for mark in listing.marks:
        row = rows[mark.line - listing.first]
        row.kind = mark.kind if row.kind != "guilty" else row.kind
        row.causes.append(mark.cause)
    return rows


def coloured(lines: list[str]) -> list[list[tuple[str, str]]]:
    """Each line as parts of (class, text); the texts joined are the line. What Pygments cannot read has no colour.

    >>> coloured(["x = 1  # one", "y"])
    [[('', 'x = '), ('hl-m', '1'), ('', '  '), ('hl-c', '# one')], [('', 'y')]]
    """
    from pygments.lexers import PythonLexer  # type: ignore[import-untyped]

    text = "\n".join(lines)
    result: list[list[tuple[str, str]]] = [[]]
    for kind, value in PythonLexer(stripnl=False, ensurenl=False).get_tokens(text):
        name = next((own for token, own in _CLASSES if str(kind).startswith(token)), "")
        for at, piece in enumerate(value.split("\n")):
            if at:
                result.append([])
            if piece and result[-1] and result[-1][-1][0] == name:
                result[-1][-1] = (name, result[-1][-1][1] + piece)
            elif piece:
                result[-1].append((name, piece))
    if ["".join(text for _, text in parts) for parts in result] != lines:
        return [[("", line)] if line else [] for line in lines]
    return result
