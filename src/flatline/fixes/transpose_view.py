"""Makes a call that cuts memory anew into one that exchanges the first two dimensions."""

from __future__ import annotations

import libcst as cst

from flatline.fixes.source import Source, last_name, only


def transpose_view(source: Source, line: int) -> str | None:
    r"""``x.view(T, N, F)`` becomes ``x.transpose(0, 1)``; for a tensor of three dimensions only.

    >>> transpose_view(Source("h, _ = self.gru(x.view(STEPS, -1, 2))  # time first\n"), 1)
    'h, _ = self.gru(x.transpose(0, 1))  # time first\n'
    >>> transpose_view(Source("y = torch.reshape(x, (5, -1, 2))\n"), 1)
    'y = x.transpose(0, 1)\n'
    """
    call = only([c for c in source.at(line, cst.Call) if last_name(c.func) in ("view", "reshape")])
    if call is None or not isinstance(call.func, cst.Attribute):
        return None
    given = call.func.value
    if isinstance(given, cst.Name) and given.value == "torch":
        if len(call.args) != 2 or call.args[0].keyword is not None:
            return None
        given = call.args[0].value
    return source.replaced((call, f"{source.code(given)}.transpose(0, 1)"))
