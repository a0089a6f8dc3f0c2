"""Types: where they stand in a statement, which Redshift has, and their defaults.

A VARCHAR without a length is 256 bytes in a table, a NUMERIC without a precision is
NUMERIC(18,0) everywhere, MAX is the longest length.
"""

from dataclasses import dataclass

from tests.emulators.redshift.dialect.tokens import (
    PARAMETER,
    STRING,
    Group,
    Node,
    Token,
    at,
    groups_within,
    is_group,
    is_operator,
    is_word,
    name_of,
    render,
    tokens_of,
)
from tests.emulators.redshift.errors import RedshiftError, refused

MAX_VARCHAR = 65535
MAX_CHAR = 4096
MAX_PRECISION = 38
DEFAULT_LENGTH = 256
DEFAULT_NUMERIC = "(18,0)"
_STRING = {
    "varchar",
    "nvarchar",
    "text",
    "character varying",
    "national character varying",
}
_CHAR = {"char", "nchar", "character", "bpchar", "national character"}
_NUMERIC = {"numeric", "decimal", "number"}
# Words of types that are more than one word.
_SEQUENCES = (
    ("national", "character", "varying"),
    ("character", "varying"),
    ("national", "character"),
    ("double", "precision"),
    ("bit", "varying"),
    ("binary", "varying"),
)
_ZONES = (("with", "time", "zone"), ("without", "time", "zone"))
_RENAMED = {"datetime": "timestamp", "nvarchar": "varchar", "nchar": "char",
            "number": "numeric", "float": "double precision"}  # fmt: skip
_UNSUPPORTED = {
    "uuid", "json", "jsonb", "bytea", "inet", "cidr", "macaddr", "macaddr8", "money",
    "serial", "bigserial", "smallserial", "serial2", "serial4", "serial8", "xml",
    "tsvector", "tsquery", "bit", "bit varying", "point", "line", "lseg", "box", "path",
    "polygon", "circle", "int4range", "int8range", "numrange", "tsrange", "tstzrange",
    "daterange", "hstore", "enum", "citext",
}  # fmt: skip
_NOT_HERE = {
    "geometry", "geography", "hllsketch", "varbyte", "varbinary", "binary varying",
    "intervaly2m", "intervald2s",
}  # fmt: skip
_INSTEAD = {
    "json": "super", "jsonb": "super", "uuid": "varchar(36)", "money": "numeric(18,2)",
    "serial": "bigint identity(1,1)", "bigserial": "bigint identity(1,1)",
    "bytea": "varbyte",
}  # fmt: skip


@dataclass(frozen=True)
class TypeName:
    """A type as written: its words, the bracket behind, and where it ends."""

    name: str
    length: Group | None
    start: int
    end: int


def read_type(nodes: list[Node], start: int) -> TypeName | None:
    """Read the type at an index; None when no name stands there."""
    first = name_of(at(nodes, start))
    if first is None:
        return None
    end, name = start + 1, first
    for words in _SEQUENCES:
        if all(
            is_word(at(nodes, start + place), word) for place, word in enumerate(words)
        ):
            end, name = start + len(words), " ".join(words)
            break
    while is_operator(at(nodes, end), ".") and name_of(at(nodes, end + 1)):
        name = str(name_of(at(nodes, end + 1)))  # pg_catalog.name
        end += 2
    length = None
    group = at(nodes, end)
    if isinstance(group, Group) and group.opening == "(":
        length, end = group, end + 1
    for words in _ZONES:
        if all(
            is_word(at(nodes, end + place), word) for place, word in enumerate(words)
        ):
            end += len(words)
            if name in ("timestamp", "time") and words[0] == "with":
                name += "tz"
    return TypeName(name, length, start, end)


def rewrite_type(nodes: list[Node], start: int, *, is_column: bool) -> int:
    """Check the type at an index, write it for PostgreSQL, return the index after it.

    A column's string without a length gets Redshift's default; a cast's keeps its own.
    """
    found = read_type(nodes, start)
    if found is None:
        return start
    behind = at(nodes, found.end)
    if is_group(behind, "[") or is_word(behind, "array") or found.name == "array":
        raise refused("an array type is", "super")
    check_type(found, is_column=is_column)
    space = nodes[start].space
    written = _written(found, is_column=is_column)
    if written is not None:
        replacement = tokens_of(written)
        replacement[0].space = space
        nodes[start : found.end] = replacement
        return start + len(replacement)
    return found.end


