"""Text that came from the program, made harmless to look at."""

from __future__ import annotations

import re
from typing import Any

# The control characters but newline and tab, those that turn the direction of text, and the separators that some
# readers take for a new line.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(value: Any) -> Any:
    """The same value (text, or lists and dicts of it) with control characters as escapes: shown, they could do anything.

    >>> visible(["\\x1b[31mred", {"key": 1}])
    ['\\\\x1b[31mred', {'key': 1}]
    """
    if isinstance(value, str):
        return _CONTROL.sub(lambda match: ascii(match[0])[1:-1], value)
    if isinstance(value, (list, tuple)):
        return [visible(item) for item in value]
    if isinstance(value, dict):
        return {visible(key): visible(item) for key, item in value.items()}
    return value
