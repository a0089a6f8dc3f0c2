"""Identifiers: fold them to lower case, shorten the long ones."""

from collections.abc import Iterable

from tests.emulators.redshift import long_names
from tests.emulators.redshift.dialect.tokens import (
    NUMBER,
    QUOTED,
    STRING,
    WORD,
    Group,
    Node,
    Token,
    has_words_at,
    is_operator,
    is_word,
    name_of,
    node_at,
    parse,
    quote_literal,
    render,
    string_value,
)
from tests.emulators.redshift.errors import RedshiftError

MAX_BYTES = 127
# Functions and types whose arguments are names in strings.
NAME_FUNCTIONS = (
    "has_any_column_privilege", "has_column_privilege", "has_schema_privilege",
    "has_table_privilege", "to_regclass", "pg_get_viewdef", "pg_relation_size",
    "pg_total_relation_size",
)  # fmt: skip
NAME_TYPES = ("regclass", "regnamespace")


def fold_names(nodes: list[Node]) -> dict[str, str]:
    """Fold quoted names to lower case and shorten long ones, in place.

    It also separates a number from a word that follows it, as in `then 4else`.

    Returns the long names by the short ones. Raises RedshiftError for a name that is
    too long for Redshift.
    """
    found: dict[str, str] = {}
    if has_words_at(nodes, 0, "set", "search_path"):
        _fold_strings(nodes, found)
    _fold(nodes, found)
    return found


def _fold(nodes: list[Node], found: dict[str, str]) -> None:
    for index, node in enumerate(nodes):
        if isinstance(node, Group):
            if is_word(node_at(nodes, index - 1), *NAME_FUNCTIONS):
                _fold_strings(node.items, found)
            _fold(node.items, found)
        elif node.kind in (QUOTED, WORD):
            before = node_at(nodes, index - 1)
            if isinstance(before, Token) and before.kind == NUMBER:
                node.space = node.space or " "
            _fold_name(node, found)
        elif (
            node.kind == STRING
            and is_operator(node_at(nodes, index + 1), "::")
            and is_word(node_at(nodes, index + 2), *NAME_TYPES)
        ):
            _fold_string(node, found)


def _fold_name(node: Token, found: dict[str, str]) -> None:
    if len(node.text) * 4 <= long_names.MAX_BYTES and node.kind == WORD:
        return
    name = str(node.name)
    length = len(name.encode())
    if length > MAX_BYTES:
        raise RedshiftError(
            f"The length of the identifier {node.text} exceeds the limit of"
            f" {MAX_BYTES} bytes",
            "42622",
        )
    if length > long_names.MAX_BYTES:
        short = long_names.shorten(name)
        found[short] = name
        node.kind, node.text = QUOTED, '"' + short.replace('"', '""') + '"'
        node.key = node.text
    elif node.kind == QUOTED:
        node.text = node.text.lower()


def _fold_strings(nodes: list[Node], found: dict[str, str]) -> None:
    for node in nodes:
        if isinstance(node, Token) and node.kind == STRING:
            _fold_string(node, found)


def _fold_string(node: Token, found: dict[str, str]) -> None:
    """Shorten the long names in a string such as 'schema.table'."""
    value = string_value(node) or ""
    if len(value.encode()) <= long_names.MAX_BYTES:
        return
    try:
        parsed, _ = parse(value)
    except RedshiftError:
        return  # not a name
    _fold(parsed, found)
    node.text = quote_literal(render(parsed))


def join_role_names(nodes: list[Node]) -> None:
    """Make one quoted name of the three tokens of a role's name with a colon."""
    if not is_word(node_at(nodes, 0), "grant", "revoke") and not is_word(
        node_at(nodes, 1), "role"
    ):
        return
    for index in range(len(nodes) - 3, -1, -1):
        before, after = nodes[index], node_at(nodes, index + 2)
        colon = nodes[index + 1]
        if (
            is_operator(colon, ":")
            and isinstance(before, Token)
            and isinstance(after, Token)
            and not (colon.space or after.space)
        ):
            name = f'"{before.name}:{after.name}"'
            nodes[index : index + 3] = [Token(QUOTED, name, before.space)]


def remove_database(nodes: list[Node], database: str) -> None:
    """Remove the session's database from names of schemas, as in `schema db.s`.

    PostgreSQL accepts a database in names of relations, but not of schemas. Raises
    RedshiftError for a schema in another database.
    """
    index = 0
    while index < len(nodes):
        if not is_word(nodes[index], "schema") or is_operator(
            node_at(nodes, index - 1), "."
        ):
            index += 1
            continue
        index += 1
        while is_word(node_at(nodes, index), "if", "not", "exists"):
            index += 1
        _remove_database_at(nodes, index, database)
        while is_operator(node_at(nodes, index + 1), ","):
            index += 2
            _remove_database_at(nodes, index, database)


def _remove_database_at(nodes: list[Node], index: int, database: str) -> None:
    schema = node_at(nodes, index + 2)
    if not is_operator(node_at(nodes, index + 1), ".") or not isinstance(schema, Token):
        return
    if name_of(nodes[index]) != database:
        raise RedshiftError(
            f'schema "{schema.name}" is in the database "{name_of(nodes[index])}", but'
            f' the session is connected to "{database}"',
            "0A000",
        )
    schema.space = nodes[index].space
    del nodes[index : index + 2]


def quote_name(parts: Iterable[str]) -> str:
    """Return a name, given as its parts, as quoted SQL."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)
