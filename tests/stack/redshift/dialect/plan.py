"""One statement of a client, made into what the session is to do for it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.stack.redshift.dialect import (
    administration,
    calls,
    late_binding,
    names,
    refusals,
    rules,
    semistructured,
    show,
    tables,
    types,
)
from tests.stack.redshift.dialect.late_binding import Catalog
from tests.stack.redshift.dialect.queries import queries_of
from tests.stack.redshift.dialect.statements import (
    WRITES,
    Head,
    head_of,
    no_schema_binding,
)
from tests.stack.redshift.dialect.tokens import (
    Node,
    Token,
    at,
    is_operator,
    is_word,
    parse,
    render,
    split_by,
    words_at,
)
from tests.stack.redshift.errors import RedshiftError

SQL, COPY, UNLOAD, NOTHING = "sql", "copy", "unload", "nothing"
CHANGES_TARGET = ("update", "delete", "merge")


@dataclass
class Plan:
    """What to do for a statement.

    `kind` is `sql` (send `sql` to PostgreSQL), `copy`, `unload`, or `nothing` (answer
    with `tag`). `after` is SQL to run when it succeeded. `written` are the tables that
    it writes, `text` is the statement for the history, secrets hidden.
    """

    text: str
    word: str
    kind: str = SQL
    sql: str = ""
    tag: str = ""
    nodes: list[Node] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    setting: tuple[str, str | None] | None = None
    commits: bool = False

    @property
    def is_begin(self) -> bool:
        """Whether it opens a transaction."""
        return self.word in ("begin", "start")

    @property
    def is_commit(self) -> bool:
        """Whether it ends a transaction and keeps what was done."""
        return self.word in ("commit", "end")

    @property
    def is_rollback(self) -> bool:
        """Whether it ends a transaction and forgets what was done."""
        return self.word in ("rollback", "abort")


def split(text: str) -> list[tuple[list[Node], str]]:
    """Split SQL text at its semicolons: the nodes of each statement and its text."""
    nodes, _ = parse(text)
    statements = []
    for part in split_by(nodes, ";"):
        if part:
            statements.append((part, render(part)))
    return statements


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
    if word == "create" and _create_late_binding_view(plan, catalog):
        return plan
    translate(nodes, head, catalog, facts or {})
    if word in ("create", "alter"):
        _define(plan)
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
    rules.check(nodes, queries, target)
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


def _create_late_binding_view(plan: Plan, catalog: Catalog) -> bool:
    nodes = plan.nodes
    index = 3 if words_at(nodes, 1, "or", "replace") else 1
    if not is_word(at(nodes, index), "view"):
        return False
    name, end = tables.relation_at(nodes, index + 1)
    binding = no_schema_binding(nodes)
    quoted = _literal(name)
    if binding is None:
        if index == 3:
            plan.after.append(f"select pg_internal.forget_late_binding_view({quoted})")
        return False
    definition = late_binding.definition_of(nodes, end, binding)
    parsed, _ = parse(definition)
    rules.check(parsed, queries_of(parsed), "")
    types.rewrite_casts(parsed)  # for its refusals
    plan.sql = render(nodes[:end]) + " as select"
    plan.after.append(
        f"select pg_internal.note_late_binding_view({quoted}, {_literal(definition)})"
    )
    return True


def _define(plan: Plan) -> None:
    """Rewrite CREATE and ALTER of tables, schemas, users and the like."""
    nodes = plan.nodes
    index = tables.skip_words(nodes, 1, "local", "temp", "temporary", "or", "replace")
    what = at(nodes, index)
    key = what.key if isinstance(what, Token) else ""
    if key == "table" and plan.word == "create":
        _note(plan, tables.create_table(nodes, index + 1))
    elif key == "table":
        notes, has_part = tables.alter_table(nodes)
        _note(plan, notes)
        if not has_part:
            plan.kind, plan.tag = NOTHING, "ALTER TABLE"
    elif key in ("user", "group", "role"):
        plan.after += administration.user(nodes)
    elif key == "schema":
        administration.schema(nodes)
    elif key == "database":
        administration.database(nodes)
    elif key == "materialized":
        administration.materialized_view(nodes)
    elif key == "function" and plan.word == "create":
        group = next((n for n in nodes if not isinstance(n, Token)), None)
        if group is not None:
            _rewrite_arguments(group.items)
        for place, node in enumerate(nodes):
            if is_word(node, "returns"):
                types.rewrite_type(nodes, place + 1, is_column=False)
                break


def _rewrite_arguments(items: list[Node]) -> None:
    """Rewrite the types of a function's arguments, which may have names."""
    index = 0
    while index < len(items):
        has_name = isinstance(at(items, index + 1), Token) and not is_operator(
            at(items, index + 1), ","
        )
        kind = types.read_type(items, index)
        start = index + 1 if has_name and kind and kind.end == index + 1 else index
        index = types.rewrite_type(items, start, is_column=False)
        while index < len(items) and not is_operator(items[index], ","):
            index += 1
        index += 1


def _note(plan: Plan, notes: tables.TableNotes) -> None:
    if not notes.is_worth_noting:
        return
    keys = (
        "null"
        if notes.sortkeys is None
        else "array[" + ", ".join(map(_literal, notes.sortkeys)) + "]::text[]"
    )
    interleaved = {None: "null", True: "true", False: "false"}[notes.is_interleaved]
    plan.after.append(
        "select pg_internal.note_table("
        f"{_literal(notes.relation)}, {_literal(notes.diststyle)},"
        f" {_literal(notes.distkey)}, {keys}, {interleaved})"
    )


def _literal(value: str | None) -> str:
    if value is None:
        return "null"
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


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
