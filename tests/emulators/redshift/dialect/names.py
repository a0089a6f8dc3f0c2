"""Identifiers: fold them to lower case and check their length."""

from collections.abc import Iterable

from tests.emulators.redshift.dialect.tokens import (
    QUOTED,
    WORD,
    Group,
    Node,
    Token,
    is_operator,
    is_word,
    node_at,
)
from tests.emulators.redshift.errors import RedshiftError

REDSHIFT_MAX_BYTES = 127
MAX_BYTES = 63  # PostgreSQL truncates longer names without an error


def fold_names(nodes: list[Node]) -> None:
    """Fold quoted names to lower case.

    Raises RedshiftError for a name that PostgreSQL would truncate.
    """
    for node in nodes:
        if isinstance(node, Group):
            fold_names(node.items)
        elif isinstance(node, Token) and node.kind in (QUOTED, WORD):
            length = len(node.text.encode()) - 2 * (node.kind == QUOTED)
            if length > MAX_BYTES:
                raise _too_long(node.text, length)
            if node.kind == QUOTED:
                node.text = node.text.lower()


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


def _too_long(name: str, length: int) -> RedshiftError:
    if length > REDSHIFT_MAX_BYTES:
        return RedshiftError(
            f"The length of the identifier {name} exceeds the limit of"
            f" {REDSHIFT_MAX_BYTES} bytes",
            "42622",
        )
    return RedshiftError(
        f"The identifier {name} has {length} bytes. Amazon Redshift allows"
        f" {REDSHIFT_MAX_BYTES} bytes, but this emulator only {MAX_BYTES}",
        "42622",
    )


def quote_name(parts: Iterable[str]) -> str:
    """Return a name, given as its parts, as quoted SQL."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)
