"""Exchanges an expression for another that is made of it."""

from __future__ import annotations

import libcst as cst

from flatline.fixes.source import Edit, Source, last_name, only


def replace_expression(old: str, new: str) -> Edit:
    r"""Exchanges the one expression on the line that reads ``old``.

    >>> replace_expression("len(d.dataset)", "len(d)")(Source("return total / len(d.dataset)\n"), 1)
    'return total / len(d)\n'
    """
    wanted = "".join(old.split())

    def edit(source: Source, line: int) -> str | None:
        found = [n for n in source.at(line, cst.BaseExpression) if "".join(source.code(n).split()) == wanted]
        node = only(found)
        return source.replaced((node, new)) if node is not None else None

    return edit


def wrap_assigned(before: str, after: str = ")") -> Edit:
    r"""Puts what the line assigns between ``before`` and ``after``.

    >>> wrap_assigned("torch.sigmoid(")(Source("p = h @ w + b  # output\n"), 1)
    'p = torch.sigmoid(h @ w + b)  # output\n'
    """

    def edit(source: Source, line: int) -> str | None:
        node = only(source.at(line, cst.Assign))
        if node is None or len(node.targets) != 1:
            return None
        return source.replaced((node.value, f"{before}{source.code(node.value)}{after}"))

    return edit


def stacked(source: Source, line: int) -> str | None:
    r"""``torch.tensor([a.item(), b.item()])``, a new leaf, becomes ``torch.stack([a, b])``, which keeps the graph.

    >>> stacked(Source("return torch.tensor([main.item(), 0.1 * part.item()], requires_grad=True).sum()\n"), 1)
    'return torch.stack([main, 0.1 * part]).sum()\n'
    >>> stacked(Source("loss = torch.tensor(loss.item(), requires_grad=True)\n"), 1)
    'loss = loss\n'
    """
    call = only([c for c in source.at(line, cst.Call) if last_name(c.func) in ("tensor", "Tensor", "as_tensor")])
    if call is None or not call.args or not isinstance(call.func, cst.Attribute):
        return None
    given = call.args[0].value
    start = source.span(given)[0]
    code = source.code(given).encode()
    for item in reversed([c for c in source.all(cst.Call, given) if last_name(c.func) == "item"]):
        if isinstance(item.func, cst.Attribute) and not item.args:
            first, end = source.span(item)
            code = code[: first - start] + source.code(item.func.value).encode() + code[end - start :]
    if not isinstance(given, (cst.List, cst.Tuple)):
        return source.replaced((call, code.decode()))
    return source.replaced((call, f"{source.code(call.func.value)}.stack({code.decode()})"))
