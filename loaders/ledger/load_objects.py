"""The ledger table `ops.load_objects`: one row per object of a load."""

from collections.abc import Mapping, Sequence

from loaders import s3
from loaders.warehouse import Connection, bulk_rows, declared_tables

COLUMNS = ["source", "dt", "run_id", "load_id", "object_key", "size_bytes", "etag"]
COLUMNS += ["lines", "rows_loaded", "rejects"]
KEY = COLUMNS.index("object_key")


def insert(connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
    """Append the counts of loads' objects, with all columns of `COLUMNS`.

    They may be thousands, so they pass through a temporary table that Redshift fills
    from one file. No ledger table is read: loads that read what others write would
    conflict under SERIALIZABLE isolation.
    """
    types = {
        column.name: column.data_type
        for table in declared_tables.all_tables()
        if table.name == "load_objects"
        for column in table.columns
    }
    names = ", ".join(COLUMNS)
    declared = ", ".join(f"{name} {types[name]}" for name in COLUMNS)
    connection.execute(
        "-- loaders.ledger.load_objects create listed_objects\n"
        f"create temp table listed_objects ({declared})"
    )
    bulk_rows.insert(connection, "listed_objects", COLUMNS, rows, max_values_rows=0)
    connection.execute(
        "-- loaders.ledger.load_objects insert load_objects\n"
        f"insert into {connection.table('ops', 'load_objects')} ({names}) "
        f"select {names} from listed_objects"
    )
    connection.execute(
        "-- loaders.ledger.load_objects drop listed_objects\ndrop table listed_objects"
    )


def read(connection: Connection, load_id: str, raw_url: str) -> list[s3.S3Object]:
    """Return the objects of a load in key order, as they were listed.

    `raw_url` names their bucket.
    """
    bucket, _ = s3.split_url(raw_url)
    rows = connection.fetch_all(
        "-- loaders.ledger.load_objects read objects\n"
        "select object_key, size_bytes, etag "
        f"from {connection.table('ops', 'load_objects')} where load_id = ?",
        [load_id],
    )
    objects = (
        s3.S3Object(f"s3://{bucket}/{key}", int(size), etag) for key, size, etag in rows
    )
    return sorted(objects, key=lambda item: item.url)


def set_rejects(
    connection: Connection, load_id: str, rejects: Mapping[str, int]
) -> None:
    """Store the rejects of each object of a load, by its key, once all are located."""
    table = connection.table("ops", "load_objects")
    rows = connection.fetch_all(
        "-- loaders.ledger.load_objects read load_objects\n"
        f"select {', '.join(COLUMNS[:-2])} from {table} where load_id = ?",
        [load_id],
    )
    total = connection.fetch_one(
        "-- loaders.ledger.load_objects read lines\n"
        f"select lines from {connection.table('ops', 'loads')} where load_id = ?",
        [load_id],
    )
    lines = [row[-1] for row in rows]
    has_no_blank_lines = total is not None and sum(n or 0 for n in lines) == total[0]
    connection.execute(
        f"-- loaders.ledger.load_objects delete load_objects\n"
        f"delete from {table} where load_id = ?",
        [load_id],
    )
    insert(
        connection,
        [
            (
                *row,
                row[-1] - rejects.get(row[KEY], 0)
                if has_no_blank_lines and row[-1] is not None
                else None,
                rejects.get(row[KEY], 0),
            )
            for row in rows
        ],
    )