def check_type(found: TypeName, *, is_column: bool) -> None:
    """Raise the error for a type, or a length, that Redshift does not have."""
    name = found.name
    if name in _UNSUPPORTED or name.startswith("_"):
        raise refused(f"type {name} is", _INSTEAD.get(name, ""))
    if name in _NOT_HERE:
        raise RedshiftError(
            f"type {name} is not in this stand-in, and so refused by name", "0A000"
        )
    if is_column and name == "interval":
        raise refused("a column of type interval is", "seconds in a bigint")
    numbers = _numbers(found.length)
    if name in _STRING and numbers and not 1 <= numbers[0] <= MAX_VARCHAR:
        raise RedshiftError(
            f"length for type character varying cannot exceed {MAX_VARCHAR}", "22023"
        )
    if name in _CHAR and numbers and not 1 <= numbers[0] <= MAX_CHAR:
        raise RedshiftError(f"length for type char cannot exceed {MAX_CHAR}", "22023")
    if name in _NUMERIC and numbers and not 1 <= numbers[0] <= MAX_PRECISION:
        raise RedshiftError(
            f"DECIMAL precision {numbers[0]} must be between 1 and {MAX_PRECISION}",
            "22023",
        )


def _numbers(length: Group | None) -> list[int]:
    if length is None:
        return []
    text = [node.text for node in length.items if isinstance(node, Token)]
    return [int(word) for word in text if word.isdigit()]


def _written(found: TypeName, *, is_column: bool) -> str | None:
    """Return how PostgreSQL is to be told, None to leave it as it is."""
    name = found.name
    if name in _STRING:
        is_max = found.length is not None and is_word(at(found.length.items, 0), "max")
        if is_max:
            return f"varchar({MAX_VARCHAR})"
        if found.length is not None and name != "text":
            return f"varchar{_brackets(found.length)}"
        if is_column:
            return f"varchar({DEFAULT_LENGTH})"
        return "varchar"
    if name in _CHAR:
        if found.length is not None:
            return f"char{_brackets(found.length)}"
        if name == "bpchar":
            return f"char({DEFAULT_LENGTH})" if is_column else None
        return "char(1)"
    if name in _NUMERIC:
        brackets = DEFAULT_NUMERIC if found.length is None else _brackets(found.length)
        return f"numeric{brackets}"
    return _RENAMED.get(name)


def _brackets(length: Group) -> str:
    return render([Group("(", "", length.items)])


def rewrite_casts(nodes: list[Node]) -> None:
    """Rewrite the types of every `x::type` and `cast(x as type)` of a statement."""
    for items in groups_within(nodes):
        index = 0
        while index < len(items):
            node = items[index]
            if is_operator(node, "::"):
                _quote_super(items, index, index + 1)
                end = rewrite_type(items, index + 1, is_column=False)
                _give_length(items, at(items, index - 1), index + 1, end)
            elif is_word(node, "cast", "try_cast") and is_group(at(items, index + 1)):
                group = items[index + 1]
                if isinstance(group, Group):
                    _rewrite_cast(group)
            index += 1


def _rewrite_cast(group: Group) -> None:
    for place in range(len(group.items) - 1, -1, -1):
        if is_word(group.items[place], "as"):
            _quote_super(group.items, place, place + 1)
            end = rewrite_type(group.items, place + 1, is_column=False)
            value = group.items[0] if place == 1 else None
            _give_length(group.items, value, place + 1, end)
            return


def _give_length(items: list[Node], value: Node | None, start: int, end: int) -> None:
    """Let a literal that is cast to a string of any length have its own length."""
    if not isinstance(value, Token) or value.kind != STRING:
        return
    is_plain = value.text.startswith("'") and "\\" not in value.text
    if is_plain and end == start + 1 and is_word(items[start], "varchar"):
        own = value.text[1:-1].replace("''", "'").encode()
        items[start:end] = tokens_of(f" varchar({max(1, len(own))})")


def _quote_super(items: list[Node], index: int, type_index: int) -> None:
    """Make a literal that is cast to SUPER a string first, as Redshift takes it."""
    value = at(items, index - 1)
    if name_of(at(items, type_index)) != "super" or not isinstance(value, Token):
        return
    if value.kind in (STRING, PARAMETER):
        value.text += "::varchar"
