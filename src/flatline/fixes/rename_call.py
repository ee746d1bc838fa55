"""Calls another function or class with the same arguments."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import libcst as cst

from flatline.fixes.source import Edit, Source, last_name, only


def rename_call(names: Mapping[str, str], refused: Collection[str] = (), keep: Collection[str] | None = None) -> Edit:
    r"""Exchanges the name of the one call on the line that is named in ``names``; its prefix stays.

    Args:
        names: the new name for each old one.
        refused: keywords that the new one does not know: with one of them there is nothing to change.
        keep: the keywords that the new one knows; others go. None keeps all.

    >>> edit = rename_call({"NLLLoss": "CrossEntropyLoss", "int": "float"}, refused={"pos_weight"})
    >>> edit(Source("self.loss = nn.NLLLoss()  # for logs\n"), 1), edit(Source("log(int(loss))\n"), 1)
    ('self.loss = nn.CrossEntropyLoss()  # for logs\n', 'log(float(loss))\n')
    """

    def edit(source: Source, line: int) -> str | None:
        call = only([c for c in source.at(line, cst.Call) if last_name(c.func) in names])
        if call is None or any(a.keyword is not None and a.keyword.value in refused for a in call.args):
            return None
        bare = isinstance(call.func, cst.Name) and call.func.value in source.imported
        if bare:
            # ``from torch.nn import NLLLoss``: the new name would have to be imported as well.
            return _with_import(source, call, names[last_name(call.func)])
        target = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
        return source.replaced((target, names[last_name(call.func)]), *_without(source, call, keep))

    return edit


def _with_import(source: Source, call: cst.Call, name: str) -> str | None:
    old = last_name(call.func)
    for statement in source.all(cst.ImportFrom):
        for alias in statement.names if not isinstance(statement.names, cst.ImportStar) else []:
            if alias.evaluated_name == old and alias.asname is None:
                others = [n for n in source.all(cst.Name) if n.value == old]
                new = name if len(others) == 2 else f"{old}, {name}"
                new = old if name in source.imported else new
                return source.replaced((alias.name, new), (call.func, name))
    return None


def _without(source: Source, call: cst.Call, keep: Collection[str] | None) -> list[tuple[tuple[int, int], str]]:
    """The arguments after the first that the new function does not know, each with the comma before it."""
    gone = []
    for before, argument in zip(call.args, call.args[1:]) if keep is not None else ():
        if argument.keyword is None or argument.keyword.value not in (keep or ()):
            gone.append(((source.span(before.value)[1], source.span(argument.value)[1]), ""))
    return gone
