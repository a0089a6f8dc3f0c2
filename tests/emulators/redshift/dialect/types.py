"""Check types and rewrite them for PostgreSQL with Redshift's default lengths.

A VARCHAR column without a length has 256 bytes, a NUMERIC without a precision is
NUMERIC(18,0), and MAX is the maximum length.
"""

from dataclasses import dataclass

from tests.emulators.redshift.dialect.tokens import (
    PARAMETER,
    STRING,
    Group,
    Node,
    Token,
    is_group,
    is_operator,
    is_word,
    iter_node_lists,
    name_of,
    node_at,
    parse_nodes,
    render,
)
from tests.emulators.redshift.errors import RedshiftError, not_emulated, unsupported

MAX_VARCHAR = 65535
MAX_CHAR = 4096
MAX_PRECISION = 38
DEFAULT_LENGTH = 256
DEFAULT_NUMERIC = "(18,0)"
STRINGS = {
    "varchar",
    "nvarchar",
    "text",
    "character varying",
    "national character varying",
}
CHARS = {"char", "nchar", "character", "bpchar", "national character"}
_NUMERIC = {"numeric", "decimal", "number"}
# Types of more than one word.
_SEQUENCES = (
    ("national", "character", "varying"),
    ("character", "varying"),
    ("national", "character"),
    ("double", "precision"),
    ("bit", "varying"),
    ("binary", "varying"),
)
_ZONES = (("with", "time", "zone"), ("without", "time", "zone"))
_WITH_LENGTH = {"varbyte": "varbyte", "varbinary": "varbyte",
                "binary varying": "varbyte"}  # fmt: skip
_TIMES = ("time", "timetz")
_RENAMED = {"datetime": "timestamp", "nvarchar": "varchar", "nchar": "char",
            "number": "numeric", "float": "double precision"}  # fmt: skip
_UNSUPPORTED = {
    "uuid", "json", "jsonb", "bytea", "inet", "cidr", "macaddr", "macaddr8", "money",
    "serial", "bigserial", "smallserial", "serial2", "serial4", "serial8", "xml",
    "tsvector", "tsquery", "bit", "bit varying", "point", "line", "lseg", "box", "path",
    "polygon", "circle", "int4range", "int8range", "numrange", "tsrange", "tstzrange",
    "daterange", "hstore", "enum", "citext",
}  # fmt: skip
_NOT_EMULATED = {
    "hllsketch",
}  # fmt: skip
_INTERVALS = {"intervaly2m": "interval year to month",
              "intervald2s": "interval day to second(6)"}  # fmt: skip
_INTERVAL_FIELDS = ("year", "month", "day", "hour", "minute", "second")
# Types that tables cannot have, though functions or system tables do.
_NO_COLUMN_TYPES = {
    "abstime", "any", "aclitem", "cid", "cstring", "internal", "name", "oid", "opaque",
    "pg_ddl_command", "record", "refcursor", "trigger", "txid_snapshot", "void", "xid",
}  # fmt: skip
_NO_COLUMN_ENDINGS = ("_handler", "_trigger")
_NO_COLUMN_BEGINNINGS = ("any", "reg")
_ALTERNATIVES = {
    "json": "super", "jsonb": "super", "uuid": "varchar(36)", "money": "numeric(18,2)",
    "serial": "bigint identity(1,1)", "bigserial": "bigint identity(1,1)",
    "bytea": "varbyte",
}  # fmt: skip


@dataclass(frozen=True)
class TypeName:
    """A type as written: its name, the length in brackets, its first and end index.

    `fields` are those of an interval, such as `year to month`.
    """

    name: str
    length: Group | None
    start: int
    end: int
    fields: str = ""


def read_type(nodes: list[Node], start: int) -> TypeName | None:
    """Read the type at an index; return None if there is no name."""
    first = name_of(node_at(nodes, start))
    if first is None:
        return None
    end, name = start + 1, first
    for words in _SEQUENCES:
        if all(
            is_word(node_at(nodes, start + offset), word)
            for offset, word in enumerate(words)
        ):
            end, name = start + len(words), " ".join(words)
            break
    while is_operator(node_at(nodes, end), ".") and name_of(node_at(nodes, end + 1)):
        name = str(name_of(node_at(nodes, end + 1)))  # pg_catalog.name
        end += 2
    length = None
    group = node_at(nodes, end)
    if isinstance(group, Group) and group.opening == "(":
        length, end = group, end + 1
    for words in _ZONES:
        if all(
            is_word(node_at(nodes, end + offset), word)
            for offset, word in enumerate(words)
        ):
            end += len(words)
            if name in ("timestamp", "time") and words[0] == "with":
                name += "tz"
    fields = end
    while name == "interval" and is_word(
        node_at(nodes, end), *_INTERVAL_FIELDS, "to" if end > fields else "year"
    ):
        end += 1
    if end > fields and is_group(node_at(nodes, end)):
        end += 1
    return TypeName(name, length, start, end, render(nodes[fields:end]).strip())


