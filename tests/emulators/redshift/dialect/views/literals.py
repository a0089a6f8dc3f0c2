"""Strings as columns of views: `'abc'` is VARCHAR(3), PostgreSQL gives it no length.

Decimal literals have their type from `dialect/arithmetic/`.
"""

from dataclasses import dataclass

from tests.emulators.redshift.dialect.queries import Block, find_queries
from tests.emulators.redshift.dialect.tokens import (
    QUOTED,
    STRING,
    WORD,
    Node,
    Token,
    is_word,
    node_at,
    split_nodes,
    string_value,
)


@dataclass(frozen=True)
class Literal:
    """A column that is a string, and whether it has a name of its own."""

    token: Token
    has_name: bool

    @property
    def length(self) -> int:
        """The bytes of the string, at least 1."""
        return max(len((string_value(self.token) or "").encode()), 1)


def type_literals(nodes: list[Node]) -> None:
    """Cast the strings that are columns of a statement's outermost queries.

    The strings of a column in a UNION get a type that has room for all of them.
    """
    if any(is_word(node, "recursive") for node in nodes):
        return  # the types of both parts of a recursive query must be the same
    for query in find_queries(nodes):
        columns = [_literal_columns(block) for block in query.blocks]
        if len({len(block_columns) for block_columns in columns}) != 1:
            continue
        for column in zip(*columns, strict=True):
            literals = [literal for literal in column if literal is not None]
            # Without a name, the cast would change that of the column.
            if len(literals) == len(column) and literals[0].has_name:
                length = max(literal.length for literal in literals)
                for literal in literals:
                    text = literal.token.text
                    literal.token.text = f"cast({text} as varchar({length}))"


def _literal_columns(block: Block) -> list[Literal | None]:
    """Return the columns of a SELECT, None for one that is not a string."""
    columns = block.clauses.get("select", [])
    while is_word(node_at(columns, 0), "all", "distinct"):
        columns = columns[1:]
    return [_read_literal(column) for column in split_nodes(columns)]


def _read_literal(column: list[Node]) -> Literal | None:
    token, alias = node_at(column, 0), column[1:]
    names = alias[1:] if is_word(node_at(alias, 0), "as") else alias
    is_alone = not names or (
        len(names) == 1
        and isinstance(names[0], Token)
        and names[0].kind in (WORD, QUOTED)
    )
    if isinstance(token, Token) and token.kind == STRING and is_alone:
        return Literal(token, bool(names))
    return None
