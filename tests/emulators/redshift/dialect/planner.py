"""Make the plan of a statement: check it and rewrite it for PostgreSQL."""

from collections.abc import Callable, Sequence

from tests.emulators.redshift.dialect import (
    administration,
    arithmetic,
    calls,
    definitions,
    late_binding,
    names,
    rules,
    semistructured,
    show,
    types,
    unsupported,
    untyped,
)
from tests.emulators.redshift.dialect.clauses import extensions, merge, windows
from tests.emulators.redshift.dialect.late_binding import Catalog
from tests.emulators.redshift.dialect.plan import COPY, NOTHING, SQL, UNLOAD, Plan
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
    literals,
    materialized_views,
    system_relations,
)
from tests.emulators.redshift.errors import RedshiftError

HISTORY_PREFIXES = ("stl_", "stv_", "sys_", "svl_", "svcs_")
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
    unsupported.check(nodes)
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
    translate(nodes, head, catalog, last_values or {}, parameter_oids)
    if word == "merge":
        merge.rewrite(nodes)
    if is_materialized:
        materialized_views.plan_creation(plan, catalog)
    elif word == "drop":
        administration.rewrite_drop(nodes)
    elif word in ("create", "alter"):
        definitions.rewrite_definition(plan)
    if plan.kind == SQL:
        plan.sql = render(nodes)
    return plan


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
    target = head.target if head.word in CHANGES_TARGET else ""
    unsupported.check(nodes)  # again, because views have been inlined
    fills_table = head.word in ("insert", "create") and bool(head.target)
    windows.check(nodes)
    rules.check(nodes, queries, target, fills_table=fills_table)
    if fills_table or rules.run_on_compute_nodes(queries):
        untyped.check_parameters(queries, parameter_oids)
    untyped.check_comparisons(queries)
    types.rewrite_casts(nodes)
    semistructured.rewrite(queries, is_open=bool(target))
    late_binding.expand_columns_function(nodes, catalog)
    system_relations.replace(nodes)
    calls.rewrite_calls(nodes, last_values)
    if has_types:
        arithmetic.rewrite(nodes, head, catalog.column_types, parameter_oids)


def translate_query(
    sql: str, catalog: Catalog, last_values: dict[str, int], *, has_types: bool = True
) -> str:
    """Return the query of an UNLOAD or a view, rewritten for PostgreSQL."""
    statements = split_statements(sql)
    if len(statements) != 1:
        raise RedshiftError("UNLOAD takes one SELECT statement", "42601")
    nodes, _ = statements[0]
    catalog.record_long_names(names.fold_names(nodes))
    unsupported.check(nodes)
    translate(nodes, read_head(nodes), catalog, last_values, has_types=has_types)
    literals.type_literals(nodes)
    return render(nodes)


def _set(plan: Plan, database: str) -> bool:
    if is_word(node_at(plan.nodes, 1), "transaction") or has_words_at(
        plan.nodes, 1, "session", "characteristics"
    ):
        plan.kind, plan.tag = NOTHING, "SET"  # the database decides on the isolation
        return True
    plan.setting = administration.rewrite_setting(plan.nodes)
    plan.sql = render(plan.nodes)
    if plan.setting and plan.word == "show":
        name = plan.setting[0]
        plan.sql = f"select current_setting('redshift.{name}') as {name}"
    return plan.setting is not None or plan.word != "show"


def _begin(plan: Plan, database: str) -> bool:
    """Begin a transaction without the isolation level that the statement names."""
    is_read_only = any(
        has_words_at(plan.nodes, index, "read", "only")
        for index in range(len(plan.nodes))
    )
    plan.sql = "begin read only" if is_read_only else "begin"
    return True


def _reset(plan: Plan, database: str) -> bool:
    if has_words_at(plan.nodes, 1, "use"):
        plan.kind, plan.tag = NOTHING, "RESET"
        return True
    return _set(plan, database)


def _show(plan: Plan, database: str) -> bool:
    if has_words_at(plan.nodes, 1, "search_path"):
        query = show.SEARCH_PATH
    else:
        query = show.show_query(plan.nodes, database)
    if query is None:
        return _set(plan, database) or _plain(plan, database)
    plan.sql = query
    return True


def _use(plan: Plan, database: str) -> bool:
    name = plan.nodes[1].name if isinstance(node_at(plan.nodes, 1), Token) else None
    if name != database:
        raise RedshiftError(f'database "{name}" does not exist', "3D000")
    plan.kind, plan.tag = NOTHING, "USE"
    return True


def _truncate(plan: Plan, database: str) -> bool:
    plan.commits = True  # Redshift's TRUNCATE commits its transaction
    return _plain(plan, database)


def _plain(plan: Plan, database: str) -> bool:
    plan.sql = render(plan.nodes)
    return True


def _maintenance(plan: Plan, database: str) -> bool:
    administration.rewrite_maintenance(plan.nodes)
    return _plain(plan, database)


def _grant(plan: Plan, database: str) -> bool:
    administration.rewrite_grant(plan.nodes)
    return _plain(plan, database)


def _cancel(plan: Plan, database: str) -> bool:
    plan.sql = f"select pg_cancel_backend({render(plan.nodes[1:2]).strip()})"
    return True


# Handlers by the statement's first word; they return whether the plan is complete.
HANDLERS: dict[str, Callable[[Plan, str], bool]] = {
    "begin": _begin,
    "start": _begin,
    "set": _set,
    "reset": _reset,
    "show": _show,
    "use": _use,
    "truncate": _truncate,
    "vacuum": _maintenance,
    "analyze": _maintenance,
    "grant": _grant,
    "revoke": _grant,
    "cancel": _cancel,
    **dict.fromkeys(("alter", "drop", "refresh"), materialized_views.plan_change),
    **dict.fromkeys(
        ("commit", "end", "rollback", "abort", "lock", "comment"),
        _plain,
    ),
}