def rewrite_type(nodes: list[Node], start: int, *, is_column: bool) -> int:
    """Check and rewrite the type at an index; return the index after it.

    A string column without a length gets Redshift's default length; a cast does not.
    """
    type_name = read_type(nodes, start)
    if type_name is None:
        return start
    following = node_at(nodes, type_name.end)
    if (
        is_group(following, "[")
        or is_word(following, "array")
        or type_name.name == "array"
    ):
        raise unsupported("an array type", "super")
    check_type(type_name, is_column=is_column)
    space = nodes[start].space
    written = _postgres_type(type_name, is_column=is_column)
    if written is not None:
        replacement = parse_nodes(written)
        replacement[0].space = space
        nodes[start : type_name.end] = replacement
        return start + len(replacement)
    return type_name.end


def check_type(type_name: TypeName, *, is_column: bool) -> None:
    """Raise RedshiftError for a type or length that Redshift does not support."""
    name = type_name.name
    if name in _UNSUPPORTED or name.startswith("_"):
        raise unsupported(f"type {name}", _ALTERNATIVES.get(name, ""))
    if name in _NOT_EMULATED:
        raise not_emulated(f"type {name}")
    if is_column and name == "interval" and not type_name.fields:
        raise unsupported("a column of type interval", "interval day to second")
    if is_column and (
        name in _NO_COLUMN_TYPES
        or name.endswith(_NO_COLUMN_ENDINGS)
        or name.startswith(_NO_COLUMN_BEGINNINGS)
    ):
        raise unsupported(f"a column of type {name}")
    numbers = _numbers(type_name.length)
    if name in STRINGS and numbers and not 1 <= numbers[0] <= MAX_VARCHAR:
        raise RedshiftError(
            f"length for type character varying cannot exceed {MAX_VARCHAR}", "22023"
        )
    if name in CHARS and numbers and not 1 <= numbers[0] <= MAX_CHAR:
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


def _postgres_type(type_name: TypeName, *, is_column: bool) -> str | None:
    """Return the type for PostgreSQL, None if it is the same."""
    name = type_name.name
    if name in STRINGS:
        is_max = type_name.length is not None and is_word(
            node_at(type_name.length.items, 0), "max"
        )
        if is_max:
            return f"varchar({MAX_VARCHAR})"
        if type_name.length is not None and name != "text":
            return f"varchar{_brackets(type_name.length)}"
        if is_column:
            return f"varchar({DEFAULT_LENGTH})"
        return "varchar"
    if name in CHARS:
        if type_name.length is not None:
            return f"char{_brackets(type_name.length)}"
        if name == "bpchar":
            return f"char({DEFAULT_LENGTH})" if is_column else None
        return "char(1)"
    if name in _NUMERIC:
        brackets = (
            DEFAULT_NUMERIC if type_name.length is None else _brackets(type_name.length)
        )
        return f"numeric{brackets}"
    if name in _INTERVALS:
        return _INTERVALS[name]
    if name in _TIMES:
        length = type_name.length
        return f"{name}(6)" if length is None else f"{name}{_brackets(length)}"
    if name in _WITH_LENGTH and type_name.length is not None:
        return f"varbyte{_brackets(type_name.length)}"
    return _WITH_LENGTH.get(name, _RENAMED.get(name))


def _brackets(length: Group) -> str:
    return render([Group("(", "", length.items)])


def rewrite_casts(nodes: list[Node]) -> None:
    """Rewrite the types of all `x::type` and `cast(x as type)` in a statement."""
    for items in iter_node_lists(nodes):
        index = 0
        while index < len(items):
            node = items[index]
            if is_operator(node, "::"):
                _cast_super_literal(items, index, index + 1)
                end = rewrite_type(items, index + 1, is_column=False)
                _add_literal_length(items, node_at(items, index - 1), index + 1, end)
            elif is_word(node, "cast", "try_cast") and is_group(
                node_at(items, index + 1)
            ):
                group = items[index + 1]
                if isinstance(group, Group):
                    _rewrite_cast(group)
            index += 1


def _rewrite_cast(group: Group) -> None:
    for position in range(len(group.items) - 1, -1, -1):
        if is_word(group.items[position], "as"):
            _cast_super_literal(group.items, position, position + 1)
            end = rewrite_type(group.items, position + 1, is_column=False)
            value = group.items[0] if position == 1 else None
            _add_literal_length(group.items, value, position + 1, end)
            return


def _add_literal_length(
    items: list[Node], value: Node | None, start: int, end: int
) -> None:
    """Give a literal that is cast to VARCHAR without a length its own length."""
    if not isinstance(value, Token) or value.kind != STRING:
        return
    is_plain = value.text.startswith("'") and "\\" not in value.text
    if is_plain and end == start + 1 and is_word(items[start], "varchar"):
        literal = value.text[1:-1].replace("''", "'").encode()
        items[start:end] = parse_nodes(f" varchar({max(1, len(literal))})")


def _cast_super_literal(items: list[Node], index: int, type_index: int) -> None:
    """Cast a literal to VARCHAR before its cast to SUPER, as Redshift does.

    Likewise for other types that have no literals in PostgreSQL.
    """
    value = node_at(items, index - 1)
    name = name_of(node_at(items, type_index))
    if name not in ("super", "abstime") or not isinstance(value, Token):
        return
    if value.kind in (STRING, PARAMETER):
        value.text += "::varchar"
