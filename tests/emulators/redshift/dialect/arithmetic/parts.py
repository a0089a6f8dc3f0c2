"""Parts of expressions: words that are no operands, casts, types found later."""

from collections.abc import Callable
from dataclasses import replace

from tests.emulators.redshift.dialect.arithmetic.decimals import Number
from tests.emulators.redshift.dialect.tokens import (
    OPERATOR,
    Group,
    Node,
    Token,
    is_group,
    node_at,
    parse_nodes,
)

PRODUCTS, SUMS = ("*", "/", "%"), ("+", "-")
# Words that are no operand.
RESERVED = {
    "all", "and", "any", "as", "asc", "between", "by", "collate", "cross", "desc",
    "distinct", "else", "end", "escape", "except", "exists", "fetch", "first", "for",
    "from", "full", "group", "having", "ilike", "in", "inner", "insert", "intersect",
    "into", "is", "join", "last", "lateral", "left", "like", "limit", "natural", "not",
    "nulls", "offset", "on", "or", "order", "outer", "over", "partition", "range",
    "right", "rows", "select", "set", "similar", "some", "then", "to", "union", "using",
    "values", "when", "where", "window", "with", "within",
}  # fmt: skip
Resolve = Callable[[], Number | None]


def unknown() -> None:
    """Return no type: it is not that of a decimal or an integer."""


def is_one_of(node: Node | None, operators: tuple[str, ...]) -> bool:
    """Whether the node is one of these operators."""
    return isinstance(node, Token) and node.kind == OPERATOR and node.text in operators


def known(number: Number | None) -> Resolve:
    """Return a function that returns this type."""
    return lambda: number


def cast_nodes(nodes: list[Node], space: str, number: Number) -> list[Node]:
    """Return the nodes in brackets, cast to the type."""
    name = f"numeric({number.precision},{number.scale})"
    group = Group("(", space or " ", [replace(nodes[0], space=""), *nodes[1:]])
    return [group, *parse_nodes("::" + ("bigint" if number.is_integer else name))]


def group_end(nodes: list[Node], index: int) -> int:
    """Return the index after the brackets or the name after OVER and similar words."""
    end = index + 2
    return (
        end
        if is_group(node_at(nodes, index + 1))
        else end + is_group(node_at(nodes, end))
    )
