"""Word of the end of an import that the program makes, without importing anything for it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


class AfterImport:
    """A finder that calls back when the import of a module has finished; it finds nothing itself.

    ``wanted`` are functions by the name of the module; each is called once. The finder goes away with the last, or when
    :meth:`stop` is called.
    """

    def __init__(self, wanted: dict[str, Callable[[], None]]) -> None:
        self._wanted = wanted
        self._asking = False

    def start(self) -> None:
        sys.meta_path.insert(0, self)

    def stop(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in self._wanted or self._asking:
            return None
        # To be found is not yet to be imported: transformers asks whether there is a torch, and imports it later.
        self._asking = True
        try:
            for finder in list(sys.meta_path):
                find = getattr(finder, "find_spec", None)
                spec = find(name, path, target) if find and finder is not self else None
                if spec is not None:
                    break
            else:
                return None
        finally:
            self._asking = False
        if spec.loader is not None:
            spec.loader = _Loader(spec.loader, lambda: self._finished(name))
        return spec

    def _finished(self, name: str) -> None:
        callback = self._wanted.pop(name, None)
        if not self._wanted:
            self.stop()
        if callback is not None:
            callback()


class _Loader:
    """The loader of a module, with word of its end. The module keeps its own loader."""

    def __init__(self, loader: Any, finished: Callable[[], None]) -> None:
        self._loader = loader
        self._finished = finished

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        module.__spec__.loader = module.__loader__ = self._loader
        # When it fails the program may try again, for example with another library path: no word of that.
        self._loader.exec_module(module)
        self._finished()
