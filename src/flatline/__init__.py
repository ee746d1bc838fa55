"""Says why a neural network's loss is zero, stuck or NaN.

The names below are the public interface; each is imported when it is first used, so that importing ``flatline``
costs nothing and drags nothing into the program that is watched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["__version__", "check", "prove", "watch"]

if TYPE_CHECKING:
    from flatline.checking import check
    from flatline.proving import prove
    from flatline.watching import watch


def __getattr__(name: str) -> Any:
    if name == "watch":
        from flatline.watching import watch

        return watch
    if name == "prove":
        from flatline.proving import prove

        return prove
    if name == "check":
        from flatline.checking import check

        return check
    raise AttributeError(f"module 'flatline' has no attribute {name!r}")
