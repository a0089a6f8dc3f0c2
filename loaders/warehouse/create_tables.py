"""Creating the schemas, declared tables and columns that a warehouse lacks.

A column that is no longer declared is kept. The macro `ensure_declared_tables` does the
same at the start of a dbt command.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from loaders.errors import ConfigError, DataError
from loaders.warehouse import declared_tables, schema_changes, table_columns
from loaders.warehouse.connection import SCHEMAS, Connection, identifier
from loaders.warehouse.declared_tables import Column, Table
from loaders.warehouse.schema_changes import ADDED, DECLARED_AGAIN, KEPT, Change
from loaders.warehouse.table_columns import Columns
from loaders.warehouse.target import is_single_writer, location

# Where this process, or the one that forked it, has found every table and column.
_complete: set[tuple[str, str]] = set()
# The tables, with their warehouse, of which it has found every column.
_complete_tables: set[tuple[str, str, str]] = set()


@dataclass
class _Missing:
    """What a warehouse lacks. `changed_types` has (table, column, type there)."""

    schemas: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    columns: list[tuple[Table, Column]] = field(default_factory=list)
    notes: list[Change] = field(default_factory=list)
    changed_types: list[tuple[Table, Column, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether the warehouse must be changed."""
        return bool(self.schemas or self.tables or self.columns or self.notes)


def ensure_tables(connection: Connection, *, run_id: str | None = None) -> None:
    """Create the schemas, declared tables and their columns that do not exist.

    Records each added column in `ops.schema_changes`, and each existing one that is no
    longer declared. Needs no CREATE privilege if there is nothing to do. On Redshift,
    looks only until all exist: nothing drops them while a process runs.
    """
    if has_all_tables(connection):
        return
    missing = _find_missing(connection)
    for name in missing.schemas:
        connection.execute(
            f"-- loaders.warehouse.create_tables create schema {name}\n"
            f"create schema if not exists {connection.schema(name)}"
        )
    for table in missing.tables:
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
    for table, column in missing.columns:
        _add_column(connection, table, column)
    added = [
        Change(table.full_name, column.name, ADDED, _data_type(column))
        for table, column in missing.columns
    ]
    schema_changes.record(connection, added + missing.notes, run_id=run_id)


def find_all_tables(connection: Connection) -> bool:
    """Return whether all declared tables and columns exist; remember it on Redshift.

    A column that is no longer declared must be recorded.
    """
    if has_all_tables(connection):
        return True
    missing = _find_missing(connection)
    if not missing and not missing.changed_types and not is_single_writer():
        _complete.add(_warehouse(connection))
    return not missing


def has_all_tables(connection: Connection) -> bool:
    """Return whether all declared tables are known to exist, without a query."""
    return _warehouse(connection) in _complete


def require_declared_types(connection: Connection, table: Table) -> None:
    """Raise `ConfigError` if a column of a raw table was declared with another type.

    Its message has the statements that change the column.
    """
    if error := find_changed_types(connection).get(table.source):
        raise ConfigError(error)


def find_changed_types(connection: Connection) -> dict[str, str]:
    """Return an error for each raw source with a column declared as another type.

    It has the statements that change the column. No query if all is known to be as
    declared.
    """
    if has_all_tables(connection):
        return {}
    errors: dict[str, str] = {}
    for table, column, actual in _find_missing(connection).changed_types:
        earlier = [errors[table.source]] if table.source in errors else []
        error = _changed_type(connection, table, column, actual)
        errors[table.source] = "\n".join([*earlier, error])
    return errors


def add_columns(connection: Connection, table_name: str) -> None:
    """Add the declared columns that a ledger of an earlier version lacks.

    For those who do not call `ensure_tables` before they read or write it.
    """
    table = _declared(table_name)
    for column in missing_columns(connection, table_name):
        _add_column(connection, table, column)


def missing_columns(connection: Connection, table_name: str) -> list[Column]:
    """Return the declared columns that an existing ledger lacks.

    On Redshift, looks only until it lacks none: nothing drops columns meanwhile.
    """
    key = (*_warehouse(connection), table_name)
    if key in _complete_tables or has_all_tables(connection):
        return []
    table = _declared(table_name)
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


