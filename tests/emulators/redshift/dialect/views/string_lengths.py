"""Lengths of the strings that a query returns, by those of its columns and literals.

PostgreSQL gives `upper(a)` or `a || 'x'` no length. In Redshift a column of CREATE
TABLE AS has the length that its expression can have: a longer value is rejected later.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tests.emulators.redshift.dialect.clauses.select_list import read_items
from tests.emulators.redshift.dialect.late_binding import Described
from tests.emulators.redshift.dialect.names import quote_name
from tests.emulators.redshift.dialect.queries import Block, Query, Source
from tests.emulators.redshift.dialect.tokens import (
    NUMBER,
    STRING,
    Group,
    Node,
    Token,
    is_group,
    is_operator,
    is_word,
    name_of,
    node_at,
    split_nodes,
    string_value,
)
from tests.emulators.redshift.dialect.types import (
    CHARS,
    MAX_VARCHAR,
    STRINGS,
    TypeName,
    read_type,
)

Describe = Callable[[str], list[Described] | None]
STRING_OIDS = (1042, 1043)
# Functions whose result is as long as their first argument.
SAME_LENGTH = {
    "any_value", "btrim", "first_value", "initcap", "lag", "last_value", "lead", "left",
    "lower", "ltrim", "max", "min", "nth_value", "nullif", "regexp_substr", "reverse",
    "right", "rtrim", "split_part", "substr", "substring", "trim", "upper",
}  # fmt: skip
LONGEST = {"coalesce", "nvl", "greatest", "least"}
FIXED = {"md5": 32}
PADDING = {"lpad", "rpad"}


@dataclass(frozen=True)
class Column:
    """A column of a query or a table: its name, and its length in bytes if known.

    The length of NULL is 0.
    """

    name: str | None
    length: int | None


class Lengths:
    """The lengths in one statement."""

    def __init__(self, describe: Describe) -> None:
        self._describe = describe
        self._known: dict[int, list[Column] | None] = {}

    def of_query(self, query: Query) -> list[Column] | None:
        """Return the columns of a query, None if they are not known."""
        if id(query) not in self._known:
            self._known[id(query)] = None  # a query that reads itself
            self._known[id(query)] = self._of_blocks(query)
        return self._known[id(query)]

    def _of_blocks(self, query: Query) -> list[Column] | None:
        found = [self._of_block(block) for block in query.blocks]
        operands = [columns for columns in found if columns is not None]
        if not operands or len(operands) < len(query.blocks):
            return None
        if len({len(columns) for columns in operands}) > 1:
            return None
        merged = [
            Column(column[0].name, _longest([part.length for part in column]))
            for column in zip(*operands, strict=True)
        ]
        return _rename(merged, query.columns)

    def _of_block(self, block: Block) -> list[Column] | None:
        columns: list[Column] = []
        for item in read_items(block):
            if not is_operator(node_at(item.expression, len(item.expression) - 1), "*"):
                name = item.alias or name_of(item.expression[-1])
                columns.append(Column(name, self._length(item.expression, block)))
                continue
            all_columns = self._star(item.expression, block)
            if all_columns is None:
                return None
            columns += all_columns
        return columns

    def _star(self, expression: list[Node], block: Block) -> list[Column] | None:
        """Return the columns of `*` or `alias.*`."""
        alias = name_of(expression[0])
        words = block.clauses.get("from", [])
        if alias is None and any(is_word(node, "using", "natural") for node in words):
            return None  # the order of the columns is another
        columns: list[Column] = []
        for source in block.sources:
            if alias in (None, source.alias):
                found = self._of_source(source, block)
                if found is None:
                    return None
                columns += found
        return columns

    def _of_source(self, source: Source, block: Block) -> list[Column] | None:
        if id(source) not in self._known:
            columns = self._read_source(source, block)
            names = next((n for n in source.alias_nodes if isinstance(n, Group)), None)
            if columns is not None and names is not None:
                parts = split_nodes(names.items)
                columns = _rename(columns, [name_of(part[0]) for part in parts])
            self._known[id(source)] = columns
        return self._known[id(source)]

    def _read_source(self, source: Source, block: Block) -> list[Column] | None:
        if source.query is not None:
            return self.of_query(source.query)
        if source.is_function or not source.name:
            return None
        if len(source.name) == 1 and source.name[0] in block.ctes:
            return self.of_query(block.ctes[source.name[0]])
        described = self._describe(f"select * from {quote_name(source.name[-2:])}")
        return described and [
            Column(
                column.name,
                column.modifier - 4
                if column.oid in STRING_OIDS and column.modifier >= 4
                else None,
            )
            for column in described
        ]

    def _length(self, nodes: list[Node], block: Block) -> int | None:
        """Return the length of an expression, None if it is not known."""
        while len(nodes) == 1 and isinstance(nodes[0], Group) and nodes[0].items:
            if nodes[0].is_query:
                return self._subquery_length(nodes[0], block)
            nodes = nodes[0].items
        operands = split_nodes(nodes, "||")
        if len(operands) > 1:
            return _total([self._length(operand, block) for operand in operands])
        casts = [i for i, node in enumerate(nodes) if is_operator(node, "::")]
        if casts:
            return self._cast_length(nodes, casts[-1] + 1, nodes[: casts[-1]], block)
        first = node_at(nodes, 0)
        if not isinstance(first, Token):
            return None
        if first.kind == STRING and len(nodes) == 1:
            return max(1, len((string_value(first) or "").encode()))
        if is_word(first, "null") and len(nodes) == 1:
            return 0
        if is_word(first, "case"):
            return _longest([self._length(part, block) for part in _results(nodes)])
        arguments = node_at(nodes, 1)
        if isinstance(arguments, Group) and is_group(arguments):
            return self._call_length(first.key, arguments, block)
        return self._column_length([name_of(node) for node in nodes], block)

    def _subquery_length(self, group: Group, block: Block) -> int | None:
        """Return the length of a scalar subquery."""
        for query in block.subqueries:
            if query.blocks and query.blocks[0].container is group.items:
                columns = self.of_query(query)
                return columns[0].length if columns else None
        return None

    def _column_length(self, names: list[str | None], block: Block) -> int | None:
        """Return the length of `column` or `alias.column`; a dot has no name."""
        parts = [name for name in names if name]
        alias = parts[-2] if len(parts) > 1 else None
        scope: Block | None = block
        while parts and len(names) == 2 * len(parts) - 1 and scope is not None:
            for source in scope.sources:
                if alias in (None, source.alias):
                    for column in self._of_source(source, scope) or []:
                        if column.name == parts[-1]:
                            return column.length
            scope = scope.parent
        return None

    def _cast_length(
        self, nodes: list[Node], start: int, value: list[Node], block: Block
    ) -> int | None:
        type_name = read_type(nodes, start)
        if type_name is None or type_name.name not in {*STRINGS, *CHARS}:
            return None
        if type_name.length is not None:
            return _declared_length(type_name)
        is_char = type_name.name in CHARS and type_name.name != "bpchar"
        return 1 if is_char else self._length(value, block)

    def _call_length(self, name: str, group: Group, block: Block) -> int | None:
        items = group.items
        position = next((i for i, n in enumerate(items) if is_word(n, "as")), None)
        if name in ("cast", "try_cast") and position is not None:
            return self._cast_length(items, position + 1, items[:position], block)
        if is_word(node_at(items, 0), "distinct", "all", "both", "leading", "trailing"):
            items = items[1:]
        start = next((i for i, n in enumerate(items) if is_word(n, "from")), None)
        if start is not None:
            items = items[start + 1 :] if name == "trim" else items[:start]
        arguments = split_nodes(items)
        lengths = [self._length(argument, block) for argument in arguments]
        if name in FIXED or not arguments:
            return FIXED.get(name)
        number = _number(arguments[1]) if len(arguments) > 1 else None
        if name in SAME_LENGTH:
            return lengths[0]
        if name in LONGEST:
            return _longest(lengths)
        if name == "nvl2":
            return _longest(lengths[1:])
        if name == "decode":
            return _longest([*lengths[2::2], lengths[-1]])
        if name == "concat":
            return _total(lengths)
        if name in PADDING:
            return number
        if name == "repeat" and number is not None and lengths[0] is not None:
            return min(lengths[0] * number, MAX_VARCHAR)
        return None


def _rename(columns: list[Column], names: Sequence[str | None]) -> list[Column]:
    return [
        replace(column, name=names[position]) if position < len(names) else column
        for position, column in enumerate(columns)
    ]


def _longest(lengths: Sequence[int | None]) -> int | None:
    known = [length for length in lengths if length is not None]
    return max(known, default=None) if len(known) == len(lengths) else None


def _total(lengths: Sequence[int | None]) -> int | None:
    known = [length for length in lengths if length is not None]
    return min(sum(known), MAX_VARCHAR) if len(known) == len(lengths) else None


def _declared_length(type_name: TypeName) -> int | None:
    nodes = type_name.length.items if type_name.length is not None else []
    return MAX_VARCHAR if is_word(node_at(nodes, 0), "max") else _number(nodes)


def _number(nodes: list[Node]) -> int | None:
    first = node_at(nodes, 0)
    is_number = len(nodes) == 1 and isinstance(first, Token) and first.kind == NUMBER
    return int(first.text) if is_number and first.text.isdigit() else None


def _results(nodes: list[Node]) -> list[list[Node]]:
    """Return the expressions after THEN and ELSE of a CASE."""
    results: list[list[Node]] = []
    is_result, depth = False, 0
    for node in nodes[1:]:
        depth += is_word(node, "case")
        if depth == 0 and is_word(node, "when", "then", "else", "end"):
            is_result = is_word(node, "then", "else")
            if is_result:
                results.append([])
        elif is_result:
            results[-1].append(node)
        depth -= is_word(node, "end") and depth > 0
    return results
