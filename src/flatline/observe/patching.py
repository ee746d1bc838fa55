"""Replacing an attribute for a while, so that nothing of the user's can tell, and putting it back."""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
import traceback
import types
from collections.abc import Callable, Iterator
from typing import Any

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
        wrapper.__code__ = code.replace(co_filename=FRAME_NAME)
    seen = functools.update_wrapper(wrapper, original)
    # What torch.jit.script compiles in the place of a function that a scripted one calls.
    seen.__prepare_scriptable__ = lambda: original  # type: ignore[attr-defined]
    return seen


class Looked:
    """Stands in for a method written in C: tells when it is looked up on an object, and gives the method itself.

    So no frame of ours is there while the method runs. A warning from C names the line of the innermost Python
    frame, whatever that frame is called, and on the class the method is still the very same object.
    """

    __slots__ = ("_original", "_tell")

    def __init__(self, original: Any, tell: Callable[[Any, types.FrameType | None], None]) -> None:
        self._original = original
        self._tell = tell

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is not None:
            self._tell(instance, sys._getframe().f_back)
        return self._original.__get__(instance, owner)


_AS_CALLER = "<flatline: as the caller>"
_CALLERS: dict[tuple[types.CodeType, int], types.FunctionType] = {}


def _call(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    return function(*args, **kwargs)


def call_as(
    frame: types.FrameType | None, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Calls a function written in C from a frame that looks like ``frame``: its warnings name the user's line."""
    if frame is None:
        return function(*args, **kwargs)
    key = (frame.f_code, frame.f_lineno)
    caller = _CALLERS.get(key)
    if caller is None or caller.__globals__ is not frame.f_globals:
        # The call is on the line after the first.
        code = _call.__code__.replace(
            co_filename=frame.f_code.co_filename, co_firstlineno=frame.f_lineno - 1, co_name=_AS_CALLER
        )
        caller = _CALLERS[key] = types.FunctionType(code, frame.f_globals)
    return caller(function, args, kwargs)


def _is_ours(frame: types.FrameType) -> bool:
    file = frame.f_code.co_filename
    return file == FRAME_NAME or file.startswith(PACKAGE) or frame.f_code.co_name == _AS_CALLER


def _hidden(item: Any) -> bool:
    try:
        return _is_ours(item[0])
    except Exception:
        return False


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
            return (item for item in original(*args, **kwargs) if not _hidden(item))

        return functools.update_wrapper(walk, original)

    # The second is what ``traceback`` itself goes through since Python 3.11.
    patches.replace(traceback, "walk_tb", make_walk)
    patches.replace(traceback, "_walk_tb_with_full_positions", make_walk)

    def make_hook(original: Callable[..., Any]) -> Callable[..., Any]:
        def excepthook(*args: Any, **kwargs: Any) -> Any:
            error = args[1] if len(args) > 1 else getattr(args[0], "exc_value", None) if args else None
            if isinstance(error, BaseException):
                # Where this fails, the error is shown with our frames in it.
                with contextlib.suppress(Exception):
                    without_our_frames(error)
            return original(*args, **kwargs)

        return unseen(excepthook, original)

    for module in (sys, threading):
        if module.excepthook is module.__excepthook__:
            patches.replace(module, "excepthook", make_hook)
            # The program may ask whether somebody has replaced the hook.
            hook = module.excepthook
            patches.replace(module, "__excepthook__", lambda _, hook=hook: hook)  # type: ignore[misc]
