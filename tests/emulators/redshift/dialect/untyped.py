"""Strings and parameters to which Redshift gives no type.

A string literal, or NULL, that is a column of a subquery has no type: comparing the
column fails. A text parameter of a driver has none either: it fails in the select list
of a statement that compute nodes execute.
"""

from collections.abc import Iterator, Sequence

from tests.emulators.redshift.dialect.queries import Block, Query, Source, iter_blocks
from tests.emulators.redshift.dialect.tokens import (
    NUMBER,
    PARAMETER,
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
)
from tests.emulators.redshift.errors import PRODUCT, RedshiftError

UNTYPED_OIDS = (0, 705)
COMPARISONS = ("=", "<>", "!=", "<", ">", "<=", ">=", "~", "!~", "~~", "!~~")
PREDICATES = ("in", "between", "like", "ilike", "similar")
COMPARING_FUNCTIONS = ("nullif", "decode", "min", "max", "greatest", "least")


def check_parameters(queries: list[Query], oids: Sequence[int]) -> None:
    """Raise RedshiftError for a parameter without a type in a select list.

    `oids` are the types of the parameters as the client sent them.
    """
    for block in iter_blocks(queries):
        for expression, _ in _select_list(block):
            node = _unwrap(expression)
            if not isinstance(node, Token) or node.kind != PARAMETER:
                continue
            number = int(node.text[1:])
            oid = oids[number - 1] if number <= len(oids) else 0
            if oid in UNTYPED_OIDS:
                raise RedshiftError(
                    f"Assert: Invalid type: 705. The parameter {node.text} in a select"
                    f" list has no type, which {PRODUCT} does not support (use instead:"
                    f" cast({node.text} as varchar))",
                    detail="error: Assert code: 1000 context: false - Invalid type:"
                    " 705",
                )


def check_comparisons(queries: list[Query]) -> None:
    """Raise RedshiftError for a comparison of a subquery's untyped column."""
    for block in iter_blocks(queries):
        _Scope(block).check(block.nodes, block)


class _Scope:
    """The untyped columns that a SELECT and those around it can name."""

    def __init__(self, block: Block) -> None:
        self.columns: dict[str, set[str]] = {}
        enclosing: Block | None = block
        while enclosing is not None:
            for source in enclosing.sources:
                if source.alias not in self.columns:
                    self.columns[source.alias] = _untyped_columns(source, enclosing)
            enclosing = enclosing.parent
        self.own = set().union(
            *(self.columns[source.alias] for source in block.sources), set()
        )

    def check(self, nodes: list[Node], block: Block) -> None:
        """Check the expressions of a SELECT, without those of its subqueries."""
        if not any(self.columns.values()):
            return
        for index, node in enumerate(nodes):
            if isinstance(node, Group):
                if not node.is_query:
                    self.check(node.items, block)
                    if is_word(node_at(nodes, index - 1), "using", "in"):
                        self._check_list(node)
                continue
            end = self._untyped_end(nodes, index)
            if end and _is_compared(nodes, index, end):
                raise _conversion_error(nodes[index:end])
            if node.key in COMPARING_FUNCTIONS:
                arguments = node_at(nodes, index + 1)
                if isinstance(arguments, Group):
                    self._check_list(arguments)

    def _check_list(self, group: Group) -> None:
        """Check names that are compared as elements of a list."""
        for part in split_nodes(group.items):
            if part and self._untyped_end(part, 0) == len(part):
                raise _conversion_error(part)

    def _untyped_end(self, nodes: list[Node], index: int) -> int:
        """Return the end of an untyped column's name at an index, or 0."""
        name = name_of(nodes[index])
        if name is None or is_operator(node_at(nodes, index - 1), "."):
            return 0
        if not is_operator(node_at(nodes, index + 1), "."):
            following = node_at(nodes, index + 1)
            is_call = is_group(following) or is_group(following, "[")
            return index + 1 if name in self.own and not is_call else 0
        column = name_of(node_at(nodes, index + 2))
        is_untyped = column in self.columns.get(name, ())
        return index + 3 if is_untyped else 0


