"""The columns and types that the tables of a schema have in the warehouse."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from loaders.warehouse.connection import Connection, identifier
from loaders.warehouse.target import is_single_writer

# On Redshift, `information_schema` fails while other transactions change tables. Views
# that are bound late have no columns in the catalog.
QUERY = {
    True: """
select schemas.schema_name, tables.table_name, columns.column_name, columns.data_type
from duckdb_schemas() as schemas
left join (
    select database_oid, schema_name, table_name from duckdb_tables()
    union all
    select database_oid, schema_name, view_name from duckdb_views()
) as tables
    on
        schemas.database_oid = tables.database_oid
        and schemas.schema_name = tables.schema_name
left join duckdb_columns() as columns
    on
        tables.database_oid = columns.database_oid
        and tables.schema_name = columns.schema_name
        and tables.table_name = columns.table_name
where schemas.database_name = {database} and schemas.schema_name in ({schemas})
order by columns.column_index""",
    False: """
select nspname, relname, attname, format_type(atttypid, atttypmod)
from pg_namespace
left join pg_class
    on pg_class.relnamespace = pg_namespace.oid and relkind in ('r', 'v', 'm')
left join pg_attribute
    on
        pg_attribute.attrelid = pg_class.oid
        and pg_attribute.attnum > 0
        and not pg_attribute.attisdropped
where nspname in ({schemas})
order by attnum""",
}
# The catalog's names of types, by those of the declarations.
OTHER_NAMES = (
    ("character varying", "varchar"),
    ("double precision", "double"),
    ("timestamp without time zone", "timestamp"),
)
VARCHAR = re.compile(r"varchar(?:\((\d+)\))?")


@dataclass(frozen=True)
class Columns:
    """The types of columns by name, for each (schema, table); views may have none.

    `schemas` has the schemas that exist, also those without tables.
    """

    schemas: frozenset[str]
    types: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)


def read_columns(
    connection: Connection, schemas: Collection[str], *, database: str = ""
) -> Columns:
    """Return what exists in the schemas, given by their names in the warehouse.

    One query. `database` is the name of another attached DuckDB file.
    """
    name = f"'{database}'" if database else "current_database()"
    query = QUERY[is_single_writer()].format(
        schemas=", ".join("?" for _ in schemas), database=name
    )
    found: set[str] = set()
    types: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, column, data_type in connection.fetch_all(
        f"-- loaders.warehouse.table_columns read{query}", list(schemas)
    ):
        found.add(schema)
        if table is not None:
            columns = types.setdefault((schema, table), {})
            if column is not None:
                columns[column] = normal_type(data_type)
    return Columns(frozenset(found), types)


def normal_type(data_type: str) -> str:
    """Return the name of a type as the declarations write it, in lower case."""
    name = data_type.lower()
    for catalog_name, declared_name in OTHER_NAMES:
        name = name.replace(catalog_name, declared_name)
    return name


def holds(actual: str, declared: str) -> bool:
    """Return whether a column of type `actual` holds all values of type `declared`.

    Types are the same, or texts of which the actual one is not shorter. DuckDB's texts
    have no length.
    """
    actual, declared = normal_type(actual), normal_type(declared)
    lengths = [VARCHAR.fullmatch(name) for name in (actual, declared)]
    if lengths[0] and lengths[1]:
        length, wanted = (match[1] for match in lengths if match)
        return length is None or (wanted is not None and int(length) >= int(wanted))
    return actual == declared


def type_change_statements(
    table: str, column: str, actual: str, declared: str
) -> list[str]:
    """Return the statements that change a column's type and keep its values.

    `table` is a quoted name. Redshift changes the length of a text only, so that other
    columns are renamed and copied.
    """
    name = identifier(column)
    texts = VARCHAR.fullmatch(actual) and VARCHAR.fullmatch(declared)
    if texts or is_single_writer():
        return [f"alter table {table} alter column {name} type {declared}"]
    old = identifier(f"{column}_{actual.partition('(')[0].replace(' ', '_')}")
    value = f"cast({old} as {declared})"
    if declared == "super" and VARCHAR.fullmatch(actual):
        value = f"json_parse({old})"
    elif actual == "super" and VARCHAR.fullmatch(declared):
        value = f"json_serialize({old})"
    elif actual == "boolean" and VARCHAR.fullmatch(declared):
        value = f"case {old} when true then 'true' when false then 'false' end"
    return [
        f"alter table {table} rename column {name} to {old}",
        f"alter table {table} add column {name} {declared}",
        f"update {table} set {name} = {value}",
    ]
