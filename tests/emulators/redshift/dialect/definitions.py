"""Rewrite CREATE and ALTER for PostgreSQL.

Attributes that PostgreSQL does not have are recorded in tables of `pg_internal`.
"""

from tests.emulators.redshift.dialect import (
    administration,
    keys,
    late_binding,
    rules,
    tables,
    types,
)
from tests.emulators.redshift.dialect.clauses import alter_table, windows
from tests.emulators.redshift.dialect.late_binding import Catalog
from tests.emulators.redshift.dialect.plan import NOTHING, Plan
from tests.emulators.redshift.dialect.queries import find_queries
from tests.emulators.redshift.dialect.statements import find_no_schema_binding
from tests.emulators.redshift.dialect.tokens import (
    Node,
    Token,
    has_words_at,
    is_operator,
    is_word,
    node_at,
    parse,
    quote_literal,
    render,
)
from tests.emulators.redshift.dialect.views import typed_columns


def plan_late_binding_view(plan: Plan) -> bool:
    """Plan CREATE VIEW ... WITH NO SCHEMA BINDING; return False for another view."""
    nodes = plan.nodes
    index = 3 if has_words_at(nodes, 1, "or", "replace") else 1
    if not is_word(node_at(nodes, index), "view"):
        return False
    name, end = tables.read_relation(nodes, index + 1)
    binding = find_no_schema_binding(nodes)
    quoted = quote_literal(name)
    if binding is None:
        if index == 3:
            plan.after.append(f"select pg_internal.delete_late_binding_view({quoted})")
        return False
    definition = late_binding.view_definition(nodes, end, binding)
    parsed, _ = parse(definition)
    queries = find_queries(parsed)
    on_compute_nodes = rules.run_on_compute_nodes(queries)
    windows.check(parsed, on_compute_nodes=on_compute_nodes)
    rules.check(parsed, queries)
    types.rewrite_casts(parsed)  # raises for unsupported types
    plan.sql = render(nodes[:end]) + " as select"
    arguments = f"{quoted}, {quote_literal(definition)}"
    plan.after.append(f"select pg_internal.record_late_binding_view({arguments})")
    return True


def rewrite_definition(plan: Plan, catalog: Catalog) -> None:
    """Rewrite CREATE and ALTER of tables, schemas, users and similar objects."""
    nodes = plan.nodes
    index = tables.skip_words(nodes, 1, "local", "temp", "temporary", "or", "replace")
    object_type = node_at(nodes, index)
    key = object_type.key if isinstance(object_type, Token) else ""
    if key == "table" and plan.word == "create":
        attributes = tables.rewrite_create_table(nodes, index + 1)
        plan.after += table_attributes(attributes)
        if find_queries(nodes):
            lengths = typed_columns.set_lengths(attributes.relation, plan.lengths)
            plan.after.append(lengths)
    elif key == "table":
        attributes, needs_postgres = alter_table.rewrite_alter_table(nodes)
        plan.is_standalone = alter_table.changes_type(nodes)
        plan.after += table_attributes(attributes)
        if any(is_word(node, "rename") for node in nodes):
            table = quote_literal(attributes.relation)
            plan.after.append(f"select pg_internal.rename_key_columns({table})")
        if not needs_postgres:
            plan.kind = NOTHING
        plan.tag = "ALTER TABLE"
    elif key in ("user", "group", "role"):
        plan.after += administration.rewrite_user(nodes)
    elif key == "view":
        _rewrite_view(plan, index + 1, catalog)
    elif key == "schema":
        administration.rewrite_schema(nodes)
    elif key == "database":
        _rewrite_database(plan)
    elif key == "function" and plan.word == "create":
        group = next((n for n in nodes if not isinstance(n, Token)), None)
        if group is not None:
            _rewrite_arguments(group.items)
        for position, node in enumerate(nodes):
            if is_word(node, "returns"):
                types.rewrite_type(nodes, position + 1, is_column=False)
                break


def _rewrite_view(plan: Plan, index: int, catalog: Catalog) -> None:
    """Give the strings of CREATE VIEW their lengths; `index` is that of its name."""
    nodes = plan.nodes
    start = next((i for i in range(index, len(nodes)) if is_word(nodes[i], "as")), None)
    if plan.word == "create" and start is not None:
        query = nodes[start + 1 :]
        typed_columns.cast_columns(
            query, plan.lengths, catalog.column_types, default=types.MAX_VARCHAR
        )
        nodes[start + 1 :] = query


def _rewrite_database(plan: Plan) -> None:
    """Rewrite CREATE and ALTER DATABASE; a setting stores the isolation level."""
    level = administration.rewrite_database(plan.nodes)
    if level is None:
        return
    name = render(plan.nodes[2:3]).strip()
    change = f"alter database {name} set redshift.isolation_level to '{level}'"
    plan.is_standalone, plan.tag = True, f"{plan.word.upper()} DATABASE"
    plan.after = [change]
    if plan.word == "alter":
        plan.kind = NOTHING
        quoted = quote_literal(name.strip('"'))
        plan.after = [f"select pg_internal.check_isolation_change({quoted})", change]


def _rewrite_arguments(items: list[Node]) -> None:
    """Rewrite the types of a function's arguments, which may have names."""
    index = 0
    while index < len(items):
        has_name = isinstance(node_at(items, index + 1), Token) and not is_operator(
            node_at(items, index + 1), ","
        )
        kind = types.read_type(items, index)
        start = index + 1 if has_name and kind and kind.end == index + 1 else index
        index = types.rewrite_type(items, start, is_column=False)
        while index < len(items) and not is_operator(items[index], ","):
            index += 1
        index += 1


def table_attributes(attributes: tables.TableAttributes) -> list[str]:
    """Return the SQL that records a table's declared, distribution and sort keys."""
    recorded = []
    if attributes.keys:
        arguments = [
            quote_literal(attributes.relation),
            str(attributes.may_exist).lower(),
            quote_literal(keys.to_json(attributes.keys)),
        ]
        recorded.append(f"select pg_internal.record_keys({', '.join(arguments)})")
    if not attributes.is_specified:
        return recorded
    booleans = {None: "null", True: "true", False: "false"}
    sortkeys = "null"
    if attributes.sortkeys is not None:
        columns = ", ".join(map(quote_literal, attributes.sortkeys))
        sortkeys = f"array[{columns}]::text[]"
    arguments = [
        quote_literal(attributes.relation),
        quote_literal(attributes.diststyle),
        quote_literal(attributes.distkey),
        sortkeys,
        booleans[attributes.is_interleaved],
    ]
    call = f"select pg_internal.record_table_attributes({', '.join(arguments)})"
    return [*recorded, call]
