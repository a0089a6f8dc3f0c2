"""Rewrite ALTER TABLE for PostgreSQL, which takes more than Redshift does."""

from tests.emulators.redshift.dialect.keys import CONSTRAINT_WORDS
from tests.emulators.redshift.dialect.tables import (
    TableAttributes,
    has_not_null,
    is_column,
    read_attributes,
    read_relation,
    rewrite_column,
    skip_words,
    table_constraint,
)
from tests.emulators.redshift.dialect.tokens import (
    Group,
    Node,
    Token,
    has_words_at,
    is_group,
    is_word,
    node_at,
    split_nodes,
)
from tests.emulators.redshift.dialect.types import read_type, rewrite_type
from tests.emulators.redshift.errors import RedshiftError, not_emulated, unsupported


def rewrite_alter_table(nodes: list[Node]) -> tuple[TableAttributes, bool]:
    """Rewrite ALTER TABLE; return its attributes and whether PostgreSQL executes it."""
    attributes = TableAttributes()
    index = skip_words(nodes, 2, "if", "exists", "only")
    attributes.relation, index = read_relation(nodes, index)
    actions = split_nodes(nodes[index:])
    _check_actions(actions)
    if has_words_at(nodes, index, "append"):
        raise not_emulated("ALTER TABLE APPEND")
    if is_word(node_at(nodes, index), "add"):
        return attributes, _alter_add(nodes, index + 1, attributes)
    if not is_word(node_at(nodes, index), "alter"):
        return attributes, True
    for action in actions[1:]:
        alter_column(action, 1, attributes)
    del nodes[index + len(actions[0]) :]
    return attributes, alter_column(nodes, index + 1, attributes)


def changes_type(nodes: list[Node]) -> bool:
    """Whether a rewritten ALTER TABLE changes a column's type."""
    _, index = read_relation(nodes, skip_words(nodes, 2, "if", "exists", "only"))
    is_alter = is_word(node_at(nodes, index), "alter")
    return is_alter and any(is_word(node, "type") for node in nodes[index + 2 :])


def _check_actions(actions: list[list[Node]]) -> None:
    """Raise RedshiftError for several actions in one ALTER TABLE.

    Only encodings can be combined, and a sort key with a distribution.
    """
    if len(actions) < 2:
        return
    kinds = [_layout(action) for action in actions]
    is_layout = sorted(kinds) == ["distribution", "sortkey"]
    if not is_layout and set(kinds) != {"encode"}:
        raise unsupported(
            "more than one action in ALTER TABLE", "one statement for each action"
        )


def _layout(action: list[Node]) -> str:
    """Return which part of the layout an action alters, empty for another action."""
    if not is_word(node_at(action, 0), "alter"):
        return ""
    if is_word(node_at(action, 1), "distkey", "diststyle"):
        return "distribution"
    if is_word(node_at(action, 1), "sortkey") or has_words_at(
        action, 1, "compound", "sortkey"
    ):
        return "sortkey"
    column = 3 if is_word(node_at(action, 1), "column") else 2
    return "encode" if is_word(node_at(action, column), "encode") else ""


def _check_added_column(part: list[Node]) -> None:
    """Raise RedshiftError for what a new column of an existing table cannot have."""
    words = [node.key for node in part[1:] if isinstance(node, Token)]
    for word in ("primary", "unique", "references", "distkey", "sortkey", "identity"):
        if word in words:
            raise unsupported(f"{word.upper()} in ADD COLUMN", "a new table and a copy")
    if has_not_null(part) and "default" not in words:
        raise RedshiftError(
            "ALTER TABLE ADD COLUMN defined as NOT NULL must have a non-null default"
            " expression",
            "0A000",
        )


def _alter_add(nodes: list[Node], index: int, attributes: TableAttributes) -> bool:
    part = nodes[index:]
    if is_word(node_at(part, 0), *CONSTRAINT_WORDS) and not is_column(part):
        table_constraint(part, attributes)
        return False
    index = skip_words(nodes, index, "column")
    _check_added_column(nodes[index:])
    nodes[index:] = rewrite_column(nodes[index:], attributes)
    return True


def alter_column(nodes: list[Node], index: int, attributes: TableAttributes) -> bool:
    """Rewrite ALTER of the layout or of a column."""
    if is_word(node_at(nodes, index), "diststyle", "distkey", "sortkey", "compound",
               "interleaved", "encode"):  # fmt: skip
        layout = list(nodes[index:])
        if is_word(layout[0], "distkey") and not is_group(node_at(layout, 1)):
            layout[1:] = [Group("(", "", layout[1:])]
        if is_word(node_at(layout, 2), "distkey") and not is_group(node_at(layout, 3)):
            layout[3:] = [Group("(", "", layout[3:])]
        if has_words_at(layout, 0, "sortkey", "none"):
            attributes.sortkeys = []
            return False
        read_attributes(layout, attributes)
        return False
    index = skip_words(nodes, index, "column") + 1
    if is_word(node_at(nodes, index), "encode"):
        return False
    if is_word(node_at(nodes, index), "set", "drop"):
        raise unsupported("ALTER COLUMN ... SET or DROP", "a new table and a copy")
    if is_word(node_at(nodes, index), "type"):
        type_name = read_type(nodes, index + 1)
        if type_name is None or type_name.name not in ("varchar", "character varying"):
            raise unsupported(
                "ALTER COLUMN ... TYPE of anything but a VARCHAR's size",
                "a new column, an UPDATE and a rename",
            )
        rewrite_type(nodes, index + 1, is_column=True)
    return True
