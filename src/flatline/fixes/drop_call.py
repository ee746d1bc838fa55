"""Leaves a call out: its argument, or what it is called on, takes its place."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from flatline.fixes.source import Edit, Source, last_name, only

_LISTS = {"Sequential", "ModuleList"}


def drop_call(*names: str) -> Edit:
    r"""Leaves out the one call of these names on the line: of a function, of a method, or of a module's class.

    A layer of a ``Sequential`` goes with its comma; a module that has a name of its own becomes ``Identity``.

    >>> edit = drop_call("softmax", "Softmax")
    >>> edit(Source("p = F.softmax(a + b, dim=1)  # sure\n"), 1)
    'p = a + b  # sure\n'
    >>> edit(Source("p = x.softmax(-1) * 2\n"), 1), edit(Source("self.act = nn.Softmax(dim=1)\n"), 1)
    ('p = x * 2\n', 'self.act = nn.Identity()\n')
    >>> edit(Source("m = nn.Sequential(nn.Linear(4, 2), nn.Softmax(dim=1))\n"), 1)
    'm = nn.Sequential(nn.Linear(4, 2))\n'
    >>> edit(Source("p = softmax(a) + softmax(b)\n"), 1) is None
    True
    """

    def edit(source: Source, line: int) -> str | None:
        call = only([c for c in source.at(line, cst.Call) if last_name(c.func) in names])
        return _dropped(source, call) if call is not None else None

    return edit


def drop_calls(*names: str, function: bool = False) -> Edit:
    r"""Leaves out every call of these names in the statement, one within the other; or in the function around it.

    >>> drop_calls("from_numpy", "numpy", "detach")(Source("s = torch.from_numpy(out[:, -1].detach().numpy())\n"), 1)
    's = out[:, -1]\n'
    """

    def edit(source: Source, line: int) -> str | None:
        text: str | None = source.text
        left = len(_calls(source, line, names, function))
        while left and text is not None:
            current = Source(text)
            calls = _calls(current, line, names, function)
            if not calls:
                break
            text, left = _dropped(current, calls[0]), left - 1
        return text if text != source.text else None

    return edit


def _calls(source: Source, line: int, names: tuple[str, ...], function: bool) -> list[cst.Call]:
    statement = source.statement_at(line)
    if statement is not None and function:
        statement = next(iter(source.around(statement, cst.FunctionDef)), None)
    if statement is None:
        return []
    return [call for call in source.all(cst.Call, statement) if last_name(call.func) in names]


def _dropped(source: Source, call: cst.Call) -> str | None:
    name = last_name(call.func)
    if name[:1].isupper():
        return _layer(source, call)
    inner = _argument(source, call)
    return source.instead(call, inner) if inner is not None else None


def _argument(source: Source, call: cst.Call) -> cst.BaseExpression | None:
    """What a call computes with: its first argument, or the object of a method."""
    first = call.args[0] if call.args else None
    if isinstance(call.func, cst.Attribute) and not _of_module(source, call.func.value):
        # ``x.softmax(-1)`` takes a number at most; ``self.softmax(x)`` takes the tensor.
        literal = (cst.Integer, cst.UnaryOperation, cst.SimpleString)
        if first is None or first.keyword is not None or isinstance(first.value, literal):
            return call.func.value
    if first is None or first.star or (first.keyword is not None and first.keyword.value != "input"):
        return None
    return first.value


def _of_module(source: Source, node: cst.BaseExpression) -> bool:
    while isinstance(node, cst.Attribute):
        node = node.value
    return isinstance(node, cst.Name) and node.value in source.imported | {"torch", "F", "nn"}


def _layer(source: Source, call: cst.Call) -> str | None:
    item = source.parent(call)
    holder = source.parent(item) if item is not None else None
    if isinstance(item, cst.Arg) and isinstance(holder, cst.Call) and last_name(holder.func) in _LISTS:
        return _without(source, holder.args, item)
    if isinstance(item, cst.Element) and isinstance(holder, cst.List):
        return _without(source, holder.elements, item)
    prefix, dot, _ = source.code(call.func).rpartition(".")
    return source.replaced((call, f"{prefix}{dot}Identity()"))


def _without(source: Source, items: Sequence[cst.CSTNode], item: cst.CSTNode) -> str | None:
    """Without one item of several: its own lines when it has them to itself, else from the comma before it."""
    index = next(i for i, other in enumerate(items) if other is item)
    if len(items) == 1:
        return None
    start, end = source.span(item)
    raw = source.text.encode()
    line_start, line_end = source.whole_lines(item)
    rest = raw[end:line_end].decode().strip()
    alone = not raw[line_start:start].strip() and (rest.startswith(",") or not rest)
    if alone and (not rest or not rest[1:].strip() or rest[1:].strip().startswith("#")):
        return source.replaced(((line_start, line_end), ""))
    if index + 1 < len(items):
        return source.replaced(((start, source.span(items[index + 1])[0]), ""))
    return source.replaced(((source.span(items[index - 1])[1], end), ""))
