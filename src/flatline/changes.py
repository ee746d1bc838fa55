"""What a trial changes in the user's program, as plain data: a cause names it, ``interventions`` does it."""

from __future__ import annotations

from typing import Any

import msgspec


class Change(msgspec.Struct, frozen=True):
    """One intervention, by ``name`` (a module of ``flatline.interventions``), with its settings.

    >>> decode(encode([Change("learning-rate", {"factor": 0.1})]))
    [Change(name='learning-rate', arguments={'factor': 0.1})]
    """

    name: str
    arguments: dict[str, Any] = {}


def encode(changes: list[Change]) -> str:
    """The changes as JSON, for the environment of a trial."""
    return msgspec.json.encode(changes).decode()


def decode(text: str) -> list[Change]:
    """The changes that :func:`encode` wrote.

    Raises:
        msgspec.ValidationError: the text is not a list of changes.
    """
    try:
        return msgspec.json.decode(text, type=list[Change])
    except UnicodeError as error:
        raise msgspec.ValidationError(str(error)) from error
