"""One thing a file: finds what the files of a package define, so that adding one is adding its file."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any


def modules(package: str) -> Iterator[ModuleType]:
    """The modules of a package, by name."""
    path = importlib.import_module(package).__path__
    for found in sorted(pkgutil.iter_modules(path), key=lambda module: module.name):
        yield importlib.import_module(f"{package}.{found.name}")


def classes(package: str, base: Any) -> Iterator[Any]:
    """The classes under ``base`` that the modules of a package define themselves, in order; ``base`` is none of them."""
    for module in modules(package):
        for item in vars(module).values():
            own = inspect.isclass(item) and item.__module__ == module.__name__
            if own and issubclass(item, base) and item is not base and not inspect.isabstract(item):
                yield item
