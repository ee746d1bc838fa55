"""Inserts statements, indented as what stands there."""

from __future__ import annotations

import libcst as cst

from flatline.fixes.source import Edit, Source


def insert_before(*statements: str, loop: bool = False) -> Edit:
    r"""Inserts statements before the statement of the line, or before the innermost loop around it.

    >>> insert_before("opt.zero_grad()")(Source("for x in y:\n\tloss.backward()  # now\n"), 2)
    'for x in y:\n\topt.zero_grad()\n\tloss.backward()  # now\n'
    >>> insert_before("opt.zero_grad()")(Source("for x in y: loss.backward()\n"), 1)
    'for x in y: opt.zero_grad(); loss.backward()\n'
    """

    def edit(source: Source, line: int) -> str | None:
        statement = source.statement_at(line)
        if statement is None:
            return None
        suite = statement.body if isinstance(statement, cst.BaseCompoundStatement) else None
        if isinstance(suite, cst.SimpleStatementSuite) and not loop:
            start = source.span(suite.body[0])[0]
            return source.replaced(((start, start), "".join(f"{s}; " for s in statements)))
        if loop:
            loops = source.loops(statement)
            return _inserted(source, loops[0], statements) if loops else None
        return _inserted(source, statement, statements)

    return edit


def insert_before_with(*statements: str) -> Edit:
    r"""Inserts statements before the ``with`` around the line, or before its statement where there is none.

    >>> print(insert_before_with("net.eval()")(Source("with torch.no_grad():\n    y = net(x)\n"), 2), end="")
    net.eval()
    with torch.no_grad():
        y = net(x)
    """

    def edit(source: Source, line: int) -> str | None:
        statement = source.statement_at(line)
        if statement is None:
            return None
        functions = source.around(statement, cst.FunctionDef)
        inside = source.all(cst.With, functions[0] if functions else source.module)
        blocks = [block for block in source.around(statement, cst.With) if any(block is other for other in inside)]
        return _inserted(source, blocks[-1] if blocks else statement, statements)

    return edit


def insert_after(*statements: str) -> Edit:
    r"""Inserts statements after the statement of the line.

    >>> print(insert_after("opt.step()")(Source("for x in y:\n    loss.backward()\nend()\n"), 2), end="")
    for x in y:
        loss.backward()
        opt.step()
    end()
    """

    def edit(source: Source, line: int) -> str | None:
        statement = source.statement_at(line)
        if not isinstance(statement, cst.SimpleStatementLine):
            if isinstance(statement, cst.BaseCompoundStatement) and isinstance(
                statement.body, cst.SimpleStatementSuite
            ):
                end = source.span(statement.body.body[-1])[1]
                return source.replaced(((end, end), "; " + "; ".join(statements)))
            return None
        indentation = source.indentation(statement)
        if indentation is None:
            return None
        end = source.whole_lines(statement)[1]
        block = "".join(f"{indentation}{s}{source.newline}" for s in statements)
        if not source.text.encode()[:end].endswith(b"\n"):
            # The file ends without a newline: so it does afterwards.
            block = source.newline + block.removesuffix(source.newline)
        return source.replaced(((end, end), block))

    return edit


def _inserted(source: Source, statement: cst.CSTNode, statements: tuple[str, ...]) -> str | None:
    indentation = source.indentation(statement)
    if indentation is None:
        return None
    block = "".join(f"{indentation}{s}{source.newline}" for s in statements)
    return source.replaced((source.before(statement), block))
