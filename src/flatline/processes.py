"""Programs that train in several processes: each one that joins a process group is recorded, in a store of its own.

What the program forks or spawns for other work (workers of a loader) is left alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from flatline.observe.patching import Patches, hide_from_tracebacks, unseen

Join = Callable[[int], None]
# Told of the exception that ends a rank: what started it catches that, and the process ends as if in good order.
failed: Callable[[BaseException], None] | None = None


def rank_store(store: str, rank: int) -> str:
    """The store of one rank, beside the one of the process that started it; a fresh name for each.

    >>> rank_store("/nowhere/run.sqlite", 1)
    '/nowhere/run-rank1.sqlite'
    """
    stem, suffix = os.path.splitext(store)
    for number in ("", *(f"-{again}" for again in range(2, 1000))):
        found = f"{stem}{number}-rank{rank}{suffix}"
        if not os.path.exists(found):
            return found
    return f"{stem}-{os.getpid()}-rank{rank}{suffix}"


def follow(patches: Patches, join: Join, settings: dict[str, Any]) -> None:
    """Calls ``join(rank)`` in each process, other than this one, that joins a process group.

    A forked process carries these patches with it. A spawned one begins anew: what it is to run is wrapped, so that
    it starts with :func:`begin`.
    """
    torch = sys.modules["torch"]
    if not torch.distributed.is_available():
        return
    own = os.getpid()
    patches.replace(torch.distributed, "init_process_group", lambda original: _joining(original, join, own))
    module = sys.modules.get("torch.multiprocessing.spawn")
    for owner in (module, torch.multiprocessing):
        if owner is not None:
            patches.replace(owner, "start_processes", lambda original: _spawning(original, settings))


def _joining(original: Callable[..., Any], join: Join, own: int) -> Callable[..., Any]:
    def init_process_group(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if os.getpid() != own:
            try:
                join(sys.modules["torch"].distributed.get_rank())
            except Exception as error:
                # The program must go on; its rank is not recorded.
                print(f"flatline: this rank is not recorded: {type(error).__name__}: {error}", file=sys.__stderr__)
        return result

    return unseen(init_process_group, original)


def _spawning(original: Callable[..., Any], settings: dict[str, Any]) -> Callable[..., Any]:
    def start_processes(fn: Any, *args: Any, **kwargs: Any) -> Any:
        import importlib.util

        try:
            method = kwargs.get("start_method", args[4] if len(args) > 4 else "spawn")
            # The new process must be able to import us, or it could not even begin.
            if not isinstance(fn, Spawned) and (method == "fork" or importlib.util.find_spec("flatline") is not None):
                fn = Spawned(fn, settings if method != "fork" else None)
        except Exception as error:
            print(f"flatline: these processes are not recorded: {type(error).__name__}: {error}", file=sys.__stderr__)
        return original(fn, *args, **kwargs)

    return unseen(start_processes, original)


class Spawned:
    """What a new process runs: the program's function, with our eye on it. ``settings`` is None for one that is forked,
    where the patches are in place."""

    def __init__(self, function: Callable[..., Any], settings: dict[str, Any] | None) -> None:
        self._function = function
        self._settings = settings

    def __call__(self, *args: Any) -> Any:
        if self._settings is not None:
            try:
                begin(self._settings)
            except Exception as error:
                print(f"flatline: this process is not recorded: {type(error).__name__}: {error}", file=sys.__stderr__)
        try:
            return self._function(*args)
        except Exception as error:
            if failed is not None:
                failed(error)
            raise


def begin(settings: dict[str, Any]) -> None:
    """In a spawned process: records it from the moment when it joins a process group."""
    import torch.distributed
    import torch.multiprocessing

    from flatline import program

    patches = Patches()
    hide_from_tracebacks(patches)

    def join(rank: int) -> None:
        patches.remove()
        program.start_rank(settings, rank)

    # 0 is no process: here every group counts.
    patches.replace(torch.distributed, "init_process_group", lambda original: _joining(original, join, 0))
