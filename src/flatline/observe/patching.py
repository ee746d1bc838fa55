"""Replacing an attribute for a while, so that nothing of the user's can tell, and putting it back."""

from __future__ import annotations

import functools
import sys
import threading
import traceback
import types
from collections.abc import Iterator
from typing import Any, Callable

from flatline.observe.location import FRAME_NAME, PACKAGE

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
        if replacement is original:
            return
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


def _is_ours(frame: types.FrameType) -> bool:
    file = frame.f_code.co_filename
    return file == FRAME_NAME or file.startswith(PACKAGE)


def without_our_frames(error: BaseException, seen: set[int] | None = None) -> None:
    """Takes flatline's frames out of the traceback of an error, and of the errors behind it."""
    seen = seen if seen is not None else set()
    if id(error) in seen:
        return
    seen.add(id(error))
    trace = error.__traceback__
    while trace is not None:
        following = trace.tb_next
        while following is not None and _is_ours(following.tb_frame):
            following = following.tb_next
        if following is not trace.tb_next:
            # Changed in place: the program may hold this very traceback.
            trace.tb_next = following
        trace = following
    behind = [error.__cause__, error.__context__, *getattr(error, "exceptions", ())]
    for other in behind:
        if isinstance(other, BaseException):
            without_our_frames(other, seen)


def hide_from_tracebacks(patches: Patches) -> None:
    """Errors that pass through a wrapper are shown as if it were not there, by Python and by ``traceback``."""

    def make_walk(original: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        def walk(*args: Any, **kwargs: Any) -> Iterator[Any]:
            return (item for item in original(*args, **kwargs) if not _is_ours(item[0]))

        return functools.update_wrapper(walk, original)

    # The second is what ``traceback`` itself goes through since Python 3.11.
    patches.replace(traceback, "walk_tb", make_walk)
    patches.replace(traceback, "_walk_tb_with_full_positions", make_walk)

    def make_hook(original: Callable[..., Any]) -> Callable[..., Any]:
        def excepthook(*args: Any, **kwargs: Any) -> Any:
            error = args[1] if len(args) > 1 else getattr(args[0], "exc_value", None) if args else None
            if isinstance(error, BaseException):
                without_our_frames(error)
            return original(*args, **kwargs)

        return unseen(excepthook, original)

    for module in (sys, threading):
        if module.excepthook is module.__excepthook__:  # type: ignore[attr-defined]
            patches.replace(module, "excepthook", make_hook)
            # The program may ask whether somebody has replaced the hook.
            patches.replace(module, "__excepthook__", lambda _, module=module: module.excepthook)