def _is_compared(nodes: list[Node], start: int, end: int) -> bool:
    before, after = node_at(nodes, start - 1), node_at(nodes, end)
    if is_word(after, "not"):
        after = node_at(nodes, end + 1)
    if is_word(after, "is") or is_operator(after, "::"):
        return False
    return (
        (isinstance(after, Token) and after.text in COMPARISONS)
        or is_word(after, *PREDICATES)
        or (is_word(before, "case") and is_word(after, "when"))
        or (isinstance(before, Token) and before.text in COMPARISONS)
        or is_word(before, "between", "like", "ilike")
    )


def _conversion_error(nodes: list[Node]) -> RedshiftError:
    column = ".".join(str(name_of(node)) for node in nodes if name_of(node))
    return RedshiftError(
        'failed to find conversion function from "unknown" to text',
        hint=f"Cast the literal of the column {column} in its subquery,"
        " as in cast('x' as varchar).",
    )


def _untyped_columns(source: Source, block: Block) -> set[str]:
    query = source.query
    if query is None and len(source.name) == 1 and not source.is_function:
        query = block.ctes.get(source.name[0])
    if query is None:
        return set()
    names = _output_columns(query, frozenset())
    aliases = next((n for n in source.alias_nodes if isinstance(n, Group)), None)
    if aliases is not None:
        names = _renamed(names, [name_of(node_at(part, 0))
                                 for part in split_nodes(aliases.items)])  # fmt: skip
    return {name for name, is_untyped in names if name and is_untyped}


def _renamed(
    columns: list[tuple[str | None, bool]], names: Sequence[str | None]
) -> list[tuple[str | None, bool]]:
    return [
        (names[position] if position < len(names) else name, is_untyped)
        for position, (name, is_untyped) in enumerate(columns)
    ]


def _output_columns(
    query: Query, seen: frozenset[int]
) -> list[tuple[str | None, bool]]:
    """Return a query's columns: name, and whether it has no type.

    A set operation gives all its columns a type, DISTINCT, GROUP BY and ORDER BY those
    that they sort by.
    """
    if len(query.blocks) != 1 or id(query) in seen:
        return []
    block = query.blocks[0]
    columns: list[tuple[str | None, bool]] = []
    for expression, name in _select_list(block):
        if is_operator(expression[-1] if expression else None, "*"):
            columns += _star_columns(block, expression, seen | {id(query)})
            continue
        node = _unwrap(expression)
        is_untyped = isinstance(node, Token) and (
            node.kind == STRING or is_word(node, "null")
        )
        columns.append((name, is_untyped and not _sorts(block, name, len(columns))))
    return _renamed(columns, query.columns)


def _star_columns(
    block: Block, expression: list[Node], seen: frozenset[int]
) -> list[tuple[str | None, bool]]:
    """Return the columns of `*` or `alias.*`, as far as they are known."""
    alias = name_of(expression[0]) if len(expression) > 1 else None
    columns: list[tuple[str | None, bool]] = []
    for source in block.sources:
        query = source.query
        if query is None and len(source.name) == 1:
            query = block.ctes.get(source.name[0])
        if query is not None and alias in (None, source.alias):
            columns += _output_columns(query, seen)
    return columns


def _sorts(block: Block, name: str | None, position: int) -> bool:
    select = block.clauses.get("select", [])
    if is_word(node_at(select, 0), "distinct"):
        return True
    return any(
        (node.kind == NUMBER and node.text == str(position + 1))
        or (name is not None and node.name == name)
        for clause in ("group", "order")
        for node in block.clauses.get(clause, [])
        if isinstance(node, Token)
    )


def _select_list(block: Block) -> Iterator[tuple[list[Node], str | None]]:
    """Yield the expressions of a select list with the names of their columns."""
    for part in split_nodes(block.clauses.get("select", [])):
        if is_word(node_at(part, 0), "distinct", "all"):
            part = part[1:]
        if len(part) > 2 and is_word(part[-2], "as"):
            yield part[:-2], name_of(part[-1])
        elif len(part) == 2 and name_of(part[-1]) and not is_operator(part[0], "."):
            yield part[:-1], name_of(part[-1])
        else:
            yield part, name_of(part[-1]) if part else None


def _unwrap(expression: list[Node]) -> Node | None:
    """Return the only node of an expression, out of its brackets."""
    while len(expression) == 1 and isinstance(expression[0], Group):
        expression = expression[0].items
    return expression[0] if len(expression) == 1 else None
