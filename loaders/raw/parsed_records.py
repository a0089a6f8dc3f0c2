"""From judged lines to rows: the statements that both kinds of warehouse share.

A reader of lines makes the temporary table `parsed` (see embedded_lines.py and
cluster_lines.py); beside it, `objects` tells which object, day and load they are of.
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


@contextmanager
def named_objects(
    connection: Connection, batch: Sequence[tuple[s3.S3Object, Load]]
) -> Iterator[None]:
    """Keep the temporary table `objects`: each object's number is its place here."""
    columns = ", ".join(f"{name} {kind}" for name, kind in OBJECT_COLUMNS.items())
    connection.execute(
        f"-- loaders.raw.load objects\ncreate temp table objects ({columns})"
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
    connection.execute("-- loaders.raw.load drop\ndrop table objects")


def insert_rows(connection: Connection, table: Table) -> None:
    """Insert the good ones of `parsed` into the source's staging table."""
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
    values = [bookkeeping.get(name, f"parsed.{identifier(name)}") for name in columns]
    connection.execute(
        f"-- loaders.raw.load insert {table.name}\n"
        f"insert into {connection.table(table.schema, table.name)} "
        f"({', '.join(identifier(name) for name in columns)}) "
        f"select {', '.join(values)} from parsed "
        "inner join objects on parsed.object_number = objects.object_number "
        "where parsed.reason is null",
        [now()] if "loaded_at" in columns else [],
    )
