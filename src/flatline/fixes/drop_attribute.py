"""Leaves an attribute out: ``weight.data`` becomes ``weight``."""

from __future__ import annotations

import libcst as cst

from flatline.fixes.source import Edit, Source, only


def drop_attribute(name: str) -> Edit:
    r"""Leaves out the one attribute of this name on the line.

    >>> drop_attribute("data")(Source("z = x @ W.data + b\n"), 1)
    'z = x @ W + b\n'
    """

    def edit(source: Source, line: int) -> str | None:
        node = only([a for a in source.at(line, cst.Attribute) if a.attr.value == name])
        return source.instead(node, node.value) if node is not None else None

    return edit
