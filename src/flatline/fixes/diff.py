"""The difference of two texts, as ``git diff`` shows it."""

from __future__ import annotations

import difflib


def unified(before: str, after: str, name: str) -> str:
    r"""A unified diff that ``git apply`` and ``patch -p1`` take; lines end as they end in the file.

    >>> print(unified("a\nb\n", "a\nc", "train.py"), end="")
    --- a/train.py
    +++ b/train.py
    @@ -1,2 +1,2 @@
     a
    -b
    +c
    \ No newline at end of file
    """
    rows = difflib.unified_diff(_lines(before), _lines(after), f"a/{name}", f"b/{name}")
    return "".join(row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n" for row in rows)


def _lines(text: str) -> list[str]:
    """Lines as Git counts them: a form feed or a separator within a line does not end it."""
    rows = text.split("\n")
    return [f"{row}\n" for row in rows[:-1]] + ([rows[-1]] if rows[-1] else [])
