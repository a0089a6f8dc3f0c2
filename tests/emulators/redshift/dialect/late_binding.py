"""Late-binding views: written out in each statement that reads them.

The view itself is an empty PostgreSQL view that depends on nothing; its definition is
kept beside it. A statement that names it gets the definition in its place, so it is
bound when it is read, and survives the drop of what it reads.
"""

from collections.abc import Iterable
from typing import Protocol

from tests.emulators.redshift.dialect.queries import (
    Query,
    Source,
    all_blocks,
    queries_of,
)
from tests.emulators.redshift.dialect.statements import Head
from tests.emulators.redshift.dialect.tokens import (
    QUOTED,
    Group,
    Node,
    Token,
    at,
    is_word,
    parse,
    render,
    split_by,
    tokens_of,
)
from tests.emulators.redshift.errors import RULE, RedshiftError

DEEPEST = 32
Name = tuple[str, ...]
COLUMNS_FUNCTION = "pg_get_late_binding_view_cols"


class Catalog(Protocol):
    """What a session knows of its late-binding views."""

    def late_binding_views(self, names: Iterable[Name]) -> dict[Name, str]:
        """Return the definitions of those of the names that are such views."""

    def late_binding_columns(self) -> list[tuple[str, str, str, str, int]]:
        """Return (schema, view, column, type, position) of all that can be bound."""


def expand(nodes: list[Node], head: Head, catalog: Catalog) -> None:
    """Put definitions in the place of the views that the statement reads."""
    for _ in range(DEEPEST):
        sources = [*_sources(queries_of(nodes)), *head.sources]
        found = catalog.late_binding_views({source.name for source in sources})
        views = [source for source in sources if source.name in found]
        if not views:
            return
        for source in views:
            _write_out(source, found[source.name])
        head.sources = [source for source in head.sources if source not in views]
    raise RedshiftError("late-binding views read each other in a circle", "42P17")


def _sources(queries: list[Query]) -> list[Source]:
    return [
        source
        for block in all_blocks(queries)
        for source in block.sources
        if source.name
        and not source.is_function
        and not (len(source.name) == 1 and source.name[0] in block.ctes)
    ]


def _write_out(source: Source, definition: str) -> None:
    first = source.nodes[0]
    body, tail = parse(definition)
    group = Group("(", first.space, body, tail + "\n" if "--" in tail else tail)
    place = next(i for i, node in enumerate(source.container) if node is first)
    new: list[Node] = [group]
    if not source.alias_nodes:
        new.append(Token(QUOTED, f'"{source.name[-1]}"', " "))
    source.container[place : place + len(source.nodes)] = new


def definition_of(nodes: list[Node], start: int, end: int) -> str:
    """Return the text of a view's query, which must name its tables with a schema.

    `start` is the place behind the view's name: a list of columns may stand there.
    """
    columns = at(nodes, start)
    prefix = ""
    if isinstance(columns, Group):
        prefix, start = render([columns]).strip(), start + 1
    body = nodes[start + 1 : end]  # behind AS
    if not is_word(at(nodes, start), "as") or not body:
        raise RedshiftError("syntax error in CREATE VIEW", "42601")
    for source in _sources(queries_of(body)):
        is_item = any(source.name[0] == other for other in _aliases(body))
        if len(source.name) == 1 and not is_item:
            raise RedshiftError(
                "All the relation names inside should be qualified when creating VIEW"
                f" WITH NO SCHEMA BINDING (a rule of {RULE}): {source.name[0]}",
                "42P01",
            )
    text = render(body).strip()
    return f"select * from (\n{text}\n) as bound {prefix}" if prefix else text


def _aliases(nodes: list[Node]) -> set[str]:
    return {
        source.alias
        for block in all_blocks(queries_of(nodes))
        for source in block.sources
        if source.query is not None
    }


def expand_columns_function(nodes: list[Node], catalog: Catalog) -> None:
    """Replace `pg_get_late_binding_view_cols() cols(name type, ...)` by its rows."""
    for block in all_blocks(queries_of(nodes)):
        for source in block.sources:
            if source.is_function and source.name[-1] == COLUMNS_FUNCTION:
                _write_rows(source, catalog)


def _write_rows(source: Source, catalog: Catalog) -> None:
    container = source.container
    place = next(i for i, node in enumerate(container) if node is source.nodes[0])
    rows = [
        "(" + ", ".join([*(_literal(value) for value in row[:4]), str(row[4])]) + ")"
        for row in catalog.late_binding_columns()
    ] or ["(null, null, null, null, null)"]
    sql = (
        "(select s::name, v::name, c::name, t::varchar, i::int from (values "
        + ", ".join(rows)
        + ") as found (s, v, c, t, i) where s is not null)"
    )
    end = place + len(source.nodes) + 1 + len(source.alias_nodes)
    for node in container[place:end]:
        if isinstance(node, Group) and node is not container[place + len(source.nodes)]:
            node.items[:] = _without_types(node)
    container[place : place + len(source.nodes) + 1] = tokens_of(" " + sql)


def _without_types(columns: Group) -> list[Node]:
    names = [render([part[0]]).strip() for part in split_by(columns.items) if part]
    return tokens_of(", ".join(names))


def _literal(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
