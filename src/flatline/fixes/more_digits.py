"""Prints a number with the digits that it has."""

from __future__ import annotations

import re

import libcst as cst

from flatline.fixes.source import Source


def more_digits(source: Source, line: int) -> str | None:
    r"""The first format with a fixed number of decimals after the word loss becomes ``.3g``: three digits, wherever.

    >>> more_digits(Source('print("epoch %d  Loss: %.2f" % (epoch, mean))\n'), 1)
    'print("epoch %d  Loss: %.3g" % (epoch, mean))\n'
    >>> more_digits(Source('print(f"{epoch:.1f} loss {mean:.1f}")\n'), 1)
    'print(f"{epoch:.1f} loss {mean:.3g}")\n'
    """
    strings: list[cst.SimpleString | cst.FormattedString] = [
        *source.at(line, cst.SimpleString),
        *source.at(line, cst.FormattedString),
    ]
    for node in strings:
        code = source.code(node)
        word = re.search(r"loss|mse|error|nll", code, re.IGNORECASE)
        found = re.compile(r"(?<=[%:])(\d*)\.\d+f").search(code, word.end()) if word is not None else None
        if found is not None:
            return source.replaced((node, f"{code[: found.start()]}{found[1]}.3g{code[found.end() :]}"))
    return None
