"""Bound views that call leader-node functions, or that read none of the user's tables.

A statement that reads a view with a leader-node function cannot read a user's table,
and one that reads views over the catalog alone may call such functions.
"""

from collections.abc import Iterable

from tests.emulators.redshift.dialect import rules, tables
from tests.emulators.redshift.dialect.late_binding import Catalog, relation_sources
from tests.emulators.redshift.dialect.queries import Query, Source, find_queries
from tests.emulators.redshift.dialect.tokens import (
    Node,
    has_words_at,
    is_word,
    node_at,
    quote_literal,
)


def mark(queries: list[Query], others: Iterable[Source], catalog: Catalog) -> None:
    """Record in the sources that are such views what is known of them."""
    sources = [*relation_sources(queries), *others]
    views = catalog.leader_views({source.name for source in sources})
    for source in sources:
        if source.name in views:
            source.leader_function, source.is_on_leader = views[source.name]


def record(nodes: list[Node], catalog: Catalog) -> list[str]:
    """Return the SQL that records the view which CREATE VIEW makes, if it is one."""
    index = 3 if has_words_at(nodes, 1, "or", "replace") else 1
    if not is_word(node_at(nodes, index), "view"):
        return []
    queries = find_queries(nodes)
    mark(queries, [], catalog)
    function = rules.find_leader_function(nodes, queries)
    is_on_leader = not rules.run_on_compute_nodes(queries)
    name = quote_literal(tables.read_relation(nodes, index + 1)[0])
    if function or is_on_leader:
        arguments = f"{name}, {quote_literal(function)}, {is_on_leader}"
        return [f"select pg_internal.record_leader_view({arguments})"]
    if index == 3:
        return [f"select pg_internal.delete_leader_view({name})"]
    return []
