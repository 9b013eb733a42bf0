"""Python as a syntax tree that survives errors. The only place that imports tree-sitter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from harness.errors import UsageError

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

LONGEST_HEAD = 1_000
"""Bytes: no function has a longer name, and chains of a million dots stay cheap."""


@dataclass(frozen=True, slots=True)
class Call:
    """The outermost call of a text: the function's name and the nodes between its brackets."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class SubTree:
    """A part of a parsed text. ``head`` is the text of its first child, if it has one."""

    head: str | None
    source: bytes
    start: int
    end: int

    @property
    def text(self) -> str:
        """What the part says."""
        return self.source[self.start : self.end].decode()


def sub_trees(text: str) -> tuple[SubTree, ...]:
    """The whole text, then every part of it that has parts, later siblings first.

    The order is that of APIBench's scripts, where the first part with a certain head counts.
    """
    source = text.encode("utf-8", "replace")
    stack, found = [_root(source)], []
    while stack:
        node = stack.pop()
        children = node.children
        head = _head(source, children[0]) if children else None
        found.append(SubTree(head, source, node.start_byte, node.end_byte))
        stack.extend(child for child in children if child.child_count)
    return tuple(found)


def _head(source: bytes, node: Node) -> str | None:
    if node.end_byte - node.start_byte > LONGEST_HEAD:
        return None
    return source[node.start_byte : node.end_byte].decode()


def outermost_call(text: str) -> Call | None:
    """The call that a text begins with; None where it is no call, or one without brackets."""
    node = _root(text.encode("utf-8", "replace"))
    for _ in range(2):  # the text's first statement, and what that consists of
        if not node.children:
            return None
        node = node.children[0]
    if node.child_count < 2:
        return None
    function, brackets = node.children[:2]
    return Call(node_text(function), tuple(brackets.children))


def node_text(node: Node) -> str:
    """The source behind a node."""
    return (node.text or b"").decode()


def _root(source: bytes) -> Node:
    return _parser().parse(source).root_node


@cache
def _parser() -> Parser:
    try:
        import tree_sitter_python
        from tree_sitter import Language, Parser
    except ImportError as error:
        raise UsageError(
            "ApiBench reads calls with tree-sitter, which is not installed; "
            "run: pip install 'finetune-harness[calls]'"
        ) from error
    return Parser(Language(tree_sitter_python.language()))
