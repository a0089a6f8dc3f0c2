"""Make the plan of a statement: check it and rewrite it for PostgreSQL."""

from collections.abc import Sequence

from tests.emulators.redshift.dialect import (
    administration,
    arithmetic,
    calls,
    definitions,
    late_binding,
    names,
    rules,
    semistructured,
    types,
    unsupported,
    untyped,
)
from tests.emulators.redshift.dialect.clauses import extensions, merge, windows
from tests.emulators.redshift.dialect.commands import deferred
from tests.emulators.redshift.dialect.commands.handlers import HANDLERS
from tests.emulators.redshift.dialect.late_binding import Catalog
from tests.emulators.redshift.dialect.plan import COPY, SQL, UNLOAD, Plan
from tests.emulators.redshift.dialect.queries import find_queries
from tests.emulators.redshift.dialect.statements import WRITES, StatementHead, read_head
from tests.emulators.redshift.dialect.tokens import (
    Group,
    Node,
    Token,
    has_words_at,
    is_word,
    node_at,
    parse,
    render,
    split_nodes,
    string_value,
)
from tests.emulators.redshift.dialect.views import (
    leader_views,
    materialized_views,
    system_relations,
    typed_columns,
)
from tests.emulators.redshift.errors import RedshiftError

HISTORY_PREFIXES = ("stl_", "stv_", "sys_", "svl_", "svcs_")
VARCHAR_OID = 1043
TOO_DEEP = "the statement is nested too deeply"
CHANGES_TARGET = ("update", "delete", "merge")


def split_statements(text: str) -> list[tuple[list[Node], str]]:
    """Split SQL at its semicolons; return the nodes and the text of each statement."""
    nodes, _ = parse(text)
    try:
        return [(part, render(part)) for part in split_nodes(nodes, ";") if part]
    except RecursionError:
        raise RedshiftError(TOO_DEEP, "54001") from None


def plan_statement(
    nodes: list[Node],
    text: str,
    catalog: Catalog,
    *,
    database: str = "",
    last_values: dict[str, int] | None = None,
    parameter_oids: Sequence[int] = (),
) -> Plan:
    """Return the plan of one statement; raise RedshiftError if Redshift rejects it.

    `database` is the session's database, `last_values` contains the results of the
    pg_last_... functions, `parameter_oids` the types that the client declared.
    """
    first = node_at(nodes, 0)
    word = first.key if isinstance(first, Token) else "select"
    if word in (COPY, UNLOAD) or administration.sets_password(nodes):
        text = administration.redact_secrets(nodes)
    plan = Plan(text=text, word=word, nodes=nodes)
    catalog.record_long_names(names.fold_names(nodes))
    names.join_role_names(nodes)
    if word != "show":
        names.remove_database(nodes, database)
    head = read_head(nodes)
    rules.check_target(head)
    if word == "copy":
        plan.kind, plan.written = COPY, [head.target]
        return plan
    if word == "unload":
        plan.kind = UNLOAD
        _record_unloaded_reads(plan, catalog)
        return plan
    if word == "prepare":
        _plan_prepare(plan, catalog, database)
        return plan
    for statement in deferred.statements_in_procedure(nodes):
        plan_statement(statement, "", catalog, database=database)  # only its checks
    unsupported.check(nodes)
    if word == "call":
        plan.written = deferred.written_by_call(nodes, catalog.procedure_bodies)
    if head.word in WRITES or (word == "create" and head.target):
        plan.written = [head.target] if head.target else []
    handler = HANDLERS.get(word)
    if handler is not None and handler(plan, database):
        return plan
    if word == "create" and definitions.plan_late_binding_view(plan):
        return plan
    is_materialized = materialized_views.is_creation(nodes)
    if is_materialized:
        materialized_views.check_query(nodes, catalog)
    if word == "merge":
        merge.check(nodes, head, catalog.is_view)
    late_binding.expand_views(nodes, head, catalog)
    _record_reads(plan, nodes, head)
    selects_into = word in ("select", "with") and typed_columns.find_into(nodes)
    if word == "create" or selects_into:
        extensions.rewrite(nodes, catalog)
        plan.after += leader_views.record(nodes, catalog)
        plan.lengths = typed_columns.string_lengths(nodes, catalog.column_types)
    translate(nodes, head, catalog, last_values or {}, parameter_oids)
    if word == "merge":
        merge.rewrite(nodes)
    if is_materialized:
        materialized_views.plan_creation(plan, catalog)
    elif word == "drop":
        administration.rewrite_drop(nodes)
    elif word in ("create", "alter"):
        definitions.rewrite_definition(plan, catalog)
    elif selects_into:
        plan.after.append(typed_columns.set_lengths(selects_into, plan.lengths))
    if plan.kind == SQL:
        plan.sql = render(nodes)
    return plan


