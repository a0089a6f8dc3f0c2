"""CREATE, ALTER, REFRESH and DROP MATERIALIZED VIEW.

The functions in `sql/6_materialized_views.sql` do the work; this module checks the
statements and calls them.
"""

import uuid

from tests.emulators.redshift import long_names
from tests.emulators.redshift.dialect import rules, tables, types
from tests.emulators.redshift.dialect.clauses import alter_table
from tests.emulators.redshift.dialect.definitions import table_attributes
from tests.emulators.redshift.dialect.late_binding import Catalog, relation_sources
from tests.emulators.redshift.dialect.plan import NOTHING, Plan
from tests.emulators.redshift.dialect.queries import find_queries, iter_blocks
from tests.emulators.redshift.dialect.tokens import (
    Node,
    Token,
    has_words_at,
    is_word,
    iter_node_lists,
    name_of,
    node_at,
    quote_literal,
    render,
)
from tests.emulators.redshift.dialect.views import typed_columns
from tests.emulators.redshift.errors import RedshiftError, unsupported

WORDS = ("materialized", "view")
MUTABLE = {"getdate", "sysdate", "random", "timeofday", "current_date"}


def is_creation(nodes: list[Node]) -> bool:
    """Whether the statement is CREATE MATERIALIZED VIEW."""
    return has_words_at(nodes, 0, "create", *WORDS)


def check_query(nodes: list[Node], catalog: Catalog) -> None:
    """Raise RedshiftError if a materialized view cannot have the statement's query."""
    queries = find_queries(nodes)
    for block in iter_blocks(queries):
        for clause in ("order by", "limit", "offset"):
            if clause.partition(" ")[0] in block.clauses:
                raise unsupported(f"{clause.upper()} in a materialized view")
    sources = relation_sources(queries)
    views = catalog.late_binding_views({source.name for source in sources})
    for source in sources:
        if source.name in views:
            kind = "late-binding view"
        elif rules.is_system_relation(source):
            kind = "system table or view"
        else:
            continue
        raise unsupported(f"a materialized view of the {kind} {source.alias}")


def plan_creation(plan: Plan, catalog: Catalog) -> None:
    """Plan CREATE MATERIALIZED VIEW, whose query has been rewritten for PostgreSQL."""
    nodes = plan.nodes
    view, start = tables.read_relation(nodes, 3)
    end = next(
        (i for i in range(start, len(nodes)) if is_word(nodes[i], "as")), len(nodes)
    )
    if not view or not nodes[end + 1 :]:
        raise RedshiftError("syntax error in CREATE MATERIALIZED VIEW", "42601")
    is_auto_refreshed, clauses = _take_auto_refresh(nodes[start:end])
    if is_auto_refreshed:
        _check_immutable(nodes[end:])
    storage = storage_name(view)
    table = storage.rpartition(".")[2].strip('"')
    if (long := long_names.restore(table)) != table:
        catalog.record_long_names({table: long})
    attributes = tables.TableAttributes(relation=storage, diststyle="even")
    tables.read_attributes(clauses, attributes)
    if attributes.diststyle == "auto":
        raise unsupported("DISTSTYLE AUTO of a materialized view", "EVEN, ALL or KEY")
    body = nodes[end + 1 :]
    typed_columns.cast_columns(
        body, plan.lengths, catalog.column_types, default=types.MAX_VARCHAR
    )
    query = f"pg_mv.query_{uuid.uuid4().hex}"
    arguments = [
        quote_literal(view),
        quote_literal(attributes.relation),
        quote_literal(query),
        quote_literal(plan.text.strip() + ";"),
        str(is_auto_refreshed),
    ]
    plan.kind, plan.tag = NOTHING, "CREATE MATERIALIZED VIEW"
    plan.after = [
        f"create view {query} as {render(body)}",
        f"select pg_internal.create_materialized_view({', '.join(arguments)})",
        *table_attributes(attributes),
    ]


def storage_name(view: str) -> str:
    """Return the name, as SQL, of the table in which a view's rows are stored."""
    schema, dot, name = view.rpartition(".")
    name = long_names.restore(name.strip().strip('"'))
    return f'{schema}{dot}"{long_names.shorten(f"mv_tbl__{name}__0")}"'


def _take_auto_refresh(nodes: list[Node]) -> tuple[bool, list[Node]]:
    """Return the value of AUTO REFRESH and the other clauses."""
    for index in range(len(nodes)):
        if has_words_at(nodes, index, "auto", "refresh"):
            is_on = _read_yes_or_no(node_at(nodes, index + 2))
            return is_on, nodes[:index] + nodes[index + 3 :]
    return False, nodes


def _read_yes_or_no(node: Node | None) -> bool:
    if not is_word(node, "yes", "no"):
        raise RedshiftError("AUTO REFRESH takes YES or NO", "42601")
    return is_word(node, "yes")


def _check_immutable(nodes: list[Node]) -> None:
    for items in iter_node_lists(nodes):
        for node in items:
            text = node.key if isinstance(node, Token) else ""
            name = text.removeprefix("pg_internal.").partition("(")[0]
            if name in MUTABLE:
                raise unsupported(
                    f"the mutable function {name}() in a materialized view with"
                    " AUTO REFRESH YES",
                    "AUTO REFRESH NO",
                )


def plan_change(plan: Plan, database: str) -> bool:
    """Plan ALTER, REFRESH or DROP; return False for a statement of another kind."""
    nodes = plan.nodes
    if not has_words_at(nodes, 1, *WORDS):
        return False
    if_exists = has_words_at(nodes, 3, "if", "exists")
    view, end = tables.read_relation(nodes, 5 if if_exists else 3)
    option = node_at(nodes, end)
    cascades = str(is_word(option, "cascade"))
    name = quote_literal(view)
    plan.kind, plan.tag = NOTHING, f"{plan.word.upper()} MATERIALIZED VIEW"
    if plan.word == "alter":
        plan.after = _plan_alteration(nodes, end, view)
        return True
    if name_of(option) not in (None, "cascade", "restrict") or len(nodes) > end + 1:
        raise RedshiftError(
            f'syntax error at or near "{render([nodes[-1]]).strip()}"', "42601"
        )
    function = "drop_materialized_view"
    arguments = [name, str(if_exists), cascades]
    if plan.word == "refresh":
        function, arguments = "refresh_materialized_view", [name, cascades]
    plan.after = [f"select pg_internal.{function}({', '.join(arguments)})"]
    return True


def _plan_alteration(nodes: list[Node], index: int, view: str) -> list[str]:
    """Return the SQL of AUTO REFRESH, or of ALTER DISTSTYLE, DISTKEY or SORTKEY."""
    name = quote_literal(view)
    if has_words_at(nodes, index, "auto", "refresh"):
        is_on = _read_yes_or_no(node_at(nodes, index + 2))
        return [f"select pg_internal.alter_auto_refresh({name}, {is_on})"]
    if is_word(node_at(nodes, index), "alter"):
        attributes = tables.TableAttributes(relation=storage_name(view))
        alter_table.alter_column(nodes, index + 1, attributes)
        return [
            f"select pg_internal.owned_materialized_view({name})",
            *table_attributes(attributes),
        ]
    raise RedshiftError("syntax error in ALTER MATERIALIZED VIEW", "42601")
