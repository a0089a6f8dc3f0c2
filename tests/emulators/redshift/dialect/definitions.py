"""CREATE and ALTER: rewritten for PostgreSQL, with what is noted beside it."""

from tests.emulators.redshift.dialect import (
    administration,
    late_binding,
    rules,
    tables,
    types,
)
from tests.emulators.redshift.dialect.plan import NOTHING, Plan
from tests.emulators.redshift.dialect.queries import queries_of
from tests.emulators.redshift.dialect.statements import no_schema_binding
from tests.emulators.redshift.dialect.tokens import (
    Node,
    Token,
    at,
    is_operator,
    is_word,
    parse,
    render,
    words_at,
)


def create_late_binding_view(plan: Plan) -> bool:
    """Plan CREATE VIEW ... WITH NO SCHEMA BINDING; False when it is none."""
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


def define(plan: Plan) -> None:
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
