"""Where numbers left the range of their type."""

from __future__ import annotations

from flatline.observe.events.base import Record


class NonFinite(Record):
    """The first operation, in forward order, at which a number behind a NaN or infinite scalar went wrong.

    ``saved`` names the tensor that the operation saved (``result``, ``self``, ``mat1`` …; empty when only the scalar
    itself shows it), ``nan``, ``positive``, ``negative`` and ``zeros`` count its elements that are NaN, an infinity or
    0, ``first`` is the index of the first of them. ``data``: it is an input to which no operation before contributed.
    ``largest`` is the greatest magnitude met before, ``before`` the operations that made it, ``parameters`` the
    weights that were not finite themselves.
    """

    tick: int
    step: int
    place: int | None
    operation: str
    saved: str
    dtype: str
    shape: list[int]
    nan: int = 0
    positive: int = 0
    negative: int = 0
    zeros: int = 0
    first: list[int] = []
    largest: float = 0.0
    data: bool = False
    before: list[str] = []
    parameters: list[int] = []


class Singular(Record):
    """An operation at a point where its gradient is infinite: ``zeros`` elements under a root, log or fraction bar."""

    tick: int
    step: int
    operation: str
    shape: list[int]
    dtype: str
    zeros: int


class HalfOverflow(Record):
    """A 16-bit tensor without a gradient held ``infinite`` elements of +inf when ``operation`` was called on it."""

    tick: int
    step: int
    place: int | None
    operation: str
    dtype: str
    shape: list[int]
    infinite: int
