"""Primary, unique and foreign keys, which Redshift stores and does not enforce.

They are removed from the statement and recorded afterwards in PostgreSQL's catalog.
"""

import json
from dataclasses import dataclass

from tests.emulators.redshift.dialect.tokens import (
    Group,
    Node,
    Token,
    has_words_at,
    is_operator,
    is_word,
    name_of,
    node_at,
    render,
    split_nodes,
)
from tests.emulators.redshift.errors import unsupported

CONSTRAINT_WORDS = ("primary", "unique", "foreign", "check", "exclude", "constraint")
PRIMARY, UNIQUE, FOREIGN = "p", "u", "f"
# What may follow a key; none of it has an effect.
_DEFERRAL = ("not", "deferrable", "initially", "deferred", "immediate")


@dataclass(frozen=True)
class Key:
    """A declared key: `kind` as in pg_constraint, the columns, what they reference."""

    kind: str
    columns: list[str]
    name: str | None = None
    table: str | None = None
    references: list[str] | None = None


def to_json(keys: list[Key]) -> str:
    """Return keys as the JSON that `pg_internal.record_keys` takes."""
    return json.dumps([key.__dict__ for key in keys])


def read_column_key(
    part: list[Node], index: int, column: str, name: str | None
) -> tuple[Key, int] | None:
    """Read a key in a column's definition; return it and the index after it.

    Returns None if there is no key at the index. `name` is the constraint's name.
    """
    if has_words_at(part, index, "primary", "key"):
        key, end = Key(PRIMARY, [column], name), index + 2
    elif is_word(node_at(part, index), "unique"):
        key, end = Key(UNIQUE, [column], name), index + 1
    elif is_word(node_at(part, index), "references"):
        table, references, end = _read_reference(part, index + 1)
        key = Key(FOREIGN, [column], name, table, references)
    else:
        return None
    while is_word(node_at(part, end), *_DEFERRAL) and not has_words_at(
        part, end, "not", "null"
    ):
        end += 1
    return key, end


def read_table_key(part: list[Node]) -> Key | None:
    """Read a table constraint; raise RedshiftError if it is not a key."""
    has_name = is_word(part[0], "constraint")
    name = name_of(node_at(part, 1)) if has_name else None
    index = 2 if has_name else 0
    word = node_at(part, index)
    if is_word(word, "check", "exclude"):
        raise unsupported_constraint(part[index])
    columns = next((i for i in range(index, len(part)) if _is_list(part[i])), None)
    if columns is None:
        return None
    names = _names(part[columns])
    if is_word(word, "foreign"):
        table, references, _ = _read_reference(part, columns + 2)
        return Key(FOREIGN, names, name, table, references)
    return Key(PRIMARY if is_word(word, "primary") else UNIQUE, names, name)


def unsupported_constraint(node: Node) -> Exception:
    """Return the error for a CHECK or EXCLUDE constraint."""
    word = node.key.upper() if isinstance(node, Token) else ""
    return unsupported(f"a {word} constraint", "a test of the data")


def _read_reference(part: list[Node], index: int) -> tuple[str, list[str], int]:
    """Read `table [(columns)]`; return both and the index after them."""
    start = index
    while name_of(node_at(part, index)) is not None:
        index += 1
        if not is_operator(node_at(part, index), "."):
            break
        index += 1
    table = render(part[start:index]).strip()
    if _is_list(node_at(part, index)):
        return table, _names(part[index]), index + 1
    return table, [], index


def _is_list(node: Node | None) -> bool:
    return isinstance(node, Group) and node.opening == "("


def _names(group: Node) -> list[str]:
    items = group.items if isinstance(group, Group) else []
    return [str(name_of(node_at(part, 0))) for part in split_nodes(items)]
