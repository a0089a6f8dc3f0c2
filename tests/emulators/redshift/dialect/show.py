"""SHOW SCHEMAS, TABLES, COLUMNS and GRANTS, as queries of the system views."""

from tests.emulators.redshift.dialect.tokens import (
    Node,
    at,
    is_operator,
    is_word,
    name_of,
    string_value,
    words_at,
)
from tests.emulators.redshift.errors import RedshiftError

SCHEMAS = """
select
    current_database()::varchar as database_name,
    nspname::varchar as schema_name,
    nspowner::integer as schema_owner,
    'local'::varchar as schema_type,
    nspacl::varchar as schema_acl,
    null::varchar as source_database,
    null::varchar as schema_option
from pg_namespace
where nspname not like E'pg\\\\_t%' and nspname <> 'pg_internal'
    and nspname ilike {like}
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
        select max(ended_at) from pg_internal.query
        where error is null and to_regclass(written[1])::oid = user_relation.oid
    ) as last_altered_time,
    (
        select max(ended_at) from pg_internal.query
        where error is null and to_regclass(written[1])::oid = user_relation.oid
    ) as last_modified_time,
    null::varchar as dist_style,
    subtype::varchar as table_subtype
from pg_internal.user_relation
where schema_name = {schema} and table_name ilike {like}
order by table_name
"""
COLUMNS = """
select
    shown.database_name::varchar,
    shown.schema_name::varchar,
    shown.table_name::varchar,
    shown.column_name::varchar,
    shown.ordinal_position,
    shown.column_default::varchar,
    shown.is_nullable::varchar,
    known.data_type::varchar,
    known.character_maximum_length::integer,
    known.numeric_precision::integer,
    known.numeric_scale::integer,
    shown.remarks::varchar,
    null::varchar as sort_key_type,
    shown.sortkey as sort_key,
    shown.distkey::integer as dist_key,
    shown.encoding::varchar,
    null::varchar as collation
from svv_redshift_columns as shown
join information_schema.columns as known
    on known.table_schema = shown.schema_name
    and known.table_name = shown.table_name
    and known.column_name = shown.column_name
where shown.schema_name = {schema} and shown.table_name = {table}
    and shown.column_name ilike {like}
order by shown.ordinal_position
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


def query_of(nodes: list[Node], database: str) -> str | None:
    """Return the query for one of these SHOW statements, None for another SHOW."""
    kind = name_of(at(nodes, 1))
    start = next(
        (
            place + 1
            for place in range(2, len(nodes))
            if is_word(nodes[place], "database", "schema", "table")
        ),
        2,
    )
    names, end = _names(nodes, start)
    values = {"like": _literal(_like(nodes, end))}
    if kind == "schemas":
        if names:
            _check_database(names[0], database)
        return SCHEMAS.format(**values)
    if kind == "tables":
        if len(names) > 1:
            _check_database(names[0], database)
        return TABLES.format(schema=_literal(names[-1]), **values)
    if kind in ("columns", "grants") and len(names) > 1:
        if len(names) > 2:
            _check_database(names[0], database)
        template = COLUMNS if kind == "columns" else GRANTS
        return template.format(
            schema=_literal(names[-2]), table=_literal(names[-1]), **values
        )
    return None


def _names(nodes: list[Node], start: int) -> tuple[list[str], int]:
    names = []
    while (name := name_of(at(nodes, start))) is not None:
        names.append(name)
        start += 1
        if not is_operator(at(nodes, start), "."):
            break
        start += 1
    return names, start


def _like(nodes: list[Node], start: int) -> str:
    if words_at(nodes, start, "like"):
        return string_value(at(nodes, start + 1)) or "%"
    return "%"


def _check_database(name: str, database: str) -> None:
    if name != database:
        raise RedshiftError(f'database "{name}" does not exist', "3D000")


def _literal(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
