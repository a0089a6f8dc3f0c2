"""SHOW SCHEMAS, TABLES, COLUMNS and GRANTS as queries on the system views."""

from tests.emulators.redshift import long_names
from tests.emulators.redshift.dialect.tokens import (
    Node,
    Token,
    has_words_at,
    is_operator,
    is_word,
    name_of,
    node_at,
    quote_literal,
    render,
    string_value,
)
from tests.emulators.redshift.errors import RedshiftError

SEARCH_PATH = (
    "select pg_internal.long_names_in(current_setting('search_path')) as search_path"
)
SCHEMAS = """
select
    current_database()::varchar as database_name,
    pg_internal.long_name(nspname)::varchar as schema_name,
    nspowner::integer as schema_owner,
    'local'::varchar as schema_type,
    nspacl::varchar as schema_acl,
    null::varchar as source_database,
    null::varchar as schema_option
from pg_namespace
where nspname not like E'pg\\\\_t%'
    and nspname not in ('pg_internal', 'pg_mv', 'pg_redshift')
    and pg_internal.long_name(nspname) ilike {like}
order by nspname
"""
TABLES = """
select
    database_name::varchar,
    schema_name::varchar,
    table_name::varchar,
    (case when is_table then 'TABLE' else 'VIEW' end)::varchar as table_type,
    acl::varchar as table_acl,
    remarks::varchar,
    owner::varchar,
    (
        select max(ended_at) from pg_internal.current_query
        where error is null and to_regclass(written[1])::oid = user_relation.oid
    ) as last_altered_time,
    (
        select max(ended_at) from pg_internal.current_query
        where error is null and to_regclass(written[1])::oid = user_relation.oid
    ) as last_modified_time,
    null::varchar as dist_style,
    subtype::varchar as table_subtype
from pg_internal.user_relation
where schema_name = {schema} and table_name ilike {like} and not is_mv_storage
order by table_name
"""
COLUMNS = """
select
    redshift_columns.database_name::varchar,
    redshift_columns.schema_name::varchar,
    redshift_columns.table_name::varchar,
    redshift_columns.column_name::varchar,
    redshift_columns.ordinal_position,
    redshift_columns.column_default::varchar,
    redshift_columns.is_nullable::varchar,
    schema_columns.data_type::varchar,
    schema_columns.character_maximum_length::integer,
    schema_columns.numeric_precision::integer,
    schema_columns.numeric_scale::integer,
    redshift_columns.remarks::varchar,
    null::varchar as sort_key_type,
    redshift_columns.sortkey as sort_key,
    redshift_columns.distkey::integer as dist_key,
    redshift_columns.encoding::varchar,
    null::varchar as collation
from svv_redshift_columns as redshift_columns
join pg_redshift.schema_columns as schema_columns
    on schema_columns.table_schema = redshift_columns.schema_name
    and schema_columns.table_name = redshift_columns.table_name
    and schema_columns.column_name = redshift_columns.column_name
where redshift_columns.schema_name = {schema} and redshift_columns.table_name = {table}
    and redshift_columns.column_name ilike {like}
order by redshift_columns.ordinal_position
"""
GRANTS = """
select
    current_database()::varchar as database_name,
    namespace_name::varchar as schema_name,
    relation_name::varchar as object_name,
    'TABLE'::varchar as object_type,
    privilege_type::varchar,
    identity_id,
    (case when identity_type = 'group' then '/' || identity_name
        else identity_name end)::varchar as identity_name,
    (case when identity_type = 'group' then 'role'
        else identity_type end)::varchar as identity_type,
    admin_option,
    'TABLE'::varchar as privilege_scope,
    null::varchar as grantor_name
from svv_relation_privileges
where namespace_name = {schema} and relation_name = {table}
order by identity_name, privilege_type
"""
KINDS = ("schemas", "tables", "columns", "grants")
MAX_LIMIT = 10_000


def show_query(nodes: list[Node], database: str) -> str | None:
    """Return the query for one of these statements, None for another SHOW."""
    kind = name_of(node_at(nodes, 1))
    if kind not in KINDS:
        return None
    start = next(
        (
            position + 1
            for position in range(2, len(nodes))
            if is_word(nodes[position], "database", "schema", "table")
        ),
        2,
    )
    names, end = _read_names(nodes, start)
    like, end = _read_like(nodes, end)
    values = {"like": quote_literal(like)}
    limit = _read_limit(nodes, end)
    if kind == "schemas":
        if names:
            _check_database(names[0], database)
        return SCHEMAS.format(**values) + limit
    if kind == "tables":
        if len(names) > 1:
            _check_database(names[0], database)
        return TABLES.format(schema=quote_literal(names[-1]), **values) + limit
    if kind in ("columns", "grants") and len(names) > 1:
        if len(names) > 2:
            _check_database(names[0], database)
        template = COLUMNS if kind == "columns" else GRANTS
        query = template.format(
            schema=quote_literal(names[-2]), table=quote_literal(names[-1]), **values
        )
        return query + limit
    return None


def _read_names(nodes: list[Node], start: int) -> tuple[list[str], int]:
    """Read a dotted name; return its parts and the index after it."""
    names = []
    while (name := name_of(node_at(nodes, start))) is not None:
        names.append(long_names.restore(name))
        start += 1
        if not is_operator(node_at(nodes, start), "."):
            break
        start += 1
    return names, start


def _read_like(nodes: list[Node], start: int) -> tuple[str, int]:
    """Read LIKE 'pattern'; return the pattern and the index after it."""
    if not has_words_at(nodes, start, "like"):
        return "%", start
    pattern = string_value(node_at(nodes, start + 1))
    if pattern is None:
        raise _syntax_error(node_at(nodes, start + 1))
    return pattern, start + 2


def _read_limit(nodes: list[Node], start: int) -> str:
    """Read LIMIT at the end of the statement; return it as SQL."""
    if start >= len(nodes):
        return ""
    count = node_at(nodes, start + 1)
    if not has_words_at(nodes, start, "limit"):
        raise _syntax_error(nodes[start])
    if not isinstance(count, Token) or not count.text.isdigit():
        raise _syntax_error(count)
    if int(count.text) > MAX_LIMIT:
        raise RedshiftError(f"LIMIT of SHOW must be from 0 to {MAX_LIMIT}", "22023")
    if start + 2 < len(nodes):
        raise _syntax_error(nodes[start + 2])
    return f"limit {count.text}"


def _syntax_error(node: Node | None) -> RedshiftError:
    where = "end of input" if node is None else f'or near "{render([node]).strip()}"'
    return RedshiftError(f"syntax error at {where}", "42601")


def _check_database(name: str, database: str) -> None:
    if name != database:
        raise RedshiftError(f'database "{name}" does not exist', "3D000")
