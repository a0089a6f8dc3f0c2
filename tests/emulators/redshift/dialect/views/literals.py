"""Types of literal columns of views: `1.23` is NUMERIC(3,2), `'abc'` is VARCHAR(3).

PostgreSQL gives them no precision and no length.
"""

from dataclasses import dataclass

from tests.emulators.redshift.dialect.queries import Block, find_queries
from tests.emulators.redshift.dialect.tokens import (
    NUMBER,
    QUOTED,
    STRING,
    WORD,
    Node,
    Token,
    is_operator,
    is_word,
    node_at,
    split_nodes,
    string_value,
)

MAX_PRECISION = 38


@dataclass(frozen=True)
class Literal:
    """A column that is a string, or a number with a point and perhaps a sign.

    `whole` and `scale` are a number's digits before and after the point; a string's
    bytes are `whole`.
    """

    token: Token
    sign: Token | None
    has_name: bool
    whole: int
    scale: int


def type_literals(nodes: list[Node]) -> None:
    """Cast the literals that are columns of a statement's outermost queries.

    The literals of a column in a UNION get a type that has room for all of them.
    """
    if any(is_word(node, "recursive") for node in nodes):
        return  # the types of both parts of a recursive query must be the same
    for query in find_queries(nodes):
        columns = [_literal_columns(block) for block in query.blocks]
        if len({len(block_columns) for block_columns in columns}) != 1:
            continue
        for column in zip(*columns, strict=True):
            literals = [literal for literal in column if literal is not None]
            kinds = {literal.token.kind for literal in literals}
            # Without a name, the cast would change that of the column.
            if (
                len(literals) == len(column)
                and len(kinds) == 1
                and literals[0].has_name
            ):
                _cast(literals)


def _literal_columns(block: Block) -> list[Literal | None]:
    """Return the columns of a SELECT, None for one that is not a literal."""
    columns = block.clauses.get("select", [])
    while is_word(node_at(columns, 0), "all", "distinct"):
        columns = columns[1:]
    return [_read_literal(column) for column in split_nodes(columns)]


def _read_literal(column: list[Node]) -> Literal | None:
    sign = node_at(column, 0) if is_operator(node_at(column, 0), "-") else None
    end = 2 if sign else 1
    token, alias = node_at(column, end - 1), column[end:]
    names = alias[1:] if is_word(node_at(alias, 0), "as") else alias
    is_alone = not names or (
        len(names) == 1
        and isinstance(names[0], Token)
        and names[0].kind in (WORD, QUOTED)
    )
    if not isinstance(token, Token) or not is_alone:
        return None
    if token.kind == STRING and sign is None:
        length = len((string_value(token) or "").encode())
        return Literal(token, None, bool(names), max(length, 1), 0)
    whole, point, fraction = token.text.partition(".")
    if token.kind != NUMBER or not point or "e" in token.key:
        return None
    return Literal(
        token,
        sign if isinstance(sign, Token) else None,
        bool(names),
        max(len(whole.lstrip("0")), 1),
        len(fraction),
    )


def _cast(literals: list[Literal]) -> None:
    """Cast the literals of one column to the type that all of them fit into."""
    whole = max(literal.whole for literal in literals)
    scale = max(literal.scale for literal in literals)
    type_name = f"varchar({whole})"
    if literals[0].token.kind == NUMBER:
        if whole + scale > MAX_PRECISION:
            return
        type_name = f"numeric({whole + scale},{scale})"
    for literal in literals:
        sign = literal.sign.text if literal.sign else ""
        if literal.sign:
            literal.sign.text, literal.token.space = "", ""
        literal.token.text = f"cast({sign}{literal.token.text} as {type_name})"
