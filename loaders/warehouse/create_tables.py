"""Creating the schemas, declared tables and columns that a warehouse lacks."""

from loaders.warehouse import declared_tables
from loaders.warehouse.connection import SCHEMAS, Connection, identifier
from loaders.warehouse.relations import list_schemas
from loaders.warehouse.target import is_single_writer, location

# Where this process, or the one that forked it, has found every table.
_complete: set[tuple[str, str]] = set()


def ensure_tables(connection: Connection) -> None:
    """Create the schemas and declared tables that do not exist.

    Needs no CREATE privilege if all of them exist. On Redshift, looks only until they
    do: nothing drops them while a process runs.
    """
    if has_all_tables(connection):
        return
    existing = list_schemas(connection)
    for name in SCHEMAS:
        if connection.schema(name).strip('"') not in existing:
            connection.execute(
                f"-- loaders.warehouse.create_tables create schema {name}\n"
                f"create schema if not exists {connection.schema(name)}"
            )
    for table in _missing_tables(connection, existing):
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


def find_all_tables(connection: Connection) -> bool:
    """Return whether all schemas and declared tables exist; remember it on Redshift."""
    if has_all_tables(connection):
        return True
    existing = list_schemas(connection)
    schemas = {connection.schema(name).strip('"') for name in SCHEMAS}
    is_complete = schemas <= existing.keys() and not _missing_tables(
        connection, existing
    )
    if is_complete and not is_single_writer():
        _complete.add(_warehouse(connection))
    return is_complete


def _missing_tables(
    connection: Connection, existing: dict[str, set[str]]
) -> list[declared_tables.Table]:
    return [
        table
        for table in declared_tables.all_tables()
        if table.name
        not in existing.get(connection.schema(table.schema).strip('"'), ())
    ]


def has_all_tables(connection: Connection) -> bool:
    """Return whether all declared tables are known to exist, without a query."""
    return _warehouse(connection) in _complete


def _warehouse(connection: Connection) -> tuple[str, str]:
    return location(), connection.schema("ops")


def add_columns(connection: Connection, table_name: str) -> None:
    """Add the declared columns that a ledger of an earlier version lacks."""
    (table,) = (t for t in declared_tables.all_tables() if t.name == table_name)
    name = connection.table(table.schema, table.name)
    existing = dict(
        connection.columns(
            f"-- loaders.warehouse.create_tables list columns\nselect * from {name}"
        )
    )
    for column in table.columns:
        if column.name not in existing:
            connection.execute(
                f"-- loaders.warehouse.create_tables add {table.name}.{column.name}\n"
                f"alter table {name} add column {identifier(column.name)} "
                f"{_data_type(column)}"
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
