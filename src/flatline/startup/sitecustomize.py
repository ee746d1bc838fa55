"""Python imports a module of this name at start-up, before the program; the launcher puts this folder on the path.

So the program is run by Python itself, exactly as without flatline: no frame of ours is below it, and
``__main__``, ``sys.path``, exit statuses and signals are Python's own business. Every trace of how we came in is
removed here.
"""

import os
import sys
import time

_BEGAN = time.perf_counter()
_FOLDER = os.path.dirname(os.path.abspath(__file__))
_ROOT = os.path.dirname(os.path.dirname(_FOLDER))


def _restore() -> "tuple[dict[str, str], list[str]]":
    """Puts the environment and the path back as the user has them; returns our settings and the user's folders."""
    settings = {key: os.environ.pop(key) for key in list(os.environ) if key.startswith("FLATLINE_RUN_")}
    path = settings.get("FLATLINE_RUN_PYTHONPATH")
    if path is None:
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environ["PYTHONPATH"] = path
    sys.path[:] = [entry for entry in sys.path if entry != _FOLDER]
    sys.path_importer_cache.pop(_FOLDER, None)
    own = {os.path.abspath(entry) for entry in (path or "").split(os.pathsep)} if path else set()
    return settings, [entry for entry in sys.path if os.path.abspath(entry) in own]


def _watch() -> None:
    settings, own = _restore()
    if "FLATLINE_RUN_STORE" not in settings:
        return
    before, path = set(sys.modules), sys.path[:]
    # The user's folders come last for us: a file of theirs may have the name of a module that we need.
    sys.path[:] = [_ROOT, *(entry for entry in path if entry not in own), *own]
    try:
        from flatline import program

        program.start(settings, _BEGAN)
    except Exception as error:
        # The program must run whatever happens to our recording of it.
        print(f"flatline: this run is not recorded: {type(error).__name__}: {error}", file=sys.stderr)
    finally:
        sys.path[:] = path
    _give_way([settings.get("FLATLINE_RUN_HOME", ""), *own], before)


def _give_way(folders: "list[str]", before: "set[str]") -> None:
    """Forgets modules that we imported and the user has a file of the same name for; the program gets its own."""
    from importlib.machinery import PathFinder

    known = set(sys.path_importer_cache)
    names = {name.partition(".")[0] for name in set(sys.modules) - before} - {"flatline"}
    for name in names:
        for folder in folders:
            spec = PathFinder.find_spec(name, [folder]) if folder else None
            # A plain folder of that name (data, logs) does not shadow an installed module.
            if spec is not None and spec.loader is not None and spec.origin is not None:
                for part in [m for m in sys.modules if m == name or m.startswith(name + ".")]:
                    del sys.modules[part]
                break
    # The program finds its folders unread, as without us.
    for folder in set(folders) - known:
        sys.path_importer_cache.pop(folder, None)


_watch()

# The user's own sitecustomize, if there is one; if not, this raises what Python's site module expects then.
del sys.modules["sitecustomize"]
import sitecustomize  # type: ignore[import-not-found]  # noqa: E402, F401