def _declared(table_name: str) -> Table:
    (table,) = (t for t in declared_tables.all_tables() if t.name == table_name)
    return table


def _find_missing(connection: Connection) -> _Missing:
    missing = _Missing()
    names = {name: connection.schema(name).strip('"') for name in SCHEMAS}
    existing = table_columns.read_columns(connection, list(names.values()))
    missing.schemas = [
        name for name, full in names.items() if full not in existing.schemas
    ]
    extra: list[Change] = []
    declared: set[tuple[str, str]] = set()
    for table in declared_tables.all_tables():
        types = existing.types.get((names[table.schema], table.name))
        if types is None:
            missing.tables.append(table)
        elif types:  # a view that is bound late has none
            missing.columns += (
                (table, column) for column in table.columns if column.name not in types
            )
            missing.changed_types += _changed_types(table, types)
            columns = {column.name for column in table.columns}
            declared |= {(table.full_name, name) for name in columns}
            extra += (
                Change(table.full_name, name, KEPT, data_type)
                for name, data_type in types.items()
                if name not in columns
            )
    missing.notes = list(_unrecorded(connection, existing, extra, declared))
    return missing


def _unrecorded(
    connection: Connection,
    existing: Columns,
    extra: list[Change],
    declared: set[tuple[str, str]],
) -> Iterator[Change]:
    """Yield what must be recorded of columns that are not declared, or are so again.

    `extra` has the first, `declared` has (table, column) of all declared columns.
    """
    ledger = (connection.schema("ops").strip('"'), schema_changes.TABLE)
    kept = schema_changes.read_kept(connection) if existing.types.get(ledger) else {}
    yield from (change for change in extra if change.key not in kept)
    yield from (
        Change(*key, DECLARED_AGAIN, data_type)
        for key, data_type in kept.items()
        if key in declared
    )


def _changed_types(
    table: Table, types: dict[str, str]
) -> Iterator[tuple[Table, Column, str]]:
    """Yield the columns of a raw table whose type cannot hold the declared values."""
    for column in table.columns if table.source else ():
        actual = types.get(column.name)
        if actual and not table_columns.holds(actual, _data_type(column)):
            yield table, column, actual


def _changed_type(
    connection: Connection, table: Table, column: Column, actual: str
) -> str:
    wanted = _data_type(column)
    statements = table_columns.type_change_statements(
        connection.table(table.schema, table.name), column.name, actual, wanted
    )
    lines = "".join(f"\n    {statement};" for statement in statements)
    return (
        f"Column {column.name} of {table.full_name} has the type {actual} in the "
        f"warehouse, but {table.file} declares {wanted}. Nothing is loaded or built "
        f"from this table, and existing data is unchanged. Declare {actual} again, or "
        f"change the column, then run again:{lines}"
    )


def _add_column(connection: Connection, table: Table, column: Column) -> None:
    """Add one column; Redshift takes one per statement.

    Raises `ConfigError` for a name or type that the warehouse does not take.
    """
    try:
        connection.execute(
            f"-- loaders.warehouse.create_tables add {table.name}.{column.name}\n"
            f"alter table {connection.table(table.schema, table.name)} "
            f"add column {identifier(column.name)} {_data_type(column)}"
        )
    except DataError as error:
        cause = str(error.__cause__ or error).splitlines()[0].rstrip(".")
        raise ConfigError(
            f"Column {column.name} of type {column.data_type} cannot be added to "
            f"{table.full_name}: {cause}. Correct it in {table.file}, then run again."
        ) from error


def _warehouse(connection: Connection) -> tuple[str, str]:
    return location(), connection.schema("ops")


def _distribution(table: Table) -> str:
    """Return the Redshift distribution and sort key of a raw table, '' otherwise."""
    if is_single_writer() or not table.source:
        return ""
    return " diststyle even sortkey (dt)"


def _data_type(column: Column) -> str:
    if column.data_type == "json" and not is_single_writer():
        return "super"
    return column.data_type
