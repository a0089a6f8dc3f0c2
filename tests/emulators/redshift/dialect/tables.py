"""CREATE TABLE and ALTER TABLE: what PostgreSQL has no word for is noted, or dropped.

Keys are declared on Redshift and never enforced, so they are left out here, but for the
NOT NULL that a primary key brings. Distribution and sorting are kept for the system
views.
"""

from dataclasses import dataclass, field

from tests.emulators.redshift.dialect.tokens import (
    OPERATOR,
    Group,
    Node,
    Token,
    at,
    is_group,
    is_operator,
    is_word,
    name_of,
    render,
    split_by,
    tokens_of,
    words_at,
)
from tests.emulators.redshift.dialect.types import read_type, rewrite_type
from tests.emulators.redshift.errors import refused

CONSTRAINT_WORDS = ("primary", "unique", "foreign", "check", "exclude", "constraint")
REFUSED_CLAUSES = {
    "inherits": "table inheritance is",
    "partition": "table partitioning (PARTITION BY) is",
    "tablespace": "TABLESPACE is",
    "using": "a table access method (USING) is",
    "on": "ON COMMIT is",
}


@dataclass
class TableNotes:
    """How a table is laid out: its name as written, and Redshift's attributes."""

    relation: str = ""
    diststyle: str | None = None
    distkey: str | None = None
    sortkeys: list[str] | None = None
    is_interleaved: bool | None = None
    not_null: set[str] = field(default_factory=set)

    @property
    def is_worth_noting(self) -> bool:
        """Whether the statement said anything about the layout."""
        return any((self.diststyle, self.distkey, self.sortkeys is not None))


def relation_at(nodes: list[Node], index: int) -> tuple[str, int]:
    """Read a relation's name; return it as SQL, and the index after it."""
    start = index
    while name_of(at(nodes, index)) is not None:
        index += 1
        if not is_operator(at(nodes, index), "."):
            break
        index += 1
    return render(nodes[start:index]).strip(), index


def skip_words(nodes: list[Node], index: int, *words: str) -> int:
    """Return the index of the first node from `index` on that is none of the words."""
    while is_word(at(nodes, index), *words):
        index += 1
    return index


def create_table(nodes: list[Node], index: int) -> TableNotes:
    """Rewrite CREATE TABLE; `index` is the place behind the word TABLE."""
    notes = TableNotes()
    index = skip_words(nodes, index, "if", "not", "exists")
    notes.relation, index = relation_at(nodes, index)
    columns = at(nodes, index)
    has_columns = isinstance(columns, Group) and not columns.is_query
    start = index + 1 if has_columns else index
    end = next(
        (place for place in range(start, len(nodes)) if is_word(nodes[place], "as")),
        len(nodes),
    )
    is_query = end < len(nodes)
    _read_attributes(nodes[start:end], notes)
    del nodes[start:end]
    if isinstance(columns, Group) and has_columns and not is_query:
        columns.items[:] = _columns(columns.items, notes)
    return notes


def _read_attributes(nodes: list[Node], notes: TableNotes) -> None:
    """Note BACKUP, DISTSTYLE, DISTKEY and SORTKEY; refuse any other clause."""
    index = 0
    while index < len(nodes):
        node = nodes[index]
        key = node.key if isinstance(node, Token) else ""
        following = at(nodes, index + 1)
        if key in ("backup", "encode"):
            index += 2
        elif key == "diststyle" and isinstance(following, Token):
            notes.diststyle = following.key
            index += 2
        elif key == "distkey" and isinstance(following, Group):
            notes.distkey = name_of(at(following.items, 0))
            notes.diststyle = "key"
            index += 2
        elif key in ("compound", "interleaved"):
            notes.is_interleaved = key == "interleaved"
            index += 1
        elif key == "sortkey":
            if isinstance(following, Group):
                notes.sortkeys = [
                    str(name_of(at(part, 0))) for part in split_by(following.items)
                ]
            index += 2
        elif key in REFUSED_CLAUSES:
            raise refused(REFUSED_CLAUSES[key])
        else:
            raise refused(f"the table attribute {render([node]).strip()} is")


def _columns(items: list[Node], notes: TableNotes) -> list[Node]:
    parts = []
    for part in split_by(items):
        if is_word(at(part, 0), "like"):
            parts.append(part)
        elif is_word(at(part, 0), *CONSTRAINT_WORDS) and not _is_column(part):
            _table_constraint(part, notes)
        else:
            parts.append(column(part, notes))
    rewritten: list[Node] = []
    for part in parts:
        name = name_of(at(part, 0))
        if name in notes.not_null and not _says_not_null(part):
            part += tokens_of(" not null")
        if rewritten:
            rewritten.append(Token(OPERATOR, ","))
        rewritten += part
    return rewritten


def _is_column(part: list[Node]) -> bool:
    """Tell a column called `check` from a constraint: a type follows, no bracket."""
    if is_word(at(part, 0), "constraint", "primary", "foreign"):
        return not (
            is_word(at(part, 1), "key") or is_word(at(part, 2), *CONSTRAINT_WORDS)
        )
    return not is_group(at(part, 1)) and not is_word(at(part, 1), "using", "nulls")