def _plan_prepare(plan: Plan, catalog: Catalog, database: str) -> None:
    """Plan PREPARE, and the statement that it prepares."""
    name, start = deferred.prepared_part(plan.nodes)
    # The types that PREPARE declares; which ones makes no difference here.
    types_given = next((n for n in plan.nodes[:start] if isinstance(n, Group)), None)
    declared = split_nodes(types_given.items) if types_given else []
    prepared = plan_statement(
        plan.nodes[start:],
        plan.text,
        catalog,
        database=database,
        parameter_oids=[VARCHAR_OID] * len(declared),
    )
    plan.prepared = name, prepared
    plan.sql = f"{render(plan.nodes[:start])} {prepared.sql}"


def _record_reads(plan: Plan, nodes: list[Node], head: StatementHead) -> None:
    """Record the tables and views that a statement reads."""
    sources = [*late_binding.relation_sources(find_queries(nodes)), *head.sources]
    is_query = plan.word in ("select", "with")
    if (
        plan.written
        or plan.word == UNLOAD
        or has_words_at(plan.nodes, 0, "create", "materialized")
        or (is_query and any(is_word(node, "into") for node in plan.nodes))
    ):
        rules.check_leader_sources(sources)
    for source in sources:
        if not rules.is_system_relation(source):
            plan.reads.append(names.quote_name(source.name[-2:]))
        elif source.name[-1].startswith(HISTORY_PREFIXES):
            plan.reads_history = True


def _record_unloaded_reads(plan: Plan, catalog: Catalog) -> None:
    """Record what the query in an UNLOAD reads."""
    group = node_at(plan.nodes, 1)
    query = string_value(node_at(group.items, 0)) if isinstance(group, Group) else None
    for nodes, _ in split_statements(query or ""):
        names.fold_names(nodes)
        head = read_head(nodes)
        late_binding.expand_views(nodes, head, catalog)
        _record_reads(plan, nodes, head)


def translate(
    nodes: list[Node],
    head: StatementHead,
    catalog: Catalog,
    last_values: dict[str, int],
    parameter_oids: Sequence[int] = (),
    *,
    has_types: bool = True,
) -> None:
    """Rewrite a statement for PostgreSQL, in place, after checks that need context.

    Without `has_types`, results of arithmetic have PostgreSQL's types.
    """
    late_binding.expand_views(nodes, head, catalog)
    extensions.rewrite(nodes, catalog)
    queries = find_queries(nodes)
    leader_views.mark(queries, head.sources, catalog)
    target = head.target if head.word in CHANGES_TARGET else ""
    unsupported.check(nodes)  # again, because views have been inlined
    fills_table = head.word in ("insert", "create") and bool(head.target)
    on_compute_nodes = rules.run_on_compute_nodes(queries)
    windows.check(nodes, on_compute_nodes=on_compute_nodes)
    rules.check(nodes, queries, target, head.sources, fills_table=fills_table)
    if fills_table or on_compute_nodes:
        untyped.check_parameters(queries, parameter_oids)
    untyped.check_comparisons(queries)
    types.rewrite_casts(nodes)
    semistructured.rewrite(nodes, find_queries(nodes), head)  # the casts are other ones
    late_binding.expand_columns_function(nodes, catalog)
    system_relations.replace(nodes)
    calls.rewrite_calls(nodes, last_values)
    if has_types:
        arithmetic.rewrite(nodes, head, catalog.column_types, parameter_oids)


def translate_query(
    sql: str,
    catalog: Catalog,
    last_values: dict[str, int],
    *,
    has_types: bool = True,
    has_lengths: bool = False,
) -> str:
    """Return the query of an UNLOAD or a view, rewritten for PostgreSQL.

    Strings have the lengths that they have in Redshift only with `has_lengths`.
    """
    statements = split_statements(sql)
    if len(statements) != 1:
        raise RedshiftError("UNLOAD takes one SELECT statement", "42601")
    nodes, _ = statements[0]
    catalog.record_long_names(names.fold_names(nodes))
    unsupported.check(nodes)
    head = read_head(nodes)
    lengths: list[int | None] = []
    if has_lengths:
        late_binding.expand_views(nodes, head, catalog)
        extensions.rewrite(nodes, catalog)
        lengths = typed_columns.string_lengths(nodes, catalog.column_types)
    translate(nodes, head, catalog, last_values, has_types=has_types)
    if has_lengths:
        typed_columns.cast_columns(nodes, lengths, catalog.column_types)
    return render(nodes)
