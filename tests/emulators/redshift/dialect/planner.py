"""One statement of a client, made into what the session is to do for it."""

from collections.abc import Callable

from tests.emulators.redshift.dialect import (
    administration,
    calls,
    definitions,
    late_binding,
    names,
    refusals,
    rules,
    semistructured,
    show,
    types,
)
from tests.emulators.redshift.dialect.late_binding import Catalog
from tests.emulators.redshift.dialect.plan import COPY, NOTHING, SQL, UNLOAD, Plan
from tests.emulators.redshift.dialect.queries import queries_of
from tests.emulators.redshift.dialect.statements import WRITES, Head, head_of
from tests.emulators.redshift.dialect.tokens import (
    Node,
    Token,
    at,
    parse,
    render,
    split_by,
    words_at,
)
from tests.emulators.redshift.errors import RedshiftError

TOO_DEEP = "the statement is nested too deeply"
CHANGES_TARGET = ("update", "delete", "merge")


def split(text: str) -> list[tuple[list[Node], str]]:
    """Split SQL text at its semicolons: the nodes of each statement and its text."""
    nodes, _ = parse(text)
    try:
        return [(part, render(part)) for part in split_by(nodes, ";") if part]
    except RecursionError:
        raise RedshiftError(TOO_DEEP, "54001") from None


def make(
    nodes: list[Node],
    text: str,
    catalog: Catalog,
    *,
    database: str = "",
    facts: dict[str, int] | None = None,
) -> Plan:
    """Make the plan of one statement; RedshiftError for what Redshift refuses.

    `database` is the session's, `facts` answers the pg_last_... functions.
    """
    first = at(nodes, 0)
    word = first.key if isinstance(first, Token) else "select"
    if word in (COPY, UNLOAD) or administration.is_password(nodes):
        text = administration.redacted(nodes)
    plan = Plan(text=text, word=word, nodes=nodes)
    names.fold(nodes)
    head = head_of(nodes)
    if word == "copy":
        plan.kind, plan.written = COPY, [head.target]
        return plan
    if word == "unload":
        plan.kind = UNLOAD
        return plan
    refusals.check(nodes)
    if head.word in WRITES or (word == "create" and head.target):
        plan.written = [head.target] if head.target else []
    special = SPECIAL.get(word)
    if special is not None and special(plan, database):
        return plan
    if word == "create" and definitions.create_late_binding_view(plan):
        return plan
    translate(nodes, head, catalog, facts or {})
    if word in ("create", "alter"):
        definitions.define(plan)
    if plan.kind == SQL:
        plan.sql = render(nodes)
    return plan


def translate(
    nodes: list[Node], head: Head, catalog: Catalog, facts: dict[str, int]
) -> None:
    """Rewrite a statement for PostgreSQL, in place, after checks that need context."""
    late_binding.expand(nodes, head, catalog)
    queries = queries_of(nodes)
    target = head.target if head.word in CHANGES_TARGET else ""
    refusals.check(nodes)  # once more: views have been written out
    fills = head.word in ("insert", "create") and bool(head.target)
    rules.check(nodes, queries, target, fills=fills)
    types.rewrite_casts(nodes)
    semistructured.rewrite(queries, is_open=bool(target))
    late_binding.expand_columns_function(nodes, catalog)
    calls.rewrite_calls(nodes, facts)


def translate_query(sql: str, catalog: Catalog, facts: dict[str, int]) -> str:
    """Return a query, such as UNLOAD's, as PostgreSQL takes it."""
    statements = split(sql)
    if len(statements) != 1:
        raise RedshiftError("UNLOAD takes one SELECT statement", "42601")
    nodes, _ = statements[0]
    names.fold(nodes)
    refusals.check(nodes)
    translate(nodes, head_of(nodes), catalog, facts)
    return render(nodes)


def _set(plan: Plan, database: str) -> bool:
    plan.setting = administration.setting(plan.nodes)
    plan.sql = render(plan.nodes)
    return plan.setting is not None or plan.word != "show"


def _reset(plan: Plan, database: str) -> bool:
    if words_at(plan.nodes, 1, "use"):
        plan.kind, plan.tag = NOTHING, "RESET"
        return True
    return _set(plan, database)


def _show(plan: Plan, database: str) -> bool:
    query = show.query_of(plan.nodes, database)
    if query is None:
        return _set(plan, database) or _plain(plan, database)
    plan.sql = query
    return True


def _use(plan: Plan, database: str) -> bool:
    name = plan.nodes[1].name if isinstance(at(plan.nodes, 1), Token) else None
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
    administration.maintenance(plan.nodes)
    return _plain(plan, database)


def _grant(plan: Plan, database: str) -> bool:
    administration.grant(plan.nodes)
    return _plain(plan, database)


def _cancel(plan: Plan, database: str) -> bool:
    plan.sql = f"select pg_cancel_backend({render(plan.nodes[1:2]).strip()})"
    return True


SPECIAL: dict[str, Callable[[Plan, str], bool]] = {
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
    **dict.fromkeys(
        ("begin", "start", "commit", "end", "rollback", "abort", "lock", "comment"),
        _plain,
    ),
}
