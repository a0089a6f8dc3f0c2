"""The types of the columns that CREATE TABLE AS and CREATE VIEW make.

PostgreSQL gives strings no length. Decimals have their type from `dialect/arithmetic/`.
"""

from collections.abc import Sequence

from tests.emulators.redshift.dialect.names import quote_name
from tests.emulators.redshift.dialect.queries import find_queries
from tests.emulators.redshift.dialect.tables import read_relation, skip_words
from tests.emulators.redshift.dialect.tokens import (
    Node,
    is_word,
    parse_nodes,
    quote_literal,
    render,
)
from tests.emulators.redshift.dialect.views.string_lengths import Describe, Lengths

UNLIMITED_OIDS = (25, 1043)
TEMPORARY = ("local", "temp", "temporary", "table")


def find_into(nodes: list[Node]) -> str:
    """Return the table of SELECT INTO as written, empty for another query."""
    start = skip_words(nodes, _into(nodes) + 1, *TEMPORARY)
    return read_relation(nodes, start)[0]


def _into(nodes: list[Node]) -> int:
    return next((i for i, n in enumerate(nodes) if is_word(n, "into")), len(nodes))


def string_lengths(nodes: list[Node], describe: Describe) -> list[int | None]:
    """Return the lengths of the columns of a statement's query, in Redshift's SQL.

    A length is None if it is not known, or the column no string. Returns nothing if the
    columns are not known.
    """
    into = _into(nodes)
    if is_word(nodes[0], "select", "with") and into < len(nodes):
        _, end = read_relation(nodes, skip_words(nodes, into + 1, *TEMPORARY))
        nodes = nodes[:into] + nodes[end:]
    queries = find_queries(nodes)
    if len(queries) != 1 or any(is_word(node, "recursive") for node in nodes):
        return []
    columns = Lengths(describe).of_query(queries[0])
    return [column.length or None for column in columns or []]


def cast_columns(
    nodes: list[Node],
    lengths: Sequence[int | None],
    describe: Describe,
    *,
    default: int | None = None,
) -> None:
    """Cast the strings without a length that a query returns, in place.

    `nodes` is the query, in PostgreSQL's SQL. `default` replaces an unknown length.
    """
    columns = describe(render(nodes))
    if columns is None:
        return
    if len(lengths) != len(columns):
        lengths = [None] * len(columns)
    casts = [
        length or default
        if column.oid in UNLIMITED_OIDS and column.modifier < 4
        else None
        for column, length in zip(columns, lengths, strict=True)
    ]
    if not any(casts):
        return
    names = [f"c{position}" for position in range(len(columns))]
    items = ", ".join(
        f"{name}{f'::varchar({cast})' if cast else ''} as {quote_name([column.name])}"
        for name, cast, column in zip(names, casts, columns, strict=True)
    )
    sql = f" select {items} from ({render(nodes)}\n) as typed ({', '.join(names)})"
    nodes[:] = parse_nodes(sql)


def set_lengths(relation: str, lengths: Sequence[int | None]) -> str:
    """Return the SQL that sets the lengths of a new table's strings."""
    values = ", ".join(str(length or "null") for length in lengths)
    return (
        f"select pg_internal.set_lengths({quote_literal(relation)},"
        f" array[{values}]::int[])"
    )
