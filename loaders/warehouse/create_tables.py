"""Creating the schemas and declared tables that a warehouse lacks."""

from loaders.warehouse import declared_tables
from loaders.warehouse.connection import (
    SCHEMAS,
    Connection,
    identifier,
    is_single_writer,
)


def ensure_tables(connection: Connection) -> None:
    """Create the schemas and declared tables that do not exist.

    Needs no CREATE privilege if all of them exist.
    """
    schemas = connection.fetch_all(
        "-- loaders.warehouse.create_tables list schemas\n"
        "select nspname from pg_namespace"
    )
    for name in SCHEMAS:
        if (connection.schema(name).strip('"'),) not in schemas:
            connection.execute(
                f"-- loaders.warehouse.create_tables create schema {name}\n"
                f"create schema if not exists {connection.schema(name)}"
            )
    tables = connection.fetch_all(
        "-- loaders.warehouse.create_tables list tables\n"
        "select table_schema, table_name from information_schema.tables"
    )
    for table in declared_tables.all_tables():
        if (connection.schema(table.schema).strip('"'), table.name) in tables:
            continue
        columns = ", ".join(
            f"{identifier(column.name)} {_data_type(column)}"
            for column in table.columns
        )
        connection.execute(
            f"-- loaders.warehouse.create_tables create table "
            f"{table.schema}.{table.name}\n"
            f"create table if not exists "
            f"{connection.table(table.schema, table.name)} ({columns})"
            f"{_distribution(table)}"
        )


def _distribution(table: declared_tables.Table) -> str:
    """Return the Redshift distribution and sort key of a raw table, '' otherwise."""
    if is_single_writer() or not table.source:
        return ""
    return " diststyle even sortkey (dt)"


def _data_type(column: declared_tables.Column) -> str:
    if column.data_type == "json" and not is_single_writer():
        return "super"
    return column.data_type
