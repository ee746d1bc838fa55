"""A program's text, parsed without loss, and how a part of it is exchanged."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TypeVar

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper, ParentNodeProvider, PositionProvider

Node = TypeVar("Node", bound=cst.CSTNode)
# An operator binds weaker than a call or an attribute: put in their place, its expression needs parentheses.
_WEAK = (cst.BinaryOperation, cst.UnaryOperation, cst.BooleanOperation, cst.Comparison, cst.IfExp, cst.Lambda)
_STATEMENTS = (cst.SimpleStatementLine, cst.BaseCompoundStatement)


class Source:
    """The text of one file.

    Raises:
        libcst.ParserSyntaxError: the text is no Python.

    >>> source = Source("a = 1  # one\\nb = f(a)\\n")
    >>> (call,) = source.at(2, cst.Call)
    >>> print(source.replaced((call, "a")), end="")
    a = 1  # one
    b = a
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._bytes = text.encode()
        self._wrapper = MetadataWrapper(cst.parse_module(text))
        self.module = self._wrapper.module
        self._positions = self._wrapper.resolve(PositionProvider)
        self._spans = self._wrapper.resolve(ByteSpanPositionProvider)
        self._parents = self._wrapper.resolve(ParentNodeProvider)

    # looking ---------------------------------------------------------------------------------------------------------

    @cached_property
    def nodes(self) -> list[cst.CSTNode]:
        """All nodes that stand somewhere, in the order of the text, the outer before the inner."""
        return [node for node in self._walk(self.module) if node in self._positions]

    def _walk(self, node: cst.CSTNode) -> Iterable[cst.CSTNode]:
        yield node
        for child in node.children:
            yield from self._walk(child)

    def all(self, kind: type[Node], within: cst.CSTNode | None = None) -> list[Node]:
        """The nodes of a kind, everywhere or within another node."""
        chosen = self.nodes if within is None else [n for n in self._walk(within) if n in self._positions]
        return [node for node in chosen if isinstance(node, kind)]

    def at(self, line: int, kind: type[Node]) -> list[Node]:
        """The nodes of a kind on a line: those that begin there; if none does, those of the statement around it."""
        statement = self.statement_at(line)
        if statement is None:
            return []
        inside = self.all(kind, statement)
        begin = [node for node in inside if self.first_line(node) == line]
        return begin if begin or not isinstance(statement, cst.SimpleStatementLine) else inside

    def statement_at(self, line: int) -> cst.CSTNode | None:
        """The innermost statement that a line belongs to."""
        around = [
            node
            for node in self.nodes
            if isinstance(node, _STATEMENTS) and self.first_line(node) <= line <= self.last_line(node)
        ]
        return around[-1] if around else None

    def first_line(self, node: cst.CSTNode) -> int:
        return self._positions[node].start.line

    def last_line(self, node: cst.CSTNode) -> int:
        return self._positions[node].end.line

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        return self._parents.get(node)

    def around(self, node: cst.CSTNode, kind: type[Node]) -> list[Node]:
        """The nodes of a kind that contain a node, the innermost first."""
        found: list[Node] = []
        above = self.parent(node)
        while above is not None:
            if isinstance(above, kind):
                found.append(above)
            above = self.parent(above)
        return found

    def loops(self, node: cst.CSTNode) -> list[cst.For | cst.While]:
        """The loops around a node, and itself when it is one, the innermost first; not those around its function."""
        found: list[cst.For | cst.While] = []
        above: cst.CSTNode | None = node
        while above is not None and not isinstance(above, (cst.FunctionDef, cst.ClassDef)):
            if isinstance(above, (cst.For, cst.While)):
                found.append(above)
            above = self.parent(above)
        return found

    def code(self, node: cst.CSTNode) -> str:
        """The text of a node, without what is around it."""
        start, end = self.span(node)
        return self._bytes[start:end].decode()

    @cached_property
    def imported(self) -> set[str]:
        """The names that import statements bind."""
        names: set[str] = set()
        statements: list[cst.Import | cst.ImportFrom] = [*self.all(cst.Import), *self.all(cst.ImportFrom)]
        for node in statements:
            for alias in node.names if not isinstance(node.names, cst.ImportStar) else []:
                names.add(alias.evaluated_alias or alias.evaluated_name.split(".")[0])
        return names

    # changing --------------------------------------------------------------------------------------------------------

    def span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Where a node begins and ends in the text, in bytes."""
        span = self._spans[node]
        return span.start, span.start + span.length

    def replaced(self, *changes: tuple[cst.CSTNode | tuple[int, int], str]) -> str | None:
        """The text with nodes (or stretches of bytes) exchanged; None when that is no Python any more."""
        spans = [(self.span(at) if isinstance(at, cst.CSTNode) else at, new) for at, new in changes]
        result = self._bytes
        for (start, end), new in sorted(spans, key=lambda item: item[0], reverse=True):
            result = result[:start] + new.encode() + result[end:]
        text = result.decode()
        try:
            ast.parse(text)
        except (SyntaxError, ValueError):
            return None
        return text

    def instead(self, node: cst.CSTNode, part: cst.CSTNode) -> str | None:
        """The text with an expression exchanged for a part of it, in parentheses where it needs them."""
        code = self.code(part)
        above = self.parent(node)
        weak = isinstance(part, _WEAK) and not getattr(node, "lpar", ())
        if weak and not isinstance(above, (cst.Arg, cst.Assign, cst.Return, cst.Expr, cst.Element)):
            return self.replaced((node, f"({code})"))
        return self.replaced((node, code)) or self.replaced((node, f"({code})"))

    def indentation(self, statement: cst.CSTNode) -> str | None:
        """What stands before a statement on its line; None when that is another statement."""
        start, _ = self.span(statement)
        before = self._bytes[self._line_start(start) : start].decode()
        return before if not before.strip() else None

    def before(self, statement: cst.CSTNode) -> tuple[int, int]:
        """The place before the line of a statement, of no width."""
        start = self._line_start(self.span(statement)[0])
        return start, start

    def whole_lines(self, statement: cst.CSTNode) -> tuple[int, int]:
        """The lines of a statement, with the end of the last one and what comment is on it."""
        start, end = self.span(statement)
        newline = self._bytes.find(b"\n", end - 1 if self._bytes[end - 1 : end] == b"\n" else end)
        return self._line_start(start), len(self._bytes) if newline < 0 else newline + 1

    def _line_start(self, offset: int) -> int:
        return self._bytes.rfind(b"\n", 0, offset) + 1

    @property
    def newline(self) -> str:
        return self.module.default_newline


Edit = Callable[[Source, int], "str | None"]


def last_name(function: cst.BaseExpression) -> str:
    """``softmax`` of ``torch.softmax``.

    >>> last_name(cst.parse_expression("torch.softmax"))
    'softmax'
    """
    if isinstance(function, cst.Attribute):
        return function.attr.value
    return function.value if isinstance(function, cst.Name) else ""


def only(found: list[Node]) -> Node | None:
    """The one that there is; None where there is none or a choice."""
    return found[0] if len(found) == 1 else None


def together(*steps: tuple[int, Edit]) -> Edit:
    """Several edits as one, each at its own line, the last line first so that the others stay where they are."""

    def edit(source: Source, _line: int) -> str | None:
        text: str | None = source.text
        for line, step in sorted(steps, key=lambda item: item[0], reverse=True):
            text = step(Source(text), line) if text is not None else None
        return text

    return edit
