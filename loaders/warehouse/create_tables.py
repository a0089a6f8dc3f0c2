"""Creating the schemas, declared tables and columns that a warehouse lacks."""

from loaders.warehouse import declared_tables
from loaders.warehouse.connection import SCHEMAS, Connection, identifier
from loaders.warehouse.relations import list_schemas
from loaders.warehouse.target import is_single_writer, location

# Where this process, or the one that forked it, has found every table.
_complete: set[tuple[str, str]] = set()
# The tables, with their warehouse, of which it has found every column.
_complete_tables: set[tuple[str, str, str]] = set()


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
    for column in missing_columns(connection, table_name):
        name = connection.table("ops", table_name)
        connection.execute(
            f"-- loaders.warehouse.create_tables add {table_name}.{column.name}\n"
            f"alter table {name} add column {identifier(column.name)} "
            f"{_data_type(column)}"
        )


def missing_columns(
    connection: Connection, table_name: str
) -> list[declared_tables.Column]:
    """Return the declared columns that an existing ledger lacks.

    On Redshift, looks only until it lacks none: nothing drops columns meanwhile.
    """
    key = (*_warehouse(connection), table_name)
    if key in _complete_tables:
        return []
    (table,) = (t for t in declared_tables.all_tables() if t.name == table_name)
    existing = dict(
        connection.columns(
            "-- loaders.warehouse.create_tables list columns\n"
            f"select * from {connection.table(table.schema, table.name)}"
        )
    )
    missing = [column for column in table.columns if column.name not in existing]
    if not missing and not is_single_writer():
        _complete_tables.add(key)
    return missing


def _distribution(table: declared_tables.Table) -> str:
    """Return the Redshift distribution and sort key of a raw table, '' otherwise."""
    if is_single_writer() or not table.source:
        return ""
    return " diststyle even sortkey (dt)"


def _data_type(column: declared_tables.Column) -> str:
    if column.data_type == "json" and not is_single_writer():
        return "super"
    return column.data_type
