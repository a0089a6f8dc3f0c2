"""Parts of expressions: words that are no operands, casts, types found later."""

from collections.abc import Callable
from dataclasses import replace

from tests.emulators.redshift.dialect.arithmetic.decimals import Number
from tests.emulators.redshift.dialect.tokens import (
    NUMBER,
    OPERATOR,
    Group,
    Node,
    Token,
    is_group,
    name_of,
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


def unwrap(nodes: list[Node]) -> list[Node]:
    """Return the nodes of an expression, out of its brackets."""
    while len(nodes) == 1 and isinstance(nodes[0], Group) and nodes[0].items:
        if nodes[0].is_query:
            break
        nodes = nodes[0].items
    return nodes


def is_decimal_literal(nodes: list[Node]) -> bool:
    """Whether the nodes are a decimal in SQL, such as -1.5."""
    last = nodes[-1]
    return (
        isinstance(last, Token)
        and last.kind == NUMBER
        and "." in last.text
        and all(is_one_of(node, SUMS) for node in nodes[:-1])
    )


def is_call(node: Node) -> bool:
    """Whether the node is a function call in brackets, which names its column."""
    return (
        isinstance(node, Group)
        and name_of(node_at(node.items, 0)) is not None
        and name_of(node_at(node.items, 0)) != "case"
        and is_group(node.items[-1])
        and not any(is_one_of(item, (*PRODUCTS, *SUMS)) for item in node.items)
    )


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
