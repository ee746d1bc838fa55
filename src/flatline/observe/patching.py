"""Replacing an attribute for a while, so that nothing of the user's can tell, and putting it back."""

from __future__ import annotations

import functools
import types
from typing import Any, Callable

from flatline.observe.location import FRAME_NAME

_MISSING = object()


class Patches:
    """A set of replaced attributes.

    A patch that another library has since wrapped is left alone on removal: putting the original back would
    silently undo that library's work.
    """

    def __init__(self) -> None:
        self._replaced: list[tuple[Any, str, Any, Any]] = []

    def replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Replaces ``owner.name`` by ``make(original)``; does nothing where this torch has no such attribute."""
        original = getattr(owner, name, _MISSING)
        if original is _MISSING:
            return
        own = vars(owner).get(name, _MISSING)
        replacement = make(original)
        setattr(owner, name, replacement)
        self._replaced.append((owner, name, own, replacement))

    def remove(self) -> None:
        for owner, name, own, replacement in reversed(self._replaced):
            if vars(owner).get(name, _MISSING) is not replacement:
                continue
            if own is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, own)
        self._replaced.clear()

    def __len__(self) -> int:
        return len(self._replaced)


def unseen(wrapper: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
    """``wrapper`` with the name, signature and documentation of ``original``, and a frame warnings do not count."""
    code = getattr(wrapper, "__code__", None)
    if isinstance(code, types.CodeType):
        wrapper.__code__ = code.replace(co_filename=FRAME_NAME)  # type: ignore[attr-defined]
    return functools.update_wrapper(wrapper, original)
