"""System relations that clients see as views in `pg_redshift`, not as PostgreSQL's.

`sql/9_system_relations.sql` defines the views.
"""

from tests.emulators.redshift.dialect.late_binding import relation_sources
from tests.emulators.redshift.dialect.queries import Source, find_queries
from tests.emulators.redshift.dialect.tokens import (
    WORD,
    Node,
    Token,
    is_operator,
    iter_node_lists,
    name_of,
    node_at,
    parse_nodes,
)

CATALOG = {
    "pg_attribute", "pg_class", "pg_constraint", "pg_database", "pg_depend",
    "pg_group", "pg_namespace", "pg_proc", "pg_stat_activity", "pg_tables", "pg_type",
    "pg_user", "pg_views",
}  # fmt: skip
INFORMATION_SCHEMA = {
    "column_privileges", "columns", "constraint_column_usage", "key_column_usage",
    "referential_constraints", "routines", "schemata", "table_constraints",
    "table_privileges", "tables", "view_column_usage", "view_table_usage", "views",
}  # fmt: skip
SCHEMAS = ("pg_catalog", "information_schema")


def view_name(name: tuple[str, ...]) -> str:
    """Return the view that shows a system relation, empty for another relation."""
    schema = name[-2] if len(name) > 1 else "pg_catalog"
    if schema == "pg_catalog" and name[-1] in CATALOG:
        return f"pg_redshift.{name[-1]}"
    if schema == "information_schema" and name[-1] in INFORMATION_SCHEMA:
        return f"pg_redshift.schema_{name[-1]}"
    return ""


def replace(nodes: list[Node]) -> None:
    """Replace the names of these relations in the queries of a statement."""
    sources = relation_sources(find_queries(nodes))
    replaced = [source for source in sources if view_name(source.name)]
    for source in replaced:
        _replace_source(source)
    if replaced:
        _shorten_columns(nodes)


def _replace_source(source: Source) -> None:
    first = source.nodes[0]
    position = next(i for i, node in enumerate(source.container) if node is first)
    nodes = parse_nodes(view_name(source.name))
    nodes[0].space = first.space
    if not source.alias_nodes:
        nodes.append(Token(WORD, source.alias, " "))
    source.container[position : position + len(source.nodes)] = nodes


def _shorten_columns(nodes: list[Node]) -> None:
    """Remove the schema from columns such as `pg_catalog.pg_class.oid`."""
    for items in iter_node_lists(nodes):
        for index in range(len(items) - 4, -1, -1):
            if (
                name_of(items[index]) in SCHEMAS
                and is_operator(node_at(items, index + 1), ".")
                and is_operator(node_at(items, index + 3), ".")
            ):
                items[index + 2].space = items[index].space
                del items[index : index + 2]