def _says_not_null(part: list[Node]) -> bool:
    return any(words_at(part, index, "not", "null") for index in range(len(part)))


def _table_constraint(part: list[Node], notes: TableNotes) -> None:
    index = 2 if is_word(part[0], "constraint") else 0
    if is_word(at(part, index), "check", "exclude"):
        raise _refused_constraint(part[index])
    if words_at(part, index, "primary", "key"):
        keys = at(part, index + 2)
        if isinstance(keys, Group):
            notes.not_null |= {str(name_of(at(key, 0))) for key in split_by(keys.items)}


def _refused_constraint(node: Node) -> Exception:
    word = node.key.upper() if isinstance(node, Token) else ""
    return refused(f"a {word} constraint is", "a test of the data")


def column(part: list[Node], notes: TableNotes) -> list[Node]:
    """Rewrite one column's definition: its type, and what stands behind it."""
    end = rewrite_type(part, 1, is_column=True)
    kept, index = part[:end], end
    name = str(name_of(part[0]))
    while index < len(part):
        node = part[index]
        following = at(part, index + 1)
        if is_word(node, "encode", "collate") or is_word(node, "constraint"):
            index += 2
        elif is_word(node, "distkey"):
            notes.diststyle, notes.distkey = "key", name
            index += 1
        elif is_word(node, "sortkey"):
            notes.sortkeys = [*(notes.sortkeys or []), name]
            index += 1
        elif is_word(node, "check", "exclude"):
            raise _refused_constraint(node)
        elif words_at(part, index, "primary", "key"):
            notes.not_null.add(name)
            index += 2
        elif is_word(node, "unique"):
            index += 1
        elif is_word(node, "references"):
            _, index = relation_at(part, index + 1)
            index += 1 if is_group(at(part, index)) else 0
        elif is_word(node, "identity") and isinstance(following, Group):
            kept += _identity(following, "always")
            index += 2
        elif words_at(part, index, "generated", "by", "default", "as", "identity"):
            group = at(part, index + 5)
            if isinstance(group, Group):
                kept += _identity(group, "by default")
            index += 6
        else:
            kept.append(node)
            index += 1
    return kept


def _identity(arguments: Group, when: str) -> list[Node]:
    seed, step = (render(part).strip() for part in split_by(arguments.items))
    return tokens_of(
        f" generated {when} as identity (start with {seed} increment by {step})"
    )


def alter_table(nodes: list[Node]) -> tuple[TableNotes, bool]:
    """Rewrite ALTER TABLE; return the notes and whether PostgreSQL has a part in it."""
    notes = TableNotes()
    index = skip_words(nodes, 2, "if", "exists", "only")
    notes.relation, index = relation_at(nodes, index)
    if words_at(nodes, index, "append"):
        raise refused("ALTER TABLE APPEND is not in this stand-in, and so")
    if is_word(at(nodes, index), "add"):
        return notes, _alter_add(nodes, index + 1, notes)
    if words_at(nodes, index, "drop", "constraint"):
        return notes, False  # none is ever stored
    if not is_word(at(nodes, index), "alter"):
        return notes, True
    return notes, _alter_alter(nodes, index + 1, notes)


def _alter_add(nodes: list[Node], index: int, notes: TableNotes) -> bool:
    part = nodes[index:]
    if is_word(at(part, 0), *CONSTRAINT_WORDS) and not _is_column(part):
        _table_constraint(part, notes)
        return False
    index = skip_words(nodes, index, "column")
    nodes[index:] = column(nodes[index:], notes)
    return True


def _alter_alter(nodes: list[Node], index: int, notes: TableNotes) -> bool:
    if is_word(at(nodes, index), "diststyle", "distkey", "sortkey", "compound",
               "interleaved", "encode"):  # fmt: skip
        layout = list(nodes[index:])
        if is_word(layout[0], "distkey") and not is_group(at(layout, 1)):
            layout[1:] = [Group("(", "", layout[1:])]
        if is_word(at(layout, 2), "distkey") and not is_group(at(layout, 3)):
            layout[3:] = [Group("(", "", layout[3:])]
        if words_at(layout, 0, "sortkey", "none"):
            notes.sortkeys = []
            return False
        _read_attributes(layout, notes)
        return False
    index = skip_words(nodes, index, "column") + 1
    if is_word(at(nodes, index), "encode"):
        return False
    if is_word(at(nodes, index), "set", "drop"):
        raise refused("ALTER COLUMN ... SET or DROP is", "a new table and a copy")
    if is_word(at(nodes, index), "type"):
        found = read_type(nodes, index + 1)
        if found is None or found.name not in ("varchar", "character varying"):
            raise refused(
                "ALTER COLUMN ... TYPE of anything but a VARCHAR's size is",
                "a new column, an UPDATE and a rename",
            )
        rewrite_type(nodes, index + 1, is_column=True)
    return True
