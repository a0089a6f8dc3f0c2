"""Rewrite CREATE TABLE for PostgreSQL.

Redshift does not enforce keys: they are removed, except for the NOT NULL that a primary
key implies, and recorded, like distribution and sort keys, for the system views.
"""

from dataclasses import dataclass, field

from tests.emulators.redshift.dialect import keys
from tests.emulators.redshift.dialect.keys import CONSTRAINT_WORDS, Key
from tests.emulators.redshift.dialect.tokens import (
    OPERATOR,
    Group,
    Node,
    Token,
    has_words_at,
    is_group,
    is_operator,
    is_word,
    name_of,
    node_at,
    parse_nodes,
    render,
    split_nodes,
)
from tests.emulators.redshift.dialect.types import rewrite_type
from tests.emulators.redshift.errors import UNSUPPORTED, RedshiftError, unsupported

UNSUPPORTED_CLAUSES = {
    "inherits": "table inheritance",
    "partition": "table partitioning (PARTITION BY)",
    "tablespace": "TABLESPACE",
    "using": "a table access method (USING)",
    "on": "ON COMMIT",
}


@dataclass
class TableAttributes:
    """A table's distribution, sort and declared keys.

    `relation` is its name as written. `not_null` holds the columns of its primary key.
    `may_exist` is true for CREATE TABLE IF NOT EXISTS.
    """

    relation: str = ""
    diststyle: str | None = None
    distkey: str | None = None
    sortkeys: list[str] | None = None
    is_interleaved: bool | None = None
    not_null: set[str] = field(default_factory=set)
    keys: list[Key] = field(default_factory=list)
    may_exist: bool = False

    def add_key(self, key: Key) -> None:
        """Add a declared key."""
        self.keys.append(key)
        if key.kind == keys.PRIMARY:
            self.not_null |= set(key.columns)

    @property
    def is_specified(self) -> bool:
        """Whether the statement specifies a distribution or a sort key."""
        return any((self.diststyle, self.distkey, self.sortkeys is not None))


def read_relation(nodes: list[Node], index: int) -> tuple[str, int]:
    """Read a relation's name; return it as SQL and the index after it."""
    start = index
    while name_of(node_at(nodes, index)) is not None:
        index += 1
        if not is_operator(node_at(nodes, index), "."):
            break
        index += 1
    return render(nodes[start:index]).strip(), index


def skip_words(nodes: list[Node], index: int, *words: str) -> int:
    """Return the index of the first node, from `index` on, that is not such a word."""
    while is_word(node_at(nodes, index), *words):
        index += 1
    return index


def rewrite_create_table(nodes: list[Node], index: int) -> TableAttributes:
    """Rewrite CREATE TABLE; `index` is that of the node after TABLE."""
    attributes = TableAttributes()
    start = index
    index = skip_words(nodes, index, "if", "not", "exists")
    attributes.may_exist = index > start
    attributes.relation, index = read_relation(nodes, index)
    columns = node_at(nodes, index)
    has_columns = isinstance(columns, Group) and not columns.is_query
    start = index + 1 if has_columns else index
    end = next(
        (i for i in range(start, len(nodes)) if is_word(nodes[i], "as")),
        len(nodes),
    )
    is_query = end < len(nodes)
    read_attributes(nodes[start:end], attributes)
    del nodes[start:end]
    if isinstance(columns, Group) and has_columns and not is_query:
        columns.items[:] = _columns(columns.items, attributes)
    return attributes


def read_attributes(nodes: list[Node], attributes: TableAttributes) -> None:
    """Read BACKUP, ENCODE, DISTSTYLE, DISTKEY and SORTKEY; reject other clauses."""
    index = 0
    while index < len(nodes):
        node = nodes[index]
        key = node.key if isinstance(node, Token) else ""
        following = node_at(nodes, index + 1)
        if key in ("backup", "encode"):
            index += 2
        elif key == "diststyle" and isinstance(following, Token):
            attributes.diststyle = following.key
            index += 2
        elif key == "distkey" and isinstance(following, Group):
            attributes.distkey = name_of(node_at(following.items, 0))
            attributes.diststyle = "key"
            index += 2
        elif key in ("compound", "interleaved"):
            attributes.is_interleaved = key == "interleaved"
            index += 1
        elif key == "sortkey":
            if isinstance(following, Group):
                attributes.sortkeys = [
                    str(name_of(node_at(part, 0)))
                    for part in split_nodes(following.items)
                ]
            index += 2
        elif key in UNSUPPORTED_CLAUSES:
            raise unsupported(UNSUPPORTED_CLAUSES[key])
        else:
            raise unsupported(f"the table attribute {render([node]).strip()}")


