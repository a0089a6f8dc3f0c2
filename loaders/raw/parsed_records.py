"""Statements that insert parsed records into staging, the same on both warehouses.

`duckdb_records` and `redshift_records` create the temporary table `parsed`. The
temporary table `objects` adds the S3 key, data date and load id of each object.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from loaders import s3
from loaders.ledger import now
from loaders.ledger.loads import Load
from loaders.warehouse import Connection, identifier
from loaders.warehouse.declared_tables import Table

OBJECT_COLUMNS = {
    "object_number": "integer",
    "object_key": "varchar(2048)",
    "dt": "date",
    "load_id": "varchar(64)",
}


def parsed_columns(table: Table) -> str:
    """Return the column list that `parsed` shares with the table: keys and `extra`."""
    names = [column.name for column in table.columns if not column.is_bookkeeping]
    return ", ".join(identifier(name) for name in names)


@contextmanager
def objects_table(
    connection: Connection, batch: Sequence[tuple[s3.S3Object, Load]]
) -> Iterator[None]:
    """Provide the temporary table `objects`, numbered by position in `batch`."""
    columns = ", ".join(f"{name} {kind}" for name, kind in OBJECT_COLUMNS.items())
    connection.execute(
        "-- loaders.raw.parsed_records create objects\n"
        f"create temp table objects ({columns})"
    )
    connection.insert(
        "objects",
        list(OBJECT_COLUMNS),
        [
            (number, item.key, load.partition.dt, load.load_id)
            for number, (item, load) in enumerate(batch)
        ],
    )
    yield
    connection.execute("-- loaders.raw.parsed_records drop objects\ndrop table objects")


def insert_rows(
    connection: Connection, table: Table, *, parsed: str = "parsed"
) -> None:
    """Insert the valid records of `parsed` into the source's staging table."""
    bookkeeping = {
        "dt": "objects.dt",
        "object_key": "objects.object_key",
        "loaded_at": "cast(? as timestamp)",
    }
    columns = [
        column.name
        for column in table.columns
        if not column.is_bookkeeping or column.name in bookkeeping
    ]
    values = [bookkeeping.get(name, f"{parsed}.{identifier(name)}") for name in columns]
    connection.execute(
        f"-- loaders.raw.parsed_records insert {table.name}\n"
        f"insert into {connection.table(table.schema, table.name)} "
        f"({', '.join(identifier(name) for name in columns)}) "
        f"select {', '.join(values)} from {parsed} "
        f"inner join objects on {parsed}.object_number = objects.object_number "
        f"where {parsed}.reason is null",
        [now()] if "loaded_at" in columns else [],
    )
