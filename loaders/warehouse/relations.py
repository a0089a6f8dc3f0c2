"""Which schemas, tables and views exist."""

from loaders.warehouse.connection import Connection
from loaders.warehouse.target import is_single_writer

# On Redshift, `information_schema` joins catalogs that other transactions change, and
# fails while temporary tables come and go.
QUERY = {
    True: (
        "select schema_name, table_name from information_schema.schemata "
        "left join information_schema.tables on table_schema = schema_name"
    ),
    False: (
        "select nspname, relname from pg_namespace "
        "left join pg_class on relnamespace = pg_namespace.oid "
        "and relkind in ('r', 'v', 'm') "
        "where nspname != 'information_schema' "
        "and nspname not like 'pg!_%' escape '!'"
    ),
}

COLUMN_QUERY = {
    True: (
        "select table_schema, table_name, column_name, data_type "
        "from information_schema.columns inner join information_schema.tables "
        "using (table_catalog, table_schema, table_name) "
        "where table_type = 'BASE TABLE' and table_catalog = current_database()"
    ),
    False: (
        "select nspname, relname, attname, format_type(atttypid, atttypmod) "
        "from pg_namespace "
        "inner join pg_class on relnamespace = pg_namespace.oid and relkind = 'r' "
        "inner join pg_attribute on attrelid = pg_class.oid "
        "and attnum > 0 and not attisdropped "
        "where nspname != 'information_schema' "
        "and nspname not like 'pg!_%' escape '!'"
    ),
}


def list_schemas(connection: Connection) -> dict[str, set[str]]:
    """Return the names of the tables and views in each schema, with one query."""
    schemas: dict[str, set[str]] = {}
    for schema, name in connection.fetch_all(
        f"-- loaders.warehouse.relations list\n{QUERY[is_single_writer()]}"
    ):
        schemas.setdefault(schema, set()).update([name] if name else [])
    return schemas


def list_relations(connection: Connection) -> frozenset[tuple[str, str]]:
    """Return (schema, name) of every table and view in the warehouse."""
    return frozenset(
        (schema, name)
        for schema, names in list_schemas(connection).items()
        for name in names
    )


def list_columns(connection: Connection) -> dict[tuple[str, str], dict[str, str]]:
    """Return the types of all columns of each table, by (schema, table); no views."""
    tables: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, column, data_type in connection.fetch_all(
        "-- loaders.warehouse.relations list columns\n"
        f"{COLUMN_QUERY[is_single_writer()]}"
    ):
        tables.setdefault((schema, table), {})[column] = data_type.lower()
    return tables