def _columns(items: list[Node], attributes: TableAttributes) -> list[Node]:
    parts = []
    for part in split_nodes(items):
        if is_word(node_at(part, 0), "like"):
            parts.append(part)
        elif is_word(node_at(part, 0), *CONSTRAINT_WORDS) and not is_column(part):
            table_constraint(part, attributes)
        else:
            parts.append(rewrite_column(part, attributes))
    rewritten: list[Node] = []
    for part in parts:
        name = name_of(node_at(part, 0))
        if name in attributes.not_null and not has_not_null(part):
            part += parse_nodes(" not null")
        if rewritten:
            rewritten.append(Token(OPERATOR, ","))
        rewritten += part
    return rewritten


def is_column(part: list[Node]) -> bool:
    """Whether this is a column named like a constraint, such as `check varchar(3)`."""
    if is_word(node_at(part, 0), "constraint", "primary", "foreign"):
        return not (
            is_word(node_at(part, 1), "key")
            or is_word(node_at(part, 2), *CONSTRAINT_WORDS)
        )
    return not is_group(node_at(part, 1)) and not is_word(
        node_at(part, 1), "using", "nulls"
    )


def has_not_null(part: list[Node]) -> bool:
    """Whether a column's definition has NOT NULL."""
    return any(has_words_at(part, index, "not", "null") for index in range(len(part)))


def table_constraint(part: list[Node], attributes: TableAttributes) -> None:
    """Record a table's constraint that is a key."""
    key = keys.read_table_key(part)
    if key is not None:
        attributes.add_key(key)


def rewrite_column(part: list[Node], attributes: TableAttributes) -> list[Node]:
    """Rewrite one column's definition: its type, attributes and constraints."""
    end = _rewrite_column_type(part, attributes.relation)
    kept, index = part[:end], end
    name = str(name_of(part[0]))
    constraint = None
    while index < len(part):
        node = part[index]
        following = node_at(part, index + 1)
        key = keys.read_column_key(part, index, name, constraint)
        if key is not None:
            attributes.add_key(key[0])
            constraint, index = None, key[1]
        elif is_word(node, "constraint"):
            constraint = name_of(following)
            index += 2
        elif is_word(node, "encode", "collate"):
            index += 2
        elif is_word(node, "distkey"):
            attributes.diststyle, attributes.distkey = "key", name
            index += 1
        elif is_word(node, "sortkey"):
            attributes.sortkeys = [*(attributes.sortkeys or []), name]
            index += 1
        elif is_word(node, "check", "exclude"):
            raise keys.unsupported_constraint(node)
        elif is_word(node, "identity") and isinstance(following, Group):
            kept += _identity(following, "always")
            index += 2
        elif has_words_at(part, index, "generated", "by", "default", "as", "identity"):
            group = node_at(part, index + 5)
            if isinstance(group, Group):
                kept += _identity(group, "by default")
            index += 6
        else:
            kept.append(node)
            index += 1
    return kept


def _rewrite_column_type(part: list[Node], relation: str) -> int:
    try:
        return rewrite_type(part, 1, is_column=True)
    except RedshiftError as error:
        if error.code == UNSUPPORTED:
            name = f"{relation.split('.')[-1]}.{name_of(part[0])}"
            written = render(part[1:]).strip()
            error.message = (
                f'Column "{name}" has unsupported type "{written}": {error.message}'
            )
        raise


def _identity(arguments: Group, when: str) -> list[Node]:
    seed, step = (render(part).strip() for part in split_nodes(arguments.items))
    return parse_nodes(
        f" generated {when} as identity (start with {seed} increment by {step})"
    )
