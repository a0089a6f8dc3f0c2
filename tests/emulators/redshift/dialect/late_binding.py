"""Late-binding views, inlined into each statement that reads them.

The view itself is an empty PostgreSQL view without dependencies; its definition is
stored in `pg_internal.late_binding_view`. A statement that names the view gets the
definition in place of the name. The view is therefore bound when it is read, and
remains when the relations it reads are dropped.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from tests.emulators.redshift.dialect.queries import (
    Query,
    Source,
    find_queries,
    iter_blocks,
)
from tests.emulators.redshift.dialect.statements import StatementHead
from tests.emulators.redshift.dialect.tokens import (
    QUOTED,
    Group,
    Node,
    Token,
    is_word,
    node_at,
    parse,
    parse_nodes,
    quote_literal,
    render,
    split_nodes,
)
from tests.emulators.redshift.errors import PRODUCT, RedshiftError

MAX_NESTING = 32
Name = tuple[str, ...]
COLUMNS_FUNCTION = "pg_get_late_binding_view_cols"


class Described(NamedTuple):
    """A column of a query: its name, and PostgreSQL's oid and modifier of its type."""

    name: str
    oid: int
    modifier: int


class Catalog(Protocol):
    """The lookups of late-binding views and types that a session provides."""

    def column_types(self, sql: str) -> list[Described] | None:
        """Return the columns of a query that PostgreSQL takes, None if it fails."""

    def late_binding_views(self, names: Iterable[Name]) -> dict[Name, str]:
        """Return the definition of each name that is a late-binding view."""

    def leader_views(self, names: Iterable[Name]) -> dict[Name, tuple[str, bool]]:
        """Return the recorded bound views of these names.

        Of each the leader-node function in it, or '', and whether it reads no table.
        """

    def record_long_names(self, names: Mapping[str, str]) -> None:
        """Record the long names, by their short ones, for the system views."""

    def late_binding_columns(self) -> list[tuple[str, str, str, str, int]]:
        """Return (schema, view, column, type, position) of all valid views.

        A view is valid if the relations that it reads exist.
        """

    def procedure_bodies(self, name: str) -> list[str]:
        """Return the bodies of the procedures of a name, given as in a statement."""

    def is_view(self, relation: str) -> bool:
        """Whether a relation, named as in a statement, is a view."""

    def query_columns(self, sql: str) -> list[str]:
        """Return the names of a query's columns, none if it fails."""


def expand_views(nodes: list[Node], head: StatementHead, catalog: Catalog) -> None:
    """Replace the late-binding views that a statement reads with their definitions."""
    for _ in range(MAX_NESTING):
        sources = [*relation_sources(find_queries(nodes)), *head.sources]
        definitions = catalog.late_binding_views({source.name for source in sources})
        views = [source for source in sources if source.name in definitions]
        if not views:
            return
        for source in views:
            _inline_definition(source, definitions[source.name])
        head.sources = [source for source in head.sources if source not in views]
    raise RedshiftError("late-binding views refer to each other in a cycle", "42P17")


def relation_sources(queries: list[Query]) -> list[Source]:
    """Return the sources that are tables or views, without CTEs and functions."""
    return [
        source
        for block in iter_blocks(queries)
        for source in block.sources
        if source.name
        and not source.is_function
        and not (len(source.name) == 1 and source.name[0] in block.ctes)
    ]


def _inline_definition(source: Source, definition: str) -> None:
    first = source.nodes[0]
    body, tail = parse(definition)
    group = Group("(", first.space, body, tail + "\n" if "--" in tail else tail)
    position = next(i for i, node in enumerate(source.container) if node is first)
    replacement: list[Node] = [group]
    if not source.alias_nodes:
        replacement.append(Token(QUOTED, f'"{source.name[-1]}"', " "))
    source.container[position : position + len(source.nodes)] = replacement


def view_definition(nodes: list[Node], start: int, end: int) -> str:
    """Return the text of a view's query, which must name its tables with a schema.

    `start` is the index after the view's name, where a list of columns may follow.
    """
    column_list = node_at(nodes, start)
    columns = ""
    if isinstance(column_list, Group):
        columns, start = render([column_list]).strip(), start + 1
    body = nodes[start + 1 : end]  # after AS
    if not is_word(node_at(nodes, start), "as") or not body:
        raise RedshiftError("syntax error in CREATE VIEW", "42601")
    for source in relation_sources(find_queries(body)):
        is_alias = source.name[0] in _subquery_aliases(body)
        if len(source.name) == 1 and not is_alias:
            raise RedshiftError(
                "All the relation names inside should be qualified when creating VIEW"
                f" WITH NO SCHEMA BINDING in {PRODUCT}: {source.name[0]}",
                "42P01",
            )
    text = render(body).strip()
    return f"select * from (\n{text}\n) as bound {columns}" if columns else text


def _subquery_aliases(nodes: list[Node]) -> set[str]:
    return {
        source.alias
        for block in iter_blocks(find_queries(nodes))
        for source in block.sources
        if source.query is not None
    }


def expand_columns_function(nodes: list[Node], catalog: Catalog) -> None:
    """Replace `pg_get_late_binding_view_cols() cols(name type, ...)` with its rows."""
    for block in iter_blocks(find_queries(nodes)):
        for source in block.sources:
            if source.is_function and source.name[-1] == COLUMNS_FUNCTION:
                _inline_rows(source, catalog)


def _inline_rows(source: Source, catalog: Catalog) -> None:
    container = source.container
    start = next(i for i, node in enumerate(container) if node is source.nodes[0])
    rows = [
        f"({', '.join(map(quote_literal, row[:4]))}, {row[4]})"
        for row in catalog.late_binding_columns()
    ] or ["(null, null, null, null, null)"]
    sql = (
        "(select schema_name::varchar, view_name::varchar, column_name::varchar,"
        " column_type::varchar, column_position::int"
        f" from (values {', '.join(rows)}) as view_columns"
        " (schema_name, view_name, column_name, column_type, column_position)"
        " where schema_name is not null)"
    )
    call_end = start + len(source.nodes) + 1
    for node in container[call_end : call_end + len(source.alias_nodes)]:
        if isinstance(node, Group):
            node.items[:] = _without_types(node)
    container[start:call_end] = parse_nodes(" " + sql)


def _without_types(columns: Group) -> list[Node]:
    names = [render([part[0]]).strip() for part in split_nodes(columns.items) if part]
    return parse_nodes(", ".join(names))
